"""What adapters/micropip.py relies on inside micropip and piplite, held against every supported version.

The claims are numbered as in that file's docstring. Nothing of micropip-lock takes part in a numbered test: when one
fails, micropip changed; recording itself is only the last claim.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import pytest_asyncio
from jupyterlite_pyodide_kernel.addons.piplite import write_wheel_index  # type: ignore[import-untyped]  # has no types
from packaging.utils import canonicalize_name

from micropip_lock.core.mocks import IN_MEMORY_INSTALLER, mock_files
from micropip_lock.core.model import Mock
from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.kernel import Kernel, kernel
from tests.e2e.sets import PYODIDE_029, PYODIDE_314
from tests.e2e.wheelhouse import wheels

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

SUPPORTED = ((PYODIDE_314, "0.11.1"), (PYODIDE_029, "0.11.0"), (PYODIDE_029, "0.11.1"))
"""Pyodide and the micropip that runs in it."""

KERNEL_WHEELS = Path(sys.prefix, "share/jupyter/labextensions/@jupyterlite/pyodide-kernel-extension/static/pypi")

SPY = """
import micropip
from micropip import package_manager, wheelinfo
manager = micropip._package_manager_singleton
seen = {"pages": [], "bytes": [], "installed": [], "loaded": []}
real = manager.compat_layer

class Spy(real):
    @staticmethod
    async def fetch_string_and_headers(url, kwargs):
        seen["pages"].append(url)
        return await real.fetch_string_and_headers(url, kwargs)

    @staticmethod
    async def fetch_bytes(url, kwargs):
        seen["bytes"].append(url)
        return await real.fetch_bytes(url, kwargs)

    @staticmethod
    async def install(buffer, filename, install_dir, metadata=None):
        import hashlib
        data = bytes(buffer.to_bytes())
        seen["installed"].append([filename, hashlib.sha256(data).hexdigest(), dict(metadata)])
        await real.install(buffer, filename, install_dir, {**metadata, "EXTRA_FILE": "extra text"})

    @staticmethod
    async def loadPackage(names):
        seen["loaded"].extend(str(name) for name in names)

# 0.11.0 calls two globals of this module where later ones call the layer.
globals_of_0_11_0 = {
    name: getattr(wheelinfo, name) for name in ("fetch_bytes", "install") if micropip.__version__ == "0.11.0"
}

def put_in_place():
    manager.compat_layer = Spy
    for name in globals_of_0_11_0:
        setattr(wheelinfo, name, getattr(Spy, name))

def take_away():
    manager.compat_layer = real
    for name, value in globals_of_0_11_0.items():
        setattr(wheelinfo, name, value)
"""
"""A subclass of the compatibility layer that notes what passes through each of its static methods."""


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    """Packages for one install each."""
    with PackageIndex() as running:
        for name in ("alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "iota", "kappa", "lambda"):
            running.add(wheel(name))
        yield running


@pytest.fixture(scope="module")
def other() -> Iterator[PackageIndex]:
    """An index that comes second."""
    with PackageIndex() as running:
        running.add(wheel("delta", "2.0"))
        running.add(wheel("epsilon", "2.0"))
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=SUPPORTED, ids=lambda pair: "-".join(pair))
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Kernel]:
    """A Pyodide with that micropip, in which ``install`` and ``freeze`` were bound before anything was replaced."""
    version, micropip = request.param
    tools = {**wheels("tools"), **wheels("older-tools")}
    inside = [tools[f"micropip=={micropip}"], tools["packaging==26.3"]]
    with patch("micropip_lock.adapters.node.tool_wheels", lambda *_: inside):
        async with kernel(version) as started:
            found = await started.ask("""
