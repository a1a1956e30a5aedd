"""The demonstration site: ``lite/site`` built with a lock of real packages, in ``build/site``.

Run it with ``make site``; everything after ``ARGS=`` goes to ``jupyter lite build``. ``make serve`` serves it.

Rules this file keeps:

1. The packages are frozen from the indexes that pip and uv are set to, once; ``build/lite`` keeps what was frozen.
2. The site has an index of its own, with one wheel, so that its notebooks install something without a network.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.e2e.wheelhouse import bring, pins

ROOT: Final = Path(__file__).parents[1]
SOURCES: Final = ROOT / "lite" / "site"
WORK: Final = ROOT / "build" / "lite"
OUTPUT: Final = ROOT / "build" / "site"
REQUIREMENTS: Final = ("ipywidgets", "pydantic", "rich", "msgpack", "plotly")
_INSTALLED: Final = "snowballstemmer"


def sources(directory: Path) -> Path:
    """Put the sources of the site into a directory: its configuration, and the wheel of its own index."""
    shutil.copytree(SOURCES, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("nginx.conf", "files"))
    wanted = {pin: digest for pin, digest in pins("py314").items() if pin.startswith(f"{_INSTALLED}==")}
    (directory / "pypi").mkdir(exist_ok=True)
    for path in bring(wanted, ("--python-version", "3.14", "--abi", "cp314")).values():
        shutil.copyfile(path, directory / "pypi" / path.name)
    return directory


def build(directory: Path, output: Path, options: Sequence[str]) -> int:
    """Build a site; the exit code of ``jupyter lite``."""
    command = [*(sys.executable, "-m", "jupyterlite_core", "build"), "--no-sourcemaps"]
    command += ["--output-dir", str(output), *options]
    code = subprocess.run(command, cwd=directory, check=False).returncode
    if code == 0:
        publish_notebooks(output)
    return code


def publish_notebooks(output: Path) -> None:
    """Put the notebooks into a site, and the list of them; JupyterLite itself needs a Jupyter server for that."""
    moment = "2000-01-01T00:00:00Z"
    facts = {"created": moment, "last_modified": moment, "mimetype": None, "writable": True}
    listed = []
    for path in sorted((SOURCES / "files").glob("*.ipynb")):
        data = path.read_bytes()
        target = output / "files" / path.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
        told = {"name": path.name, "path": path.name, "type": "notebook", "size": len(data)}
        listed.append({**facts, **told, "content": None, "format": None})
    folder = {**facts, "name": "", "path": "", "type": "directory", "size": None, "format": "json", "content": listed}
    index = output / "api" / "contents" / "all.json"
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_text(json.dumps(folder, indent=2, sort_keys=True) + "\n", "utf-8")
    config = output / "jupyter-lite.json"
    told = json.loads(config.read_text("utf-8"))
    told["jupyter-config-data"]["contentsAllJsonFile"] = index.name
    config.write_text(json.dumps(told, indent=2, sort_keys=True), "utf-8")


def serve(directory: Path, port: int) -> None:
    """Serve a site on this machine until somebody stops it."""
    answers = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), answers) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}/lab/index.html (Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """Build it, or serve what was built."""
    parser = argparse.ArgumentParser(description="The demonstration site.")
    parser.add_argument("--serve", action="store_true", help="serve build/site instead of building it")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")), help="where to serve it")
    given, options = parser.parse_known_args(arguments)
    if given.serve:
        serve(OUTPUT, given.port)
        return 0
    if OUTPUT.exists():
        shutil.rmtree(OUTPUT)
    # What JupyterLite noted of another output would keep it from writing this one.
    (WORK / ".jupyterlite.doit.db").unlink(missing_ok=True)
    asked = [part for one in REQUIREMENTS for part in ("--micropip-lock-requirement", one)]
    return build(sources(WORK), OUTPUT, options or asked)


if __name__ == "__main__":
    sys.exit(main())
