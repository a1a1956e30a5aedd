"""The verb ``bundle``, and replays from what it wrote and from other sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from micropip_lock.cli import main
from micropip_lock.core.model import Lock
from micropip_lock.testing import NotFound, PackageIndex, Status, WrongBytes
from tests.faces.fakes import SIX, Capture, run_json

WHEEL = f"wheels/{SIX.sha256}/{SIX.filename}"


@pytest.fixture
def bundled(lock_path: str, tmp_path: Path) -> Path:
    """A directory with the wheel and its lock."""
    assert 0 == main(["bundle", lock_path, "-o", "out", "-q"])
    return tmp_path / "out"


def installed(tmp_path: Path) -> bool:
    return (tmp_path / "site" / "six.py").read_text() == "PY3 = True\n"


def test_what_is_written(capsys: Capture, lock_path: str, lock: Lock, tmp_path: Path) -> None:
    """The directory has the wheel under its digest and a lock beside it; the facts say so, and people are told."""
    code, facts, err = run_json(capsys, "bundle", lock_path, "-o", "out")
    (package,) = Lock.from_json((tmp_path / "out" / "pyodide-lock.json").read_text("utf-8"))
    assert (0, "micropip-lock/bundle/1", True, "out", [WHEEL], ["six"], 1) == (
        code,
        facts["schema"],
        facts["ok"],
        facts["output"],
        facts["bundle"]["wheels"],
        facts["bundle"]["added"],
        facts["bundle"]["requests"],
    )
    assert (WHEEL, next(iter(lock)).origin, SIX.data, True) == (
        package.wheel.url,
        package.origin,
        (tmp_path / "out" / WHEEL).read_bytes(),
        "wrote out/pyodide-lock.json and 1 wheel" in err,
    )


@pytest.mark.parametrize("name", ["out/pyodide-lock.json", "address"])
def test_replayed_without_the_index(bundled: Path, package_index: PackageIndex, name: str, tmp_path: Path) -> None:
    """A bundle is replayed from its directory, or from any static host, when the index is gone."""
    served = package_index.mount("/b", bundled)
    package_index.fault("/files/*", NotFound())
    package_index.fault("/simple/*", NotFound())
    package_index.log.clear()
    code = main(["replay", f"{served}pyodide-lock.json" if name == "address" else name, "--target", "site"])
    assert (0, True, 0) == (code, installed(tmp_path), package_index.log.count("/files/*"))


@pytest.mark.parametrize("place", ["out", "out/pyodide-lock.json", "address"])
def test_a_bundle_when_an_index_dies(
    capsys: Capture, bundled: Path, lock_path: str, package_index: PackageIndex, place: str, tmp_path: Path
) -> None:
    """The lock as it was is replayed from a bundle when nobody else has the wheel, and the report says so."""
    served = package_index.mount("/b", bundled)
    package_index.fault("/files/*", NotFound())
    code, facts, _ = run_json(
        capsys, "replay", lock_path, "--target", "site", "--bundle", served if place == "address" else place
    )
    assert (0, True, True) == (
        code,
        installed(tmp_path),
        "(not-found) did not send it; taken from" in facts["report"]["notes"][0],
    )


@pytest.mark.parametrize("options", [["out/pyodide-lock.json"], ["pyodide-lock.json", "--bundle", "out"]])
def test_offline(bundled: Path, package_index: PackageIndex, options: list[str], tmp_path: Path) -> None:
    """A bundle on this machine's disk is replayed without any request."""
    package_index.log.clear()
    code = main(["replay", *options, "--target", "site", "--offline", "--no-store"])
    assert (0, True, 0) == (code, installed(tmp_path), len(package_index.log))


def test_a_mirror(capsys: Capture, lock_path: str, package_index: PackageIndex, tmp_path: Path) -> None:
    """A mirror is asked for what the wheel's own host lies about, and the liar is named."""
    mirror = tmp_path / "mirror" / "files"
    mirror.mkdir(parents=True)
    (mirror / SIX.filename).write_bytes(SIX.data)
    served = package_index.mount("/m", tmp_path / "mirror")
    package_index.fault("/files/*", WrongBytes())
    code, facts, _ = run_json(capsys, "replay", lock_path, "--target", "site", "--mirror", served)
    assert (0, True, True) == (
        code,
        installed(tmp_path),
        "sent other bytes than the lock names" in facts["report"]["notes"][0],
    )


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--bundle", "nowhere"], "no-directory"),
        (["--bundle", "http://bundle.example/"], "insecure"),
        (["--mirror", "mirror.example"], "bad-mirror"),
        (["--mirror", "https://me:secret@mirror.example/"], "bad-mirror"),
        (["--mirror", "http://mirror.example/"], "insecure"),
        (["--mirror", "https://mirror.example/", "--allow-host", "127.0.0.1"], "host-not-allowed"),
    ],
)
@pytest.mark.parametrize("verb", [["replay", "--target", "site"], ["bundle", "-o", "out"]])
def test_sources_that_are_none(
    capsys: Capture, lock_path: str, package_index: PackageIndex, verb: list[str], options: list[str], error: str
) -> None:
    """A mirror or bundle that is none, or that the policy forbids, is refused before the first request."""
    code, facts, _ = run_json(capsys, verb[0], lock_path, *verb[1:], *options)
    assert (2, error, []) == (code, facts["error"]["code"], package_index.log.requests())


def test_a_bundle_that_fails(capsys: Capture, lock_path: str, package_index: PackageIndex, tmp_path: Path) -> None:
    """Exit code 2, and no lock."""
    package_index.fault("/files/*", Status(410))
    code, facts, _ = run_json(capsys, "bundle", lock_path, "-o", "out")
    assert (2, "not-found", "six", False) == (
        code,
        facts["error"]["code"],
        facts["error"]["package"],
        (tmp_path / "out" / "pyodide-lock.json").exists(),
    )


def test_the_output_is_a_directory(capsys: Capture, lock_path: str, package_index: PackageIndex) -> None:
    """A file in the place of the directory is wrong usage, before anything is fetched."""
    code, facts, _ = run_json(capsys, "bundle", lock_path, "-o", lock_path)
    assert (2, "usage", []) == (code, facts["error"]["code"], package_index.log.requests())


def test_imports_are_for_a_start_pack(capsys: Capture, lock_path: str, tmp_path: Path) -> None:
    """Modules to import without a start pack are a mistake, told before anything is fetched."""
    code, facts, _ = run_json(capsys, "bundle", lock_path, "-o", "out", "--import", "six")
    assert (2, "imports-without-start", False) == (code, facts["error"]["code"], (tmp_path / "out").exists())
