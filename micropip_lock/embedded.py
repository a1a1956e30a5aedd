"""The other end of the embedded runtime: runs inside the Pyodide that ``adapters/node.py`` started.

Each function takes and gives JSON values; :func:`dispatch` is the one door. What the functions do is what a person
would do in a notebook: record, install, freeze, replay.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from micropip_lock import api, wiring
from micropip_lock.core.model import Lock
from micropip_lock.core.policy import Policy
from micropip_lock.errors import MicropipLockError
from micropip_lock.ports import ProgressEvent

_progress: Callable[[str], None] | None = None


def attach(progress: Any) -> None:
    """Keep the JavaScript function that progress is told to."""
    global _progress  # one runtime, one listener
    _progress = progress.copy() if hasattr(progress, "copy") else progress


def _tell(**facts: Any) -> None:
    if _progress is not None:
        _progress(json.dumps(facts))


def _tell_event(event: ProgressEvent) -> None:
    _tell(**{name: getattr(event, name) for name in event.__slots__})


async def dispatch(name: str, arguments: str) -> str:
    """Call one of this module's functions.

    Args:
        name: Its name.
        arguments: Keyword arguments, a JSON object.

    Returns:
        ``{"value": …}``, or ``{"error": …, "report": …}`` for an error of our tree, or ``{"traceback": …}``.
    """
    try:
        return json.dumps({"value": await _FUNCTIONS[name](**json.loads(arguments))})
    except MicropipLockError as error:
        report = error.report.to_json() if error.report is not None else None
        return json.dumps({"error": error.to_json(), "report": report})
    except Exception:  # noqa: BLE001  # whatever micropip or the person's code raises is told, not lost
        return json.dumps({"traceback": traceback.format_exc()})


async def install_and_freeze(
    requirements: Sequence[str],
    index_urls: Sequence[str],
    constraints: Sequence[str],
    *,
    with_default: bool = True,
    strict: bool = True,
    pre: bool = False,
    cells: Sequence[tuple[int, str]] = (),
    policy: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Install with recording on, run code if there is any, and freeze."""
    with wiring.recording(
        on_install=lambda filename, size: _tell(stage="install", package=filename, received=size),
        policy=Policy.from_dict(policy or {}),
    ):
        if requirements or not cells:
            await wiring.install_from_index(requirements, index_urls, constraints, with_default=with_default, pre=pre)
        if cells:
            await wiring.run_cells(cells, wiring.asked_index_urls(index_urls, with_default=with_default))
        # What came from a local file is looked for where the rest came from.
        lock = await api.freeze(
            strict=strict, index_urls=wiring.asked_index_urls(index_urls, with_default=with_default)
        )
    return _told(lock)


async def freeze(*, strict: bool = True) -> dict[str, Any]:
    """Freeze what is installed."""
    return _told(await api.freeze(strict=strict, progress=_tell_event))


def _told(lock: Lock) -> dict[str, Any]:
    """A lock with its notes, which its text does not have."""
    notes = [note.to_json() for note in lock.notes]
    return {"lock": lock.to_json(), "notes": notes, "tree": wiring.tree_here()}


async def replay(
    lock: str,
    *,
    base: str | None = None,
    force: bool = False,
    policy: dict[str, Any] | None = None,
    mirrors: Sequence[str | dict[str, str]] = (),
    bundle: str | None = None,
) -> dict[str, Any]:
    """Replay a lock into this runtime."""
    report = await api.replay(
        Lock.from_json(lock, base=base),
        force=force,
        progress=_tell_event,
        policy=Policy.from_dict(policy or {}),
        mirrors=mirrors,
        bundle=bundle,
    )
    # This runtime ends when its caller has what it came for.
    await wiring.store_all()
    return {"report": report.to_json(), "tree": wiring.tree_here()}


async def upgrade(
    lock: str,
    names: Sequence[str],
    requirements: Sequence[str],
    index_urls: Sequence[str],
    *,
    base: str | None = None,
    with_default: bool = True,
    pre: bool = False,
    policy: dict[str, Any] | None = None,
    mirrors: Sequence[str | dict[str, str]] = (),
    bundle: str | None = None,
) -> dict[str, Any]:
    """Replay a lock into this runtime, move packages in it, and freeze it."""
    from micropip_lock.upgrading import upgrade_here

    new = await upgrade_here(
        Lock.from_json(lock, base=base),
        names,
        requirements,
        index_urls,
        with_default=with_default,
        pre=pre,
        policy=Policy.from_dict(policy or {}),
        progress=_tell_event,
        mirrors=mirrors,
        bundle=bundle,
    )
    await wiring.store_all()
    return _told(new)


async def files_read(
    lock: str, *, base: str | None = None, names: Sequence[str] = (), policy: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Replay a lock into this runtime without any store, import modules, and tell what that read and compiled."""
    wiring.gather_bytecode()
    await api.replay(
        Lock.from_json(lock, base=base), store=False, progress=_tell_event, policy=Policy.from_dict(policy or {})
    )
    return await wiring.import_and_watch(names)


async def verify(lock: str) -> dict[str, Any]:
    """Compare this runtime with a lock."""
    return {"report": (await api.verify(Lock.from_json(lock))).to_json()}


async def run(code: str) -> dict[str, Any]:
    """Run a person's code as ``__main__``; top-level ``await`` works."""
    return {"error": await wiring.run_code(code)}


_FUNCTIONS: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
    "files_read": files_read,
    "freeze": freeze,
    "install_and_freeze": install_and_freeze,
    "replay": replay,
    "run": run,
    "upgrade": upgrade,
    "verify": verify,
}
