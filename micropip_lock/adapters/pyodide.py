"""Inside Pyodide: the runtime, and site-packages.

Beside :mod:`micropip_lock.adapters.engine` the only importer of ``pyodide*`` and ``js``. Works in a page, a worker and
Node; needs neither JSPI nor SharedArrayBuffer.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from site import getsitepackages
from typing import Any

from packaging.markers import default_environment
from packaging.utils import canonicalize_name

from micropip_lock.adapters.engine import engine
from micropip_lock.adapters.memory_files import LISTING, read_listing
from micropip_lock.adapters.memory_mocks import change_memory_mocks, memory_mocks
from micropip_lock.adapters.mounting import EngineMount
from micropip_lock.adapters.own_modules import OwnModules
from micropip_lock.adapters.persisted import Persistence
from micropip_lock.adapters.recovery import recover, unfinished
from micropip_lock.adapters.site import SiteInstaller, SitePackages
from micropip_lock.adapters.tracebacks import traceback_of
from micropip_lock.core.abis import runtime_tags
from micropip_lock.core.dirty import Listing
from micropip_lock.core.dist_info import pyodide_source
from micropip_lock.core.model import Abi, Origin
from micropip_lock.errors import (
    EnvironmentMismatchError,
    OutcomeError,
    RuntimeMissingError,
)
from micropip_lock.ports import Install, RuntimeLock

OWN_MODULES = ("packaging",)
"""Top-level modules that micropip-lock itself imports; after they are replaced the next import takes the new one."""

_PERSONS_CODE = "<code>"
"""What tracebacks call the code of :func:`run_code`."""


def in_pyodide() -> bool:
    """Whether this interpreter is Pyodide."""
    return sys.platform == "emscripten" and "_pyodide_core" in sys.modules


class PyodideRuntime:
    """The interpreter we run in. Implements :class:`~micropip_lock.ports.Runtime`."""

    def __init__(self) -> None:
        if not in_pyodide():
            raise RuntimeMissingError(
                "this is not Pyodide",
                code="no-pyodide",
                got=sys.platform,
                hint="run it in a Pyodide kernel, or use the command line, which brings its own",
            )
        import pyodide_js

        self._api = pyodide_js._api
        self._pyodide = pyodide_js

    def abi(self) -> Abi:
        info = dict(self._api.lockfile_info.to_py())
        known = {key: str(info.pop(key, "")) for key in ("abi_version", "arch", "platform", "python")}
        return Abi(**known, unknown=info)

    def lock(self) -> RuntimeLock:
        return RuntimeLock(packages=self._api.lockfile_packages.to_py(), base=self._base())

    def _base(self) -> str | None:
        base = getattr(self._pyodide, "lockfileBaseUrl", None)
        if isinstance(base, str) and "://" in base and not base.startswith("file:"):
            return base
        # Under Node the base is a cache directory; what is missing there comes from this address.
        cdn = getattr(self._api.config, "cdnUrl", None)
        return cdn if isinstance(cdn, str) else None

    def tags(self) -> Sequence[str]:
        return runtime_tags(self.abi())

    def markers(self) -> Mapping[str, str]:
        return {key: str(value) for key, value in default_environment().items()}

    def imported(self) -> Mapping[str, str]:
        return {name: str(getattr(module, "__file__", "") or "") for name, module in list(sys.modules.items())}


def cache_dir() -> Path:
    """Where this kernel keeps what it may need again; it lives as long as the kernel's file system."""
    return Path(os.environ.get("MICROPIP_LOCK_CACHE") or Path.home() / ".cache" / "micropip-lock")


def page_address() -> str | None:
    """What relative addresses are resolved against here: the page's base, a worker's script; ``None`` under Node."""
    import js

    for address in (getattr(getattr(js, "document", None), "baseURI", None), getattr(js, "location", None)):
        text = str(getattr(address, "href", address))
        if text.startswith(("https:", "http:")):
            return text
    return None


def import_all(names: Iterable[str]) -> dict[str, str]:
    """Import modules; why those failed that did."""
    failed = {}
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as error:  # noqa: BLE001  # a module may leave or raise whatever it likes
            failed[name] = f"{type(error).__name__}: {error}"
    return failed


def stdlib_modules() -> list[str]:
    """Which modules of the standard library's archive are imported, by the names under which they can be again."""
    archives = tuple(f"{path}/" for path in sys.path if path.endswith(".zip"))
    # Some packages put such a module under a name of their own, too (``six.moves``).
    there = (module for module in list(sys.modules.values()) if _file(module).startswith(archives))
    return sorted({spec.name for module in there if (spec := getattr(module, "__spec__", None)) is not None})


def _file(module: object) -> str:
    path = getattr(module, "__file__", None)
    return path if isinstance(path, str) else ""


def site_packages() -> SitePackages:
    """This interpreter's site-packages, with micropip's in-memory mock packages."""
    return SitePackages(
        Path(getsitepackages()[0]),
        others=memory_mocks,
        listing=_listing,
        path=lambda: tuple(sys.path),
    )


@cache
def _lister() -> Any:
    from pyodide.code import run_js

    return run_js(LISTING)


