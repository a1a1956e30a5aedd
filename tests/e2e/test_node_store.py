"""The runtime under Node and the store of the machine it runs on."""

from __future__ import annotations

from pathlib import Path

import pytest

from micropip_lock import api, wiring
from micropip_lock.core.model import Abi, Lock

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
