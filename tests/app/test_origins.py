"""Where an installed distribution came from: the most telling record counts, and nothing is guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.app.origins import has_newer_record, installed_in, is_of_kernel, origin_of, same_version
from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import OriginRecord, format_records
from micropip_lock.core.model import Origin
from micropip_lock.core.plan import Installed
from micropip_lock.errors import MicropipLockError, RecordError
from micropip_lock.ports import RuntimeLock
from micropip_lock.testing import wheel
from micropip_lock.testing.site import MemorySite

SIX = wheel("six", "1.16.0")
NAME = canonicalize_name("six")
DIGEST = Digest.of(SIX.data)
URL = f"https://files.example/{SIX.filename}"
MICROPIP = {"INSTALLER": "micropip", "PYODIDE_SOURCE": "pypi", "PYODIDE_URL": URL, "PYODIDE_SHA256": DIGEST.hex}
LOADED = {"INSTALLER": "pyodide.loadPackage\n", "PYODIDE_SOURCE": "pyodide\n"}
ENTRY = {"name": "six", "version": "1.16.0", "file_name": SIX.filename, "sha256": DIGEST.hex}
RUNTIME = RuntimeLock(packages={"Six": ENTRY}, base="https://runtime.example/v1/")


def origin(records: Mapping[str, str], runtime: RuntimeLock = RUNTIME) -> OriginRecord:
    (dist,) = sited(records).distributions()
    return origin_of(dist, NAME, "1.16.0", runtime)


def sited(records: Mapping[str, str]) -> MemorySite:
    site = MemorySite()
    site.install(SIX, records)
    return site


def ours(**changes: Any) -> OriginRecord:
    (dist,) = sited({}).distributions()
    record_text = dist.read_text("RECORD") or ""
    facts: dict[str, Any] = {"origin": Origin(kind="index", url=URL, index="https://index.example/simple"), **changes}
    return OriginRecord(digest=DIGEST, record_digest=Digest.of(record_text.encode()), **facts)


def refusal(records: Mapping[str, str], runtime: RuntimeLock = RUNTIME) -> MicropipLockError:
    with pytest.raises(MicropipLockError) as caught:
        origin(records, runtime)
    return caught.value


def test_our_record_comes_first() -> None:
    """Our own record counts over what micropip wrote beside it."""
    record = ours(requested=True, extras=("x",))
    assert record == origin({**MICROPIP, **format_records(record)})


def test_a_forged_record_is_not_replaced_by_a_guess() -> None:
    """When our record does not belong to RECORD, micropip's word is not taken instead."""
    records = {**MICROPIP, **format_records(ours()), "RECORD": "six.py,,\n"}
    assert "record-forged" == refusal(records).code


@pytest.mark.parametrize(
    ("source", "url", "expected"),
    [
        ("pypi", URL, Origin(kind="index", url=URL)),
        (URL, URL, Origin(kind="url", url=URL)),
        (URL, f"{URL}?sha256=abc#x", Origin(kind="url", url=URL)),
        ("pypi", URL.replace("files", "user:s3cr3t@files"), Origin(kind="index", url=URL)),
    ],
)
def test_micropips_record(source: str, url: str, expected: Origin) -> None:
    """What micropip wrote while recording was off gives address and digest, without credentials and query."""
    records = {**MICROPIP, "PYODIDE_SOURCE": source, "PYODIDE_URL": url}
    assert OriginRecord(origin=expected, digest=DIGEST) == origin(records)


@pytest.mark.parametrize("missing", ["PYODIDE_URL", "PYODIDE_SHA256"])
@pytest.mark.parametrize("value", [None, "", "\n"])
def test_half_of_micropips_record(missing: str, value: str | None) -> None:
    """An address without a digest, or a digest without an address, is no record."""
    records = {name: text for name, text in {**MICROPIP, missing: value}.items() if text is not None}
    assert "no-record" == refusal(records).code


def test_micropips_digest_is_none() -> None:
    """A digest that is none is told as such, with the file that holds it."""
    error = refusal({**MICROPIP, "PYODIDE_SHA256": "abc"})
    assert (RecordError, "hash-form", "PYODIDE_SHA256") == (type(error), error.code, error.where)


def test_loaded_from_the_runtime() -> None:
    """What loadPackage brought is looked up in the runtime's lock, in any spelling of the name."""
    expected = OriginRecord(
        origin=Origin(kind="runtime", url=f"https://runtime.example/v1/{SIX.filename}"), digest=DIGEST
    )
    assert expected == origin(LOADED)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"size": 7}, 7),
        ({"size": 7, "source": "url", "url": URL}, 7),
        ({"size": 7, "source": "url", "url": URL, "compiled-from": DIGEST.hex}, None),
        ({"size": "7"}, None),
        ({"size": True}, None),
        ({"size": 0}, None),
    ],
)
def test_the_size_that_the_runtimes_lock_says(facts: dict[str, Any], expected: int | None) -> None:
    """A size there is that of the wheel, but for a wheel that was made of another, which is what is told."""
    entry = {**ENTRY, "tool": {"micropip-lock": facts}}
    assert expected == origin(LOADED, RuntimeLock(packages={"six": entry}, base=RUNTIME.base)).size


def of_runtime(**changes: Any) -> OriginRecord:
    """What recording leaves for a package of the runtime's own distribution."""
    facts: dict[str, Any] = {"requested": True, "requirement": "six[x]", "extras": ("x",), **changes}
    return ours(origin=Origin(kind="runtime", url=f"https://runtime.example/v1/{SIX.filename}"), **facts)


