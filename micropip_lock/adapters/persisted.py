"""Directories of Pyodide that outlive it: mounted from IndexedDB or the origin's private files, and synchronised.

Rules this file keeps:

1. A tab that holds such a directory keeps other tabs of its origin off it, by a Web Lock that the browser takes back
   when the tab ends. Directories in memory are each tab's own, and need none.
2. What was committed is written where it lasts at once. When that is refused (quota), the environment in memory is
   right all the same, and a note says that it will not last.
3. IndexedDB takes a directory in one step. Other places take file after file, so that the plan is there before the
   first file is, and a change that is cut short is known by it. They write a file again only when it is younger.

Left to others: Pyodide's objects, which are given (:mod:`micropip_lock.adapters.pyodide`).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from micropip_lock.adapters.exclusive import busy

type Moment = Literal["planned", "committed", "cleared"]
"""How far a change is: its plan is written; it is made and said to be; what it left behind is gone."""

LOCK_NAME: Final = "micropip-lock site "
"""What the name of a Web Lock begins with; the path follows, by which tabs share a directory."""

SCRIPT: Final = """({
  // Where there are no locks, nobody can be kept off.
  hold: (name) => {
    const locks = globalThis.navigator?.locks;
    if (!locks) return Promise.resolve({ busy: false, release: () => {} });
    return new Promise((resolve, reject) => {
      locks.request(name, { ifAvailable: true }, (lock) => {
        if (lock === null) return resolve({ busy: true, release: () => {} });
        return new Promise((release) => resolve({ busy: false, release: () => release() }));
      }).catch(reject);
    });
  },
  // The mount of a directory, when somebody has to synchronise it.
  mountOf: (FS, path) => {
    try {
      const mount = FS.lookupPath(path).node.mount;
      return typeof mount.type.syncfs === "function" ? mount : undefined;
    } catch {
      return undefined;
    }
  },
  isOneStep: (FS, mount) => mount.type === FS.filesystems.IDBFS,
  sync: (mount) => new Promise((resolve, reject) => {
    mount.type.syncfs(mount, false, (error) => (error ? reject(error) : resolve()));
  }),
})"""


class Persistence:
    """Holds and synchronises mounted directories.

    Args:
        run_js: ``pyodide.code.run_js``.
        fs: ``pyodide_js.FS``.
        refused: The errors of JavaScript, as Python sees them.
    """

    def __init__(self, run_js: Callable[[str], Any], fs: Any, refused: type[Exception]) -> None:
        self._script = run_js(SCRIPT)
        self._fs = fs
        self._refused = refused
        self._failed: set[str] = set()

    def lasts(self, root: Path) -> bool:
        """Whether a directory is one that outlives the interpreter."""
        return self._mount(root) is not None

    def copies(self, root: Path) -> bool:
        """Whether a directory is written where it lasts file by file."""
        mount = self._mount(root)
        return mount is not None and not self._script.isOneStep(self._fs, mount)

    @contextlib.asynccontextmanager
    async def hold(self, root: Path) -> AsyncIterator[None]:
        """Keep other tabs off a directory that outlives the interpreter.

        Raises:
            BusyError: another tab has it.
        """
        if not self.lasts(root):
            yield
            return
        held = await self._script.hold(f"{LOCK_NAME}{root}")
        if held.busy:
            raise busy(root)
        try:
            yield
        finally:
            held.release()

    async def persist(self, root: Path, moment: Moment) -> Sequence[str]:
        """Write a directory where it lasts.

        Returns:
            A note when that is refused: it is whole in memory, and nothing more of this change is written.
        """
        mount = self._mount(root)
        if moment == "planned":
            self._failed.discard(str(root))
        if mount is None or str(root) in self._failed:
            return ()
        if moment != "cleared" and not self.copies(root):
            return ()
        try:
            await self._script.sync(mount)
        except self._refused as error:
            self._failed.add(str(root))
            return (f"not persisted: {root} is right, but in memory only ({error})",)
        return ()

    def _mount(self, root: Path) -> Any:
        return self._script.mountOf(self._fs, str(root))