def _listing(root: Path) -> Listing | None:
    """The files below a directory by Emscripten's own nodes; ``None`` when they are not in memory."""
    import pyodide_js

    listed = _lister()(pyodide_js.FS, str(root))
    if listed is None:
        return None
    folders, sizes, times = listed
    return read_listing(folders, sizes, times.to_py().tolist())


def installer(target: Path | None = None, *, eager: bool = False) -> SiteInstaller:
    """Installs into this interpreter, or into a directory of its file system.

    Args:
        target: An isolated directory; put it on ``sys.path`` to use it.
        eager: Write every file and open every extension module at once.
    """
    from pyodide.ffi import to_js

    import js

    if target is not None:
        return SiteInstaller(target, load_extension=_load_extension, after=_made_visible, persistence=_persistence())
    return SiteInstaller(
        (root := Path(getsitepackages()[0])),
        prefix=(prefix := Path(sys.prefix)),
        as_pyodide=True,
        mount=None if eager else EngineMount(engine(), root, prefix, to_js, in_page=hasattr(js, "document")),
        load_extension=_load_extension,
        memory_mocks=change_memory_mocks,
        after=_announce,
        forget=_forget,
        persistence=_persistence(),
    )


def recover_site() -> None:
    """Put right what a replay left in this interpreter's site-packages, when it outlived the one that replayed.

    Raises:
        StorageError: codes ``journal``, ``rollback``.
    """
    root = Path(getsitepackages()[0])
    if unfinished(root) == "interrupted":
        recover(root, Path(sys.prefix), copied=_persistence().lasts(root))


@cache
def _persistence() -> Persistence:
    import pyodide_js
    from pyodide.code import run_js
    from pyodide.ffi import JsException

    return Persistence(run_js, pyodide_js.FS, JsException)


async def _load_extension(path: Path) -> None:
    """Open an extension module as Pyodide's own installer does: compiled asynchronously, so that pages can, too."""
    import pyodide_js
    from pyodide.ffi import JsException

    try:
        await pyodide_js._api.loadDynlib(str(path))
    except JsException as error:
        raise EnvironmentMismatchError(
            f"the extension module {path.name} cannot be loaded",
            code="extension-load",
            where=str(path),
            got=str(error),
            hint="it was built for another Pyodide, or needs a library that is not installed; nothing was changed",
        ) from error


async def run_cells(cells: Sequence[tuple[int, str]]) -> None:
    """Run code, piece after piece in one namespace; what a piece imports of the runtime's own packages is loaded first.

    Raises:
        OutcomeError: code ``cell-failed``.
    """
    import pyodide_js

    namespace: dict[str, Any] = {"__name__": "__main__"}
    for number, code in cells:
        await pyodide_js.loadPackagesFromImports(code)
        error = await run_code(code, namespace)
        if error is not None:
            raise OutcomeError(
                f"cell {number} of the notebook failed",
                code="cell-failed",
                where=f"cell {number}",
                # Errors tell more on lines that are indented.
                got=[line for line in error.splitlines() if line[:1].strip()][-1],
                hint="run it in a notebook first; cells run in a plain Pyodide under Node, without IPython and a page",
            )


async def run_code(code: str, namespace: dict[str, Any] | None = None) -> str | None:
    """Run a person's code as ``__main__``, top-level ``await`` included; what went wrong when it fails.

    ``sys.exit()`` ends the code: with 0 or nothing well, with a number or a message not.
    """
    from pyodide.code import eval_code_async

    release_own_modules()
    if namespace is None:
        namespace = {"__name__": "__main__"}
    try:
        await eval_code_async(code, globals=namespace, filename=_PERSONS_CODE)
    except SystemExit as leaving:
        if leaving.code not in (None, 0):
            return leaving.code if isinstance(leaving.code, str) else f"the code left with status {leaving.code}"
    except BaseException as error:  # noqa: BLE001  # KeyboardInterrupt and the like end their code, not the runtime
        return traceback_of(error, code, _PERSONS_CODE)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return None


_own_modules = OwnModules(OWN_MODULES)


def release_own_modules() -> None:
    """Forget modules that only we imported, so that the next ``import`` finds what is installed."""
    _own_modules.release()


def _made_visible(installs: Sequence[Install]) -> None:
    importlib.invalidate_caches()
    if any(name in OWN_MODULES for one in installs for name in one.package.imports):
        release_own_modules()


def _announce(installs: Sequence[Install]) -> None:
    """Tell Pyodide what is there now, so that ``loadPackage`` does not load it again."""
    import pyodide_js

    _made_visible(installs)
    for one in installs:
        origin = one.package.origin or Origin(kind="url", url=one.package.wheel.url)
        setattr(pyodide_js.loadedPackages, one.package.display_name, pyodide_source(origin))


def _forget(directories: Sequence[str]) -> None:
    """Tell Pyodide what is gone, so that ``loadPackage`` can bring it again."""
    import pyodide_js

    gone = {canonicalize_name(one.removesuffix(".dist-info").partition("-")[0]) for one in directories}
    for name in list(pyodide_js.loadedPackages.object_keys()):
        if canonicalize_name(name) in gone:
            delattr(pyodide_js.loadedPackages, name)
