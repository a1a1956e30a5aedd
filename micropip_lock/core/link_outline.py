"""A lock's JSON value and its outline: what a link's walk can say of a lock, and the rest as changes to that.

Rules this file keeps:

1. What a few bits of a link repeat is counted before it is put together.
2. Nothing is lost: whatever an outline does not say, because it is rare or unknown, is a change, and
   ``apply(changes(expanded(outline), value), expanded(outline)) == value`` for every JSON value.
3. The outline of what does not fit is smaller, never wrong.

Left to others: how both are written (:mod:`micropip_lock.core.link_pack`, :mod:`micropip_lock.core.link`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from micropip_lock.core.json_text import MAX_DEPTH
from micropip_lock.core.link_coder import MAX_MADE, damaged, too_large
from micropip_lock.core.link_pack import NORMAL_NAME, SOURCES, Entry, Outline, of_base
from micropip_lock.core.model import LOCK_FORMAT, TOOL_NAME
from micropip_lock.core.read import MAX_TEXT, MAX_WHOLE

Base = Mapping[str, Mapping[str, Any]]
"""Packages of a runtime's own lock, by key."""

_INFO: Final = ("abi_version", "arch", "platform", "python")
# The path of a file by the BLAKE2b-256 digest of its bytes, as package indexes of Warehouse's kind lay them out.
_DIGEST_PATH: Final = re.compile(r"(?:(.*/))?([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{60})/", re.DOTALL)


def outline_of(value: Mapping[str, Any], *, base: Base | None = None, short: bool = False) -> Outline:
    """What a walk can say of a lock.

    Args:
        value: The JSON value of a lock (``Lock.to_dict``).
        base: The runtime's lock, where its packages are to be told by their names.
        short: Leave the digests of packages from an index to that index.
    """
    info = value.get("info", {})
    outline = Outline(info=[text if _fits(text := info.get(key)) else "" for key in _INFO])
    packages = value.get("packages", {})
    for name in sorted(packages):
        entry = _entry(name, packages[name], base)
        if entry is not None:
            entry.carried = short and entry.base is None and not (entry.source == "index" and entry.index)
            outline.entries.append(entry)
    at = {entry.name: number for number, entry in enumerate(outline.entries)}
    for entry in outline.entries:
        needs = [at.get(needed, -1) for needed in packages[entry.name].get("depends", ())]
        if needs == sorted(set(needs)) and -1 not in needs and at[entry.name] not in needs:
            entry.needs = needs
    return outline


def expanded(outline: Outline) -> dict[str, Any]:
    """The JSON value of a lock that is no more than an outline says.

    Raises:
        LinkError: codes ``content``: a digest is not there yet; ``too-large``.
    """
    _check_size(outline.entries)
    names = [entry.name for entry in outline.entries]
    packages = {entry.name: _expanded(entry, names) for entry in outline.entries}
    value: dict[str, Any] = {"info": dict(zip(_INFO, outline.info, strict=True)), "packages": packages}
    if any(TOOL_NAME in package.get("tool", {}) for package in packages.values()):
        value["tool"] = {TOOL_NAME: {"version": LOCK_FORMAT}}
    return value


def changes(before: Any, after: Any) -> list[list[Any]]:
    """What makes one JSON value into another: ``[path, value]`` to set, ``[path]`` to take away."""
    return list(_changes(before, after, []))


def apply(made: Any, value: dict[str, Any]) -> dict[str, Any]:
    """Do what :func:`changes` found.

    Args:
        made: As it was read from a link.
        value: Where; it is changed.

    Raises:
        LinkError: code ``content``.
    """
    root = {"": value}
    for change in made if isinstance(made, list) else [None]:
        if not isinstance(change, list) or not 1 <= len(change) <= 2 or not isinstance(change[0], list):
            raise damaged("a change that is none")
        *path, last = ["", *change[0]]
        if len(path) > MAX_DEPTH:
            raise damaged("a change at a depth that no lock has")
        place: Any = root
        for key in path:
            place = place.get(key) if isinstance(place, dict) and isinstance(key, str) else None
        if not isinstance(place, dict) or not isinstance(last, str) or (len(change) == 1 and last not in place):
            raise damaged("a change of what is not there")
        if len(change) == 1:
            del place[last]
        else:
            place[last] = change[1]
    changed = root.get("")
    if not isinstance(changed, dict):
        raise damaged("no lock")
    return changed


