"""Real pip and real uv as subprocesses, seeing nothing of this machine's configuration; projects for them to build.

Neither installer is optional: a machine without one of them fails the tests that use it.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final, Literal

type Client = Literal["pip", "uv"]

CLIENTS: Final[tuple[Client, ...]] = ("pip", "uv")

_FLAGS: Final = {
    "pip": ["install", "--isolated", "--no-cache-dir", "--disable-pip-version-check", "--no-input"],
    "uv": ["pip", "install", "--no-config", "--no-cache"],
}
_FOREIGN: Final = ("PIP_", "UV_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NETRC", "PYTHON", "VIRTUAL_ENV")

# A build backend that needs nothing: one module, in a wheel of its own.
_BACKEND: Final = """
import base64, hashlib, zipfile
NAME, VERSION = {name!r}, {version!r}
INFO = NAME + "-" + VERSION + ".dist-info"

def _build(directory, files):
    files[INFO + "/METADATA"] = "Metadata-Version: 2.1\\nName: " + NAME + "\\nVersion: " + VERSION + "\\n"
    files[INFO + "/WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(path + ",sha256=" + digest + "," + str(len(text.encode())))
    files[INFO + "/RECORD"] = "\\n".join([*rows, INFO + "/RECORD,,", ""])
    name = NAME + "-" + VERSION + "-py3-none-any.whl"
    with zipfile.ZipFile(directory + "/" + name, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return name

def build_wheel(directory, config_settings=None, metadata_directory=None):
    return _build(directory, {{NAME + ".py": "x = 1\\n"}})

def build_editable(directory, config_settings=None, metadata_directory=None):
    import os
    return _build(directory, {{"__editable__." + NAME + "-" + VERSION + ".pth": os.getcwd() + "\\n"}})
"""


def run_installer(client: Client, home: Path, *arguments: str, python: str | Path = sys.executable) -> None:
    """Run ``pip install`` or ``uv pip install``; its output is the failure when it fails.

    Args:
        client: Which one.
        home: A directory of its own, where it runs.
        arguments: What else to tell it.
        python: The interpreter to install for.
    """
    where = ["--python", str(python)]
    before, after = (where, []) if client == "pip" else ([], where)
    run(home, sys.executable, "-m", client, *before, *_FLAGS[client], *after, *arguments)


def run(home: Path, *command: str) -> None:
    """Run a command with no configuration of this machine; its output is the failure when it fails."""
    home.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(_FOREIGN)}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    environment |= {"NO_COLOR": "1", "UV_LINK_MODE": "copy", "UV_PYTHON_DOWNLOADS": "never"}
    environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        command,
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def project(directory: Path, name: str, version: str = "1.0") -> Path:
    """Write a project that builds without any other package; its directory."""
    directory.mkdir(parents=True)
    system = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (directory / "pyproject.toml").write_text(
        f'{system}[project]\nname = "{name}"\nversion = "{version}"\n', encoding="utf-8"
    )
    (directory / "backend.py").write_text(_BACKEND.format(name=name, version=version), encoding="utf-8")
    (directory / f"{name}.py").write_text("x = 1\n", encoding="utf-8")
    return directory


def sdist(directory: Path, name: str, version: str = "1.0") -> Path:
    """The source distribution of such a project (PEP 625), written into a directory."""
    stem = f"{name}-{version}"
    source = project(directory / f"{stem}-source", name, version)
    path = directory / f"{stem}.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.add(source, stem)
        info = tarfile.TarInfo(f"{stem}/PKG-INFO")
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    return path
