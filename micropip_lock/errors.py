"""Every error micropip-lock raises, as one tree.

Rules this file keeps:

1. One root, :class:`MicropipLockError`; whatever the input, a public function returns a value or raises from this tree.
2. Two families: *your file is wrong* (:class:`InputError`) and *I could not do it here* (:class:`OutcomeError`).
3. Each error carries a stable kebab-case ``code``, the same facts as its message in fields, and one ``hint`` that says
   what to do next. Codes are part of the public contract; messages are not.

The tree::

    MicropipLockError
    ├── InputError                      your file is wrong
    │   ├── LockParseError              the text is not JSON/TOML at all
    │   ├── LockSchemaError             a value has the wrong type or form
    │   ├── LockVersionError            written by a newer micropip-lock
    │   ├── LockGraphError              dangling or ambiguous dependencies
    │   ├── LockPolicyError             well-formed, but not allowed
    │   ├── LinkError                   a lock link is damaged, or cannot be made
    │   ├── RecordError                 the records in a dist-info directory cannot be read
    │   ├── WheelFormatError            not a wheel container
    │   ├── WheelRecordError            RECORD and the files disagree
    │   ├── WheelMetadataError          METADATA, WHEEL or the identity is wrong
    │   ├── WheelPathError              a file name in the wheel is not allowed
    │   ├── WheelTooLargeError          larger than the caps
    │   └── UsageError                  an argument or option is wrong
    └── OutcomeError                    I could not do it here
        ├── UnlockableError             some installed distributions cannot be locked
        ├── HashMismatchError           bytes that arrived are not the bytes the lock names
        ├── FetchError                  bytes did not arrive
        │   ├── NotFoundError           404, 410
        │   ├── ServerError             5xx, 429
        │   ├── NetworkError            no answer
        │   ├── FetchTimeoutError       an answer that stopped
        │   ├── TruncatedError          fewer bytes than announced
        │   ├── RedirectPolicyError     redirected to where the policy forbids
        │   └── BlockedError            401, 403, CORS, CSP
        ├── EnvironmentMismatchError    the lock is for another Pyodide, Python or platform
        ├── AlreadyImportedError        a module to be replaced is in use
        ├── ConflictError               two distributions claim one file
        ├── StorageError                the file system or the store refused
        ├── BusyError                   another replay is running
        ├── RuntimeMissingError         no Pyodide, Node or micropip where one is needed
        └── RuntimeFailedError          the Pyodide child process failed

:class:`ReplayCancelled` is no member: it is an :class:`asyncio.CancelledError`, so that task groups treat it as one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final

SHOWN_ERRORS: Final = 20
"""Further errors that the text of an error lists; its JSON form has all of them."""


class MicropipLockError(Exception):
    """Root of the tree.

    Args:
        message: What is wrong, one line, without the code.
        code: Stable kebab-case identifier; defaults to the class's own.
        where: Dotted place in the input (``packages.six.sha256``) or a path in a wheel.
        package: Normalised distribution name, when one is concerned.
        url: Address involved, without credentials.
        expected: What the rule or the lock says.
        got: What was found instead.
        hint: What to do next.
        report: What was done until then, of a replay.
        errors: Everything that was found, this error first. Who checks an input collects, then raises once: the error
            raised is the gravest one. Empty when there was nothing to collect.
    """

    default_code: ClassVar[str] = "error"
    default_hint: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        where: str | None = None,
        package: str | None = None,
        url: str | None = None,
        expected: str | None = None,
        got: str | None = None,
        hint: str | None = None,
        report: Any = None,
        errors: Sequence[MicropipLockError] = (),
    ) -> None:
        self.code = code or self.default_code
        self.message = message
        self.where = where
        self.package = package
        self.url = url
        self.expected = expected
        self.got = got
        self.hint = hint if hint is not None else self.default_hint
        self.report = report
        self.errors = tuple(errors)
        super().__init__(message)

    def __str__(self) -> str:
        text = self._alone()
        if len(self.errors) < 2:
            return text
        others = self.errors[1:]
        lines = [text, f"  and {len(others)} more:", *(f"  - {other._line()}" for other in others[:SHOWN_ERRORS])]
        if len(others) > SHOWN_ERRORS:
            lines.append(f"  … and {len(others) - SHOWN_ERRORS} more")
        return "\n".join(lines)

    def _line(self) -> str:
        where = f" (in {self.where})" if self.where else ""
        sides = [f"{side} {value}" for side, value in (("expected", self.expected), ("got", self.got)) if value]
        return f"{self.code}: {self.message}{where}{': ' if sides else ''}{', '.join(sides)}"

    def _alone(self) -> str:
        lines = [f"{self.code}: {self.message}"]
        if self.where:
            lines.append(f"  in {self.where}")
        sides = []
        if self.expected is not None:
            sides.append(f"expected {self.expected}")
        if self.got is not None:
            sides.append(f"got {self.got}")
        if self.url:
            sides.append(f"from {self.url}")
        if sides:
            lines.append("  " + "   ".join(sides))
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The same facts as a JSON object; absent facts are left out, and ``errors`` is there for several."""
        facts: dict[str, Any] = {"error": type(self).__name__, "code": self.code, "message": self.message}
        for name in ("where", "package", "url", "expected", "got", "hint"):
            value = getattr(self, name)
            if value:
                facts[name] = value
        if len(self.errors) > 1:
            facts["errors"] = [error.to_json() for error in self.errors]
        return facts

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


