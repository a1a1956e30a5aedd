"""What a person asked of a site: the addon's settings, read once and judged before anything is done.

Rules this file keeps:

1. Whatever stands in the configuration reaches this file: the traits take any value, because JupyterLite turns an
   addon whose trait refuses a value into a warning and builds the site without it.
2. Everything that is wrong is told at once.
3. Relative paths are relative to the directory of the site, as JupyterLite's own are.

Left to others: what locks and requirements mean (:mod:`micropip_lock_lite.locks`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from traitlets import TraitType

from micropip_lock.core.faults import Faults
from micropip_lock.errors import UsageError

PRELOADS: Final = ("all", "roots", "none")
"""Of the locked packages, those that a kernel has when it is ready; the others come with their first import."""


class Given(TraitType[Any, Any]):
    """A trait that takes whatever it is given, on the command line also several times."""

    default_value = None

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002  # traitlets' signature
        """The value."""
        return value

    def from_string(self, s: str) -> Any:
        """The text."""
        return s

    def from_string_list(self, s_list: list[str]) -> Any:
        """Each text."""
        return list(s_list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a site is to have.

    Attributes:
        lock: What every kernel starts with: a path, an address, a link or a notebook.
        requirements: Instead of a lock: what to freeze when the site is built.
        environments: Locks for notebooks by a pattern of their paths, in the order in which patterns are tried.
        kernel: The kernel's own packages: a lock, or a directory of wheels.
        pyodide: The runtime: a release or a directory; ``None`` for what the site has, else the release that fits.
        preload: One of :data:`PRELOADS`.
        bytecode: Put bytecode into wheels and the standard library.
        offline: Let the site work without a network once it was visited.
        root: The directory of the site.
    """

    lock: str | None
    requirements: tuple[str, ...]
    environments: tuple[tuple[str, str], ...]
    kernel: str | None
    pyodide: str | None
    preload: str
    bytecode: bool
    offline: bool
    root: Path

    def placed(self, spec: str) -> str:
        """A path, relative to the directory of the site if it is relative; an address as it is."""
        if "://" in spec or spec.startswith(("#", "?")) or spec.partition(":")[0].lower() in ("file", "emfs"):
            return spec
        return str(self.root / spec)


def read_options(given: Mapping[str, Any], root: Path) -> Options:
    """Judge the settings.

    Args:
        given: Values of the traits by their names.
        root: The directory of the site.

    Raises:
        UsageError: codes ``bad-option``, ``lock-and-requirements``.
    """
    faults = Faults()
    reader = _Reader(given, faults)
    options = Options(
        lock=reader.text("lock"),
        requirements=reader.texts("requirements"),
        environments=reader.pairs("environments"),
        kernel=reader.text("kernel"),
        pyodide=reader.text("pyodide"),
        preload=reader.choice("preload", PRELOADS),
        bytecode=reader.flag("bytecode"),
        offline=reader.flag("offline"),
        root=root,
    )
    if options.lock and options.requirements:
        faults.add(
            UsageError(
                "a site starts from a lock or from requirements, not from both",
                code="lock-and-requirements",
                got=f"{options.lock} and {', '.join(options.requirements)}",
                hint="freeze the requirements into the lock, and give the lock alone",
            )
        )
    faults.check()
    return options


class _Reader:
    def __init__(self, given: Mapping[str, Any], faults: Faults) -> None:
        self._given = given
        self._faults = faults

    def text(self, name: str) -> str | None:
        values = self.texts(name)
        if len(values) > 1:
            self._fault(name, "one value", ", ".join(values))
        return values[0] if values else None

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._given.get(name)
        if value is None:
            return ()
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, (list, tuple)) or not all(isinstance(one, str) and one.strip() for one in values):
            self._fault(name, "text, or a list of texts", repr(value))
            return ()
        return tuple(one.strip() for one in values)

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        value = self._given.get(name)
        return tuple(self._table(name, value) if isinstance(value, Mapping) else self._assignments(name))

    def _table(self, name: str, value: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
        for pattern, lock in value.items():
            if isinstance(pattern, str) and pattern and isinstance(lock, str) and lock:
                yield pattern, lock
            else:
                self._fault(name, "a table of locks by pattern", repr({pattern: lock}))

    def _assignments(self, name: str) -> Iterator[tuple[str, str]]:
        for text in self.texts(name):
            pattern, found, lock = text.partition("=")
            if found and pattern and lock:
                yield pattern, lock
            else:
                self._fault(name, "PATTERN=LOCK", text)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.text(name) or choices[0]
        if value not in choices:
            self._fault(name, " or ".join(choices), value)
        return value

    def flag(self, name: str) -> bool:
        value = self._given.get(name)
        if isinstance(value, str) and value.lower() in ("true", "false", "1", "0"):
            return value.lower() in ("true", "1")
        if value is not None and not isinstance(value, bool):
            self._fault(name, "true or false", repr(value))
        return bool(value)

    def _fault(self, name: str, expected: str, got: str) -> None:
        self._faults.add(
            UsageError(
                "a setting of the site is not what it may be",
                code="bad-option",
                where=f"MicropipLockAddon.{name}",
                expected=expected,
                got=got,
                hint="see the settings of MicropipLockAddon and the options --micropip-lock-…",
            )
        )
