"""A real Pyodide under Node, as a child process of the host.

Rules this file keeps:

1. The child speaks JSON lines; what it prints is separate; it ends when we do.
2. What is installed here is what runs inside: our own package goes in as a zip, as modules and not as a distribution,
   so that the environment inside begins empty.
3. Index credentials go in as headers for their origin, never in an address.

Left to others: finding Node and fetching Pyodide (:mod:`micropip_lock.adapters.runtimes`).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib.resources
import io
import itertools
import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from micropip_lock.adapters.host import cache_dir
from micropip_lock.adapters.indexes import IndexConfig, IndexSettings
from micropip_lock.adapters.kept_wheels import KeptWheels
from micropip_lock.adapters.local_files import placed
from micropip_lock.adapters.runtimes import child_environment, find_node, pyodide_directory, tool_wheels
from micropip_lock.adapters.stdlib import kept_stdlib
from micropip_lock.core.compare import VerifyReport
from micropip_lock.core.model import Lock
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.core.verdict import Finding
from micropip_lock.errors import RuntimeFailedError, error_from_json
from micropip_lock.ports import CompiledModules, FilesRead, Progress, ProgressEvent

_LIBRARY: Final = "/micropip-lock"
"""Where the tools lie inside: on the path, but not installed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frozen:
    """What an embedded install and freeze gave.

    Attributes:
        lock: The lock.
        tree: SHA-256 of every file in site-packages, by path.
    """

    lock: Lock
    tree: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What an embedded replay gave.

    Attributes:
        report: :class:`~micropip_lock.app.replay.ReplayReport` as JSON.
        tree: SHA-256 of every file in site-packages, by path.
    """

    report: dict[str, Any]
    tree: dict[str, str]


class EmbeddedPyodide:
    """One Pyodide, alive between ``async with`` and its end.

    Args:
        pyodide: A version, a directory that holds ``pyodide.mjs``, or ``None`` for :data:`PYODIDE_VERSION`.
        indexes: Where wheels come from.
        credentials: User and password by origin, beside those of ``indexes``.
        progress: Told what happens.
        output: Told (``stdout`` or ``stderr``, text) for what the code in it prints.
        keep: Where wheels that are named by a path of this machine are kept; the user's cache when not given.
        store: Where the engine may keep wheels that were fetched: a directory of this machine.
    """

    def __init__(
        self,
        pyodide: str | None = None,
        *,
        indexes: IndexSettings | None = None,
        credentials: Mapping[str, tuple[str, str]] | None = None,
        progress: Progress | None = None,
        output: Callable[[str, str], None] | None = None,
        keep: KeptWheels | None = None,
        store: Path | None = None,
    ) -> None:
        self._keep = keep or KeptWheels(cache_dir())
        self._store = store
        self._spec = pyodide
        self._indexes = indexes or IndexSettings()
        self._credentials = credentials or {}
        self._progress = progress
        self._output = output or (lambda stream, text: None)
        self._process: asyncio.subprocess.Process | None = None
        self._ids = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._errors: list[str] = []
        self._temporary = contextlib.ExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop(at_once=True)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # After an error or a cancellation the runtime may be busy with code that does not end.
        await self._stop(at_once=kind is not None)

    async def install_and_freeze(
        self,
        requirements: Sequence[str],
        constraints: Sequence[str] = (),
        *,
        strict: bool = True,
        pre: bool = False,
        cells: Sequence[tuple[int, str]] = (),
        policy: Policy = DEFAULT_POLICY,
    ) -> Frozen:
        """Install with recording on, and freeze.

        Args:
            requirements: As for ``micropip.install``; also ``file:`` addresses of wheels on this machine.
            constraints: As for ``micropip.install``.
            strict: Raise when something cannot be locked.
            pre: Take pre-releases too.
            cells: Code to run before the freeze, with its number.
            policy: Where packages may come from.

        Raises:
            MicropipLockError: ``install-failed``, ``unlockable`` ….
        """
        found = [placed(requirement, self._keep) for requirement in requirements]
        if files := [{"source": str(one.source), "target": one.target} for one in found if one.source is not None]:
            await self._request("place", files=files)
        value = await self._call(
            "install_and_freeze",
            requirements=[one.requirement for one in found],
            index_urls=[index.url for index in self._indexes.indexes],
            with_default=self._indexes.adds_default,
            constraints=list(constraints),
            strict=strict,
            pre=pre,
            cells=list(cells),
            policy=policy.to_dict(),
        )
        return Frozen(lock=_lock(value), tree=value["tree"])

    async def freeze(self, *, strict: bool = True) -> Frozen:
        """Freeze what is installed.

        Raises:
            UnlockableError: with every item.
        """
        value = await self._call("freeze", strict=strict)
        return Frozen(lock=_lock(value), tree=value["tree"])

    async def replay(
        self,
        lock: Lock,
        *,
        force: bool = False,
        policy: Policy = DEFAULT_POLICY,
        mirrors: Sequence[str | Mapping[str, str]] = (),
        bundle: str | None = None,
    ) -> Replayed:
        """Replay a lock; mirrors and the address of a bundle as :func:`micropip_lock.api.replay` takes them.

        Raises:
            MicropipLockError: nothing was changed.
        """
        value = await self._call(
            "replay",
            lock=lock.to_json(),
            base=lock.base,
            force=force,
            policy=policy.to_dict(),
            mirrors=[one if isinstance(one, str) else dict(one) for one in mirrors],
            bundle=bundle,
        )
        return Replayed(report=value["report"], tree=value["tree"])

    async def upgrade(
        self,
        lock: Lock,
        *,
        names: Sequence[str],
        requirements: Sequence[str],
        pre: bool = False,
        policy: Policy = DEFAULT_POLICY,
        mirrors: Sequence[str | Mapping[str, str]] = (),
        bundle: str | None = None,
    ) -> Lock:
        """Replay a lock, move packages in it, and freeze.

        Raises:
            MicropipLockError: codes ``install-failed``, ``upgrade-conflict``, and those of a replay.
        """
        value = await self._call(
            "upgrade",
            lock=lock.to_json(),
            base=lock.base,
            names=list(names),
            requirements=list(requirements),
            index_urls=[index.url for index in self._indexes.indexes],
            with_default=self._indexes.adds_default,
            pre=pre,
            policy=policy.to_dict(),
            mirrors=[one if isinstance(one, str) else dict(one) for one in mirrors],
            bundle=bundle,
        )
        return _lock(value)

    async def files_read(self, lock: Lock, names: Sequence[str], *, policy: Policy = DEFAULT_POLICY) -> FilesRead:
        """Replay a lock, import modules, and tell what that read of its wheels, and compiled.

        Raises:
            MicropipLockError: the lock could not be replayed.
        """
        value = await self._call(
            "files_read", lock=lock.to_json(), base=lock.base, names=list(names), policy=policy.to_dict()
        )
        return FilesRead(
            read={name: frozenset(paths) for name, paths in value["read"].items()},
            failed=value["failed"],
            compiled={
                name: CompiledModules(paths=frozenset(one["paths"]), data=base64.b64decode(one["data"]))
                for name, one in value["compiled"].items()
            },
            stdlib=tuple(value["stdlib"]),
        )

    async def verify(self, lock: Lock) -> VerifyReport:
        """Compare this runtime with a lock."""
        value = await self._call("verify", lock=lock.to_json())
        return VerifyReport.from_json(value["report"])

    async def run(self, code: str) -> str | None:
        """Run a person's code as ``__main__``; its traceback when it fails."""
        error: str | None = (await self._call("run", code=code))["error"]
        return error

    async def _call(self, name: str, **arguments: Any) -> Any:
        answer = await self._request("call", name=name, args=arguments)
        if "error" in answer:
            error = error_from_json(answer["error"])
            error.report = answer.get("report")
            raise error
        if "traceback" in answer:
            raise RuntimeFailedError(
                "the embedded runtime failed",
                code="internal",
                got=str(answer["traceback"]).strip().splitlines()[-1],
                where=str(answer["traceback"]),
                hint="this is a bug of micropip-lock or of micropip; please report it with the command you ran",
            )
        return answer["value"]

    async def _start(self) -> None:
        node = await asyncio.to_thread(find_node)
        directory = await asyncio.to_thread(pyodide_directory, self._spec, self._tell)
        tools = await asyncio.to_thread(tool_wheels, self._indexes.indexes, self._tell)
        scratch = Path(self._temporary.enter_context(tempfile.TemporaryDirectory(prefix="micropip-lock-")))
        own = scratch / "micropip_lock.zip"
        own.write_bytes(own_source())
        runner = scratch / "runner.mjs"
        runner.write_bytes(importlib.resources.files("micropip_lock").joinpath("data/runner.mjs").read_bytes())
        self._process = await asyncio.create_subprocess_exec(
            str(node),
            str(runner),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=child_environment(),
            # One line can be a whole lock or tree.
            limit=256 * 2**20,
        )
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._collect_errors())]
        self._tell(ProgressEvent(stage="boot"))
        stdlib = await kept_stdlib(directory)
        await self._request(
            "boot",
            directory=directory.resolve().as_posix(),
            stdlib=None if stdlib is None else stdlib.as_posix(),
            library=_LIBRARY,
            store=None if self._store is None else self._store.as_posix(),
            archives=[
                {"path": str(own), "format": "zip"},
                *({"path": str(path), "format": "wheel"} for path in tools),
            ],
            credentials=authorizations(self._indexes.indexes, self._credentials),
        )

    async def _stop(self, *, at_once: bool = False) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 0 if at_once else 5)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._temporary.close()

    async def _request(self, op: str, **message: Any) -> Any:
        process = self._process
        if process is None or process.stdin is None:
            raise RuntimeFailedError("the embedded runtime is not running", code="not-running")
        number = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            process.stdin.write(json.dumps({"id": number, "op": op, **message}).encode() + b"\n")
            await process.stdin.drain()
            return await future
        except (BrokenPipeError, ConnectionResetError):
            return await future  # the listener knows how it ended
        finally:
            self._waiting.pop(number, None)

    async def _listen(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self._hear(json.loads(line))
        code = await process.wait()
        await asyncio.sleep(0.05)
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(
                    RuntimeFailedError(
                        "the embedded runtime ended",
                        code="runtime-ended",
                        got=f"exit code {code}" + "".join(f"\n    {line}" for line in self._errors[-12:]),
                        hint="if it ran out of memory, freeze fewer packages at a time",
                    )
                )

    def _hear(self, message: dict[str, Any]) -> None:
        event = message.pop("event", None)
        if event == "progress":
            self._tell(ProgressEvent(**message))
        elif event is not None:
            self._output(event, message["text"])
        elif future := self._waiting.get(message["id"]):
            if message["ok"]:
                future.set_result(message.get("value"))
            else:
                future.set_exception(
                    RuntimeFailedError("Pyodide failed", code="runtime-failed", got=str(message["error"]))
                )

    async def _collect_errors(self) -> None:
        process = self._process
        assert process is not None
        assert process.stderr is not None
        with contextlib.suppress(ValueError):
            while line := await process.stderr.readline():
                # A crash of Pyodide prints its own source, a megabyte on one line.
                self._errors.append(line.decode("utf-8", "replace").rstrip()[:300])
                del self._errors[:-50]

    def _tell(self, event: ProgressEvent) -> None:
        if self._progress is not None:
            self._progress(event)


class EmbeddedWatch:
    """Sees which files imports read, in a Pyodide of its own. Implements :class:`~micropip_lock.ports.FileWatch`.

    Args:
        runtime: Makes one.
        policy: What a replay there may do.
    """

    def __init__(self, runtime: Callable[[], EmbeddedPyodide], policy: Policy) -> None:
        self._runtime = runtime
        self._policy = policy

    async def files_read(self, lock: Lock, names: Sequence[str]) -> FilesRead:
        async with self._runtime() as runtime:
            return await runtime.files_read(lock, names, policy=self._policy)


def authorizations(indexes: Sequence[IndexConfig], configured: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """``Authorization`` values by origin: of the indexes in use, and of the user's configuration."""
    pairs = dict(configured)
    pairs.update({index.origin: index.credentials for index in indexes if index.credentials is not None})
    return {
        origin: "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        for origin, (user, password) in pairs.items()
    }


def _lock(value: Mapping[str, Any]) -> Lock:
    return replace(Lock.from_json(value["lock"]), notes=tuple(Finding(**note) for note in value["notes"]))


def own_source() -> bytes:
    """This package as a zip archive: what is installed here is what runs inside."""
    buffer = io.BytesIO()
    root = Path(str(importlib.resources.files("micropip_lock")))
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(root.rglob("*")):
            relative = path.relative_to(root)
            if path.is_file() and "__pycache__" not in relative.parts and relative.parts[0] != "testing":
                archive.write(path, f"micropip_lock/{relative.as_posix()}")
    return buffer.getvalue()
