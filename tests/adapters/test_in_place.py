"""Records of what is in place: asked for again, or loaded from the runtime's own distribution."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.in_place import Distribution, mark_requested, record_loaded, record_unrecorded
from micropip_lock.adapters.site import SitePackages
from micropip_lock.adapters.underway import Asked
from micropip_lock.app.freeze import freeze
from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import OriginRecord, parse_records
from micropip_lock.core.model import Origin
from micropip_lock.errors import FetchError
from micropip_lock.testing import wheel
from micropip_lock.testing.site import MemorySite
from tests.adapters.installing import snapshot
from tests.app.in_directories import Booted, tree
from tests.app.recorded import records_of

SIX = wheel("six", "1.16.0")
HEX = "0" * 63 + "1"
NAME = canonicalize_name("six")
ASKED = Asked(requirement="six[more]", extras=("more",))
LOADED = {"INSTALLER": "pyodide.loadPackage\n", "PYODIDE_SOURCE": "pyodide\n"}
MICROPIP = {
    "INSTALLER": "micropip",
    "PYODIDE_URL": f"https://u:p@files.example/{SIX.filename}?token=1",
    "PYODIDE_SHA256": SIX.sha256,
}


def entry(name: str, *depends: str, **facts: Any) -> dict[str, Any]:
    file_name = f"{name}-1-py3-none-any.whl"
    made = {"name": name, "version": "1.16", "file_name": file_name, "sha256": HEX, "depends": [*depends]}
    return {**made, **facts}


PACKAGES: Mapping[str, Mapping[str, Any]] = {
    "app": entry("App", "six", "zlib-library"),
    "six": entry("six", "app"),
    "zlib-library": entry("zlib-library", package_type="shared_library"),
}
DISTRIBUTION = Distribution(packages=PACKAGES, base="https://cdn.example/full/")


def filled(root: Path, records: Mapping[str, str]) -> Path:
    """A directory with six in it."""
    site = MemorySite()
    site.install(SIX, records)
    for path in site.paths():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(site.read(path) or b"")
    return root


def record(root: Path) -> OriginRecord | None:
    (dist,) = SitePackages(root).distributions()
    return parse_records(dist.read_text)


def test_a_record_is_kept_and_marked(tmp_path: Path) -> None:
    """What was a dependency becomes requested, with the extras of both; where it came from stays."""
    filled(tmp_path, records_of(SIX, extras=("early",)))
    before = record(tmp_path)
    mark_requested(tmp_path, DISTRIBUTION, NAME, ASKED)
    after = record(tmp_path)

    assert (before and before.origin, True, ("early", "more"), "six[more]") == (
        after and after.origin,
        after and after.requested,
        after and after.extras,
        after and after.requirement,
    )


@pytest.mark.parametrize(
    ("left", "kind", "url"),
    [
        ({**MICROPIP, "PYODIDE_SOURCE": "pypi"}, "index", f"https://files.example/{SIX.filename}"),
        ({**MICROPIP, "PYODIDE_SOURCE": MICROPIP["PYODIDE_URL"]}, "url", f"https://files.example/{SIX.filename}"),
        (LOADED, "runtime", "https://cdn.example/full/six-1-py3-none-any.whl"),
    ],
)
def test_what_installers_left_is_made_a_record(tmp_path: Path, left: dict[str, str], kind: str, url: str) -> None:
    """What was installed while recording was off gets a record of what its installer wrote, when it is asked for."""
    mark_requested(filled(tmp_path, left), DISTRIBUTION, NAME, ASKED)
    found = record(tmp_path)

    assert (kind, url, ("more",), True) == (
        found and found.origin.kind,
        found and found.origin.url,
        found and found.extras,
        found and found.requested,
    )


@pytest.mark.parametrize(
    "left",
    [
        {"INSTALLER": "pip"},
        {**MICROPIP, "PYODIDE_SHA256": "no digest"},
        {**MICROPIP, "PYODIDE_URL": ""},
        {"INSTALLER": "pyodide.loadPackage", "PYODIDE_SOURCE": "https://files.example/six.whl"},
    ],
)
def test_nothing_is_made_up(tmp_path: Path, left: dict[str, str]) -> None:
    """Where the installer left no proof of the wheel, no record is written."""
    mark_requested(filled(tmp_path, left), DISTRIBUTION, NAME, ASKED)

    assert None is record(tmp_path)


def test_what_is_not_there_is_not_marked(tmp_path: Path) -> None:
    """A request for what is not installed writes nothing."""
    mark_requested(tmp_path, DISTRIBUTION, NAME, ASKED)

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("names", "loaded", "expected"),
    [
        (["APP"], [], {"app", "six", "zlib-library"}),
        (["app"], ["six"], {"app", "zlib-library"}),
        (["app"], ["App"], set()),
        (["unknown"], [], set()),
    ],
)
def test_what_has_to_come(names: list[str], loaded: list[str], expected: set[str]) -> None:
    """All that ``loadPackage`` brings for a name, cycles included, but for what was loaded before."""
    assert expected == set(DISTRIBUTION.needed(names, frozenset(loaded)))


def test_a_dependency_that_did_not_come(tmp_path: Path) -> None:
    """What neither Pyodide calls loaded nor site-packages has is named, the first of them with its address."""
    with pytest.raises(FetchError) as caught:
        record_loaded(tmp_path, DISTRIBUTION, PACKAGES, frozenset({"App"}), {})

    assert ("runtime-package-failed", "six", "https://cdn.example/full/six-1-py3-none-any.whl", True) == (
        caught.value.code,
        caught.value.package,
        caught.value.url,
        "zlib-library" in caught.value.message,
    )


def test_what_came_is_recorded_when_asked_for(tmp_path: Path) -> None:
    """Of what came, what a person asked for gets a record with its digest; a shared library needs none."""
    filled(tmp_path, LOADED)
    loaded = frozenset({"App", "six", "zlib-library"})
    record_loaded(tmp_path, DISTRIBUTION, PACKAGES, loaded, {NAME: ASKED})
    text = (tmp_path / SIX.dist_info / "micropip-lock.json").read_text()

    assert ("runtime", HEX, True) == tuple(json.loads(text)[key] for key in ("source", "sha256", "requested"))


def test_what_was_loaded_is_recorded_once(tmp_path: Path) -> None:
    """What ``loadPackage`` brought gets the record of the runtime's lock, beside RECORD; again changes no file."""
    filled(tmp_path, LOADED)
    before = tree(tmp_path)
    record_unrecorded(tmp_path, DISTRIBUTION)
    once = tree(tmp_path)
    record_unrecorded(tmp_path, DISTRIBUTION)
    text = (tmp_path / SIX.dist_info / "RECORD").read_text()
    expected = OriginRecord(
        origin=Origin(kind="runtime", url="https://cdn.example/full/six-1-py3-none-any.whl"),
        digest=Digest.from_hex(HEX),
        record_digest=Digest.of(text.encode()),
    )

    assert (expected, {f"{SIX.dist_info}/micropip-lock.json"}, once) == (
        record(tmp_path),
        once.keys() - before.keys(),
        tree(tmp_path),
    )


