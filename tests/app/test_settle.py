"""Tests of :mod:`micropip_lock.app.settle`: the one record that a lock is made of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.app.settle import RefusedError, can_be_fetched, check_wheel, settled, wheel_of
from micropip_lock.app.survey import Surveyed, survey
from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.core.dist_info import OriginRecord
from micropip_lock.core.model import Origin
from micropip_lock.errors import InputError, RecordError, Unlockable, WheelMetadataError
from micropip_lock.ports import RuntimeLock
from micropip_lock.testing import BuiltWheel, wheel
from micropip_lock.testing.site import MemorySite

SIX = wheel("six", "1.16.0")
NAME = canonicalize_name("six")
URL = f"https://files.example/{SIX.filename}"
TAGS = frozenset({"cp314-cp314-pyemscripten_2026_0_wasm32"})


def record(url: str = URL, data: bytes = SIX.data, kind: str = "index") -> OriginRecord:
    """A record of a wheel."""
    return OriginRecord(origin=Origin(kind=kind, url=url), digest=Digest.of(data), requested=True)  # type: ignore[arg-type]


def installed(recorded: OriginRecord | None) -> Surveyed:
    """six, with a record or with the doubt that stands in its place."""
    site = MemorySite(wheels=[SIX])
    one = survey(site, RuntimeLock(), site.files()).found[NAME]
    return one if recorded is None else replace(one, record=recorded, doubt=None)


LOCAL = record("emfs:/tmp/six-1.16.0-py3-none-any.whl", kind="url")
LOCATED = replace(record("https://index.example/six-1.16.0-py3-none-any.whl"), size=7, requested=False)
REFUSED = Unlockable(name="six", version="1.16.0", code="not-on-index", reason="no index has this project")


def test_a_record_wins() -> None:
    """What was recorded is taken, whatever was located."""
    assert [record(), record()] == [settled(installed(record()), one) for one in (None, LOCATED)]


def test_what_was_located() -> None:
    """Where nothing was recorded, what was located is the record."""
    assert LOCATED == settled(installed(None), LOCATED)


def test_a_local_file_that_an_index_has() -> None:
    """A wheel from a local file is taken from the index that has the very same bytes; what was asked for stays."""
    found = settled(installed(LOCAL), LOCATED)
    assert (LOCATED.origin, 7, True, LOCAL.digest) == (found.origin, found.size, found.requested, found.digest)


@pytest.mark.parametrize("located", [None, REFUSED, record(data=b"other bytes")])
def test_a_local_file_that_no_index_has(located: OriginRecord | Unlockable | None) -> None:
    """A wheel from a local file stays a local file when the index has none, or has other bytes of that name."""
    with pytest.raises(RecordError) as caught:
        settled(installed(LOCAL), located)
    assert ("not-replayable", LOCAL.origin.url) == (caught.value.code, caught.value.got)


def test_what_could_not_be_proven() -> None:
    """The reason that locating gave is the reason."""
    with pytest.raises(RefusedError) as caught:
        settled(installed(None), REFUSED)
    assert REFUSED == caught.value.item


def test_nobody_looked() -> None:
    """Where nobody may ask an index, the hint says who can."""
    with pytest.raises(RecordError) as caught:
        settled(installed(None), None)
    assert ("no-record", True) == (caught.value.code, "await micropip_lock.freeze()" in caught.value.hint)


@pytest.mark.parametrize(
    ("url", "expected"),
    [(URL, True), ("http://127.0.0.1:8000/x.whl", True), ("emfs:/x.whl", False), ("file:///x.whl", False)],
)
def test_what_another_machine_can_reach(url: str, expected: bool) -> None:
    """Only what is on a server can be replayed elsewhere."""
    assert expected is can_be_fetched(record(url))


@pytest.mark.parametrize(
    ("url", "version", "code"),
    [
        (URL, "1.16.0", None),
        (URL, "1.16", None),
        ("https://files.example/six-1.16.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "1.16.0", None),
        (URL, "1.17.0", "identity"),
        ("https://files.example/seven-1.16.0-py3-none-any.whl", "1.16.0", "identity"),
        ("https://files.example/six-1.16.0-cp314-cp314-manylinux_2_17_x86_64.whl", "1.16.0", "other-platform"),
        ("https://files.example/six-1.16.0-cp313-cp313-pyemscripten_2025_0_wasm32.whl", "1.16.0", "other-platform"),
    ],
)
def test_the_wheel_fits(url: str, version: str, code: str | None) -> None:
    """A wheel is of this name and version and for this runtime, or it is refused."""
    try:
        check_wheel(record(url), NAME, version, TAGS)
        got = None
    except RecordError as error:
        got = error.code
    assert code == got


def test_what_is_no_wheel() -> None:
    """A file name that no wheel has is an error of ours."""
    with pytest.raises(WheelMetadataError) as caught:
        check_wheel(record("https://files.example/six.tar.gz"), NAME, "1.16.0", TAGS)
    assert "wheel-filename" == caught.value.code


KEPT = wheel("six", "1.16.0")


class Kept:
    """Gives any wheel that is asked for, from memory."""

    def __init__(self, *wheels: BuiltWheel) -> None:
        self.wheels = {Digest.of(built.data): built.data for built in wheels}

    def get(self, digest: Digest, filename: str) -> VerifiedWheel | None:
        return admit(self.wheels[digest], digest, filename=filename) if digest in self.wheels else None


@pytest.mark.parametrize("located", [None, REFUSED, record(data=b"other bytes")])
def test_kept_bytes(located: OriginRecord | Unlockable | None) -> None:
    """A local wheel whose bytes are kept is locked by what it is, with its size; what was asked for stays."""
    found = settled(installed(LOCAL), located, Kept(SIX))
    assert ("local", SIX.filename, SIX.size, True) == (
        found.origin.kind,
        found.origin.url,
        found.size,
        found.requested,
    )


def test_an_index_is_preferred_to_kept_bytes() -> None:
    """Where an index has the very same bytes, its address is the origin."""
    assert LOCATED.origin == settled(installed(LOCAL), LOCATED, Kept(SIX)).origin


@pytest.mark.parametrize(
    ("built", "filename", "code"),
    [
        (wheel("six", "1.16.0", files={"../up.py": ""}), SIX.filename, "escapes"),
        (wheel("seven", "1.16.0"), SIX.filename, "dist-info-name"),
        (SIX.with_data(b"PK no zip"), SIX.filename, "not-zip"),
    ],
)
def test_kept_bytes_that_are_no_wheel_of_it(built: BuiltWheel, filename: str, code: str) -> None:
    """Bytes that somebody put among those that are kept pass the checks of any wheel, or they are refused."""
    recorded = record(f"emfs:/{filename}", built.data, kind="url")
    with pytest.raises(InputError) as caught:
        settled(installed(recorded), None, Kept(built))
    assert code == caught.value.code


@pytest.mark.parametrize(
    ("filename", "code"),
    [
        (SIX.filename, None),
        ("seven-1.16.0-py3-none-any.whl", "identity"),
        ("six-1.16.0-cp314-cp314-linux_x86_64.whl", "other-platform"),
        ("six-1.16.0-py3-none-any/../x.whl", "filename"),
    ],
)
def test_a_local_wheel_fits(filename: str, code: str | None) -> None:
    """A wheel that was a local file is of this name and for this runtime, and its name leads nowhere else."""
    try:
        check_wheel(record(filename, kind="local"), NAME, "1.16.0", TAGS)
        got = None
    except InputError as error:
        got = error.code
    assert code == got


def test_what_a_lock_says() -> None:
    """A lock names a wheel of the web by its address, and a local one as a file beside itself."""
    local = record(SIX.filename, kind="local")
    assert (URL, f"wheels/{SIX.sha256}/{SIX.filename}") == (wheel_of(record()).url, wheel_of(local).url)
