"""Real pip and real uv use the index as they use any other, faults and refusals included.

Neither is optional: a machine without pip or uv fails these tests.  Both see only the index of the test: every
environment variable of theirs is dropped, and no configuration file is read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from micropip_lock.testing import Html, PackageIndex, Reset, Status, WrongBytes, wheel

type Factory = Callable[..., PackageIndex]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """How a client ended, and what it left in its target directory."""

    code: int
    output: str
    installed: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """pip or uv, installing into an empty directory."""

    name: str
    home: Path

    def install(self, index: PackageIndex, *arguments: str, url: str | None = None) -> Run:
        target = self.home / "target"
        # A fresh one each time: pip leaves the old dist-info in a target directory when it upgrades.
        shutil.rmtree(target, ignore_errors=True)
        flags = {
            "pip": ["install", "--isolated", "--no-cache-dir", "--disable-pip-version-check", "--no-input"],
            "uv": ["pip", "install", "--no-config", "--no-cache", "--python", sys.executable],
        }[self.name]
        code, output = self.run(*flags, "--target", str(target), "--index-url", url or index.url, *arguments)
        found = sorted(path.name.removesuffix(".dist-info") for path in target.glob("*.dist-info"))
        return Run(code=code, output=output, installed=found)

    def run(self, *arguments: str) -> tuple[int, str]:
        foreign = ("PIP_", "UV_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NETRC", "PYTHON")
        environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(foreign)}
        # An empty home: no netrc, no keyring, no configuration of this machine's user.
        environment |= {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "HOME": str(self.home)}
        environment |= {"XDG_CONFIG_HOME": str(self.home), "UV_PYTHON_DOWNLOADS": "never", "UV_HTTP_TIMEOUT": "5"}
        environment |= {"NO_COLOR": "1", "UV_LINK_MODE": "copy"}
        done = subprocess.run(
            [sys.executable, "-m", self.name, *arguments],
            cwd=self.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert f"No module named {self.name}" not in done.stdout, f"{self.name} is needed to run the tests"
        return done.returncode, done.stdout


@pytest.fixture(params=["pip", "uv"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Client:
    """Each of the two, in turn."""
    return Client(name=request.param, home=tmp_path)


@pytest.fixture
def pip(tmp_path: Path) -> Client:
    """pip, for what only pip does."""
    return Client(name="pip", home=tmp_path)


def publish_demo(index: PackageIndex) -> None:
    """Demo needs base, its extra more needs also; names are spelled in several ways."""
    index.add(wheel("Demo.Pkg", "1.0", requires=["base>=1"], extras={"more": ["also"]}))
    index.add(wheel("base", "0.9"))
    index.add(wheel("base", "1.1"))
    index.add(wheel("also", "3"))


@pytest.mark.parametrize("page_format", ["json", "html"])
@pytest.mark.parametrize("file_urls", ["absolute", "relative"])
def test_install_by_name(package_index_factory: Factory, client: Client, page_format: str, file_urls: str) -> None:
    """A package and its dependencies install by name, over either format and with either kind of URL."""
    index = package_index_factory(formats=(page_format,), file_urls=file_urls)
    publish_demo(index)
    run = client.install(index, "demo_pkg")
    assert (run.code, run.installed) == (0, ["base-1.1", "demo_pkg-1.0"]), run.output


def test_without_dependencies(package_index: PackageIndex, client: Client) -> None:
    """--no-deps asks the index for nothing else."""
    publish_demo(package_index)
    run = client.install(package_index, "--no-deps", "demo-pkg")
    assert (run.installed, package_index.log.paths("/simple/*")) == (["demo_pkg-1.0"], ["/simple/demo-pkg/"]), (
        run.output
    )


def test_extras(package_index: PackageIndex, client: Client) -> None:
    """An extra brings its requirements."""
    publish_demo(package_index)
    run = client.install(package_index, "demo-pkg[more]")
    assert run.installed == ["also-3", "base-1.1", "demo_pkg-1.0"], run.output


@pytest.mark.parametrize("page_format", ["json", "html"])
@pytest.mark.parametrize("yanked", [True, "it was broken"])
def test_yanked_only_if_pinned(
    package_index_factory: Factory, client: Client, page_format: str, yanked: bool | str
) -> None:
    """A yanked release is passed over for a range, and taken, with a warning, for an exact pin (PEP 592)."""
    index = package_index_factory(formats=(page_format,))
    index.add(wheel("demo", "1"))
    index.add(wheel("demo", "2"), yanked=yanked)
    ranged, pinned = client.install(index, "demo>=1"), client.install(index, "demo==2")
    assert (ranged.installed, pinned.installed) == (["demo-1"], ["demo-2"]), ranged.output + pinned.output
    assert "yanked" in pinned.output
    assert not isinstance(yanked, str) or yanked in pinned.output


def test_a_hash_mismatch_is_refused(package_index: PackageIndex, client: Client) -> None:
    """A page that states another digest than the file's stops the required-hashes install."""
    built = package_index.add(wheel("demo", "1"))
    package_index.fault("*.whl", WrongBytes(at=60))
    (client.home / "requirements.txt").write_text(f"demo==1 --hash=sha256:{built.sha256}\n")
    run = client.install(package_index, "--require-hashes", "-r", "requirements.txt")
    assert (run.code != 0, run.installed) == (True, []), run.output
    assert built.sha256 in run.output