import builtins, micropip
from micropip import freeze, install
builtins.bound_install, builtins.bound_freeze = install, freeze
answer = micropip.__version__
""")
            assert found == micropip
            yield started


async def _spied(running: Kernel, code: str) -> Any:
    """Run code while :data:`SPY` is in place."""
    indented = "\n".join(f"    {line}" for line in code.strip().splitlines())
    return await running.ask(f"{SPY}\nput_in_place()\ntry:\n{indented}\nfinally:\n    take_away()\n")


async def test_1_the_layer_is_read_at_each_install(running: Kernel, index: PackageIndex) -> None:
    """A layer put in place later sees every page, byte and wheel of an ``install`` that was bound before."""
    seen = await _spied(running, f"await bound_install('alpha', index_urls={index.url!r})\nanswer = seen")
    alpha = wheel("alpha")

    assert ([f"{index.url}/alpha/"], True, [[alpha.filename, alpha.sha256]]) == (
        seen["pages"],
        index.file_url(alpha.filename) in seen["bytes"],
        [one[:2] for one in seen["installed"]],
    )


async def test_1_the_layer_sees_names_that_the_runtime_brings(running: Kernel, index: PackageIndex) -> None:
    """A package that only the runtime's own lock has is asked of the layer's ``loadPackage``, by its name."""
    seen = await _spied(running, f"await bound_install('numpy', index_urls={index.url!r})\nanswer = seen")

    assert ["numpy"] == seen["loaded"]


async def test_1_the_layer_has_the_runtimes_lock(running: Kernel) -> None:
    """The layer gives the runtime's lock as mappings with the keys that a record of a runtime package needs."""
    keys = await running.ask("""
import micropip
layer = micropip._package_manager_singleton.compat_layer
answer = [sorted(set(layer.lockfile_packages["numpy"])), isinstance(layer.lockfile_base_url, (str, type(None)))]
""")

    assert (set(), True) == ({"file_name", "package_type", "sha256", "version"} - set(keys[0]), keys[1])


async def test_2_keys_become_files(running: Kernel, index: PackageIndex) -> None:
    """Every key of the dict that ``install`` gets becomes a file in dist-info."""
    text = await _spied(
        running,
        f"""
await bound_install('beta', index_urls={index.url!r})
from pathlib import Path
from site import getsitepackages
answer = Path(getsitepackages()[0], "beta-1.0.dist-info", "EXTRA_FILE").read_text()
""",
    )

    assert "extra text" == text


async def test_2_the_dict_names_url_and_digest(running: Kernel, index: PackageIndex) -> None:
    """That dict has the wheel's URL and digest under PYODIDE_URL and PYODIDE_SHA256."""
    seen = await _spied(running, f"await bound_install('gamma', index_urls={index.url!r})\nanswer = seen")
    gamma = wheel("gamma")
    files = seen["installed"][0][2]

    assert (index.file_url(gamma.filename), gamma.sha256) == (files["PYODIDE_URL"], files["PYODIDE_SHA256"])


async def test_3_transaction_is_looked_up_at_call_time(running: Kernel, index: PackageIndex) -> None:
    """A ``Transaction`` put in place later serves an ``install`` that was bound before, through three methods."""
    url = index.file_url(wheel("epsilon").filename)
    calls = await running.ask(f"""
from micropip import package_manager
real, calls = package_manager.Transaction, []

class Noted(real):
    async def gather_requirements(self, requirements):
        calls.append(["gather", [str(one) for one in requirements], self.index_urls])
        await super().gather_requirements(requirements)
        wheels = [[one.name, one.url] for one in self.wheels]
        calls.append(["gathered", wheels, [one.name for one in self.pyodide_packages]])

    async def add_requirement_from_url(self, req, extras=None):
        calls.append(["url", req])
        await super().add_requirement_from_url(req, extras)

    async def add_wheel(self, wheel, extras, **kwargs):
        calls.append(["wheel", wheel.name, wheel.url, sorted(kwargs)])
        await super().add_wheel(wheel, extras, **kwargs)

package_manager.Transaction = Noted
try:
    await bound_install({url!r}, deps=False, index_urls={index.url!r})
finally:
    package_manager.Transaction = real
answer = calls
""")

    assert [
        ["gather", [url], index.url],
        ["url", url],
        ["wheel", "epsilon", url, ["specifier"]],
        ["gathered", [["epsilon", url]], []],
    ] == calls


async def test_3_freeze_is_looked_up_at_call_time(running: Kernel) -> None:
    """A ``freeze_lockfile`` put in place later serves a ``freeze`` that was bound before."""
    text = await running.ask("""
from unittest.mock import patch
with patch("micropip.package_manager.freeze_lockfile", lambda *args, **kwargs: "frozen text"):
    answer = bound_freeze()
""")

    assert "frozen text" == text


async def test_4_headers_that_raise_stop_the_install(running: Kernel, index: PackageIndex, other: PackageIndex) -> None:
    """An error raised by ``headers.get("content-type")`` stops the install; no further index is asked."""
    other.log.clear()
    outcome = await _spied(
        running,
        f"""
class Faulty(dict):
    def get(self, key, default=None):
        raise RuntimeError("stopped by the headers")
async def fetch_string_and_headers(url, kwargs):
    return ("", Faulty()) if url.startswith({index.url!r}) else await real.fetch_string_and_headers(url, kwargs)
Spy.fetch_string_and_headers = staticmethod(fetch_string_and_headers)
try:
    await bound_install("delta", index_urls=[{index.url!r}, {other.url!r}])
    answer = "installed"
except RuntimeError as error:
    answer = str(error)
""",
    )

    assert ("stopped by the headers", []) == (outcome, other.log.paths())


