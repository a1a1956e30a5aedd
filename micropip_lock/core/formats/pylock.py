"""``pylock.toml`` (PEP 751), the lock of pip and uv: text to :class:`~micropip_lock.core.model.Lock` for one Pyodide.

Rules this file keeps:

1. One file may be for many environments; the lock that is made of it is for one ABI: markers, ``requires-python``,
   ``environments`` and wheel tags are decided for it as PEP 751 says, without any extra and with the default groups.
2. The wheel is the one with the best tag, among equals the first: never another because of what can be had right now.
3. Wheels only. What would have to be built is refused, and so is what two entries claim.
4. All faults are collected and raised once: first those of the file, for every environment it names, then those of
   what is chosen for this one.
5. ``dependencies`` say what needs what, and decide nothing; ``tool`` tables are not looked at.

Source: PEP 751, "Installing".
Left to others: what the file says (:mod:`micropip_lock.core.formats.pylock_entries`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from micropip_lock.core.abis import ABIS, abis_of_tags, marker_environment, runtime_tags
from micropip_lock.core.faults import Faults
from micropip_lock.core.formats.pylock_entries import Pylock, PylockEntry, read_pylock
from micropip_lock.core.formats.pylock_file import PylockWheel
from micropip_lock.core.model import Abi, Lock, LockedPackage, Origin, by_name
from micropip_lock.core.shown import shown
from micropip_lock.core.toml_text import read_toml
from micropip_lock.errors import (
    EnvironmentMismatchError,
    LockGraphError,
    LockPolicyError,
    LockSchemaError,
    MicropipLockError,
)

_TAGS_SHOWN: Final = 8


def parse_pylock(text: str | bytes, *, abi: Abi | None = None, base: str | None = None) -> Lock:
    """Read a lock for one ABI.

    Args:
        text: ``pylock.toml`` as it arrived.
        abi: What it is for; by default the newest that it fits: of the ABIs that its compiled wheels name, or of all
            that are known when they name none.
        base: Address that relative paths resolve against; kept in ``Lock.base``.

    Raises:
        LockParseError: codes ``empty``, ``encoding``, ``not-toml``, ``duplicate-key``, ``depth``.
        LockVersionError: code ``lock-version``.
        LockSchemaError: codes ``type``, ``missing``, ``name``, ``version``, ``marker``, ``specifier``, ``origin``,
            ``hash-form``, ``size``, ``url``, ``filename``, ``control-char``.
        LockPolicyError: codes ``too-large``, ``no-hash``, ``weak-hash``, ``scheme``, ``credentials``, ``local-path``,
            ``not-wheel``.
        LockGraphError: code ``ambiguous``.
        EnvironmentMismatchError: codes ``requires-python``, ``environments``, ``tag-mismatch``.
    """
    pylock = read_pylock(read_toml(text), base=base)
    first: MicropipLockError | None = None
    for candidate in (abi,) if abi is not None else _candidates(pylock.entries):
        try:
            packages = _select(pylock, candidate)
        except MicropipLockError as error:
            first = first or error
        else:
            return Lock(abi=candidate, packages=by_name(packages), base=base, notes=pylock.notes)
    assert first is not None
    raise first


def _candidates(entries: Iterable[PylockEntry]) -> list[Abi]:
    """Newest first."""
    tags = [tag for entry in entries for offered in entry.wheels for tag in offered.identity.tags]
    named = [ABIS[version] for version in abis_of_tags(tags) if version in ABIS]
    return sorted(named or ABIS.values(), key=lambda abi: abi.abi_version, reverse=True)


def _select(pylock: Pylock, abi: Abi) -> list[LockedPackage]:
    """What is to be installed, as PEP 751 says under "Installing".

    Raises:
        MicropipLockError: with everything that does not fit.
    """
    faults = Faults()
    environment: dict[str, Any] = dict(marker_environment(abi))
    python = environment["python_full_version"]
    # The extras and groups of a lock file are sets (PEP 751, "Marker specification").
    environment |= {"extras": frozenset(), "dependency_groups": frozenset(pylock.default_groups)}
    holds = _Holds(environment, faults)
    _check_python(pylock.requires_python, python, "requires-python", None, faults)
    fits = [holds(marker, f"environments[{at}]", None) for at, marker in enumerate(pylock.environments)]
    if pylock.environments and not any(fits):
        _mismatch(
            faults,
            "environments",
            "the lock is not for this environment",
            where="environments",
            expected=" or ".join(map(str, pylock.environments))[:200],
            got=f"{abi}, sys_platform emscripten",
        )
    chosen: dict[NormalizedName, PylockEntry] = {}
    for entry in pylock.entries:
        if entry.marker is not None and not holds(entry.marker, f"{entry.where}.marker", entry.name):
            continue
        _check_python(entry.requires_python, python, f"{entry.where}.requires-python", entry.name, faults)
        if (other := chosen.setdefault(entry.name, entry)) is not entry:
            faults.add(
                LockGraphError(
                    f"two entries are to be installed as {entry.name}",
                    code="ambiguous",
                    where=entry.where,
                    package=entry.name,
                    expected=f"one entry of {entry.name} whose marker holds here",
                    got=f"{other.where} and {entry.where}",
                    hint="lock again; the markers of two entries of one name must exclude each other",
                )
            )
    ranks = {tag: rank for rank, tag in reversed([*enumerate(runtime_tags(abi))])}
    packages = [package for entry in chosen.values() if (package := _locked(entry, chosen, ranks, abi, faults))]
    faults.check()
    return packages


def _locked(
    entry: PylockEntry, chosen: Mapping[NormalizedName, PylockEntry], ranks: Mapping[str, int], abi: Abi, faults: Faults
) -> LockedPackage | None:
    if not entry.wheels:
        faults.add(
            LockPolicyError(
                f"{entry.name} would have to be built",
                code="not-wheel",
                where=entry.where,
                package=entry.name,
                expected="wheels",
                got=", ".join(entry.others),
                hint="build a wheel of it, put it on an index or a server, and lock again",
            )
        )
        return None
    fitting = [
        (min(ranks[tag] for tag in known), at, offered)
        for at, offered in enumerate(entry.wheels)
        if (known := offered.identity.tags & ranks.keys())
    ]
    if not fitting:
        _mismatch(
            faults,
            "tag-mismatch",
            f"no wheel of {entry.name} is for this runtime",
            where=f"{entry.where}.wheels",
            package=entry.name,
            expected=f"a pure wheel or one for {abi}",
            got=_tags(entry.wheels),
        )
        return None
    wheel, identity = (best := min(fitting)[2]).wheel, best.identity
    return LockedPackage(
        name=entry.name,
        display_name=entry.name,
        version=entry.version or str(identity.version),
        wheel=wheel,
        depends=tuple(sorted(name for name in chosen if name in entry.dependencies and name != entry.name)),
        origin=Origin(kind="url", url=wheel.url)
        if entry.is_archive
        else Origin(kind="index", url=wheel.url, index=entry.index or None),
    )


def _tags(wheels: Sequence[PylockWheel]) -> str:
    # What comes near is worth more than the rest: a wheel for another Pyodide.
    every = {tag for offered in wheels for tag in offered.identity.tags}
    tags = sorted(every, key=lambda tag: ("wasm32" not in tag, tag))
    more = f" and {len(tags) - _TAGS_SHOWN} more" if len(tags) > _TAGS_SHOWN else ""
    return ", ".join(tags[:_TAGS_SHOWN]) + more


class _Holds:
    """Evaluates markers in one environment."""

    def __init__(self, environment: dict[str, Any], faults: Faults) -> None:
        self._environment = environment
        self._faults = faults

    def __call__(self, marker: Marker, where: str, package: str | None) -> bool:
        try:
            return marker.evaluate(self._environment, context="lock_file")
        except (UndefinedComparison, UndefinedEnvironmentName):
            self._faults.add(
                LockSchemaError(
                    "a marker that means nothing here",
                    code="marker",
                    where=where,
                    package=package,
                    expected="a marker of a lock file (PEP 751)",
                    got=shown(str(marker)),
                )
            )
            return False


def _check_python(required: SpecifierSet | None, python: str, where: str, package: str | None, faults: Faults) -> None:
    if required is not None and not required.contains(python, prereleases=True):
        _mismatch(
            faults,
            "requires-python",
            "not for this Python",
            where=where,
            package=package,
            expected=f"Python {required}",
            got=python,
        )


def _mismatch(
    faults: Faults, code: str, message: str, *, where: str, package: str | None = None, expected: str, got: str
) -> None:
    hint = "lock again for this Pyodide, or name another one"
    faults.add(
        EnvironmentMismatchError(
            message, code=code, where=where, package=package, expected=expected, got=got, hint=hint
        )
    )