def test_what_the_index_claims_is_checked_by_pip(package_index: PackageIndex, pip: Client) -> None:
    """Pip checks the digest that the page states, without any hash in the requirement."""
    package_index.add(wheel("demo", "1"), index_hash="0" * 64)
    run = pip.install(package_index, "demo")
    assert (run.code, run.installed) == (1, []), run.output
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in run.output


def test_requires_python(package_index: PackageIndex, client: Client) -> None:
    """A release for another Python is passed over."""
    package_index.add(wheel("demo", "1", requires_python=">=3.12"))
    package_index.add(wheel("demo", "2", requires_python=">=4"))
    run = client.install(package_index, "demo")
    assert run.installed == ["demo-1"], run.output


@pytest.mark.parametrize("page_format", ["json", "html"])
@pytest.mark.parametrize("metadata", ["core", "legacy"])
def test_metadata_files_spare_downloads(
    package_index_factory: Factory, client: Client, page_format: str, metadata: str
) -> None:
    """A conflict is found by metadata files alone, under either name of PEP 714: no wheel is downloaded."""
    index = package_index_factory(formats=(page_format,), metadata=metadata)
    index.add(wheel("one", requires=["base<2"]))
    index.add(wheel("two", requires=["base>=2"]))
    index.add(wheel("base", "1"))
    index.add(wheel("base", "2"))
    run = client.install(index, "one", "two")
    metadata_paths = {path for path in index.log.paths("*.metadata") if "base" not in path}
    assert run.code != 0
    assert (run.installed, index.log.paths("*.whl", method="GET")) == ([], [])
    assert {"/files/one-1.0-py3-none-any.whl.metadata", "/files/two-1.0-py3-none-any.whl.metadata"} == metadata_paths


def test_without_metadata_files_the_wheel_is_read(package_index_factory: Factory, client: Client) -> None:
    """An index that offers no metadata files is never asked for one, and serves."""
    index = package_index_factory(metadata=False)
    publish_demo(index)
    run = client.install(index, "demo-pkg")
    assert (run.installed, index.log.paths("*.metadata")) == (["base-1.1", "demo_pkg-1.0"], []), run.output


def test_credentials_in_the_url(package_index_factory: Factory, client: Client) -> None:
    """With user and password in the URL the install works, without them it is refused."""
    index = package_index_factory(require_auth=("me", "s3cret/"))
    publish_demo(index)
    refused = client.install(index, "also")
    allowed = client.install(index, "also", url=index.url_with_credentials)
    assert (refused.code != 0, refused.installed, allowed.installed) == (True, [], ["also-3"]), allowed.output
    assert 401 in {request.status for request in index.log}


def test_files_on_another_origin(package_index_factory: Factory, client: Client) -> None:
    """Credentials of the index are not sent to the origin of the files."""
    index = package_index_factory(files_on_another_origin=True, require_auth=("me", "secret"))
    publish_demo(index)
    run = client.install(index, "also", url=index.url_with_credentials)
    leaked = [each for each in index.log if each.origin == index.files_origin and "authorization" in each.headers]
    assert (run.installed, leaked) == (["also-3"], []), run.output