def test_loaded_and_recorded() -> None:
    """The record of what loadPackage brought says that a person asked for it, and with which extras."""
    assert of_runtime() == origin({**LOADED, **format_records(of_runtime())})


def test_loaded_with_a_newer_record() -> None:
    """A record of a newer format beside what loadPackage brought is passed over."""
    newer = {"micropip-lock.json": json.dumps({"version": 2})}
    expected = Origin(kind="runtime", url=f"https://runtime.example/v1/{SIX.filename}")
    assert OriginRecord(origin=expected, digest=DIGEST) == origin({**LOADED, **newer})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 0}'])
def test_loaded_with_a_broken_record(text: str) -> None:
    """A record that cannot be read is told, not passed over."""
    assert "record-unreadable" == refusal({**LOADED, "micropip-lock.json": text}).code


@pytest.mark.parametrize(
    ("record", "sha256"),
    [(ours(), DIGEST.hex), (of_runtime(), "0" * 64), (ours(origin=Origin(kind="url", url=URL)), DIGEST.hex)],
)
def test_loaded_with_a_record_that_disagrees(record: OriginRecord, sha256: str) -> None:
    """A record that names an index, or another digest than the runtime's lock, may have come with the wheel."""
    runtime = RuntimeLock(packages={"six": {**ENTRY, "sha256": sha256}}, base=RUNTIME.base)
    error = refusal({**LOADED, **format_records(record)}, runtime)
    assert ("record-forged", f"sha256 {sha256}", True) == (error.code, error.expected, DIGEST.hex in (error.got or ""))


def test_micropips_index_while_recording_was_on() -> None:
    """``PYODIDE_SOURCE`` with the address of an index, as recording leaves it, names the index."""
    expected = Origin(kind="index", url=URL, index="https://index.example/simple")
    assert expected == origin({**MICROPIP, "PYODIDE_SOURCE": "https://u:p@index.example/simple?t=1"}).origin


@pytest.mark.parametrize(
    ("text", "newer"), [(None, False), ('{"version": 1}', False), ("{", False), ('{"version": 2}', True)]
)
def test_a_newer_record_is_noticed(text: str | None, newer: bool) -> None:
    """Only a record of a newer format is told as one, with both versions."""
    (dist,) = sited({} if text is None else {"micropip-lock.json": text}).distributions()
    error = has_newer_record(dist)
    assert newer == (error is not None and (error.expected, error.got) == ("version 1", "2"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://site.example/lab/extensions/@jupyterlite/pyodide-kernel-extension/static/pypi/x.whl", True),
        ("https://site.example/lab/extensions/%40jupyterlite/pyodide-kernel-extension/static/pypi/x.whl", True),
        ("https://site.example/pypi/x.whl", False),
        ("https://site.example/x.whl?/@jupyterlite/pyodide-kernel-extension/static/pypi/", False),
    ],
)
def test_of_the_kernel(url: str, expected: bool) -> None:
    """Wheels from the folder of JupyterLite's kernel are the site's, by the path alone."""
    assert expected == is_of_kernel(ours(origin=Origin(kind="url", url=url)))


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (None, "not-in-runtime-lock"),
        ({**ENTRY, "version": "1.17"}, "not-in-runtime-lock"),
        ({**ENTRY, "version": None}, "not-in-runtime-lock"),
        ({**ENTRY, "sha256": ""}, "hash-form"),
    ],
)
def test_not_in_the_runtimes_lock(entry: dict[str, Any] | None, code: str) -> None:
    """Another version, no entry or no digest there is told, not guessed."""
    packages = {} if entry is None else {"six": entry}
    assert code == refusal(LOADED, RuntimeLock(packages=packages, base=RUNTIME.base)).code


@pytest.mark.parametrize(
    ("records", "code", "told"),
    [
        ({}, "no-record", "no installer is recorded"),
        ({"INSTALLER": "pip"}, "no-record", "installed by pip"),
        ({"INSTALLER": "uv", "direct_url.json": "{}"}, "no-record", "installed by uv"),
        ({"INSTALLER": "micropip mock package"}, "mock", "installed by micropip mock package"),
        (
            {"INSTALLER": "pyodide.loadPackage", "PYODIDE_SOURCE": "https://u:s3cr3t@files.example/x.whl?t=1"},
            "no-record",
            "installed by pyodide.loadPackage from https://files.example/x.whl",
        ),
    ],
)
def test_no_record(records: dict[str, str], code: str, told: str) -> None:
    """Without a record, who installed it is told, without credentials."""
    error = refusal(records)
    assert (RecordError, code, told, True) == (type(error), error.code, error.got, bool(error.hint))


def test_installed_in() -> None:
    """What is in place is told with a digest only where a record proves it."""
    site = sited({**format_records(ours()), "INSTALLER": "micropip-lock"})
    site.install(wheel("Foo.Bar", "2.0"))
    expected = [
        Installed(name=canonicalize_name("foo-bar"), version="2.0", digest=None, directory="foo_bar-2.0.dist-info"),
        Installed(name=NAME, version="1.16.0", digest=DIGEST, directory="six-1.16.0.dist-info"),
    ]
    assert expected == installed_in(site, RUNTIME)
    assert expected == installed_in(site, RUNTIME, {"six"})
    assert [None, None] == [one.digest for one in installed_in(site, RUNTIME, {"foo-bar"})]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("1.0", "1.0.0", True), ("1.0a1", "1.0.alpha1", True), ("1.0", "1.1", False), ("junk", "junk", False)],
)
def test_same_version(one: str, other: str, expected: bool) -> None:
    """Versions are compared by PEP 440; text that is no version equals nothing."""
    assert expected == same_version(one, other)