def test_what_was_loaded_freezes_to_the_same(tmp_path: Path) -> None:
    """The record says no more than the runtime's lock: the lock of the environment is the same with and without it."""
    filled(tmp_path, LOADED)
    runtime = Booted(SIX)
    before = freeze(SitePackages(tmp_path), runtime).to_json()
    known = runtime.lock()
    record_unrecorded(tmp_path, Distribution(packages=known.packages, base=known.base))

    assert (before, True) == (
        freeze(SitePackages(tmp_path), runtime).to_json(),
        (tmp_path / SIX.dist_info / "micropip-lock.json").is_file(),
    )


@pytest.mark.parametrize(
    "left",
    [
        {"INSTALLER": "pip"},
        {"INSTALLER": "micropip", **{name: text for name, text in MICROPIP.items() if name != "INSTALLER"}},
        {**LOADED, "PYODIDE_SOURCE": "https://files.example/six.whl"},
        {**LOADED, "micropip-lock.json": "of somebody"},
        {**LOADED, "RECORD": f"six.py,,\n{SIX.dist_info}/PYODIDE_URL,,\n"},
        {**LOADED, "RECORD": f"six.py,,\n./{SIX.dist_info}/INDEX,,\n"},
        {**LOADED, "RECORD": "no, such, record, at all\n"},
    ],
)
def test_nothing_is_overwritten_or_believed(tmp_path: Path, left: dict[str, str]) -> None:
    """What somebody else installed, has a record, or brought records along is left as it is."""
    before = tree(filled(tmp_path, left))
    record_unrecorded(tmp_path, DISTRIBUTION)

    assert before == tree(tmp_path)


@pytest.mark.parametrize(
    "packages",
    [{}, *({"six": entry("six", **facts)} for facts in ({"version": "1.17"}, {"sha256": None}, {"file_name": ""}))],
)
def test_what_the_runtimes_lock_does_not_name(tmp_path: Path, packages: Mapping[str, Mapping[str, Any]]) -> None:
    """Another version, or an entry without digest or file, makes no record."""
    before = tree(filled(tmp_path, LOADED))
    record_unrecorded(tmp_path, Distribution(packages=packages, base="https://cdn.example/full/"))

    assert before == tree(tmp_path)


@pytest.mark.parametrize("had", [True, False])
@pytest.mark.parametrize("operation", ["write_bytes", "replace"])
def test_a_record_is_written_whole_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, had: bool, operation: str
) -> None:
    """When any file operation fails, the record is what it was before, or there is none as before."""
    filled(tmp_path, records_of(SIX) if had else MICROPIP)
    before = snapshot(tmp_path)
    owner: Any = Path if operation == "write_bytes" else os
    real = getattr(owner, operation)
    calls = 0
    for fail_at in (1, 2):
        calls = 0

        def failing(*args: Any, fail_at: int = fail_at) -> Any:
            nonlocal calls
            calls += 1
            if calls == fail_at:
                if operation == "write_bytes":
                    # A full disk takes a part of it.
                    real(args[0], args[1][: len(args[1]) // 2])
                raise OSError(28, "No space left on device")
            return real(*args)

        monkeypatch.setattr(owner, operation, failing)
        with pytest.raises(OSError, match="No space"):
            mark_requested(tmp_path, DISTRIBUTION, NAME, ASKED)
        monkeypatch.setattr(owner, operation, real)
        assert before == snapshot(tmp_path)
    mark_requested(tmp_path, DISTRIBUTION, NAME, ASKED)
    written = record(tmp_path)
    assert written is not None
    assert written.requested
