"""The notebooks of ``lite/site`` do what they say, and nginx serves the site as it should be served."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from email.message import Message
from pathlib import Path

import pytest
import pytest_asyncio

from tests.lite.conftest import Built, Served
from tests.lite.lab import Lab, visitor
from tools import site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NOTEBOOKS = sorted(path.name for path in (site.SOURCES / "files").glob("*.ipynb"))


@pytest.fixture(scope="module")
def nginx(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site, behind nginx."""
    found = subprocess.run([site.ROOT / "tools/find-nginx"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    scratch = tmp_path_factory.mktemp("nginx")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = "\n".join(
        f"{kind}_temp_path {scratch}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = scratch / "nginx.conf"
    config.write_text(f"""
daemon off;
master_process off;
pid {scratch}/pid;
events {{}}
http {{
  access_log off;
  {places}
  server {{
    listen 127.0.0.1:{port};
    root {built.output};
    include {site.SOURCES}/nginx.conf;
  }}
}}
""")
    server = subprocess.Popen(
        [found.stdout.strip(), "-c", config, "-e", scratch / "error.log"], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            with socket.socket() as there:
                if there.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, (scratch / "error.log").read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lab(served: Served) -> AsyncIterator[Lab]:
    """A visitor."""
    forgiven = {"Exception opening new comm": "its kernel has no notebook for widgets; test_panel has"}
    async with visitor(served.browser, forgiven=forgiven) as one:
        yield one


def _cells(name: str) -> list[str]:
    notebook = json.loads((site.SOURCES / "files" / name).read_text("utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


async def test_every_notebook_runs(nginx: str, lab: Lab) -> None:
    """Each cell of the three runs from top to bottom, without another host, on the site as nginx serves it."""
    page = await lab.open(f"{nginx}lab/index.html")
    for name in NOTEBOOKS:
        await page.wait_for_selector(f".jp-DirListing-item >> text={name}")
    assert 3 == len(NOTEBOOKS)
    kernel = await lab.kernel(page)
    # From the last to the first, so that none leans on one before it.
    for name in reversed(NOTEBOOKS):
        for cell in _cells(name):
            assert None is await kernel.run(cell), cell


def _headers(url: str) -> Message:
    with urllib.request.urlopen(url) as answer:
        found: Message = answer.headers
    return found


@pytest.mark.parametrize(
    ("glob", "kind", "kept"),
    [
        ("lab/index.html", "text/html", "no-cache"),
        ("static/pyodide/pyodide.mjs", "text/javascript", "no-cache"),
        ("static/pyodide/pyodide.asm.wasm", "application/wasm", "no-cache"),
        ("static/micropip-lock/pyodide-lock.json", "application/json", "no-cache"),
        ("static/micropip-lock/wheels/*/rich*.whl", "application/zip", "public, max-age=31536000, immutable"),
    ],
)
async def test_what_nginx_says(nginx: str, built: Built, glob: str, kind: str, kept: str) -> None:
    """Types are those that browsers insist on; what lies under its digest may be kept; no page is isolated."""
    (path,) = built.output.glob(glob)
    url = f"{nginx}{path.relative_to(built.output).as_posix()}"
    headers = await asyncio.to_thread(_headers, url)
    assert (kind, kept) == (headers.get_content_type(), headers["Cache-Control"])
    assert [None, None] == [headers[f"Cross-Origin-{name}-Policy"] for name in ("Opener", "Embedder")]


async def test_the_notebooks_are_as_nobody_ran_them() -> None:
    """They are kept without outputs, so that nothing in them is older than the program."""
    for name in NOTEBOOKS:
        text = Path(site.SOURCES / "files" / name).read_text("utf-8")
        assert all(not cell.get("outputs") for cell in json.loads(text)["cells"])
