"""Lock links in a Pyodide under Node: the vectors, the runtime's own packages, and a replay of a link of each form."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from micropip_lock import share
from micropip_lock.adapters.runtimes import cached_packages, pyodide_directory
from micropip_lock.core.abis import ABIS
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock, LockedPackage, Origin, Wheel, by_name
from micropip_lock.links import share_reference
from micropip_lock.testing import PackageIndex, wheel
from tests.core import link_vectors
from tests.e2e.kernel import Kernel, kernel
from tests.e2e.sets import PYODIDE_314

pytestmark = pytest.mark.node

# What `said` of the vectors does, without the tests, which are not there.
SAYING = """
import json
from micropip_lock.core.formats.pyodide_lock import lock_to_dict
from micropip_lock.core.link import ShortLink, base_digest, decode_link
from micropip_lock.core.link_address import Reference
from micropip_lock.core.model import Lock
from micropip_lock.errors import LinkError
"""


async def _says(place: Kernel) -> list[object]:
    questions = [[one["link"], one.get("runtime")] for one in json.loads(link_vectors.PATH.read_bytes())]
    code = f"{SAYING}\nfrom typing import Any\n{inspect.getsource(link_vectors.said)}\n"
    answers: list[object] = await place.ask(
        f"{code}\nanswer = [said(*one) for one in json.loads({json.dumps(questions)!r})]"
    )
    return answers


def _lock(index: PackageIndex) -> Lock:
    built = wheel("alpha", files={"alpha.py": "answer = 42\n"})
    index.add(built)
    url = index.file_url(built.filename)
    package = LockedPackage(
        name=canonicalize_name("alpha"),
        display_name="alpha",
        version="1.0",
        wheel=Wheel(url=url, digest=Digest.of(built.data), size=len(built.data)),
        imports=("alpha",),
        origin=Origin(kind="index", url=url, index=index.url),
        requested=True,
    )
    return Lock(abi=ABIS["2026_0"], packages=by_name([package]))


def _of_runtime() -> Lock:
    """Some packages of the distribution, as a freeze locks them."""
    pyodide_directory(PYODIDE_314)
    base = next(iter(cached_packages(PYODIDE_314)))
    entries = {
        name: {**base[name], "file_name": f"https://cdn.example/{base[name]['file_name']}", "depends": []}
        for name in ("numpy", "pytz", "six")
    }
    for entry in entries.values():
        entry["tool"] = {"micropip-lock": {"source": "runtime"}}
    value = {"info": ABIS["2026_0"].to_info(), "packages": entries, "tool": {"micropip-lock": {"version": 1}}}
    return Lock.from_json(json.dumps(value))


async def test_links_in_pyodide(tmp_path: Path) -> None:
    """The vectors hold there; a link made on the host finds the Pyodide's own lock; links of all forms are replayed."""
    vectors = json.loads(link_vectors.PATH.read_bytes())
    with PackageIndex() as index:
        lock, of_runtime = _lock(index), _of_runtime()
        (tmp_path / "a.json").write_text(lock.to_json(), "utf-8")
        lies = f"{index.mount('/locks/', tmp_path)}a.json"
        async with kernel(PYODIDE_314) as place:
            assert [one["says"] for one in vectors] == await _says(place)
            by_name = share(of_runtime, pyodide=PYODIDE_314)
            told = await place.ask(
                f"import micropip_lock as ml; lock = ml.open_link({by_name!r})\n"
                "answer = [lock.id, ml.share(lock), ml.open_link(ml.share(lock)) == lock]"
            )
            assert [of_runtime.id, by_name, True] == told
            for link in (share(lock), share(lock, form="short"), share_reference(lies, lock.to_json().encode())):
                report = await place.ask(
                    f"import micropip_lock as ml; report = await ml.replay({link!r}, force=True)\n"
                    "import alpha; answer = alpha.answer"
                )
                assert 42 == report
