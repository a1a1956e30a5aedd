"""The policy: which files a lock may name and an install may take, from where, and how much of it.

Rules this file keeps:

1. The default is safe, and everything in it can be seen (:meth:`Policy.describe`) and changed.
2. Widening never refuses more: another host, a higher cap, consent, no pins.
3. Every rule can be checked without the network.
4. A pin compares the index that a lock or a record states. It protects against a name being taken on another index
   (dependency confusion), not against a lock that lies: the list of hosts binds the addresses themselves.

Left to others: the form of addresses (:mod:`micropip_lock.core.address`), what the parser and the wheel checker can
bear whatever the policy says (their own caps), tables and words (:mod:`micropip_lock.core.policy_table`), a whole lock
(:mod:`micropip_lock.core.judgement`), following redirects (the adapters).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from micropip_lock.core.address import address_fault, is_plain
from micropip_lock.core.hosts import Place, index_form, is_loopback, is_private, place_of
from micropip_lock.core.model import Origin
from micropip_lock.core.policy_fields import MIB, RUNTIME, read_flag, read_hosts, read_number, read_pins
from micropip_lock.core.redact import public_url
from micropip_lock.errors import InputError, LockPolicyError, RedirectPolicyError

_NUMBERS: Final = (
    *("max_hosts", "max_redirects"),
    *("max_wheel_bytes", "max_download_bytes", "ask_above_bytes"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What is allowed.

    Attributes:
        allow_hosts: Hosts (``files.example``, for any port, or ``files.example:8443``) that files and locks may come
            from; ``None`` for any, with consent beyond ``max_hosts``.
        allow_insecure_hosts: Hosts that may be asked over ``http:`` (this machine always may), and that a lock from the
            web may name though they are of a private network.
        index_pins: By name (``acme-core``) or prefix (``acme-*``, or ``*``) the base URL of the only index that these
            packages may come from, or ``pyodide`` for the runtime's own distribution. The longest match counts.
        max_hosts: Distinct hosts of one lock without consent, where ``allow_hosts`` names none.
        max_wheel_bytes: Bytes of one wheel.
        max_download_bytes: Bytes of one replay.
        ask_above_bytes: Bytes of one replay without consent.
        max_redirects: Redirects of one request; browsers follow up to 20 and do not tell how many.
        consent: A person has agreed to what needs consent.

    Raises:
        UsageError: code ``bad-policy``: a host, pin or number that is none.
    """

    allow_hosts: tuple[str, ...] | None = None
    allow_insecure_hosts: tuple[str, ...] = ()
    index_pins: Mapping[str, str] = field(default_factory=dict)
    max_hosts: int = 8
    max_wheel_bytes: int = 256 * MIB
    max_download_bytes: int = 1024 * MIB
    ask_above_bytes: int = 100 * MIB
    max_redirects: int = 5
    consent: bool = False

    def __post_init__(self) -> None:
        fixed: dict[str, object] = {
            "allow_insecure_hosts": read_hosts("allow-insecure-hosts", self.allow_insecure_hosts),
            "index_pins": read_pins("index-pins", self.index_pins),
            "consent": read_flag("consent", self.consent),
        }
        if self.allow_hosts is not None:
            fixed["allow_hosts"] = read_hosts("allow-hosts", self.allow_hosts)
        for name in _NUMBERS:
            fixed[name] = read_number(name.replace("_", "-"), getattr(self, name))
        for name, value in fixed.items():
            # The one way to put a field of a frozen value in its normal form.
            object.__setattr__(self, name, value)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Policy:
        """The policy that a table says, as TOML, JSON or JupyterLite's settings have it; absent keys are the default's.

        Raises:
            UsageError: code ``bad-policy``, also for a key that there is not: a misspelt rule would protect nobody.
        """
        from micropip_lock.core.policy_table import read_policy

        return read_policy(table)

    def to_dict(self) -> dict[str, Any]:
        """The table of :meth:`from_dict`, with every key; ``allow-hosts`` only when it lists something or nothing."""
        from micropip_lock.core.policy_table import policy_to_dict

        return policy_to_dict(self)

    def pin_of(self, name: str) -> str | None:
        """The only source that a package may come from, or ``None``."""
        name = canonicalize_name(name)
        if name in self.index_pins:
            return self.index_pins[name]
        matching = [key for key in self.index_pins if key.endswith("*") and name.startswith(key[:-1])]
        return self.index_pins[max(matching, key=len)] if matching else None

    def origin_fault(self, name: str, origin: Origin | None, *, where: str | None = None) -> LockPolicyError | None:
        """Why a package may not come from where it does: code ``index-pin``; or ``None``."""
        pin = self.pin_of(name) if self.index_pins else None
        if pin is None:
            return None
        if pin == RUNTIME:
            if origin is not None and origin.kind == "runtime":
                return None
        elif origin is not None and origin.kind == "index" and origin.index and index_form(origin.index) == pin:
            return None
        if origin is None:
            got = "nothing says where it came from"
        elif origin.kind == "index":
            got = public_url(origin.index) if origin.index else "an index that nothing names"
        else:
            got = "the runtime's own distribution" if origin.kind == "runtime" else public_url(origin.url)
        return LockPolicyError(
            f"{name} is pinned to another place than the one it comes from",
            code="index-pin",
            where=where,
            package=canonicalize_name(name),
            expected="the runtime's own distribution" if pin == RUNTIME else pin,
            got=got,
            hint="anyone can take a name on another index; install it from the index it is pinned to, "
            "or change the pin (index-pins)",
        )

    def address_fault(
        self, url: str, *, base: str | None = None, where: str = "", package: str | None = None
    ) -> InputError | None:
        """Why an address may not be asked, or ``None``.

        Args:
            url: As the lock spells it: absolute, or relative to the lock.
            base: The lock's own address, when it is known.
            where: Dotted place, for the message.
            package: Normalised name, for the message.

        Returns:
            A LockPolicyError (codes ``scheme``, ``credentials``, ``local-path``, ``insecure``, ``private-address``,
            ``host-not-allowed``) or a LockSchemaError (codes ``url``, ``filename``).
        """
        if base is None and self.allow_hosts is None and url.startswith("https://") and is_plain(url):
            return None
        if (fault := address_fault(url, where=where, package=package, relative=True)) is not None:
            return fault
        place = place_of(url, base)
        if place is None:
            return address_fault(base or "", where=where, package=package)
        facts: dict[str, Any] = {"where": where or None, "package": package, "got": public_url(url)}
        what = package or "the address"
        if place.scheme == "file":
            lies = place_of(base or "")
            if lies is not None and lies.scheme in ("file", "emfs"):
                return None
            return LockPolicyError(
                f"the lock names a file of this machine for {what}",
                code="local-path",
                **facts,
                hint="only a lock opened from a path of this machine may; name the wheel by its web address",
            )
        if place.scheme == "http" and not self._may_be_insecure(place):
            return LockPolicyError(
                f"{what} would come over http:, where anybody on the way can read and change it",
                code="insecure",
                **facts,
                expected="https:",
                hint=f"use https:, or allow it (allow-insecure-hosts, --allow-insecure-host {place.host})",
            )
        if self._leads_inside(place, place_of(base or "")):
            return LockPolicyError(
                f"a lock from the web names an address of a private network for {what}",
                code="private-address",
                **facts,
                hint="if you trust it, save the lock to a file first, or allow the host "
                f"(allow-insecure-hosts, --allow-insecure-host {place.host})",
            )
        if place.scheme in ("https", "http") and not self._is_allowed(place):
            return LockPolicyError(
                f"{what} is on a host that is not allowed",
                code="host-not-allowed",
                **facts,
                expected=", ".join(self.allow_hosts or ()) or "no host",
                hint=f"if you trust it, allow it (allow-hosts, --allow-host {place.host})",
            )
        return None

    def redirect_fault(self, before: str, after: str) -> RedirectPolicyError | None:
        """Why an answer of ``before`` may not lead to ``after``; or ``None``.

        Returns:
            Codes ``redirect-policy``, ``redirect-private``.
        """
        start, end = place_of(before), place_of(after)
        if start is None or end is None:
            return _redirect("to something that is no address", before, expected="a URL", got=public_url(after))
        allowed = ("https",) if start.scheme == "https" else ("http", "https")
        if end.scheme not in allowed:
            way = f"from {start.scheme}: to {end.scheme}:"
            return _redirect(way, before, expected=" or ".join(allowed), got=end.scheme)
        if not end.host or end.port == 0:
            return _redirect("to an address without a host", before, expected="a host", got=public_url(after))
        if "@" in urlsplit(after).netloc:
            return _redirect("to an address with credentials", before, expected="none", got=public_url(after))
        if is_private(end.host) and not is_private(start.host):
            return _redirect(
                "from a public address into a private network",
                before,
                expected="a public address",
                got=public_url(after),
                code="redirect-private",
            )
        if end.host == start.host:
            return None
        if end.scheme == "http" and not self._may_be_insecure(end):
            return _redirect("to another host over http:", before, expected="https:", got=public_url(after))
        if not self._is_allowed(end):
            expected = ", ".join(self.allow_hosts or ()) or "no other host"
            return _redirect("to a host that is not allowed", before, expected=expected, got=public_url(after))
        return None

    def _leads_inside(self, place: Place, lies: Place | None) -> bool:
        """Whether something public names something private, which nobody allowed."""
        from_outside = lies is not None and bool(lies.host) and not is_private(lies.host)
        return from_outside and is_private(place.host) and place.names.isdisjoint(self.allow_insecure_hosts)

    def _may_be_insecure(self, place: Place) -> bool:
        return is_loopback(place.host) or not place.names.isdisjoint(self.allow_insecure_hosts)

    def _is_allowed(self, place: Place) -> bool:
        if self.allow_hosts is None:
            return True
        return not place.names.isdisjoint((*self.allow_hosts, *self.allow_insecure_hosts))

    def describe(self) -> tuple[str, ...]:
        """The policy in words, one rule a line."""
        from micropip_lock.core.policy_table import described

        return described(self)

    def __str__(self) -> str:
        return "\n".join(self.describe())

    def _repr_html_(self) -> str:
        from html import escape

        return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in self.describe())}</ul>"


def _redirect(
    how: str, url: str, *, expected: str, got: str, code: str = RedirectPolicyError.default_code
) -> RedirectPolicyError:
    return RedirectPolicyError(
        f"the server redirects {how}",
        code=code,
        url=public_url(url),
        expected=expected,
        got=got,
        hint="if the new address is right, lock the wheel from there",
    )


def too_many_redirects(url: str, limit: int) -> RedirectPolicyError:
    """The error after the last redirect that is followed."""
    return _redirect("too often", url, expected=f"at most {limit} redirects", got="one more")


DEFAULT_POLICY: Final = Policy()
"""Safe for locks of strangers."""
