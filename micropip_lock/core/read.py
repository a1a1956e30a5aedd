"""Typed values out of parsed JSON or TOML, with the dotted place of every fault.

Rules this file keeps:

1. Parse at the door, then never again: a getter returns the value in its final type.
2. Collect, then raise once: a getter that finds a fault notes it in :class:`~micropip_lock.core.faults.Faults` and
   returns a stand-in; the caller calls :meth:`~micropip_lock.core.faults.Faults.check` before it lets a value out.
3. A string that is shown to people holds no control, bidirectional or zero-width character.
4. A key that nobody asked for is kept (:meth:`Table.rest`), not dropped.

Left to others: text (:mod:`micropip_lock.core.json_text`), the fields of each format (``core/formats``), addresses
(:mod:`micropip_lock.core.address`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from micropip_lock.core.digest import Digest
from micropip_lock.core.faults import Faults
from micropip_lock.core.json_places import place
from micropip_lock.core.json_text import strings
from micropip_lock.core.shown import WITHOUT_BREAKS, WITHOUT_LAYOUT, hidden_character, shown
from micropip_lock.errors import InputError, LockPolicyError, LockSchemaError

MAX_PACKAGES: Final = 2_000
"""Packages of one lock; Pyodide's whole distribution has 357."""

MAX_TEXT: Final = 4_096
"""Longest string that has a meaning here, in characters; program text and fields that are only kept may be longer."""

MAX_NAME: Final = 214
"""Longest distribution name in characters."""

MAX_WHOLE: Final = 2**53 - 1
"""Largest whole number that has a meaning here: what JavaScript holds exactly (RFC 8259, section 6)."""

# PEP 508, "Names".
_NAME: Final = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?", re.IGNORECASE | re.ASCII)
_LONG_VERSION: Final = 128
_WEAK_HASH: Final = re.compile(r"(?:md5|sha1|sha-1|sha224|blake2s)[:=-]", re.IGNORECASE)


def check_count(packages: int) -> None:
    """Refuse a lock of too many packages before any of them is read.

    Raises:
        LockPolicyError: code ``too-large``.
    """
    if packages > MAX_PACKAGES:
        raise LockPolicyError(
            "the lock holds too many packages",
            code="too-large",
            where="packages",
            expected=f"at most {MAX_PACKAGES}",
            got=str(packages),
            hint="lock only what is needed (roots=); Pyodide's whole distribution has a fifth of that",
        )


