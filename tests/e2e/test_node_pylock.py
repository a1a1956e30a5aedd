"""A pylock.toml in Pyodide under Node: read for the Pyodide that runs, replayed, and refused without a request."""

from __future__ import annotations

import pytest

from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.kernel import kernel
from tests.pylocks import SIX, with_top

pytestmark = pytest.mark.node

RELEASES = {"0.29.5": "2025_0", "314.0.7": "2026_0"}


@pytest.mark.parametrize("version", RELEASES)
async def test_a_pylock_is_replayed_and_refused(version: str) -> None:
    """The wheel of the running ABI is installed and works; a lock that does not fit is refused, asking nothing."""
    abi = RELEASES[version]
    built = {
        tag: wheel("demo", "1.0", files={"demo.py": f"TAG = {tag!r}\n"}, tag=tag)
        for tag in ("py3-none-any", "py3-none-pyemscripten_2025_0_wasm32", "py3-none-pyemscripten_2026_0_wasm32")
    }
    with PackageIndex() as index:
        for one in built.values():
            index.add(one)
        wheels = [
            {"url": index.file_url(one.filename), "hashes": {"sha256": one.sha256}, "size": len(one.data)}
            for one in built.values()
        ]
        demo = {"name": "demo", "version": "1.0", "index": index.url, "wheels": wheels}
        marked = [demo | {"marker": "sys_platform == 'emscripten'"}, SIX | {"marker": "sys_platform == 'win32'"}]
        good = with_top(environments=["platform_machine == 'wasm32'"], packages=marked)
        bad = with_top(requires_python=">=3.99", packages=[demo, demo])
        async with kernel(version) as running:
            refusal = await running.failure(f"import micropip_lock as ml\nawait ml.replay({bad!r})")
            asked = index.log.count()
            found = await running.ask(
                f"import micropip_lock as ml\nlock = await ml.load_lock({good!r})\nawait ml.replay(lock)\n"
                "import demo\nanswer = [lock.abi.abi_version, list(lock.packages), demo.TAG]"
            )

    assert ("ambiguous", ["ambiguous", "requires-python"], 0) == (
        refusal["code"],
        [error["code"] for error in refusal["errors"]],
        asked,
    )
    assert [abi, ["demo"], f"py3-none-pyemscripten_{abi}_wasm32"] == found
