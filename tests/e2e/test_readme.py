"""The README, block by block, as a newcomer runs it; the package index is the local one with pinned wheels."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from micropip_lock import wiring
from micropip_lock.core.model import Lock
from micropip_lock.testing import NotFound, PackageIndex, wheel

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
README = ROOT.joinpath("README.md").read_text("utf-8")


def blocks(language: str, *, containing: str = "") -> list[str]:
    """The code blocks of one language."""
    return [text for name, text in BLOCK.findall(README) if name == language and containing in text]


def run(text: str, cwd: Path, catalogue: PackageIndex) -> subprocess.CompletedProcess[str]:
    """Run a block in bash as it stands, with the virtual environment on PATH as after `activate`."""
    # What an outer `make test` tells its children is not what a newcomer's shell says.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "ARGS"))}
    environment = {
        **inherited,
        "PIP_INDEX_URL": catalogue.url,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "NO_COLOR": "1",
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def asking(catalogue: PackageIndex) -> str:
    """What micropip's own default is on the user's machine is the local index here."""
    return (
        "import micropip; from micropip import package_index\n"
        f"package_index.DEFAULT_INDEX_URLS[:] = [{catalogue.url!r}]\n"
        "micropip.set_index_urls(package_index.DEFAULT_INDEX_URLS)\n"
    )


def test_every_block_is_run_by_a_test() -> None:
    """The blocks are those that the tests below run, so that a new one cannot go unrun."""
    assert [len(blocks("sh")), len(blocks("python")), len(BLOCK.findall(README))] == [7, 6, 13]


@pytest.mark.node
def test_make_demo(catalogue: PackageIndex) -> None:
    """`make demo` as the README has it freezes, replays and finds both environments identical."""
    (block,) = blocks("sh", containing="make demo")
    done = run(block, ROOT, catalogue)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "identical" == done.stdout.strip().splitlines()[-1]
    assert catalogue.url in done.stdout


def test_make_test_and_setup_are_targets(catalogue: PackageIndex) -> None:
    """`make test` is what runs this test; make knows it and `make serve`; after `make setup` the command is on PATH."""
    (test,) = blocks("sh", containing="make test")
    assert run(test.replace("make test", "make -n test"), ROOT, catalogue).returncode == 0
    (serve,) = blocks("sh", containing="make serve")
    assert run(serve.replace("make serve", "make -n serve"), ROOT, catalogue).returncode == 0
    (setup,) = blocks("sh", containing="make setup")
    done = run(setup + "micropip-lock --version\n", ROOT, catalogue)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip().splitlines()[-1].startswith("micropip-lock ")


@pytest.mark.node
def test_command_line(catalogue: PackageIndex, tmp_path: Path) -> None:
    """Each command of the command-line block succeeds, in its order, in an empty folder."""
    (block,) = blocks("sh", containing="micropip-lock freeze rich")
    done = run(block, tmp_path, catalogue)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "replayed" in done.stdout
    assert (tmp_path / "site" / "rich" / "__init__.py").is_file()


@pytest.mark.node
def test_when_an_index_dies(catalogue: PackageIndex, tmp_path: Path) -> None:
    """The bundle's block bundles the lock of the block before; both replays fill a folder, also without the index."""
    freeze, *_ = blocks("sh", containing="micropip-lock freeze rich")[0].splitlines()
    bundle, *replays = blocks("sh", containing="micropip-lock bundle")[0].splitlines()
    done = run(f"{freeze}\n{bundle}\n", tmp_path, catalogue)
    assert done.returncode == 0, done.stdout + done.stderr
    catalogue.fault("*", NotFound())
    try:
        done = run("\n".join(replays), tmp_path, catalogue)
    finally:
        catalogue.clear_faults()
    assert done.returncode == 0, done.stdout + done.stderr
    there = [tmp_path / folder / "rich" / "__init__.py" for folder in ("from-bundle", "still-there")]
    assert [True, True] == [path.is_file() for path in there]


def test_a_directory_of_pip(catalogue: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block of `freeze --site` locks what pip installs, with the index as the origin of each."""
    # Only the index above: whatever this machine's pip takes from elsewhere is on no index of the test.
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    (block,) = blocks("sh", containing="freeze --site")
    done = run(block, tmp_path, catalogue)
    assert done.returncode == 0, done.stdout + done.stderr
    lock = Lock.from_json((tmp_path / "packages-lock.json").read_text("utf-8"))
    expected = {"markdown-it-py", "mdurl", "msgpack", "pygments", "rich"}
    assert (expected, {catalogue.url}) == (set(lock.packages), {one.origin.index for one in lock if one.origin})


@pytest.mark.node
async def test_notebook(catalogue: PackageIndex) -> None:
    """The first notebook cell freezes what it installs; the second, in another kernel, replays that text."""
    first, second = blocks("python", containing="ml.record")[0], blocks("python", containing="ml.verify")[0]
    printed: list[str] = []
    index = asking(catalogue)
    async with wiring.embedded(index_urls=[catalogue.url], output=lambda _, text: printed.append(text)) as kernel:
        assert await kernel.run(index + first + "\nprint(text)") is None
    address, _, text = "\n".join(printed).partition("\n")
    assert catalogue.url == address
    printed.clear()
    async with wiring.embedded(index_urls=[catalogue.url], output=lambda _, text: printed.append(text)) as kernel:
        assert await kernel.run(f"text = {text!r}\n{second}") is None
    assert "True" == printed[-1]


@pytest.mark.node
async def test_links_and_notebooks(catalogue: PackageIndex) -> None:
    """The cells about links and notebooks preview and replay the lock of the first cell, from a link and a notebook."""
    frozen = blocks("python", containing="ml.record")[0]
    (link,), (notebook,) = blocks("python", containing="ml.share"), blocks("python", containing="ml.embed")
    empty = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    write = f"open('analysis.ipynb', 'w').write({empty!r})\n"
    check = "\nprint(ml.extract('analysis.ipynb').id == ml.open_link(link).id == lock.id)"
    printed: list[str] = []
    async with wiring.embedded(index_urls=[catalogue.url], output=lambda _, text: printed.append(text)) as kernel:
        assert await kernel.run(asking(catalogue) + frozen + link + write + notebook + check) is None
    assert (True, "True") == (any(line.startswith("2 packages") for line in printed), printed[-1])


@pytest.mark.node
async def test_wheels_of_your_own(catalogue: PackageIndex) -> None:
    """The cell about a wheel from a file saves the lock with the wheel beside it, and replays it."""
    (block,) = blocks("python", containing="ml.save")
    built = wheel("my-own", files={"my_own.py": ""})
    printed: list[str] = []
    upload = (
        "from pathlib import Path\n"
        "Path('/drive').mkdir()\n"
        f"Path('/drive/{built.filename}').write_bytes(bytes.fromhex({built.data.hex()!r}))\n"
    )
    check = f"\nprint(Path('project/wheels/{built.sha256}/{built.filename}').is_file())\n"
    async with wiring.embedded(index_urls=[catalogue.url], output=lambda _, text: printed.append(text)) as kernel:
        assert await kernel.run(asking(catalogue) + upload + block + check) is None
    assert ["project/pyodide-lock.json and 1 wheel beside it", "True"] == printed


def test_testing_block(capsys: pytest.CaptureFixture[str]) -> None:
    """The example of the test index runs and prints its address."""
    (block,) = blocks("python", containing="PackageIndex")
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out.startswith("http://127.0.0.1:")