class Table:
    """A table (JSON object) being read.

    Args:
        value: The parsed value; anything but a table is a fault, and every getter then returns its stand-in.
        where: Dotted place, ``""`` for the whole input.
        faults: Where faults go.
        package: Normalised name, when the table belongs to a package.
    """

    __slots__ = ("_faults", "_read", "_value", "package", "where")

    def __init__(self, value: object, where: str, faults: Faults, *, package: str | None = None) -> None:
        self.where = where
        self.package = package
        self._faults = faults
        self._read: set[str] = set()
        self._value: dict[str, Any] | None = None
        if isinstance(value, dict):
            self._value = value
        else:
            faults.add(self._error(LockSchemaError, "type", where or "the lock", "a table", value, where))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __iter__(self) -> Iterator[str]:
        """The keys, in the order of the text."""
        return iter(self._value or ())

    def at(self, key: str | int) -> str:
        """The dotted place of ``key``."""
        return place(self.where, key)

    def fault(
        self,
        code: str,
        message: str,
        *,
        key: str | int | None = None,
        expected: str | None = None,
        got: str | None = None,
        hint: str | None = None,
        kind: type[InputError] = LockSchemaError,
    ) -> None:
        """Note a fault of this table, or of one of its keys."""
        self._faults.add(
            kind(
                message,
                code=code,
                where=self.where if key is None else self.at(key),
                package=self.package,
                expected=expected,
                got=got,
                hint=hint,
            )
        )

    def has(self, key: str, *, required: bool) -> bool:
        """Whether ``key`` is there; its absence is a fault when it is required."""
        self._read.add(key)
        if self._value is None:
            return False
        if key not in self._value and required:
            self.fault("missing", f"{key} is missing", key=key, expected=f"a value for {key}", got="none")
        return key in self._value

    def text(self, key: str, default: str | None = None, *, filled: bool = False) -> str:
        """A string; required when there is no default, and not empty when it has to be ``filled``."""
        value = self._typed(key, str, "a string", default)
        if value is None:
            return ""
        if filled and not value:
            self.fault("missing", f"{key} is empty", key=key, expected=f"a value for {key}", got=shown(value))
        self._check_visible(key, value)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty when absent."""
        found = []
        for index, value in enumerate(self._typed(key, list, "a list of strings", []) or ()):
            if isinstance(value, str):
                self._check_visible(f"{key}[{index}]", value)
                found.append(value)
            else:
                self._wrong_type(key, "a list of strings", value, index)
        return tuple(found)

    def source(self, key: str) -> str:
        """Program text, which has line breaks, tabs and form feeds; required."""
        value = self._typed(key, str, "a string", None) or ""
        self._fault_if_hidden(self.at(key), value.translate(WITHOUT_LAYOUT))
        return value

    def names(self, key: str) -> tuple[NormalizedName, ...]:
        """A list of distribution names, normalised, each once, in their order; empty when absent."""
        found: dict[NormalizedName, None] = {}
        for index, text in enumerate(self.texts(key)):
            if self._check_name(f"{key}[{index}]", text):
                found[canonicalize_name(text)] = None
        return tuple(found)

    def whole(self, key: str, *, required: bool = False) -> int | None:
        """A whole number from zero to :data:`MAX_WHOLE`, or ``None`` when absent."""
        value = self._typed(key, int, "a whole number", None, required=required)
        if value is not None and not 0 <= value <= MAX_WHOLE:
            self.fault("size", f"{key} is out of range", key=key, expected=f"0 to {MAX_WHOLE}", got=shown(value))
        return value

    def flag(self, key: str) -> bool:
        """True or false; false when absent."""
        return bool(self._typed(key, bool, "true or false", False))

    def flag_or_text(self, key: str) -> bool | str:
        """True, false, or a string that says why; false when absent or empty."""
        if isinstance((self._value or {}).get(key), bool):
            return self.flag(key)
        return self.text(key, "") or False

    def choice[T: str](self, key: str, choices: Sequence[T], default: T | None = None) -> T:
        """One of a few words; required when there is no default. The stand-in is the first of them."""
        text = self._typed(key, str, "a string", default)
        for choice in choices:
            if text == choice:
                return choice
        if text is not None:
            self.fault("enum", "none of the known words", key=key, expected=", ".join(choices), got=shown(text))
        return choices[0]

    def name(self, key: str) -> str:
        """A distribution name as it is spelt (PEP 508), or ``""`` when it is none."""
        text = self._typed(key, str, "a string", None)
        return text if text is not None and self._check_name(key, text) else ""

    def key_name(self, key: str) -> str:
        """A key that is a distribution name itself, or ``""`` when it is none."""
        return key if self._check_name(key, key) else ""

    def version(self, key: str, *, any_form: bool = False) -> str:
        """A version as it is spelt (PEP 440, unless ``any_form``)."""
        if not self.has(key, required=True):
            return ""
        value = (self._value or {})[key]
        text = value if isinstance(value, str) else ""
        if text and len(text) <= _LONG_VERSION and (any_form or is_version(text)):
            self._check_visible(key, text)
        else:
            self.fault("version", "not a version", key=key, expected="a PEP 440 version in a string", got=shown(value))
        return text

    def digest(self, key: str) -> Digest | None:
        """A SHA-256 digest in hexadecimal; its absence is against the policy, never a default."""
        self._read.add(key)
        if self._value is None:
            return None
        value = self._value.get(key, "")
        if not isinstance(value, str):
            self._wrong_type(key, "64 hexadecimal characters", value)
        elif not value:
            self.fault(
                "no-hash",
                "a file without a hash cannot be checked",
                key=key,
                kind=LockPolicyError,
                expected="the SHA-256 of the file",
                got="nothing",
                hint="freeze the environment again; every file has to be named by its SHA-256",
            )
        elif _WEAK_HASH.match(value):
            self.fault(
                "weak-hash",
                "the hash does not protect the file",
                key=key,
                kind=LockPolicyError,
                expected="a SHA-256",
                got=shown(value),
                hint="freeze the environment again",
            )
        else:
            try:
                return Digest.from_hex(value)
            except LockSchemaError as error:
                self.fault(error.code, error.message, key=key, expected=error.expected, got=shown(value))
        return None

    def table(self, key: str, *, required: bool = False) -> Table | None:
        """A table, or ``None`` when absent."""
        if not self.has(key, required=required):
            return None
        return Table((self._value or {})[key], self.at(key), self._faults, package=self.package)

    def check_table(self, key: str) -> None:
        """Fault a key that is no table, and leave it unread."""
        Table((self._value or {})[key], self.at(key), self._faults, package=self.package)

    def tables(self, key: str) -> Iterator[Table]:
        """Every entry of a list of tables; none when absent."""
        for index, value in enumerate(self._typed(key, list, "a list of tables", []) or ()):
            yield Table(value, f"{self.at(key)}[{index}]", self._faults, package=self.package)

    def rest(self) -> dict[str, Any]:
        """The keys that nobody asked for, to be kept; line breaks and tabs are allowed in their strings."""
        rest = {key: value for key, value in (self._value or {}).items() if key not in self._read}
        for where, text in strings(rest, self.where):
            self._fault_if_hidden(where, text.translate(WITHOUT_BREAKS))
        return rest

    def value(self, key: str) -> object:
        """Whatever is there, or ``None``."""
        return (self._value or {}).get(key) if self.has(key, required=False) else None

    def unread(self) -> list[str]:
        """The keys that nobody asked for, sorted; only those that can be shown."""
        return sorted(key for key in self._value or {} if key not in self._read and key.isprintable())

    def _typed[T](
        self, key: str, kind: type[T], expected: str, default: T | None, *, required: bool = True
    ) -> T | None:
        if not self.has(key, required=required and default is None):
            return default
        value: object = (self._value or {})[key]
        # In Python a truth value is an int; in JSON it is not.
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        self._wrong_type(key, expected, value)
        return None

    def _wrong_type(self, key: str, expected: str, value: object, index: int | None = None) -> None:
        where = self.at(key) if index is None else f"{self.at(key)}[{index}]"
        self._faults.add(self._error(LockSchemaError, "type", key, expected, value, where))

    def _error(
        self, kind: type[InputError], code: str, subject: str, expected: str, value: object, where: str
    ) -> InputError:
        message = f"{subject} has the wrong type"
        return kind(message, code=code, where=where, package=self.package, expected=expected, got=shown(value))

    def _check_name(self, key: str, text: str) -> bool:
        good = is_name(text)
        if not good:
            form = f"letters, digits, '.', '_' and '-', at most {MAX_NAME} (PEP 508)"
            where = f"{self.where}.{key}" if self.where else key
            self._faults.add(
                LockSchemaError(
                    "not the name of a distribution",
                    code="name",
                    where=where,
                    package=self.package,
                    expected=form,
                    got=shown(text),
                )
            )
        return good

    def _check_visible(self, key: str, text: str) -> None:
        # The key may have an index behind it: it is no key to be quoted.
        where = f"{self.where}.{key}" if self.where else key
        if len(text) > MAX_TEXT:
            self._faults.add(
                LockPolicyError(
                    "a string is too long",
                    code="too-large",
                    where=where,
                    package=self.package,
                    expected=f"at most {MAX_TEXT} characters",
                    got=f"{len(text)} characters",
                    hint="nothing that a lock names is that long; check what this file is",
                )
            )
        self._fault_if_hidden(where, text)

    def _fault_if_hidden(self, where: str, text: str) -> None:
        if (character := hidden_character(text)) is not None:
            self._faults.add(
                LockSchemaError(
                    "a control or invisible character",
                    code="control-char",
                    where=where,
                    package=self.package,
                    expected="visible characters",
                    got=f"U+{ord(character):04X}",
                    hint="it can make one name look like another; take it out",
                )
            )


def is_name(text: str) -> bool:
    """Whether a lock can hold this as the name of a distribution (PEP 508)."""
    return len(text) <= MAX_NAME and bool(_NAME.fullmatch(text))


def is_version(text: str) -> bool:
    """Whether a lock can hold this as a version (PEP 440)."""
    return len(text) <= _LONG_VERSION and parsed_version(text) is not None


def parsed_version(text: str) -> Version | None:
    """The PEP 440 version that ``text`` spells, or ``None``."""
    try:
        return Version(text)
    except ValueError:
        return None
