"""The plan of a change lies on the disk before the first move, and one rename says that it happened."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from micropip_lock.adapters.journal import PLAN
from tests.adapters.installing import NEW, install_of, prepared, put


async def test_flushed_before_anything_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is flushed, renamed and its directory flushed, then files move; none is flushed by itself."""
    site, installs = await asyncio.to_thread(prepared_site, tmp_path)
    done: list[str] = []

    def noted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def note(*args: Any) -> Any:
            at = os.readlink(f"/proc/self/fd/{args[0]}") if name == "flush" else str(args[1])
            done.append(f"{name} {'staging' if Path(at).name.startswith('.micropip') else Path(at).name}")
            return call(*args)

        return note

    monkeypatch.setattr(os, "fsync", noted("flush", lambda handle: None))
    monkeypatch.setattr(os, "rename", noted("rename", os.rename))
    await put(site, *installs)
    plans = ("rename journal", "rename journal.committed")
    moves = [one for one in done if one.startswith("rename") and one not in plans]
    assert (
        ["flush journal.new", "rename journal", "flush staging"],
        ["rename journal.committed", "flush staging"],
        True,
    ) == (done[:3], done[-2:], moves == done[3:-2] and len(moves) > 10)


def prepared_site(tmp_path: Path) -> tuple[Path, list[Any]]:
    site, _ = prepared(tmp_path)
    return site, [install_of(NEW, replaces=["six-1.15.dist-info"])]


async def test_places_are_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan names no place of this machine: a directory may be mounted elsewhere the next time."""
    site, installs = await asyncio.to_thread(prepared_site, tmp_path)
    plans: list[Any] = []
    real = os.rename

    def rename(source: Any, target: Any) -> None:
        real(source, target)
        if Path(target).name == PLAN:
            plans.append(json.loads(Path(target).read_bytes()))

    monkeypatch.setattr(os, "rename", rename)
    await put(site, *installs)
    (plan,) = plans
    moved = (place for key in ("incoming", "outgoing") for move in plan[key] for place in move)
    places = [*plan["made"], *plan["emptied"], *moved]
    assert ([], 2, True) == (
        [one for one in places if one.startswith("/")],
        plan["format"],
        "fresh/deep" in plan["made"],
    )
