"""A lock that brings what micropip-lock itself was using, into a Pyodide under Node."""

from __future__ import annotations

import pytest

from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Wheel
from micropip_lock.testing import PackageIndex, wheel
from tests.app.replaying import lock_of, locked
from tests.e2e.kernel import kernel

pytestmark = pytest.mark.node


async def test_another_packaging_for_everybody_else() -> None:
    """The kernel imports the locked one; micropip-lock goes on with its own, also in what it had not loaded yet."""
    built = wheel("packaging", "99.0", files={"packaging/__init__.py": "__version__ = '99.0'\n"})
    with PackageIndex() as index:
        index.add(built)
        place = Wheel(url=index.file_url(built.filename), digest=Digest.of(built.data), size=built.size)
        lock = lock_of(locked(built, wheel=place, imports=("packaging",), origin=None))
        async with kernel() as running:
            answer = await running.ask(
                "import micropip_lock as ml\n"
                f"text = {lock.to_json()!r}\n"
                "await ml.replay(text)\n"
                "import packaging\n"
                "link = ml.share(ml.Lock.from_json(text))\n"
                "same = ml.open_link(link).id == ml.Lock.from_json(text).id\n"
                "ok = (await ml.verify(text)).ok\n"
                "shown = str(ml.preview(text))\n"
                "again = await ml.replay(text)\n"
                "import packaging as later\n"
                "answer = [packaging.__version__, later.__version__, same, ok, '1 package' in shown, again.requests]\n"
            )
    assert ["99.0", "99.0", True, True, True, 0] == answer
