"""Tests of :mod:`micropip_lock.core.policy`, its fields, its table and its words."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.model import Origin
from micropip_lock.core.policy import DEFAULT_POLICY, Policy, too_many_redirects
from micropip_lock.core.policy_fields import mib
from micropip_lock.errors import LockPolicyError, MicropipLockError, UsageError
from tests.core.policies import PRIVATE, PUBLIC, addresses, names, origins, policies
from tests.strategies import json_values

PINNED = Policy(index_pins={"acme-*": PRIVATE, "acme-core": PUBLIC, "numpy": "pyodide"})


def code_of(fault: MicropipLockError | None) -> str | None:
    return fault.code if fault else None


@given(policies)
def test_tables_round_trip(policy: Policy) -> None:
    """A policy survives its table, also through JSON."""
    assert policy == Policy.from_dict(json.loads(json.dumps(policy.to_dict())))


def test_a_table_of_toml() -> None:
    """The keys are the fields' names with hyphens; what is absent is the default's."""
    text = f"""
allow-hosts = ["Files.Example", "files.example", "cdn.example:8443"]
max-hosts = 3
[index-pins]
"Acme.*" = "{PRIVATE}/"
"""
    expected = Policy(allow_hosts=("cdn.example:8443", "files.example"), max_hosts=3, index_pins={"acme-*": PRIVATE})
    assert expected == Policy.from_dict(tomllib.loads(text))


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ({"alow-hosts": []}, "alow-hosts"),
        ({"allow-hosts": "files.example"}, "allow-hosts"),
        ({"allow-hosts": 3}, "allow-hosts"),
        ({"allow-hosts": {"files.example": False}}, "allow-hosts"),
        ({"allow-hosts": [3]}, "allow-hosts"),
        ({"allow-insecure-hosts": ["http://files.example"]}, "allow-insecure-hosts"),
        ({"index-pins": []}, "index-pins"),
        ({"index-pins": {"-acme": PRIVATE}}, "index-pins"),
        ({"index-pins": {"ac*me": PRIVATE}}, "index-pins"),
        ({"index-pins": {"acme": 3}}, "index-pins.acme"),
        ({"index-pins": {"acme": "index.example"}}, "index-pins.acme"),
        ({"index-pins": {"acme": "file:///srv/simple"}}, "index-pins.acme"),
        ({"index-pins": {"acme": "https://[::1"}}, "index-pins.acme"),
        ({"index-pins": {"acme": "https:///simple"}}, "index-pins.acme"),
        ({"index-pins": {"acme": "https://me:s3cret@index.example/simple"}}, "index-pins.acme"),
        ({"index-pins": {"Acme_X": PRIVATE, "acme-x": PUBLIC}}, "index-pins.acme-x"),
        ({"index-pins": {"Acme_X": PUBLIC, "acme-x": PRIVATE}}, "index-pins.acme-x"),
        ({"index-pins": {"acme": "a-path"}}, "index-pins.acme"),
        ({"max-hosts": -1}, "max-hosts"),
        ({"max-hosts": True}, "max-hosts"),
        ({"max-wheel-bytes": "256 MiB"}, "max-wheel-bytes"),
        ({"consent": 1}, "consent"),
        ([], None),
    ],
)
def test_what_is_no_policy(table: Any, where: str | None) -> None:
    """A key or value that means nothing is refused with its place, and without its password."""
    with pytest.raises(UsageError) as caught:
        Policy.from_dict(table)
    assert ("bad-policy", where, False) == (caught.value.code, caught.value.where, "s3cret" in str(caught.value))


@given(json_values)
def test_any_table_is_a_policy_or_an_error(table: Any) -> None:
    """Whatever the table, the answer is a policy or our error."""
    try:
        found = Policy.from_dict(table)
    except UsageError:
        return
    assert found == Policy.from_dict(found.to_dict())


@pytest.mark.parametrize(
    ("name", "pin"),
    [
        ("Acme_Core", PUBLIC),
        ("acme.core.more", PRIVATE),
        ("acme", None),
        ("acmex", None),
        ("numpy", "pyodide"),
        ("other", None),
    ],
)
def test_the_longest_pin_counts(name: str, pin: str | None) -> None:
    """A name is pinned by itself, else by its longest prefix, in any spelling."""
    assert pin == PINNED.pin_of(name)


def test_prefixes_within_prefixes() -> None:
    """Of two prefixes the longer one counts; a star alone is for all the others."""
    policy = Policy(index_pins={"*": PUBLIC, "acme-*": PRIVATE})
    assert (PRIVATE, PUBLIC) == (policy.pin_of("acme-x"), policy.pin_of("acme"))


def _from(kind: str, index: str | None = None) -> Origin:
    return Origin(kind=kind, url="https://files.example/x.whl", index=index)  # type: ignore[arg-type]  # a word


@pytest.mark.parametrize(
    ("name", "origin", "got"),
    [
        ("acme-x", _from("index", f"{PRIVATE}/"), None),
        ("acme-x", _from("index", PUBLIC), PUBLIC),
        ("acme-x", _from("index"), "an index that nothing names"),
        ("acme-x", _from("url", PRIVATE), "https://files.example/x.whl"),
        ("acme-x", _from("runtime"), "the runtime's own distribution"),
        ("acme-x", None, "nothing says where it came from"),
        ("numpy", _from("runtime"), None),
        ("acme-core", _from("index", PRIVATE), PRIVATE),
        ("acme-x", _from("archive", PRIVATE), "https://files.example/x.whl"),
        ("numpy", _from("index", PUBLIC), PUBLIC),
        ("numpy", _from("url"), "https://files.example/x.whl"),
        ("other", None, None),
    ],
)
def test_pins(name: str, origin: Origin | None, got: str | None) -> None:
    """A pinned package comes from its index or the runtime, as its pin says, and from nowhere else."""
    fault = PINNED.origin_fault(name, origin)
    assert (got and "index-pin", got) == (code_of(fault), fault and fault.got)


LISTED = Policy(allow_hosts=("files.example", "cdn.example:8443"), allow_insecure_hosts=("old.example",))


@pytest.mark.parametrize(
    ("policy", "url", "base", "code"),
    [
        (DEFAULT_POLICY, "https://files.example/a.whl", None, None),
        (DEFAULT_POLICY, "http://files.example/a.whl", None, "insecure"),
        (DEFAULT_POLICY, "http://127.0.0.1:8000/a.whl", None, None),
        (DEFAULT_POLICY, "http://localhost/a.whl", None, None),
        (DEFAULT_POLICY, "http://127.0.0.1.files.example/a.whl", None, "insecure"),
        (DEFAULT_POLICY, "a.whl", "http://site.example/lock.json", "insecure"),
        (DEFAULT_POLICY, "a.whl", "https://site.example/lock.json", None),
        (DEFAULT_POLICY, "a.whl", None, None),
        (DEFAULT_POLICY, "a.whl", "https://[::1", "url"),
        (DEFAULT_POLICY, "https://10.0.0.1/a.whl", "https://site.example/lock.json", "private-address"),
        (DEFAULT_POLICY, "https://169.254.169.254/a.whl", "https://site.example/lock.json", "private-address"),
        (DEFAULT_POLICY, "http://localhost/a.whl", "https://site.example/lock.json", "private-address"),
        (DEFAULT_POLICY, "https://localhost./a.whl", "https://site.example/lock.json", "private-address"),
        (DEFAULT_POLICY, "https://10.0.0.1/a.whl", "https://10.0.0.2/lock.json", None),
        (DEFAULT_POLICY, "https://10.0.0.1/a.whl", "file:///srv/lock.json", None),
        (DEFAULT_POLICY, "https://10.0.0.1/a.whl", None, None),
        (Policy(allow_insecure_hosts=("10.0.0.1",)), "https://10.0.0.1/a.whl", "https://site.example/lock.json", None),
        (DEFAULT_POLICY, "file:///srv/a.whl", None, "local-path"),
        (DEFAULT_POLICY, "file:///srv/a.whl", "https://site.example/lock.json", "local-path"),
        (DEFAULT_POLICY, "file:///srv/a.whl", "file:///srv/lock.json", None),
        (DEFAULT_POLICY, "a.whl", "file:///srv/lock.json", None),
        (DEFAULT_POLICY, "file:///srv/a.whl", "emfs:/home/lock.json", None),
        (DEFAULT_POLICY, "wheels/a.whl", "emfs:/home/lock.json", None),
        *((DEFAULT_POLICY, f"{scheme}:x", None, "scheme") for scheme in ("javascript", "data", "blob", "ftp", "emfs")),
        (DEFAULT_POLICY, "//files.example/a.whl", "https://site.example/lock.json", "scheme"),
        (DEFAULT_POLICY, "https://me:pw@files.example/a.whl", None, "credentials"),
        (LISTED, "https://files.example:8443/a.whl", None, None),
        (LISTED, "https://cdn.example:8443/a.whl", None, None),
        (LISTED, "https://cdn.example/a.whl", None, "host-not-allowed"),
        (LISTED, "https://files.example.evil.example/a.whl", None, "host-not-allowed"),
        (LISTED, "http://localhost/a.whl", None, "host-not-allowed"),
        (LISTED, "http://old.example/a.whl", None, None),
        (LISTED, "http://files.example/a.whl", None, "insecure"),
        (LISTED, "a.whl", "https://site.example/lock.json", "host-not-allowed"),
        (LISTED, "file:///srv/a.whl", "file:///srv/lock.json", None),
        (Policy(allow_hosts=()), "https://files.example/a.whl", None, "host-not-allowed"),
    ],
)
def test_addresses(policy: Policy, url: str, base: str | None, code: str | None) -> None:
    """Files come over https: from allowed hosts; over http: from this machine; from its disk for its own locks."""
    assert code == code_of(policy.address_fault(url, base=base))


@pytest.mark.parametrize(
    ("policy", "before", "after", "code"),
    [
        (DEFAULT_POLICY, "https://index.example/a", "https://files.example/a", None),
        (DEFAULT_POLICY, "http://index.example/a", "http://index.example/b", None),
        (DEFAULT_POLICY, "http://index.example/a", "http://files.example/a", "redirect-policy"),
        (Policy(allow_insecure_hosts=("files.example",)), "http://index.example/a", "http://files.example/a", None),
        (LISTED, "https://index.example/a", "https://files.example/a", None),
        (LISTED, "https://files.example/a", "https://other.example/a", "redirect-policy"),
        (LISTED, "https://other.example/a", "https://other.example/b", None),
        (DEFAULT_POLICY, "https://index.example/a", "https://index.example:0/a", "redirect-policy"),
        (DEFAULT_POLICY, "https://index.example/a", "https://[::1", "redirect-policy"),
        (DEFAULT_POLICY, "https://[::1", "https://index.example/a", "redirect-policy"),
        (DEFAULT_POLICY, "https://index.example/a", "http://index.example/a", "redirect-policy"),
        (DEFAULT_POLICY, "http://index.example/a", "https://index.example/a", None),
        (DEFAULT_POLICY, "http://index.example/a", "ftp://index.example/a", "redirect-policy"),
        (DEFAULT_POLICY, "https://index.example/a", "https:///a", "redirect-policy"),
        (DEFAULT_POLICY, "https://index.example/a", "https://me:pw@index.example/a", "redirect-policy"),
        (DEFAULT_POLICY, "https://index.example/a", "https://10.0.0.1/a", "redirect-private"),
        (DEFAULT_POLICY, "https://10.0.0.1/a", "https://10.0.0.2/a", None),
        (DEFAULT_POLICY, "https://10.0.0.1/a", "https://index.example/a", None),
    ],
)
def test_redirects(policy: Policy, before: str, after: str, code: str | None) -> None:
    """A redirect to another host leads where the policy lets files come from, or nowhere."""
    assert code == code_of(policy.redirect_fault(before, after))


@pytest.mark.parametrize(
    ("hosts", "expected"), [((), "no other host"), (("cdn.example", "files.example"), "cdn.example, files.example")]
)
def test_where_a_redirect_may_lead(hosts: tuple[str, ...], expected: str) -> None:
    """A redirect that is refused for its host tells the hosts that are allowed."""
    fault = Policy(allow_hosts=hosts).redirect_fault("https://index.example/a", "https://other.example/a")
    assert expected == (fault and fault.expected)


def test_too_many_redirects() -> None:
    """The limit is in the error, and no query."""
    error = too_many_redirects("https://index.example/a?token=x", 5)
    assert ("at most 5 redirects", "https://index.example/a") == (error.expected, error.url)


def test_the_default_in_words() -> None:
    """The default is told in words, one rule a line, with its numbers."""
    assert (
        "Files come over https: from any host; more than 8 need consent.",
        "http: is for this machine only.",
        "Files of this machine are for locks that are files of this machine; no other kind of address is fetched.",
        (
            "At most 5 redirects: never from https: to http:, never from a public address to a private one, "
            "to other hosts only where those are allowed."
        ),
        "At most 256 MiB for a wheel, 1,024 MiB for a replay; above 100 MiB with consent.",
    ) == DEFAULT_POLICY.describe()


def test_another_policy_in_words() -> None:
    """Hosts, pins, consent and odd numbers are told, and HTML is escaped."""
    policy = Policy(
        allow_hosts=("files.example",),
        allow_insecure_hosts=("old.example",),
        index_pins={"acme-*": PRIVATE, "numpy": "pyodide"},
        max_wheel_bytes=1000,
        consent=True,
    )
    text = str(policy)
    told = ("these hosts only: files.example", "and these hosts: old.example", f"acme-* comes from {PRIVATE} only")
    assert (True, True, True, True, True, "<ul><li>") == (
        *(word in text for word in told),
        "numpy comes from the runtime only" in text and "1,000 bytes for a wheel" in text,
        "agreed to" in text and "agreed to" in str(Policy(consent=True)),
        policy._repr_html_()[:8],
    )


def test_no_host_in_words() -> None:
    """An empty list of hosts allows none, and says so."""
    assert "from these hosts only: none." in str(Policy(allow_hosts=()))


WIDER: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (
    lambda table: {key: value for key, value in table.items() if key != "allow-hosts"},
    lambda table: {**table, "allow-hosts": [*table["allow-hosts"], "new.example"]} if "allow-hosts" in table else table,
    lambda table: {**table, "allow-insecure-hosts": [*table["allow-insecure-hosts"], "files.example"]},
    lambda table: {**table, "index-pins": {}},
    lambda table: {key: value + 1 if type(value) is int else value for key, value in table.items()},
    lambda table: {**table, "consent": True},
)


@given(policies, st.sampled_from(WIDER), addresses, addresses, names, origins)
def test_widening_never_refuses_more(
    policy: Policy, widen: Callable[[dict[str, Any]], dict[str, Any]], url: str, other: str, name: str, origin: Origin
) -> None:
    """What a policy allows, each wider one allows as well."""
    wider = Policy.from_dict(widen(policy.to_dict()))

    def allowed(one: Policy) -> tuple[bool, ...]:
        faults = (one.address_fault(url), one.redirect_fault(url, other), one.origin_fault(name, origin))
        return tuple(fault is None for fault in faults)

    assert all(after for before, after in zip(allowed(policy), allowed(wider), strict=True) if before)


@given(policies, addresses, st.text(max_size=20))
def test_any_address_has_an_answer(policy: Policy, url: str, text: str) -> None:
    """Whatever the addresses, the answer is a value of ours."""
    faults = [policy.address_fault(text), policy.address_fault(url, base=text), policy.redirect_fault(url, text)]
    assert all(fault is None or isinstance(fault, MicropipLockError) for fault in faults)


def test_pins_are_an_error_of_policy() -> None:
    """The error of a pin has the package, both places and what to do."""
    fault = PINNED.origin_fault("Acme_X", None, where="packages.acme-x")
    assert isinstance(fault, LockPolicyError)
    assert ("acme-x", "packages.acme-x", PRIVATE, True) == (
        fault.package,
        fault.where,
        fault.expected,
        bool(fault.hint),
    )


def test_pins_of_the_runtime_say_so() -> None:
    """A package that is pinned to the runtime is told so, and not as an address."""
    fault = PINNED.origin_fault("numpy", None)
    assert ("the runtime's own distribution", None) == (fault and fault.expected, fault and fault.where)


@pytest.mark.parametrize(
    ("package", "where", "hosts", "told"),
    [
        (None, "", (), ("the address is on a host that is not allowed", None, "no host")),
        (
            "six",
            "packages.six.file_name",
            ("cdn.example", "old.example"),
            ("six is on a host that is not allowed", "packages.six.file_name", "cdn.example, old.example"),
        ),
    ],
)
def test_a_refused_address_has_its_place(
    package: str | None, where: str, hosts: tuple[str, ...], told: tuple[str, str | None, str]
) -> None:
    """The error of an address names the package and the place, when there are any, and the hosts that are allowed."""
    fault = Policy(allow_hosts=hosts).address_fault("https://files.example/a.whl", where=where, package=package)
    assert fault is not None
    assert told == (fault.message, fault.where, fault.expected)


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 bytes"), (1, "1 bytes"), (1 << 20, "1 MiB"), ((1 << 20) + 1, "1,048,577 bytes")]
)
def test_bytes_for_people(count: int, told: str) -> None:
    """Whole MiB of 1,048,576 bytes are told as such, everything else in bytes."""
    assert told == mib(count)


def test_a_long_key_is_cut() -> None:
    """A key that is none is told by its first 60 characters."""
    with pytest.raises(UsageError) as caught:
        Policy.from_dict({"x" * 61: 1})
    assert "x" * 60 == caught.value.where
