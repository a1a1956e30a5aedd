"""The runtime under Node and the store of the machine it runs on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from micropip_lock import api, wiring
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Abi, Lock, LockedPackage, Origin, Wheel, by_name
from micropip_lock.testing import PackageIndex, wheel
from micropip_lock.testing.answers import Answer, plain
from micropip_lock.testing.exchange import Exchange
from micropip_lock.testing.faults import Fault
from tests.app.replaying import lock_of, locked
from tests.e2e.kernel import kernel

NOTHING = Lock(abi=Abi(abi_version="2026_0", python="3.14.2"), packages={})
ASK = "import js; print(js.micropipLockStore or 'nowhere')"


@pytest.mark.parametrize("use", [True, False])
async def test_the_runtime_is_told_where_the_store_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: bool
) -> None:
    """The engine in an embedded runtime finds the store of the host, unless it is not to use it."""
    directory = tmp_path / "store"
    monkeypatch.setattr(wiring, "store_directory", lambda: directory)
    run = await api.replay_in_pyodide(NOTHING, code=ASK, store=use)

    assert (None, f"{directory.as_posix()}\n" if use else "nowhere\n") == (run.error, run.stdout)


@dataclass(frozen=True, slots=True)
class MissingAfter(Fault):
    """Not found, once another file arrived."""

    index: PackageIndex
    other: str

    def play(self, exchange: Exchange) -> Answer | None:
        while not any(request.ended for request in self.index.log.requests(self.other)):
            exchange.wait(0.02)
        # Sent is not yet arrived.
        exchange.wait(1.5)
        return plain(404, "gone")


async def test_what_arrived_before_a_failure_is_kept(tmp_path: Path) -> None:
    """A replay that fails leaves in the store what it fetched, and the next attempt asks for the rest alone."""
    good, late = (wheel(name, files={f"{name}.py": "answer = 42\n"}) for name in ("good", "late"))
    with PackageIndex() as index:
        index.add(good)
        index.add(late)
        places = [
            Wheel(url=index.file_url(one.filename), digest=Digest.of(one.data), size=one.size) for one in (good, late)
        ]
        lock = lock_of(*(locked(one, wheel=at, origin=None) for one, at in zip((good, late), places, strict=True)))
        index.fault("*late*.whl", MissingAfter(index, "*good*.whl", times=1))
        async with kernel(store=tmp_path / "store") as running:
            replaying = f"import micropip_lock\nawait micropip_lock.replay({lock.to_json()!r})"
            error = await running.failure(replaying)
            await running.pyodide.run("from micropip_lock import wiring\nawait wiring.store_all()")
            before = index.log.count("*good*.whl")
            answer = await running.ask(f"{replaying}\nimport late; answer = late.answer")
        assert ("not-found", 1, 1, 42) == (error["code"], before, index.log.count("*good*.whl"), answer)


async def test_the_second_kernel_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one kernel under Node fetched the next one, and a replay on the host, take from the store."""
    monkeypatch.setattr(wiring, "store_directory", lambda: tmp_path / "store")
    built = wheel("six", "1.16.0", files={"six.py": "answer = 42\n"})
    with PackageIndex() as index:
        index.add(built)
        url = index.file_url(built.filename)
        package = LockedPackage(
            name=canonicalize_name("six"),
            display_name="six",
            version="1.16.0",
            wheel=Wheel(url=url, digest=Digest.of(built.data), size=built.size),
            imports=("six",),
            origin=Origin(kind="index", url=url, index=index.url),
        )
        lock = replace(NOTHING, packages=by_name([package]))
        runs = [await api.replay_in_pyodide(lock, code="import six; print(six.answer)") for _ in range(2)]
        on_host = await api.replay_into_directory(lock, tmp_path / "site")
        asked = len(index.log.requests(method="GET"))

    assert ([None, None], ["42\n", "42\n"]) == ([run.error for run in runs], [run.stdout for run in runs])
    assert (1, [1, 0, 0]) == (asked, [*(run.report.requests for run in runs), on_host.requests])
    assert runs[1].report.packages[0].reason.startswith("from the store")
