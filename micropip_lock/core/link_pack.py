"""The content of a link as a walk over a lock's outline: one order of values, written and read by the same code.

Rules this file keeps:

1. What follows from what is there already is not written: the file's name from name, version and tags, the import name
   from the name, of a package of the runtime's lock all that this lock says.
2. Digests, which nothing makes shorter, are beside the coded bits, 32 bytes each.
3. A reader checks each count and index before it is used.

Left to others: bits (:mod:`micropip_lock.core.link_coder`), what an outline says of a lock
(:mod:`micropip_lock.core.link_outline`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, Final

from packaging.utils import canonicalize_name

from micropip_lock.core.link_coder import Coder, damaged
from micropip_lock.core.link_names import KNOWN_IMPORTS, KNOWN_INFO, KNOWN_NAMES, LESSONS, SAMPLE_SIZES, SAMPLE_VERSIONS
from micropip_lock.core.read import MAX_PACKAGES

SOURCES: Final = ("index", "runtime", "url", "local", "")
"""Kinds of origin in the order of their numbers; the last is that of a package without one."""

NUMERIC: Final = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8})){0,5}", re.ASCII)
"""A version that is written as numbers."""

NORMAL_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
"""A normalised name, as keys of locks are; both languages agree on its order and on its spellings."""

MANY: Final = 256
"""Packages above which dependencies are told one by one."""

_KNOWN_AT: Final = {name: number for number, name in enumerate(KNOWN_NAMES)}

# Kinds of texts.
_ABI, _TAG, _ADDRESS, _NAME, _OTHER = range(5)


@dataclass(kw_only=True, slots=True)
class Entry:
    """One package.

    Attributes:
        name: Normalised.
        display: As METADATA spells it.
        version: As in the lock.
        file: Last segment of the address, as the address spells it.
        prefix: Of the address, before the digest path or the file.
        has_path: Whether the file's BLAKE2b digest is part of the address.
        path: That digest, 32 bytes; in a short link none.
        digest: SHA-256, 32 bytes; in a short link none.
        carried: Of a short link: digest, path and size are in it all the same.
        size: Bytes; -1 when the lock does not say it, and 0 in a short link that leaves it to the index.
        imports: Import names.
        needs: Positions of what it needs among all names of the link, sorted.
        source: One of :data:`SOURCES`.
        index: Address of the index, or ``""``.
        url: Origin's address where it differs from the file's, or ``""``.
        requested: Whether somebody asked for it.
        requirement: As it was asked for, or ``""``.
        extras: Extras that were asked for.
        tests_apart: ``unvendored_tests``.
        bare: A ``tool`` table with nothing in it.
        base: The entry of the runtime's lock that tells the rest, for a package of it.
    """

    name: str = ""
    display: str = ""
    version: str = ""
    file: str = ""
    prefix: str = ""
    has_path: bool = False
    path: bytes = b""
    digest: bytes = b""
    carried: bool = False
    size: int = -1
    imports: list[str] = field(default_factory=list)
    needs: list[int] = field(default_factory=list)
    source: str = ""
    index: str = ""
    url: str = ""
    requested: bool = False
    requirement: str = ""
    extras: list[str] = field(default_factory=list)
    tests_apart: bool = False
    bare: bool = False
    base: Mapping[str, Any] | None = None


@dataclass(kw_only=True, slots=True)
class Outline:
    """What a link says of a lock in its own terms.

    Attributes:
        info: ABI version, architecture, platform and Python.
        entries: Packages, sorted by name.
        address: What relative file names resolve against, or ``""``.
    """

    info: list[str] = field(default_factory=lambda: [""] * 4)
    address: str = ""
    entries: list[Entry] = field(default_factory=list)


@cache
def tutor() -> Coder:
    """What both sides know before the first bit."""
    coder = Coder()
    for kind, words in enumerate(LESSONS):
        for word in words.split():
            coder.text(kind, word)
    Walk(coder, b"").outline(_sample(None))
    base: dict[str, dict[str, Any]] = {}
    sample = _sample(base)
    Walk(coder, b"", base=base).outline(sample)
    return coder


def _sample(base: dict[str, dict[str, Any]] | None) -> Outline:
    """A lock as they are, to learn from."""
    outline = Outline(info=KNOWN_INFO[0].split())
    for number, version in enumerate(SAMPLE_VERSIONS.split()):
        name = KNOWN_NAMES[number * 9]
        stem = name.replace("-", "_")
        entry = Entry(
            name=name, display=stem if number % 2 else name, version=version, needs=[3] if number == 5 else []
        )
        entry.file = f"{stem}-{version}-py3-none-any.whl"
        entry.requested = number % 5 == 0
        entry.requirement = name if entry.requested else ""
        if base is not None:
            entry.base = base[name] = {"name": name, "version": version, "file_name": entry.file, "sha256": ""}
            entry.source = "runtime"
        else:
            entry.source, entry.has_path, entry.path, entry.digest = "index", True, bytes(32), bytes(32)
            entry.size = SAMPLE_SIZES[number % 8]
        entry.imports = usual_imports(entry)
        outline.entries.append(entry)
    return outline


class Walk:
    """One walk over an outline.

    Args:
        coder: Writer or reader.
        blocks: Of a reader: all digests, one after the other.
        short: Whether the link leaves digests to the indexes.
        base: Packages of the runtime's lock by key, when the link refers to one.
    """

    def __init__(
        self, coder: Coder, blocks: bytes, *, short: bool = False, base: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        self._coder = coder
        self._blocks = blocks
        self._at = 0
        self._short = short
        self._base = base
        self._tables: dict[int, list[str]] = {1: ["py3-none-any", "py2.py3-none-any"], 2: [], 3: []}
        self.written = bytearray()

    def outline(self, given: Outline) -> Outline:
        """All of it.

        Args:
            given: What to write; of a reader, an empty one.
        """
        code = self._coder
        said = " ".join(given.info)
        known = code.number(9, KNOWN_INFO.index(said) if said in KNOWN_INFO else len(KNOWN_INFO))
        info = KNOWN_INFO[known].split() if known < len(KNOWN_INFO) else [code.text(_ABI, text) for text in given.info]
        interpreter = "cp" + "".join(info[3].split(".")[:2])
        self._tables[1].append(f"{interpreter}-{interpreter}-pyemscripten_{info[0]}_wasm32")
        address = code.text(_ADDRESS, given.address) if code.flag(6, given.address != "") else ""
        based = [entry for entry in given.entries if entry.base is not None]
        others = [entry for entry in given.entries if entry.base is None]
        entries = [*self._based(based), *self._others(others)]
        entries.sort(key=lambda entry: entry.name)
        if any(one.name == other.name for one, other in pairwise(entries)):
            raise damaged("a package that is there twice")
        self._needs(entries, given.entries)
        return Outline(info=info, entries=entries, address=address)

    def finish(self) -> None:
        """All digests must have been used.

        Raises:
            LinkError: code ``content``.
        """
        if self._at != len(self._blocks):
            raise damaged("digests of no package")

    def version(self, given: str = "") -> str:
        """A version: by its numbers, where it has nothing else."""
        code = self._coder
        if not code.flag(10, NUMERIC.fullmatch(given) is not None):
            return code.text(_OTHER, given)
        numbers = [int(part) for part in given.split(".")] if given else []
        count = code.number(11, len(numbers))
        if count > 6:
            raise damaged("a version that is too long")
        numbers += [0] * (count - len(numbers))
        return ".".join(str(code.number(12 + min(place, 2), number)) for place, number in enumerate(numbers))

    def _count(self, place: int, items: Sequence[object]) -> int:
        count = self._coder.number(place, len(items))
        if count > MAX_PACKAGES:
            raise damaged("too many packages")
        return count

    def _based(self, given: list[Entry]) -> list[Entry]:
        if self._base is None:
            return []
        keys = sorted(self._base)
        count, before, found = self._count(1, given), -1, []
        for entry in [*given, *(Entry() for _ in range(count - len(given)))]:
            step = keys.index(entry.name) - before - 1 if entry.base is not None else 0
            before += 1 + self._coder.number(2, step)
            if before >= len(keys):
                raise damaged("a package that the runtime does not have")
            found.append(self._entry(entry, keys[before], self._base[keys[before]]))
        return found

    def _others(self, given: list[Entry]) -> list[Entry]:
        code = self._coder
        count, before, found = self._count(3, given), -1, []
        for entry in [*given, *(Entry() for _ in range(count - len(given)))]:
            number = _KNOWN_AT.get(entry.name, -1)
            if code.flag(4, number > before):
                before += 1 + code.number(5, max(0, number - before - 1))
                if before >= len(KNOWN_NAMES):
                    raise damaged("a name that is not known")
                name = KNOWN_NAMES[before]
            else:
                name = code.text(_NAME, entry.name)
                if not NORMAL_NAME.fullmatch(name):
                    raise damaged("a name that is not normalised")
            found.append(self._entry(entry, name, None))
        return found

    def _entry(self, given: Entry, name: str, base: Mapping[str, Any] | None) -> Entry:
        code, mine = self._coder, 0 if base is None else 1
        entry = Entry(name=name, base=base)
        if base is None:
            self._identity(given, entry)
        else:
            entry.display, entry.version, entry.file, entry.digest = of_base(base)
        entry.tests_apart = code.flag(30 + mine, given.tests_apart)
        entry.bare = code.flag(32 + mine, given.bare)
        entry.prefix = self._one_of(22 + mine, 2, given.prefix)
        if base is None:
            entry.has_path = code.flag(24, given.has_path)
            entry.carried = self._short and code.flag(25, given.carried)
        is_listed = self._short and not entry.carried
        if code.flag(38 + mine, given.size >= 0):
            entry.size = 0 if is_listed and base is None else code.number(40 + mine, max(0, given.size))
        if base is None and not is_listed:
            entry.digest = self._block(given.digest)
            entry.path = self._block(given.path) if entry.has_path else b""
        usual = usual_imports(entry)
        if code.flag(42 + mine, given.imports == usual):
            entry.imports = usual
        else:
            entry.imports = self._texts(44, given.imports)
        self._facts(given, entry, 50 + 20 * mine)
        return entry

    def _identity(self, given: Entry, entry: Entry) -> None:
        code, name = self._coder, entry.name
        escaped = name.replace("-", "_")
        spellings = [name, escaped, name.capitalize()]
        mine = 17 if escaped == name else 16
        spelling = code.number(mine, spellings.index(given.display) if given.display in spellings else 3)
        entry.display = spellings[spelling] if spelling < 3 else code.text(_NAME, given.display)
        entry.version = self.version(given.version)
        stems = [f"{stem}-{entry.version}-" for stem in (escaped, entry.display.replace("-", "_"))]
        fits = [given.file.startswith(stem) and given.file.endswith(".whl") for stem in stems]
        form = code.number(18, fits.index(True) if True in fits else 2)
        if form > 1:
            entry.file = code.text(_OTHER, given.file)
        else:
            tags = self._one_of(20, 1, given.file[len(stems[form]) : -len(".whl")])
            entry.file = f"{stems[form]}{tags}.whl"

    def _facts(self, given: Entry, entry: Entry, place: int) -> None:
        code = self._coder
        number = code.number(place, SOURCES.index(given.source))
        if number >= len(SOURCES):
            raise damaged("an unknown origin")
        entry.source = SOURCES[number]
        if entry.source == "index":
            entry.index = self._one_of(place + 1, 3, given.index)
        if code.flag(place + 2, given.url != ""):
            entry.url = code.text(_ADDRESS, given.url)
        entry.requested = code.flag(place + 3, given.requested)
        asked = place + 4 + entry.requested
        if code.flag(asked, given.requirement != ""):
            if code.flag(place + 6, given.requirement.startswith(entry.name)):
                rest = given.requirement[len(entry.name) :]
                entry.requirement = entry.name + (code.text(_OTHER, rest) if code.flag(place + 7, rest != "") else "")
            else:
                entry.requirement = code.text(_OTHER, given.requirement)
        entry.extras = self._texts(place + 8, given.extras)

    def _needs(self, entries: list[Entry], given: Sequence[Entry]) -> None:
        code, popular = self._coder, [0] * len(entries)
        at = {entry.name: number for number, entry in enumerate(entries)}
        wanted = {entry.name: entry.needs for entry in given}
        if len(entries) > MANY:
            # One bit for every two packages would be too many.
            for entry in entries:
                entry.needs = self._steps(wanted.get(entry.name, ()), len(entries))
            return
        for number, entry in enumerate(entries):
            usual = usual_needs(entry, at)
            needs = set(wanted.get(entry.name, ()))
            if not code.flag(90 + bool(usual), bool(needs)):
                continue
            for other in range(len(entries)):
                place = 92 + min(popular[other], 3) + 4 * (other in usual)
                if other != number and code.flag(place, other in needs):
                    entry.needs.append(other)
                    popular[other] += 1

    def _steps(self, given: Sequence[int], end: int) -> list[int]:
        """Ascending numbers below ``end``, by the steps between them."""
        count, before, found = self._count(7, given), -1, []
        for place in range(count):
            before += 1 + self._coder.number(8, given[place] - before - 1 if place < len(given) else 0)
            if before >= end:
                raise damaged("a package that is not there")
            found.append(before)
        return found

    def _one_of(self, place: int, table: int, given: str) -> str:
        """A text that is often the same: by its number in the table of those that were met."""
        met = self._tables[table]
        number = self._coder.number(place, met.index(given) if given in met else len(met))
        if number > len(met):
            raise damaged("a text that was not met before")
        if number == len(met):
            met.append(self._coder.text(min(table, _ADDRESS), given))
        return met[number]

    def _texts(self, place: int, given: Sequence[str]) -> list[str]:
        count = self._count(place, given)
        return [self._coder.text(_OTHER, given[number] if number < len(given) else "") for number in range(count)]

    def _block(self, given: bytes) -> bytes:
        if given:
            self.written += given
            return given
        block = self._blocks[self._at : self._at + 32]
        if len(block) != 32:
            raise damaged("a digest that is not there")
        self._at += 32
        return block


def of_base(base: Mapping[str, Any]) -> tuple[str, str, str, bytes]:
    """Name, version, file and SHA-256 as the runtime's lock has them."""
    try:
        return str(base["name"]), str(base["version"]), str(base["file_name"]), bytes.fromhex(base["sha256"])
    except (KeyError, TypeError, ValueError) as error:
        raise damaged("an entry of the runtime's lock that is none") from error


def usual_imports(entry: Entry) -> list[str]:
    """Import names that need not be said."""
    if entry.base is None:
        return list(KNOWN_IMPORTS.get(entry.name) or [entry.name.replace("-", "_")])
    return [name for name in entry.base.get("imports", ()) if isinstance(name, str)]


def usual_needs(entry: Entry, at: Mapping[str, int]) -> set[int]:
    """Positions of what the runtime's lock says a package needs, of what is there."""
    needed = () if entry.base is None else entry.base.get("depends", ())
    return {at[name] for one in needed if isinstance(one, str) and (name := canonicalize_name(one)) in at}