@pytest.mark.parametrize("path", ["/simple/demo/", "*.whl"])
def test_503_is_retried(package_index: PackageIndex, client: Client, path: str) -> None:
    """A busy server is asked again, for pages and for files."""
    package_index.add(wheel("demo"))
    package_index.fault(path, Status(503, times=2, retry_after="0"))
    run = client.install(package_index, "demo")
    assert (run.installed, package_index.unused_faults()) == (["demo-1.0"], []), run.output


def test_a_reset_is_retried(package_index: PackageIndex, client: Client) -> None:
    """A dropped connection is opened again."""
    package_index.add(wheel("demo"))
    package_index.fault("*.whl", Reset(times=1))
    run = client.install(package_index, "demo")
    assert (run.installed, package_index.unused_faults()) == (["demo-1.0"], []), run.output


def test_a_login_page_is_no_wheel(package_index: PackageIndex, client: Client) -> None:
    """HTML in place of a wheel installs nothing."""
    package_index.add(wheel("demo"))
    package_index.fault("*.whl", Html())
    run = client.install(package_index, "demo")
    assert (run.code != 0, run.installed, package_index.unused_faults()) == (True, [], []), run.output


@pytest.mark.parametrize("status", ["archived", "deprecated"])
def test_a_project_with_a_status_installs(package_index: PackageIndex, client: Client, status: str) -> None:
    """PEP 792 statuses other than quarantine do not stand in the way."""
    package_index.add(wheel("demo"))
    package_index.status("demo", status, "no longer maintained")
    assert client.install(package_index, "demo").installed == ["demo-1.0"]


def test_a_quarantined_project_does_not_install(package_index: PackageIndex, client: Client) -> None:
    """In quarantine there is nothing to install."""
    package_index.add(wheel("demo"))
    package_index.status("demo", "quarantined", "malware")
    run = client.install(package_index, "demo")
    assert (run.code != 0, run.installed) == (True, []), run.output


def test_uploaded_before(package_index: PackageIndex, tmp_path: Path) -> None:
    """Uv reads upload times: what came later is invisible to --exclude-newer."""
    package_index.add(wheel("demo", "1"), upload_time="2024-01-01T00:00:00Z")
    package_index.add(wheel("demo", "2"), upload_time="2025-01-01T00:00:00Z")
    run = Client(name="uv", home=tmp_path).install(package_index, "--exclude-newer", "2024-06-01T00:00:00Z", "demo")
    assert run.installed == ["demo-1"], run.output


def test_download_for_pyodide(package_index: PackageIndex, pip: Client) -> None:
    """Pip download picks the wheel for a Pyodide platform among others, and its bytes arrive intact."""
    tag = "cp314-cp314-pyemscripten_2026_0_wasm32"
    built = package_index.add(wheel("demo", "1", tag=tag, files={"demo.so": b"\0asm"}))
    package_index.add(wheel("demo", "1", tag="cp314-cp314-pyodide_2025_0_wasm32"))
    package_index.add(wheel("demo", "1", tag="cp312-cp312-manylinux_2_17_x86_64"))
    code, output = pip.run(
        *("download", "--isolated", "--no-cache-dir", "--disable-pip-version-check", "--index-url", package_index.url),
        *("--platform", "pyemscripten_2026_0_wasm32", "--python-version", "3.14", "--implementation", "cp"),
        *("--abi", "cp314", "--only-binary", ":all:", "--dest", "wheels", "demo"),
    )
    found = {path.name: path.read_bytes() for path in (pip.home / "wheels").glob("*")}
    assert (0, {built.filename: built.data}) == (code, found), output


def test_data_and_scripts_are_installed(package_index: PackageIndex, client: Client) -> None:
    """The data directory of a built wheel lands where the installers put data."""
    package_index.add(wheel("demo", data={"data/share/demo/x.txt": "hello"}))
    run = client.install(package_index, "demo")
    assert (client.home / "target" / "share" / "demo" / "x.txt").read_text() == "hello", run.output
