"""A wheel that was uploaded to a page: saved there, served by a static host, replayed in another page by its URL."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from micropip_lock.core.digest import Digest
from micropip_lock.core.local_wheel import local_file_name
from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.chromium import PLACES, Place, Web, browser_kernel

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MINE = wheel("my-own", files={"my_own.py": "answer = 42\n"})
NAME = local_file_name(Digest.of(MINE.data), MINE.filename)


ASKED_IN_VAIN = {"404": "freeze asks the index whether it has this wheel, and it has not"}


@pytest.mark.parametrize("place", PLACES)
async def test_from_an_upload_to_a_static_host(web: Web, place: Place, tmp_path: Path) -> None:
    """What ``save`` wrote in one page replays in another from any static host, to the same files and the same lock."""
    with PackageIndex() as host:
        empty = f"micropip.set_index_urls({host.url!r})"
        async with browser_kernel(web, place, forgiven=ASKED_IN_VAIN) as running:
            told = await running.ask(f"""
import base64, micropip, micropip_lock as ml
from pathlib import Path
{empty}
Path("/drive").mkdir()
Path("/drive/{MINE.filename}").write_bytes(base64.b64decode({base64.b64encode(MINE.data).decode()!r}))
with ml.record():
    await micropip.install("emfs:/drive/{MINE.filename}")
lock = await ml.freeze(roots=["my-own"])
await ml.save(lock, "/drive/out/pyodide-lock.json")
answer = dict(text=lock.to_json(), files={{
    path.relative_to("/drive/out").as_posix(): base64.b64encode(path.read_bytes()).decode()
    for path in Path("/drive/out").rglob("*") if path.is_file()
}})
""")
            first = await running.tree()
        for name, data in told["files"].items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(base64.b64decode(data))
        url = host.mount("/static/", tmp_path) + "pyodide-lock.json"
        async with browser_kernel(web, place, forgiven=ASKED_IN_VAIN) as second:
            again = await second.ask(f"""
import micropip, micropip_lock as ml
{empty}
await ml.replay({url!r})
import my_own
assert my_own.answer == 42
answer = (await ml.freeze(roots=["my-own"])).to_json()
""")
            replayed = await second.tree()
    mine = {path: digest for path, digest in first.items() if "my_own" in path and not path.endswith("/INSTALLER")}

    assert ({"pyodide-lock.json", NAME}, told["text"], mine) == (
        set(told["files"]),
        again,
        {path: digest for path, digest in replayed.items() if "my_own" in path and not path.endswith("/INSTALLER")},
    )
