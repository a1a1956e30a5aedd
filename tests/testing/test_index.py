"""The index as an object: its contents, its options and its life."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from micropip_lock.errors import UsageError
from micropip_lock.testing import PackageIndex, Slow, Stall, Status, wheel
from micropip_lock.testing.pages import JSON_TYPE

type Ask = Callable[..., Any]


def test_files_from_disk(package_index: PackageIndex, ask: Ask, tmp_path: Path) -> None:
    """Wheels from a directory are listed and served with their own digests."""
    built = {each.filename: each for each in (wheel("a"), wheel("b", "2"))}
    for name, each in built.items():
        (tmp_path / name).write_bytes(each.data)
    (tmp_path / "notes.txt").write_text("no wheel")
    assert sorted(built) == package_index.add_directory(tmp_path)
    facts = ask(f"{package_index.url}/b/", Accept=JSON_TYPE).json["files"][0]
    name = "b-2-py3-none-any.whl"
    assert (built[name].sha256, built[name].data) == (
        facts["hashes"]["sha256"],
        ask(package_index.file_url(name)).body,
    )


def test_index_hash_overrides_what_pages_claim(package_index: PackageIndex, ask: Ask) -> None:
    """The page lies, the file is itself."""
    built = package_index.add(wheel("six"), index_hash="0" * 64)
    facts = ask(f"{package_index.url}/six/", Accept=JSON_TYPE).json["files"][0]
    assert ({"sha256": "0" * 64}, built.data) == (
        facts["hashes"],
        ask(package_index.file_url(built.filename)).body,
    )


def test_remove_and_republish(package_index: PackageIndex, ask: Ask) -> None:
    """A name can be used again only after it was removed, then with other bytes."""
    built = package_index.add(wheel("six"))
    with pytest.raises(UsageError, match="has a file of that name"):
        package_index.add(built)
    package_index.remove(built.filename)
    gone = ask(package_index.file_url(built.filename)).status
    package_index.add(built.with_data(b"other"))
    assert (gone, ask(package_index.file_url(built.filename)).body) == (404, b"other")


def test_what_is_not_there(package_index: PackageIndex, tmp_path: Path) -> None:
    """Missing files and empty directories are errors at once, not 404s later."""
    for mistake in (
        lambda: package_index.remove("none.whl"),
        lambda: package_index.add_file(tmp_path / "none-1-py3-none-any.whl"),
        lambda: package_index.add_directory(tmp_path),
    ):
        with pytest.raises(UsageError):
            mistake()
    assert "0 files" in repr(package_index)


def test_status_of_a_quarantined_project(package_index: PackageIndex, ask: Ask) -> None:
    """In quarantine the page lists nothing, while a known address still answers."""
    built = package_index.add(wheel("six"))
    package_index.status("Six", "quarantined", "malware")
    page = ask(f"{package_index.url}/six/", Accept=JSON_TYPE).json
    no_files: list[object] = []
    expected = ({"status": "quarantined", "reason": "malware"}, no_files, 200)
    assert expected == (page["project-status"], page["files"], ask(package_index.file_url(built.filename)).status)


def test_relative_urls_and_two_origins_contradict_each_other() -> None:
    """A relative URL cannot name another origin."""
    with pytest.raises(UsageError, match="another origin"):
        PackageIndex(file_urls="relative", files_on_another_origin=True)


def test_addresses_need_a_running_index() -> None:
    """Before start and after close there is no port to name."""
    index = PackageIndex()
    with pytest.raises(UsageError, match="not running"):
        _ = index.url
    with index:
        assert index.url.startswith("http://127.0.0.1:")
    with pytest.raises(UsageError, match="not running"):
        _ = index.url
    assert repr(index) == "<PackageIndex closed: 0 projects, 0 files>"


def test_url_with_credentials() -> None:
    """User and password are escaped into the URL."""
    with PackageIndex(require_auth=("me@x", "a/b")) as index:
        assert index.url.replace("://", "://me%40x:a%2Fb@") == index.url_with_credentials


def test_latency() -> None:
    """Each answer waits."""
    with PackageIndex(latency=0.2) as index:
        connection = http.client.HTTPConnection(index.origin.removeprefix("http://"), timeout=5)
        started = time.monotonic()
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.close()
    assert time.monotonic() - started >= 0.2


def test_close_ends_every_thread_at_once() -> None:
    """Stalled, dripping and idle connections and a client that reads nothing do not hold up close."""
    before = set(threading.enumerate())
    index = PackageIndex().start()
    index.add(wheel("big", files={"big.py": bytes(30_000_000)}))
    index.add(wheel("six"))
    index.fault("/simple/stall/", Stall())
    index.fault("*six*", Slow(1))
    host = index.origin.removeprefix("http://")
    connections = []
    paths = ["/simple/stall/", "/files/six-1.0-py3-none-any.whl", "/files/big-1.0-py3-none-any.whl", "/idle"]
    for path in paths:
        connection = http.client.HTTPConnection(host, timeout=5)
        connection.request("GET", path)
        connections.append(connection)
    index.log.wait_for("*", count=len(paths))
    started = time.monotonic()
    index.close()
    took = time.monotonic() - started
    for connection in connections:
        connection.close()
    assert set() == set(threading.enumerate()) - before
    assert took < 1.0


def test_close_twice_and_start_twice() -> None:
    """Both are harmless when repeated."""
    index = PackageIndex().start()
    url = index.url
    assert url == index.start().url
    index.close()
    index.close()


def test_a_failure_of_the_index_itself_is_raised_on_close(ask: Ask, tmp_path: Path) -> None:
    """A bug or a vanished file is a 500 for the client and an exception for the test, never a silent flake."""
    path = tmp_path / "six-1.0-py3-none-any.whl"
    path.write_bytes(wheel("six").data)
    index = PackageIndex().start()
    index.add_file(path)
    path.unlink()
    status = ask(f"{index.url}/six/").status
    with pytest.raises(ExceptionGroup) as caught:
        index.close()
    assert (500, FileNotFoundError) == (status, type(caught.value.exceptions[0]))


def test_faults_by_address_and_their_removal(package_index: PackageIndex, ask: Ask) -> None:
    """A fault may be given the address of a file, and is gone when cleared."""
    built = package_index.add(wheel("six"))
    url = package_index.file_url(built.filename)
    package_index.fault(url, Status(503))
    first = ask(url).status
    package_index.clear_faults()
    assert (first, ask(url).status) == (503, 200)
