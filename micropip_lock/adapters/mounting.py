"""Wheels mounted into Pyodide's file system by the engine, instead of being unpacked there.

Rules this file keeps:

1. Wheels are mounted all together or not at all: where the file system is not the one in memory, or a place is taken by
   other bytes, the answer is ``None`` and whoever asks writes real files, and meets the conflict there.
2. A wheel of whatever kind can be mounted: a plain one by what the engine read, any other by what Python found right.

Left to others: the mount itself (``js/src/mount.ts``), the transaction around it (:mod:`micropip_lock.adapters.site`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.core.held import PlainFacts
from micropip_lock.core.plain_wheel import PlainWheel
from micropip_lock.ports import Install

PAGE_LIMIT: Final = 4 << 20
"""Bytes of an extension module that a page compiles at once when it is imported; browsers refuse much larger ones."""


class EngineHeld:
    """A wheel in the engine. Implements :class:`~micropip_lock.core.held.Held`.

    Args:
        handle: The engine's object.
    """

    __slots__ = ("handle", "sha256", "size")

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.size: int = handle.size
        digest = handle.sha256
        self.sha256: str | None = digest if isinstance(digest, str) else None

    def read(self) -> bytes:
        data: bytes = self.handle.bytes().to_bytes()
        return data

    def plain(self, filename: str) -> PlainFacts | None:
        text = self.handle.plain(filename)
        if not isinstance(text, str):
            return None
        facts = json.loads(text)
        return PlainFacts(
            dist_info=facts["distInfo"],
            data_dir=facts["dataDir"],
            metadata=facts["metadata"],
            record_text=facts["recordText"],
            requires_python=facts["requiresPython"],
        )


class EngineStore:
    """The engine's store: OPFS, the browser's cache, or a directory. Implements :class:`~micropip_lock.ports.Store`.

    Keeping is for later: a replay does not wait for it.

    Args:
        engine: The engine, which was told where its store is.
        site: Site-packages, whose compiled modules are kept, too.
    """

    def __init__(self, engine: Any, site: Path) -> None:
        self._engine = engine
        self._site = str(site)
        self._keeping: asyncio.Future[None] | None = None

    async def get(self, digest: Digest, filename: str) -> VerifiedWheel | None:
        # All wait for it, or the first one, which is the largest wheel, would be the last to be fetched.
        self._keeping = self._keeping or asyncio.ensure_future(self._engine.keepBytecode(self._site))
        with contextlib.suppress(Exception):
            # Bytecode only saves time.
            await asyncio.shield(self._keeping)
        handle = await self._engine.stored(digest.hex)
        if not hasattr(handle, "bytes"):
            return None
        return admit(EngineHeld(handle), digest, filename=filename)

    async def put(self, wheel: VerifiedWheel) -> bool:
        if isinstance(wheel.held, EngineHeld):
            self._engine.keep(wheel.held.handle)
        return True


class EngineMount:
    """Mounts wheels below one site-packages directory. Implements :class:`~micropip_lock.adapters.site.Mounting`.

    Args:
        engine: The engine.
        root: Site-packages.
        prefix: Where the ``data`` scheme goes.
        to_js: Makes JavaScript values of Python's.
        in_page: This is a page's main thread, which compiles no large extension module when it is imported.
    """

    def __init__(self, engine: Any, root: Path, prefix: Path, to_js: Callable[[Any], Any], *, in_page: bool) -> None:
        self._engine = engine
        self._root = str(root)
        self._prefix = str(prefix)
        self._to_js = to_js
        self._in_page = in_page

    def prepare(self, installs: Sequence[Install], leaving: Iterable[Path]) -> MountedSet | None:
        if not self._engine.canMount(self._root):
            return None
        handles = [self._handle(one) for one in installs]
        records = [dict(one.records(one.wheel.record_text)) for one in installs]
        prepared = self._engine.prepare(
            self._root,
            self._prefix,
            self._to_js(handles),
            json.dumps(records),
            json.dumps([str(path) for path in leaving]),
        )
        if not hasattr(prepared, "commit") or prepared.taken.length:
            return None
        return MountedSet(prepared, self._in_page)

    def _handle(self, one: Install) -> Any:
        wheel = one.wheel.wheel
        held = wheel.held
        if not isinstance(held, EngineHeld):
            held = EngineHeld(self._engine.holdBytes(self._to_js(wheel.data), wheel.digest.hex))
        if not isinstance(one.wheel, PlainWheel):
            layout = {
                "filename": wheel.filename,
                "distInfo": one.wheel.dist_info,
                "dataDir": one.wheel.data_dir,
                "entries": list(one.wheel.layout()),
            }
            held.handle.found(json.dumps(layout))
        return held.handle


class MountedSet:
    """Wheels that are about to be mounted together. Implements :class:`~micropip_lock.adapters.site.MountReady`."""

    def __init__(self, prepared: Any, in_page: bool) -> None:
        self._prepared = prepared
        self._in_page = in_page

    def commit(self) -> None:
        self._prepared.commit()

    def undo(self) -> None:
        self._prepared.undo()

    def at_once(self) -> Sequence[Path]:
        limit = PAGE_LIMIT if self._in_page else -1
        return [Path(path) for path in json.loads(self._prepared.extensionsNow(limit))]

    def later(self) -> int:
        return int(self._prepared.extensions) - len(self.at_once())
