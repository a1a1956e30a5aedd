"""One JupyterLite site for the session: built with a lock from an index that is gone by then.

Rule: the site is built by ``jupyter lite build`` as people run it, in a process of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from micropip_lock.core.abis import ABIS
from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex
from micropip_lock_lite.entries import entries_of
from tests.e2e.wheelhouse import wheels
from tests.lite.lab import secluded_chromium
from tests.lite.static_host import StaticHost
from tools import site

KERNEL: Final = (
    *("asttokens", "comm", "executing", "ipython", "ipython-pygments-lexers", "jedi", "matplotlib-inline", "parso"),
    *("prompt-toolkit", "pure-eval", "pygments", "stack-data", "traitlets", "wcwidth"),
)
"""What the kernel needs beside what its extension and micropip-lock bring."""

LOCKED: Final = (
    *("rich", "markdown-it-py", "mdurl", "pygments", "msgpack", "ipywidgets", "jupyterlab-widgets"),
    *("pydantic", "pydantic-core", "annotated-types", "typing-extensions", "typing-inspection"),
    *("widgetsnbextension", "comm", "ipython", "traitlets", "asttokens", "executing", "ipython-pygments-lexers"),
    *("jedi", "matplotlib-inline", "parso", "prompt-toolkit", "pure-eval", "stack-data", "wcwidth"),
)
"""ipywidgets, rich, and two compiled ones, msgpack and pydantic, with all they need."""

DEMO: Final = (*LOCKED, "plotly", "narwhals", "packaging")
"""What the notebooks of the demonstration site use."""


_OTHERS: Final = ("--micropip-lock-for", "other-*.ipynb=other.json")
"""Some notebooks have a lock of their own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """What a build of a site gave.

    Attributes:
        output: The site.
        code: Exit code.
        log: What it printed.
    """

    output: Path
    code: int
    log: str

    @property
    def files(self) -> dict[str, bytes]:
        """Every file of the site."""
        return {
            path.relative_to(self.output).as_posix(): path.read_bytes()
            for path in sorted(self.output.rglob("*"))
            if path.is_file()
        }


def lite(directory: Path, *options: str, verb: str = "build", output: str = "_output") -> Built:
    """Run ``jupyter lite`` in the directory of a site's sources, without pip's indexes."""
    command = [sys.executable, "-m", "jupyterlite_core", verb, "--no-sourcemaps", "--output-dir", output, *options]
    environment = {**os.environ, "PIP_CONFIG_FILE": os.devnull, "SOURCE_DATE_EPOCH": "1760000000"}
    answer = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    return Built(output=directory / output, code=answer.returncode, log=answer.stdout + answer.stderr)


def pinned(names: Sequence[str]) -> dict[str, Path]:
    """Pinned wheels by the names of their projects."""
    paths = {requirement.partition("==")[0]: path for requirement, path in wheels("py314").items()}
    return {name: paths[name] for name in names}


def kernel_directory(directory: Path) -> Path:
    """A directory with the wheels of the kernel."""
    directory.mkdir()
    for path in pinned(KERNEL).values():
        shutil.copyfile(path, directory / path.name)
    return directory


def lock_of(names: Sequence[str], index: PackageIndex) -> Lock:
    """A lock of pinned wheels, each with its address on an index."""
    found: dict[str, VerifiedWheel] = {}
    for path in pinned(names).values():
        data = path.read_bytes()
        index.add_file(path)
        found[index.file_url(path.name)] = admit(data, Digest.of(data), filename=path.name)
    abi = ABIS["2026_0"]
    return Lock(abi=abi, packages=entries_of(found, abi, elsewhere={}))


def sources(directory: Path) -> Path:
    """The sources of a site whose application tests can speak to."""
    directory.mkdir(parents=True, exist_ok=True)
    config = {"jupyter-lite-schema-version": 0, "jupyter-config-data": {"exposeAppInBrowser": True}}
    (directory / "jupyter-lite.json").write_text(json.dumps(config))
    return directory


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A site with a lock, and another one for some notebooks.

    Wheels were fetched by a first build, and the index was gone before this one.
    """
    directory = sources(site.sources(tmp_path_factory.mktemp("site")))
    kernel_directory(directory / "kernel")
    options = ("--micropip-lock", "environment.json", "--micropip-lock-kernel", "kernel", *_OTHERS)
    with PackageIndex() as index:
        (directory / "environment.json").write_text(lock_of(DEMO, index).to_json())
        (directory / "other.json").write_text(lock_of(("idna",), index).to_json())
        first = lite(directory, *options, output="first")
    assert first.code == 0, first.log
    # By its notes JupyterLite thinks of another directory that file types are in its configuration already.
    (directory / ".jupyterlite.doit.db").unlink()
    second = lite(directory, *options)
    assert second.code == 0, second.log
    assert first.files == second.files
    site.publish_notebooks(second.output)
    return second


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """A site that is served.

    Attributes:
        browser: A running Chromium.
        host: Serves it.
        index: A package index that kernels can be told of.
    """

    browser: Browser
    host: StaticHost
    index: PackageIndex

    @property
    def url(self) -> str:
        """Of the site's root."""
        return self.host.url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served(built: Built) -> AsyncIterator[Served]:
    """The site, served as it is, and a browser that reaches nothing else."""
    with StaticHost(built.output) as host, PackageIndex() as index:
        async with secluded_chromium() as browser:
            yield Served(browser=browser, host=host, index=index)
