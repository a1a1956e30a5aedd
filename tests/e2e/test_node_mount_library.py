"""What the standard library promises about files holds in a mounted directory, and in an unpacked one, under Node.

The checks are our own (:mod:`tests.e2e.truth.library` says why).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

from micropip_lock.testing import wheel
from tests.e2e.kernel import Kernel, kernel
from tests.e2e.sets import PYODIDE_029, PYODIDE_314
from tests.e2e.truth.running import bring
from tests.e2e.truth.wheels import as_json, packed

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]


def _zip() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("zipped_module.py", "SEVEN = 7\n")
    return target.getvalue()


LIBRARY: Final = packed(
    wheel(
        "library",
        files={
            "library/__init__.py": "",
            "library/text.txt": "".join(f"line {number}\n" for number in range(500)),
            "library/data.bin": bytes(range(256)) * 100,
            "library/deep/__init__.py": "",
            "library/deep/inner.py": (
                '"""Inner."""\n\nANSWER = 42\n\n\ndef answer():\n    return ANSWER\n\n\ndef fail():\n    return 1 / 0\n'
            ),
            "plugins/packed.zip": _zip(),
            "script.py": "RESULT = 1 + 2 + 3\n",
        },
        dist_info={"entry_points.txt": "[library]\nanswer = library.deep.inner:answer\n"},
    )
)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[PYODIDE_314, PYODIDE_029])
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Kernel]:
    """A Pyodide that holds the wheel."""
    async with kernel(request.param) as started:
        await bring(started)
        await started.ask(f"from tests.e2e.truth import claims\nclaims.hold({as_json((LIBRARY,))!r})\nanswer = 0")
        yield started


@pytest.mark.parametrize("how", ["mounted", "unpacked"])
async def test_the_standard_librarys_promises_hold(running: Kernel, how: str) -> None:
    """Everything that os, shutil, pathlib and the import system promise holds, mounted or not."""
    checks, failed = await running.ask(f"""
import zipfile, io
from tests.e2e.truth import claims, library
def place():
    new = claims.Place(str(claims.nodes()))
    if {how!r} == "mounted":
        new.mount("library")
    else:
        zipfile.ZipFile(io.BytesIO(claims._held["library"].data)).extractall(new.at(""))
    return new.at("")
failed = library.run(place)
answer = [len(library.CHECKS), failed]
""")

    assert ({}, 19) == (failed, checks), "\n".join(failed.values())
