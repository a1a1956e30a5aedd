"""First visits of many kernels against nginx: what each asks for, and how long the server takes for all of them.

``make visits`` builds the site of ``lite/site``, serves it by nginx with ``lite/site/nginx.conf``, lets Chromium visit
it twice with one profile, and writes down what was asked of the server until a kernel had answered. A client without a
browser then repeats the first visit 200 times, several at a time.

Rules this file keeps:

1. What counts as a request is what nginx wrote into its log: what a browser took from a cache is not there.
2. A visitor stays some seconds: wheels are kept for the next visit after the kernel is ready.
3. The client sends what the browser sent, ``Accept-Encoding`` with it, and reads every byte.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import contextlib
import http.client
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.lite.lab import secluded_chromium, visitor
from tools import site
from tools.tables import put

DOCUMENT: Final = site.ROOT / "docs" / "jupyterlite.md"
_STAY: Final = 8_000
"""Milliseconds that a visitor stays."""
ENCODINGS: Final = "gzip, deflate, br, zstd"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request, as nginx logged it.

    Attributes:
        path: With its query.
        status: Of the answer.
        sent: Bytes of the answer, its head included.
    """

    path: str
    status: int
    sent: int


@dataclass(kw_only=True, slots=True)
class Nginx:
    """A running nginx.

    Attributes:
        url: Of the site's root.
        log: Its log of requests.
        read: Lines of it that were taken.
    """

    url: str
    log: Path
    read: int = field(default=0)

    def take(self) -> list[Asked]:
        """What was asked since it was last taken."""
        lines = self.log.read_text("utf-8").splitlines()[self.read :]
        self.read += len(lines)
        parts = [line.split(" ") for line in lines]
        return [Asked(path=path, status=int(status), sent=int(sent)) for status, sent, path in parts]


@contextlib.contextmanager
def nginx(directory: Path) -> Iterator[Nginx]:
    """Serve a site by nginx, as ``lite/site/nginx.conf`` says.

    Raises:
        AssertionError: It does not start; the text says why.
    """
    found = subprocess.run([site.ROOT / "tools/find-nginx"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    with tempfile.TemporaryDirectory() as name, socket.socket() as free:
        scratch = Path(name)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        (scratch / "log").touch()
        (scratch / "nginx.conf").write_text(
            f"daemon off; worker_processes 1; pid {scratch}/pid; events {{}}\n"
            f"http {{ log_format asked '$status $bytes_sent $request_uri'; access_log {scratch}/log asked;\n"
            + "".join(f"{kind}_temp_path {scratch}/{kind};" for kind in kinds)
            + f"server {{ listen 127.0.0.1:{port}; root {directory}; include {site.SOURCES}/nginx.conf; }} }}\n"
        )
        errors = scratch / "error.log"
        server = subprocess.Popen(
            [found.stdout.strip(), "-c", scratch / "nginx.conf", "-e", errors], stderr=subprocess.DEVNULL
        )
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                assert server.poll() is None, errors.read_text()
                time.sleep(0.05)
            yield Nginx(url=f"http://127.0.0.1:{port}/", log=scratch / "log")
        finally:
            server.terminate()
            server.wait()


async def recorded(server: Nginx) -> tuple[list[Asked], list[Asked]]:
    """What a first and a second visit of one browser ask for, each until its kernel has answered."""
    visits = []
    async with secluded_chromium() as browser, visitor(browser) as lab:
        for _ in range(2):
            page = await lab.open(f"{server.url}lab/index.html")
            kernel = await lab.kernel(page)
            assert await kernel.ask("import rich; answer = True")
            # What is kept for the next visit is written once the kernel is ready.
            await page.wait_for_timeout(_STAY)
            await page.close()
            visits.append(server.take())
    return visits[0], visits[1]


def visit(url: str, paths: Sequence[str]) -> int:
    """Ask for all of this over one connection; the bytes of the bodies."""
    connection = http.client.HTTPConnection(str(urlsplit(url).netloc), timeout=60)
    total = 0
    for path in paths:
        connection.request("GET", path, headers={"Accept-Encoding": ENCODINGS})
        answer = connection.getresponse()
        total += len(answer.read())
    connection.close()
    return total


def repeated(server: Nginx, paths: Sequence[str], *, count: int, at_once: int) -> tuple[float, int]:
    """Repeat a visit; seconds in all, and bytes of the bodies."""
    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        total = sum(pool.map(lambda _number: visit(server.url, paths), range(count)))
    return time.perf_counter() - began, total


def rows(first: Sequence[Asked], second: Sequence[Asked]) -> Iterator[str]:
    """Rows of the table: what is asked for, by kind."""
    yield "| | first visit | | second visit | |"
    yield "|--|--:|--:|--:|--:|"
    for name in ("wheels", "Pyodide", "locks", "JupyterLite"):
        found = [[one for one in asked if _kind(one) == name] for asked in (first, second)]
        yield f"| {name} | {_told(found[0])} | {_told(found[1])} |"
    yield f"| **all** | {_told(first)} | {_told(second)} |"


def _kind(asked: Asked) -> str:
    path = asked.path.partition("?")[0]
    if path.endswith((".whl", ".pack")):
        return "wheels"
    if "/static/pyodide/" in path or "/static/micropip-lock/runtime-" in path:
        return "Pyodide"
    return "locks" if "/static/micropip-lock/" in path else "JupyterLite"


def _told(asked: Sequence[Asked]) -> str:
    return f"{len(asked)} requests | {sum(one.sent for one in asked) / 1e6:.2f} MB"


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="make visits", description=__doc__.partition("\n")[0])
    parser.add_argument("--site", type=Path, default=site.OUTPUT, help="a site that is built already")
    parser.add_argument("--count", type=int, default=200, help="how often the first visit is repeated")
    parser.add_argument("--at-once", type=int, default=8, help="how many visit at the same time")
    parser.add_argument("--write", action="store_true", help="put the table into docs/jupyterlite.md")
    arguments = parser.parse_args()
    with nginx(arguments.site.resolve()) as server:
        first, second = asyncio.run(recorded(server))
        paths = [one.path for one in first if one.status == http.client.OK]
        seconds, total = repeated(server, paths, count=arguments.count, at_once=arguments.at_once)
        refused = [one for one in server.take() if one.status != http.client.OK]
    table = "\n".join(rows(first, second))
    print(table)
    told = (
        f"{arguments.count} first visits, {arguments.at_once} at a time: {len(paths) * arguments.count} requests, "
        f"{total / 1e9:.2f} GB, {seconds:.1f} s, {len(refused)} of them not answered with 200."
    )
    print(told)
    if arguments.write:
        put(DOCUMENT, "visits", f"{table}\n\n{told}")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