async def test_4_a_fetch_that_raises_moves_on(running: Kernel, index: PackageIndex, other: PackageIndex) -> None:
    """An error raised by the fetch itself only moves on to the next index: micropip's way, which recording prevents."""
    version = await _spied(
        running,
        f"""
async def fetch_string_and_headers(url, kwargs):
    if url.startswith({index.url!r}):
        raise OSError("down")
    return await real.fetch_string_and_headers(url, kwargs)
Spy.fetch_string_and_headers = staticmethod(fetch_string_and_headers)
await bound_install("delta", index_urls=[{index.url!r}, {other.url!r}])
import importlib.metadata
answer = importlib.metadata.version("delta")
""",
    )

    assert "2.0" == version


async def test_6_one_install_is_one_context(running: Kernel, index: PackageIndex) -> None:
    """What ``gather_requirements`` sets in a context variable, the layer finds; two installs at once keep apart."""
    found = await _spied(
        running,
        f"""
import asyncio
from contextvars import ContextVar
whose = ContextVar("whose", default="nobody")
found = []
RealTransaction = package_manager.Transaction

class Noted(RealTransaction):
    async def gather_requirements(self, requirements):
        if whose.get() == "nobody" or not hasattr(self, "noted"):
            self.noted = True
            whose.set(str(requirements[0]))
        await super().gather_requirements(requirements)

async def install(buffer, filename, install_dir, metadata=None):
    found.append([whose.get(), filename])

Spy.install = staticmethod(install)
if globals_of_0_11_0:
    wheelinfo.install = install
package_manager.Transaction = Noted
try:
    await asyncio.gather(*(bound_install(name, index_urls={index.url!r}) for name in ("theta", "iota")))
finally:
    package_manager.Transaction = RealTransaction
answer = sorted(found)
""",
    )

    assert [["iota", wheel("iota").filename], ["theta", wheel("theta").filename]] == found


async def test_6_bytes_are_there_before_anything_changes(running: Kernel, index: PackageIndex) -> None:
    """When ``gather_requirements`` returns, each wheel holds its bytes and its index's digest, and none is unpacked."""
    found = await _spied(
        running,
        f"""
import hashlib
RealTransaction = package_manager.Transaction
found = []

class Noted(RealTransaction):
    async def gather_requirements(self, requirements):
        await super().gather_requirements(requirements)
        for one in self.wheels:
            data = bytes(one._data.to_bytes()) if hasattr(one._data, "to_bytes") else bytes(one._data)
            found.append([one.filename, hashlib.sha256(data).hexdigest(), one.sha256, len(seen["installed"])])

package_manager.Transaction = Noted
try:
    await bound_install("kappa", index_urls={index.url!r})
finally:
    package_manager.Transaction = RealTransaction
answer = found[-1]
""",
    )
    kappa = wheel("kappa")

    assert [kappa.filename, kappa.sha256, kappa.sha256, 0] == found


async def test_7_mocks_in_memory(running: Kernel) -> None:
    """Mocks in memory are in ``_mock_distributions`` by name, with ``modules`` and ``file_dict`` as they were given."""
    answer = await running.ask("""
import micropip
from micropip import _mock_package
micropip.add_mock_package("in-memory", "1.0", modules={"in_memory": "X = 1"})
one = _mock_package._mock_distributions["in-memory"]
answer = [one.modules, sorted(one.file_dict), one.read_text("INSTALLER"), one.version]
micropip.remove_mock_package("in-memory")
answer.append(sorted(_mock_package._mock_distributions))
_mock_package._add_in_memory_distribution("in-memory", one.file_dict, one.modules)
answer.append(sorted(_mock_package._mock_distributions))
micropip.remove_mock_package("in-memory")
""")

    assert [
        {"in_memory": "X = 1"},
        ["INSTALLER", "METADATA"],
        IN_MEMORY_INSTALLER,
        "1.0",
        [],
        ["in-memory"],
    ] == answer


