"""An environment in memory: the site that tests read, without a directory and without an installer.

Implements :class:`~micropip_lock.ports.SiteReader`. It is the simplest thing that behaves like site-packages: paths and
bytes, where every ``*.dist-info`` directory is a distribution. What it leaves to others: the checks of a real installer
(:mod:`micropip_lock.adapters.site`), and RECORD (a wheel brings its own, a dict literal says what it says).
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from micropip_lock.core.dirty import Listing
from micropip_lock.core.mocks import persistent_modules
from micropip_lock.errors import UsageError
from micropip_lock.ports import Stray
from micropip_lock.testing.wheels import BuiltWheel

Text = str | bytes


class MemorySite:
    r"""A site-packages directory in memory.

    >>> site = MemorySite({"six-1.16.0.dist-info/METADATA": "Name: six\nVersion: 1.16.0\n"})
    >>> [dist.directory for dist in site.distributions()]
    ['six-1.16.0.dist-info']

    Args:
        files: Path to content; text is written as UTF-8.
        wheels: Wheels to install at once, without records.
    """

    def __init__(self, files: Mapping[str, Text] | None = None, *, wheels: Iterable[BuiltWheel] = ()) -> None:
        self._files: dict[str, bytes] = {}
        for path, content in (files or {}).items():
            self.write(path, content)
        for built in wheels:
            self.install(built)

    def distributions(self) -> Iterator[MemoryDist]:
        """Every dist-info directory, sorted by its name."""
        tops = {path.partition("/")[0] for path in self._files if "/" in path}
        for directory in sorted(top for top in tops if top.endswith(".dist-info")):
            yield MemoryDist(site=self, directory=directory)

    def files(self) -> Listing:
        """Every file but those in ``__pycache__``; nobody knows when they were changed."""
        return Listing(
            sizes={path: str(len(data)) for path, data in self._files.items() if "__pycache__" not in path.split("/")}
        )

    def strays(self) -> tuple[Stray, ...]:
        """Files and directories of eggs at the top."""
        tops = {path.partition("/")[0] for path in self._files}
        eggs = sorted(top for top in tops if top.endswith(".egg-info"))
        return tuple(Stray(name=egg.partition("-")[0] or egg, version="", kind="egg-info", place=egg) for egg in eggs)

    def unfinished(self) -> None:
        """It never is: every change of it is one step."""

    def install(self, built: BuiltWheel, records: Mapping[str, Text] | None = None) -> str:
        """Unpack a wheel as Pyodide does: every file where the archive says.

        Args:
            built: The wheel.
            records: Files to write into its dist-info directory besides, as an installer would.

        Returns:
            The name of its dist-info directory.

        Raises:
            UsageError: the wheel has no dist-info directory.
        """
        with zipfile.ZipFile(io.BytesIO(built.data)) as archive:
            entries = {entry.filename: archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}
        directory = next((path.partition("/")[0] for path in entries if ".dist-info/" in path), None)
        if directory is None:
            raise UsageError(
                "the wheel has no dist-info directory",
                where=built.filename,
                expected="files in NAME-VERSION.dist-info/",
                hint="write the files with MemorySite({...}) instead",
            )
        for path, data in entries.items():
            self.write(path, data)
        for name, content in (records or {}).items():
            self.write(f"{directory}/{name}", content)
        return directory

    def write(self, path: str, content: Text) -> None:
        """Write one file, replacing what was there.

        Raises:
            UsageError: the path is empty, absolute or leaves the site.
        """
        if not is_inside(path):
            raise UsageError(
                "a site holds files under its own directory only",
                where="path",
                expected="a relative path without '..'",
                got=path,
                hint="a RECORD may name such a path; a file cannot have it",
            )
        self._files[path] = content.encode("utf-8") if isinstance(content, str) else content

    def remove(self, prefix: str) -> None:
        """Remove a file, or a directory with all that is in it; nothing happens when it is not there."""
        for path in [path for path in self._files if path == prefix or path.startswith(f"{prefix.rstrip('/')}/")]:
            del self._files[path]

    def read(self, path: str) -> bytes | None:
        """The content of a file, or ``None``; a path that leaves the site is never followed."""
        # As in a directory, where RECORD may say "./one.py".
        plain = "/".join(part for part in path.split("/") if part not in ("", "."))
        return self._files.get(plain) if is_inside(plain) and not path.startswith("/") else None

    def paths(self) -> tuple[str, ...]:
        """Every path, sorted."""
        return tuple(sorted(self._files))

    def tree(self) -> str:
        """SHA-256 (hexadecimal) of every path and content: equal exactly when the environments are."""
        tree = hashlib.sha256()
        for path in self.paths():
            # Lengths first, so that no two different trees give the same bytes.
            for part in (path.encode("utf-8", "surrogatepass"), self._files[path]):
                tree.update(len(part).to_bytes(8) + part)
        return tree.hexdigest()

    def __contains__(self, path: object) -> bool:
        return path in self._files

    def __repr__(self) -> str:
        names = ", ".join(dist.directory.removesuffix(".dist-info") for dist in self.distributions())
        return f"<MemorySite {len(self._files)} files: {names or 'no distributions'}>"


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryDist:
    """One dist-info directory of a :class:`MemorySite`. Implements :class:`~micropip_lock.ports.InstalledDist`.

    Attributes:
        site: Where it lies.
        directory: Name of the dist-info directory.
    """

    site: MemorySite
    directory: str

    def read_text(self, filename: str) -> str | None:
        """A file of the dist-info directory, or ``None`` when it is not there or is not UTF-8."""
        data = self.site.read(f"{self.directory}/{filename}")
        try:
            return None if data is None else data.decode("utf-8")
        except UnicodeDecodeError:
            return None

    def read_file(self, path: str) -> bytes | None:
        """An installed file by its path in RECORD, or ``None``."""
        return self.site.read(path)

    def mock_modules(self) -> Mapping[str, str | None] | None:
        """Source text by module of a mock package that is kept in files, ``None`` for every other distribution."""
        return persistent_modules(self.read_text, self.read_file)


def is_inside(path: str) -> bool:
    """Whether a path names a file under the site's own directory."""
    parts = path.split("/")
    return bool(path) and "\0" not in path and "" not in parts and ".." not in parts and "." not in parts