def _changes(before: Any, after: Any, path: list[str]) -> Iterator[list[Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            if key not in after:
                yield [[*path, key]]
            elif key not in before:
                yield [[*path, key], after[key]]
            else:
                yield from _changes(before[key], after[key], [*path, key])
    elif before != after or type(before) is not type(after) or (isinstance(after, list) and not _same(before, after)):
        yield [path, after]


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; for Python ``True == 1``."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


def _entry(name: str, package: Mapping[str, Any], base: Base | None) -> Entry | None:
    ours = package.get("tool", {}).get(TOOL_NAME, {})
    url, size = package["file_name"], ours.get("size", -1)
    cut = url.rfind("/") + 1
    entry = Entry(
        name=name,
        display=package["name"],
        version=package["version"],
        file=url[cut:],
        prefix=url[:cut],
        digest=bytes.fromhex(package["sha256"]),
        size=size if type(size) is int and 0 <= size <= MAX_WHOLE else -1,
        imports=_texts(package.get("imports")),
        source=_text(ours.get("source")),
        index=_text(ours.get("index")),
        url=_text(ours.get("url")),
        requested=ours.get("requested") is True,
        requirement=_text(ours.get("requirement")),
        extras=_texts(ours.get("extras")),
        tests_apart=package.get("unvendored_tests") is True,
        bare=package.get("tool") == {},
    )
    if entry.source not in SOURCES:
        entry.source = ""
    if entry.source != "index":
        entry.index = ""
    texts = (name, entry.display, entry.version, url)
    if not NORMAL_NAME.fullmatch(name) or not all(map(_fits, texts)) or len(entry.digest) != 32:
        return None
    if base is not None and name in base and (entry.source == "runtime" or not ours):
        known = base[name]
        display, version, file, digest = of_base(known)
        if (display, version, digest) == (entry.display, entry.version, entry.digest) and url.endswith(file):
            entry.base, entry.file, entry.prefix = known, file, url[: len(url) - len(file)]
            return entry
    if match := _DIGEST_PATH.fullmatch(entry.prefix):
        entry.has_path, entry.prefix = True, match[1] or ""
        entry.path = bytes.fromhex(match[2] + match[3] + match[4])
    return entry


def _check_size(entries: Sequence[Entry]) -> None:
    """Addresses and names are written once, and may be repeated by every package."""
    names = [len(entry.name) for entry in entries]
    made = 0
    for entry, name in zip(entries, names, strict=True):
        texts = (entry.display, entry.version, entry.prefix, entry.file, entry.index, entry.url, entry.requirement)
        made += name + sum(len(text.encode()) for text in (*texts, *entry.imports, *entry.extras))
        made += sum(names[number] for number in entry.needs)
        if made > MAX_MADE:
            raise too_large(f"at most {MAX_MADE} bytes", "more")


def _expanded(entry: Entry, names: Sequence[str]) -> dict[str, Any]:
    if len(entry.digest) != 32 or (entry.has_path and len(entry.path) != 32):
        raise damaged("a digest that is not there")
    path = entry.path.hex()
    url = entry.prefix + (f"{path[:2]}/{path[2:4]}/{path[4:]}/" if entry.has_path else "") + entry.file
    base = entry.base or {}
    package: dict[str, Any] = {
        "name": entry.display,
        "version": entry.version,
        "file_name": url,
        "install_dir": base.get("install_dir", "site"),
        "sha256": entry.digest.hex(),
        "package_type": base.get("package_type", "package"),
        "imports": list(entry.imports),
        "depends": [names[number] for number in entry.needs],
        "unvendored_tests": entry.tests_apart,
    }
    facts = (
        ("source", entry.source),
        ("index", entry.index),
        ("url", entry.url),
        ("size", entry.size if entry.size >= 0 else None),
        ("requested", entry.requested),
        ("requirement", entry.requirement),
        ("extras", list(entry.extras)),
    )
    ours = {key: fact for key, fact in facts if fact or type(fact) is int}
    if ours or entry.bare:
        package["tool"] = {TOOL_NAME: ours} if ours else {}
    return package


def _fits(text: object) -> bool:
    return isinstance(text, str) and "\0" not in text and len(text) <= MAX_TEXT


def _text(value: object) -> str:
    return value if isinstance(value, str) and _fits(value) else ""


def _texts(value: object) -> list[str]:
    return value if isinstance(value, list) and all(map(_fits, value)) else []