class InputError(MicropipLockError):
    """A file, text or argument given to us is wrong; trying again changes nothing."""

    default_code = "bad-input"


class OutcomeError(MicropipLockError):
    """The input was right, but it could not be done here and now."""

    default_code = "failed"


class LockParseError(InputError):
    """The lock's text cannot be parsed at all."""

    default_code = "not-json"
    default_hint = "check that the file is a lock and arrived whole"


class LockSchemaError(InputError):
    """A field of the lock has the wrong type or form."""

    default_code = "lock-schema"
    default_hint = "freeze the environment again, or correct the field"


class LockVersionError(InputError):
    """The lock was written by a newer major version."""

    default_code = "lock-version"
    default_hint = "update micropip-lock"


class LockGraphError(InputError):
    """``depends`` names a package that the lock does not hold, or is ambiguous."""

    default_code = "missing-dependency"
    default_hint = "freeze the environment again"


class LockPolicyError(InputError):
    """The lock is well-formed, but asks for something that is not allowed."""

    default_code = "lock-policy"


class LinkError(InputError):
    """A lock link is damaged, cut off or of a newer version, or a lock cannot be written as one."""

    default_code = "link"
    default_hint = "copy the link again, whole; or ask who sent it for the lock as a file"


class RecordError(InputError):
    """The records in a dist-info directory are missing, forged or unreadable."""

    default_code = "bad-record"


class WheelFormatError(InputError):
    """The bytes are no wheel container."""

    default_code = "bad-wheel"


class WheelRecordError(InputError):
    """RECORD and the files of the wheel disagree."""

    default_code = "record-mismatch"


class WheelMetadataError(InputError):
    """METADATA, WHEEL or the identity of the wheel is wrong."""

    default_code = "bad-metadata"


class WheelPathError(InputError):
    """A file name in the wheel leaves the place it belongs to."""

    default_code = "unsafe-path"


class WheelTooLargeError(InputError):
    """The wheel is larger than the caps or than the lock says."""

    default_code = "too-large"


class UsageError(InputError):
    """An argument or option is wrong."""

    default_code = "usage"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unlockable:
    """One installed distribution that cannot be locked, and why.

    Attributes:
        name: Normalised name.
        version: Version as installed, or ``""`` when it cannot be read.
        code: Stable kebab-case reason.
        reason: One sentence for people.
        hint: What to do about it.
    """

    name: str
    version: str
    code: str
    reason: str
    hint: str = ""

    def to_json(self) -> dict[str, str]:
        """All five fields as a JSON object."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self._who}: {self.code}: {self.reason}"

    @property
    def _who(self) -> str:
        return f"{self.name} {self.version}".rstrip()

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Unlockable:
        """The item that :meth:`to_json` described; absent fields are empty."""
        return cls(**{key: str(facts.get(key, "")) for key in ("name", "version", "code", "reason", "hint")})


class UnlockableError(OutcomeError):
    """Some installed distributions cannot be locked; ``items`` lists every one with its reason.

    Each item is an :class:`Unlockable`.
    """

    default_code = "unlockable"
    default_hint = "do what each hint says, or freeze with strict=False (--no-strict), which lists them in the lock"

    def __init__(self, message: str, *, items: Sequence[Unlockable] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.items = tuple(items)

    def __str__(self) -> str:
        lines = [f"{self.code}: {self.message}"]
        # An index that cannot be asked is the reason for all that only it could have told: said once.
        shared: dict[tuple[str, str, str], list[Unlockable]] = {}
        for item in self.items:
            shared.setdefault((item.code, item.reason, item.hint), []).append(item)
        for first, *others in shared.values():
            lines.append(f"  {first}")
            if others:
                names = ", ".join(other._who for other in others[:SHOWN_ERRORS])
                more = f" and {len(others) - SHOWN_ERRORS} more" if len(others) > SHOWN_ERRORS else ""
                lines.append(f"    so it is for {names}{more}")
            if first.hint:
                lines.append(f"    hint: {first.hint}")
        lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The same facts as a JSON object, with every item."""
        return {**super().to_json(), "items": [item.to_json() for item in self.items]}