async def test_7_mocks_in_files(running: Kernel) -> None:
    """The files that we write for a persistent mock are those that micropip writes, byte for byte."""
    root, files = await running.ask("""
import micropip
from pathlib import Path
from site import getsitepackages
root = Path(getsitepackages()[0])
before = {path for path in root.rglob("*") if path.is_file()}
micropip.add_mock_package("infiles", "1.0", modules={"infiles": "X = 'é'", "infiles_b.c": ""}, persistent=True)
after = {path for path in root.rglob("*") if path.is_file()}
answer = [f"{root}/", {str(path.relative_to(root)): path.read_bytes().decode() for path in after - before}]
micropip.remove_mock_package("infiles")
""")
    mock = Mock(
        name=canonicalize_name("infiles"),
        display_name="infiles",
        version="1.0",
        persistent=True,
        modules={"infiles": "X = 'é'", "infiles_b.c": ""},
    )

    assert files == mock_files(mock, root=root)


async def test_1_older_globals_are_there_only_in_0_11_0(running: Kernel) -> None:
    """Only micropip 0.11.0 has ``fetch_bytes`` and ``install`` as globals of ``micropip.wheelinfo``, and has both."""
    version, *found = await running.ask("""
import micropip
from micropip import wheelinfo
answer = [micropip.__version__, hasattr(wheelinfo, "fetch_bytes"), hasattr(wheelinfo, "install")]
""")

    assert [version == "0.11.0"] * 2 == found


async def test_recording_works_in_it(running: Kernel, index: PackageIndex) -> None:
    """What all this is for: an install while recording is on leaves our records, in every supported version."""
    names = await running.ask(f"""
import micropip_lock
with micropip_lock.record():
    await bound_install("eta", index_urls={index.url!r})
from pathlib import Path
from site import getsitepackages
answer = [path.name for path in Path(getsitepackages()[0], "eta-1.0.dist-info").iterdir()]
""")

    assert {"INDEX", "micropip-lock.json"} == {"INDEX", "micropip-lock.json", "direct_url.json"} & set(names)


async def test_recording_begins_with_the_first_install(running: Kernel, index: PackageIndex) -> None:
    """A kernel's extension loads nothing of ours until something is installed, and then that is recorded already."""
    before, names, after = await running.ask(f"""
import sys
from pathlib import Path
from site import getsitepackages
from micropip import package_manager
from micropip_lock import kernel_start, wiring
real = package_manager.Transaction
wiring._recorder = None
kernel_start.load_ipython_extension(None)
before = [wiring._recorder is None, package_manager.Transaction is real]
kernel_start.load_ipython_extension(None)
await bound_install("lambda", index_urls={index.url!r})
names = [path.name for path in Path(getsitepackages()[0], "lambda-1.0.dist-info").iterdir()]
wiring._recorder.stop()
after = package_manager.Transaction is real
kernel_start.load_ipython_extension(None)
# What another test of this kernel put there is nothing that can be locked.
for extra in Path(getsitepackages()[0]).glob("*.dist-info/EXTRA_FILE"):
    extra.unlink()
import json
after = [after, "lambda" in json.loads(bound_freeze())["packages"], wiring._recorder.running]
wiring._recorder.stop()
kernel_start.load_ipython_extension(None)
import micropip_lock
with micropip_lock.record() as recording:
    after.append(package_manager.Transaction.__mro__[1] is real)
after.append(package_manager.Transaction is real)
kernel_start.load_ipython_extension(None)
kernel_start.unload_ipython_extension(None)
answer = [before, names, [*after, package_manager.Transaction is real]]
""")

    assert ([True, False], [True] * 6) == (before, after)
    assert {"INDEX", "micropip-lock.json"} <= set(names)


async def test_5_piplite_answers_from_all_json(running: Kernel, index: PackageIndex, tmp_path: Path) -> None:
    """Piplite asks all.json through the layer, asks no project page, and keeps it in ``_PIPLITE_INDICES``."""
    (tmp_path / "zeta-1.0-py3-none-any.whl").write_bytes(wheel("zeta").data)
    write_wheel_index(tmp_path)
    (piplite,) = KERNEL_WHEELS.glob("piplite-*.whl")
    version = str(id(running))
    kernel_wheels = index.mount(f"/kernel-{version}/", KERNEL_WHEELS)
    all_json = index.mount(f"/pypi-{version}/", tmp_path) + "all.json"
    answer = await _spied(
        running,
        f"""
await bound_install({kernel_wheels + piplite.name!r})
import piplite.piplite
piplite.piplite._PIPLITE_URLS[:] = [{all_json!r}]
await piplite.install("zeta")
indices = piplite.piplite._PIPLITE_INDICES
answer = [seen["pages"], seen["bytes"][-1], {{url: list(pages) for url, pages in indices.items()}}]
""",
    )
    url = all_json.replace("all.json", f"./zeta-1.0-py3-none-any.whl?sha256={wheel('zeta').sha256}")

    assert [[all_json], url, {all_json: ["zeta"]}] == answer
