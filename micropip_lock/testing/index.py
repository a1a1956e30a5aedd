"""The package index: how it is configured, filled, told to misbehave, started and closed.

Rules this file keeps:

1. It is a real HTTP/1.1 server on 127.0.0.1: real clients, in other processes and in browsers, use it unpatched.
2. Faults come before everything else, authentication included, except that the log sees every request.
3. Closing it ends every thread, and raises what went wrong inside it.

Right answers are left to ``routes``, sockets to ``server``, faults to ``faults`` and their order to ``script``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote, urlsplit

from micropip_lock.errors import UsageError
from micropip_lock.testing.answers import Answer
from micropip_lock.testing.exchange import Exchange
from micropip_lock.testing.faults import Fault
from micropip_lock.testing.log import RequestLog
from micropip_lock.testing.pages import Format, MetadataKeys, PageStyle
from micropip_lock.testing.releases import (
    DEFAULT_UPLOAD_TIME,
    BuiltContent,
    Content,
    DiskContent,
    Holdings,
    Release,
    project_and_version,
    spelled_upload_time,
)
from micropip_lock.testing.routes import Routes
from micropip_lock.testing.script import FaultScript
from micropip_lock.testing.server import OriginServer
from micropip_lock.testing.wheels import BuiltWheel


class PackageIndex:
    """A local package index; use it as a context manager.

    Args:
        formats: Page formats it speaks, of "json" (PEP 691) and "html" (PEP 503).
        file_urls: "absolute", or "relative" to the page.
        hashes: State digests on pages.
        metadata: Offer ``.metadata`` files: True under both names (PEP 714), "core" or "legacy" under one, False not
            at all.
        sizes: State sizes (PEP 700).
        cors: True for ``*``, an origin to allow only that one, False for no CORS headers.
        require_auth: User and password for pages and files; mounts stay open.
        files_on_another_origin: Serve files from a second server (another port, hence another origin) and without
            authentication, as a content network does.
        latency: Seconds to wait before each answer.

    Attributes:
        log: Every request to any of its origins.
        latency: May be changed while it runs.

    Raises:
        UsageError: The arguments contradict each other.
    """

    def __init__(
        self,
        *,
        formats: Sequence[Format] = ("json", "html"),
        file_urls: Literal["absolute", "relative"] = "absolute",
        hashes: bool = True,
        metadata: bool | Literal["core", "legacy"] = True,
        sizes: bool = True,
        cors: bool | str = True,
        require_auth: tuple[str, str] | None = None,
        files_on_another_origin: bool = False,
        latency: float = 0.0,
    ) -> None:
        if file_urls == "relative" and files_on_another_origin:
            raise UsageError(
                "a relative URL cannot name another origin",
                where="file_urls",
                expected="absolute",
                got=file_urls,
                hint="drop one of file_urls='relative' and files_on_another_origin=True",
            )
        keys: MetadataKeys = metadata if isinstance(metadata, str) else "both" if metadata else "off"
        self.log = RequestLog()
        self.latency = latency
        self._relative = file_urls == "relative"
        self._cors = cors if isinstance(cors, str) else "*" if cors else None
        self._credentials = require_auth
        self._origin_count = 2 if files_on_another_origin else 1
        self._holdings = Holdings()
        self._script = FaultScript()
        self._servers: list[OriginServer] = []
        self._routes = Routes(
            holdings=self._holdings,
            formats=tuple(formats),
            style=PageStyle(hashes=hashes, metadata=keys, sizes=sizes),
            credentials=require_auth,
            open_files=files_on_another_origin,
            url_of=self._stated_url,
        )

    # Life

    def start(self) -> Self:
        """Listen; the ``with`` statement does it.  A second call changes nothing."""
        if not self._servers:
            for _ in range(self._origin_count):
                server = OriginServer(log=self.log, cors=self._cors, play=self._play, answer=self._routes.answer)
                self._servers.append(server)
        return self

    def close(self) -> None:
        """Cut every connection and end every thread, stalled ones too.

        Raises:
            ExceptionGroup: The index itself failed while it answered; the client saw a 500.
        """
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        if failures := [failure for server in servers for failure in server.failures]:
            raise ExceptionGroup("the package index itself failed", failures)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = self.url if self._servers else "closed"
        return f"<PackageIndex {where}: {len(self._holdings.projects)} projects, {len(self._holdings.releases)} files>"

    # Addresses

    @property
    def origin(self) -> str:
        """``http://127.0.0.1:<port>`` of pages and mounts."""
        return self._running()[0].origin

    @property
    def files_origin(self) -> str:
        """``http://127.0.0.1:<port>`` of files; equal to :attr:`origin` unless ``files_on_another_origin``."""
        return self._running()[-1].origin

    @property
    def url(self) -> str:
        """What ``--index-url`` takes: ``<origin>/simple``."""
        return f"{self.origin}/simple"

    @property
    def url_with_credentials(self) -> str:
        """:attr:`url` with the user and password in it; the same as :attr:`url` when none are required."""
        if self._credentials is None:
            return self.url
        user, password = (quote(part, safe="") for part in self._credentials)
        return self.url.replace("://", f"://{user}:{password}@", 1)

    def file_url(self, filename: str) -> str:
        """Absolute address of a file, whether or not there is one of that name."""
        return f"{self.files_origin}/files/{quote(filename)}"

    # Contents

    def add(
        self,
        built: BuiltWheel,
        *,
        upload_time: datetime | str | None = DEFAULT_UPLOAD_TIME,
        yanked: bool | str = False,
        index_hash: str | Mapping[str, str] | None = None,
        metadata: bytes | None = None,
    ) -> BuiltWheel:
        """Publish a wheel that :func:`micropip_lock.testing.wheel` built.

        Args:
            built: The wheel.
            upload_time: When it was uploaded, UTC (PEP 700); a string is sent as it is, None leaves it out.
            yanked: True or a reason (PEP 592).
            index_hash: What pages claim instead of the true sha256: a hex digest, or any algorithms and digests.
            metadata: What ``.metadata`` answers instead of the wheel's METADATA.

        Returns:
            The wheel, so that building and publishing is one line.

        Raises:
            UsageError: The index has a file of that name, or the name is no wheel's.
        """
        self._publish(built.filename, BuiltContent(built), upload_time, yanked, index_hash, metadata)
        return built

    def add_file(
        self,
        path: Path | str,
        *,
        upload_time: datetime | str | None = DEFAULT_UPLOAD_TIME,
        yanked: bool | str = False,
        index_hash: str | Mapping[str, str] | None = None,
        metadata: bytes | None = None,
    ) -> str:
        """Publish a wheel or sdist from disk, read only when it is asked for; arguments as for :meth:`add`.

        Returns:
            Its file name.

        Raises:
            UsageError: There is no such file, or as for :meth:`add`.
        """
        path = Path(path).absolute()
        if not path.is_file():
            raise UsageError("no such file", where="path", got=str(path), hint="add_directory takes directories")
        self._publish(path.name, DiskContent(path), upload_time, yanked, index_hash, metadata)
        return path.name

    def add_directory(self, directory: Path | str) -> list[str]:
        """Publish every wheel in a directory, not its subdirectories; returns their file names, sorted.

        Raises:
            UsageError: There is no wheel in it.
        """
        wheels = sorted(Path(directory).glob("*.whl"))
        if not wheels:
            raise UsageError("no wheel in this directory", where="directory", got=str(directory), hint="check the path")
        return [self.add_file(path) for path in wheels]

    def remove(self, filename: str) -> None:
        """Delete a file: pages stop listing it and its address answers 404.

        Raises:
            UsageError: There is none of that name.
        """
        self._holdings.remove(filename)

    def status(self, name: str, status: str, reason: str | None = None) -> None:
        """Set a project's status (PEP 792): active, archived, quarantined or deprecated.

        A quarantined project's page lists no file; addresses that somebody already knows keep answering.

        Raises:
            UsageError: There is no such status.
        """
        self._holdings.set_status(name, status, reason)

    def mount(self, prefix: str, directory: Path | str, *, headers: Mapping[str, str] | None = None) -> str:
        """Serve a directory's files below ``prefix``, with the content types browsers insist on.

        Args:
            prefix: Path that starts with ``/``; longer prefixes win, and all win over ``/simple/`` and ``/files/``.
            directory: What to serve; a path that ends in ``/`` answers ``index.html``.
            headers: Further headers for each file, e.g. the two that isolate a page for ``SharedArrayBuffer``.

        Returns:
            The absolute address of ``prefix``, with a slash at its end.

        Raises:
            UsageError: The prefix has no slash in front, or there is no such directory.
        """
        return self.origin + quote(self._routes.mount(prefix, Path(directory), headers or {}))

    # Faults

    def fault(self, path: str, *faults: Fault, each: bool = False) -> None:
        """Misbehave for paths that match a glob, in which ``*`` also matches ``/``.

        Args:
            path: Glob over the decoded path (``/simple/rich/``, ``*.whl``), or an address of this index.
            faults: Used up in this order.
            each: Count ``times`` for every path on its own.

        Raises:
            UsageError: No fault was given, or one with fewer than one ``times``.
        """
        self._script.add(urlsplit(path).path if "://" in path else path, faults, each=each)

    def clear_faults(self) -> None:
        """Behave from now on."""
        self._script.clear()

    def unused_faults(self) -> list[tuple[str, Fault]]:
        """Patterns and faults that have not happened as often as they should."""
        return self._script.unused()

    # Parts

    def _play(self, exchange: Exchange) -> Answer | None:
        if self.latency:
            exchange.wait(self.latency)
        fault = self._script.due(exchange)
        return exchange.right() if fault is None else fault.play(exchange)

    def _publish(
        self,
        filename: str,
        content: Content,
        upload_time: datetime | str | None,
        yanked: bool | str,
        index_hash: str | Mapping[str, str] | None,
        metadata: bytes | None,
    ) -> None:
        name, version = project_and_version(filename)
        release = Release(
            filename=filename,
            project=name,
            version=version,
            content=content,
            upload_time=spelled_upload_time(upload_time),
            yanked=yanked,
            hashes={"sha256": index_hash} if isinstance(index_hash, str) else index_hash,
            metadata=metadata,
        )
        self._holdings.publish(release)

    def _stated_url(self, release: Release) -> str:
        return f"../../files/{quote(release.filename)}" if self._relative else self.file_url(release.filename)

    def _running(self) -> list[OriginServer]:
        if not self._servers:
            raise UsageError("the index is not running", where="PackageIndex", hint="use it in a with statement")
        return self._servers