class HashMismatchError(OutcomeError):
    """Bytes that arrived are not the bytes the lock names."""

    default_code = "digest-mismatch"
    default_hint = "the file changed since the lock was frozen; freeze again only if you trust the new one"


class FetchError(OutcomeError):
    """Bytes did not arrive."""

    default_code = "fetch-failed"

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float | None = None, **facts: Any
    ) -> None:
        super().__init__(message, **facts)
        self.status = status
        self.retry_after = retry_after

    def to_json(self) -> dict[str, Any]:
        """The same facts as a JSON object, with the HTTP status when there was one."""
        facts = super().to_json()
        if self.status is not None:
            facts["status"] = self.status
        return facts


class NotFoundError(FetchError):
    """The server says that the file is not there (404, 410)."""

    default_code = "not-found"
    default_hint = "the file was removed or moved; freeze again, or bundle the wheels while they are there"


class ServerError(FetchError):
    """The server failed (5xx) or asks to wait (429)."""

    default_code = "server-error"
    default_hint = "try again later"


class NetworkError(FetchError):
    """No answer at all: offline, refused, reset, TLS; in a browser also a missing CORS header."""

    default_code = "network"
    default_hint = (
        "check the connection; in a browser the server must also send Access-Control-Allow-Origin for this page"
    )


class FetchTimeoutError(FetchError):
    """The answer stopped arriving."""

    default_code = "timeout"
    default_hint = "try again on a better connection"


class TruncatedError(FetchError):
    """Fewer bytes arrived than the server announced."""

    default_code = "truncated"
    default_hint = "try again"


class RedirectPolicyError(FetchError):
    """Redirected to an address that the policy forbids."""

    default_code = "redirect-policy"


class BlockedError(FetchError):
    """The server refuses us (401, 403); credentials are never sent on their own."""

    default_code = "blocked"
    default_hint = (
        "on the command line, name its index with user and password in the configuration of pip or uv (PIP_INDEX_URL); "
        "or ask its owner for access"
    )


class EnvironmentMismatchError(OutcomeError):
    """The lock is for another Pyodide, Python or platform."""

    default_code = "environment-mismatch"


class AlreadyImportedError(OutcomeError):
    """A module that would be replaced is already imported."""

    default_code = "already-imported"
    default_hint = "restart the kernel and replay first, or pass force=True and restart afterwards"


class ConflictError(OutcomeError):
    """A file would overwrite one that belongs to something else."""

    default_code = "conflict"


class StorageError(OutcomeError):
    """The file system or the store refused to keep bytes."""

    default_code = "storage"


class BusyError(OutcomeError):
    """Another replay is changing this environment."""

    default_code = "busy"
    default_hint = "wait for it to end"


class RuntimeMissingError(OutcomeError):
    """Something needed to run is not installed here: Node, Pyodide, micropip."""

    default_code = "runtime-missing"


class RuntimeFailedError(OutcomeError):
    """The embedded Pyodide, or the code run in it, failed."""

    default_code = "runtime-failed"


class ReplayCancelled(asyncio.CancelledError):
    """A replay was cancelled; the environment is as it was before, or, when it came too late, exactly the lock's.

    Attributes:
        report: Of the replay, when it came too late to be cancelled; else ``None``.
    """

    code = "cancelled"

    def __init__(self, *args: object, report: Any = None) -> None:
        super().__init__(*args)
        self.report = report


def error_tree() -> Mapping[str, type[MicropipLockError]]:
    """Every class of the tree by name: what :func:`error_from_json` and the tests walk."""
    found: dict[str, type[MicropipLockError]] = {}
    queue: list[type[MicropipLockError]] = [MicropipLockError]
    while queue:
        cls = queue.pop()
        found[cls.__name__] = cls
        queue.extend(cls.__subclasses__())
    return found


def error_from_json(facts: Mapping[str, Any]) -> MicropipLockError:
    """The error that :meth:`MicropipLockError.to_json` described, e.g. one raised in a Pyodide child process."""
    cls = error_tree().get(str(facts.get("error")), OutcomeError)
    keys = ("code", "where", "package", "url", "expected", "got", "hint")
    extra: dict[str, Any] = {key: str(facts[key]) for key in keys if facts.get(key)}
    if issubclass(cls, FetchError) and isinstance(facts.get("status"), int):
        extra["status"] = facts["status"]
    extra["errors"] = [error_from_json(entry) for entry in facts.get("errors", ())]
    if issubclass(cls, UnlockableError):
        extra["items"] = [Unlockable.from_json(entry) for entry in facts.get("items", ())]
    return cls(str(facts.get("message", "")), **extra)
