"""What is fuzzed: every reader of bytes that come from strangers.

Each target takes any bytes and returns; what it raises is a defect. It accepts a value or one of our errors, and more
than that where there is more to say: what was read is written and read again, a fast reader agrees with the plain one,
another tool sees in an accepted wheel what we see.

Left to others: making the bytes (:mod:`tests.fuzz.run` with Atheris, :mod:`tests.fuzz.test_targets` with Hypothesis).
"""

from __future__ import annotations

import base64
import copy
import io
import json
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.parser import HeaderParser
from typing import Any, Final

from micropip_lock.core.candidates import direct_url_of
from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.dirty import record_rows
from micropip_lock.core.dist_info import parse_record, parse_records
from micropip_lock.core.formats.pyodide_lock import parse_pyodide_lock
from micropip_lock.core.graph import parse_requirements
from micropip_lock.core.imports import import_names
from micropip_lock.core.index_page import parse_page, with_absolute_urls
from micropip_lock.core.install_cells import installs_of
from micropip_lock.core.link import decode_link, encode_link
from micropip_lock.core.metadata import parse_metadata
from micropip_lock.core.model import Lock
from micropip_lock.core.notebook import embed_lock, parse_embedded, read_notebook
from micropip_lock.core.remote_wheel import RemoteWheel
from micropip_lock.core.script import read_script, with_dependencies
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import LinkError, MicropipLockError, RecordError
from micropip_lock.testing import BuiltWheel, wheel
from tests.fuzz.choices import Choices

type Target = Callable[[bytes], None]

PAGE: Final = "https://index.example/simple/demo/"
NAME: Final = "demo-1.0-py3-none-any.whl"


def lock(data: bytes) -> None:
    """A lock is refused, or is the same lock when it is written and read again."""
    choices = Choices(data)
    text = json.dumps(_edited(json.loads(_LOCK), choices)) if choices.yes() else choices.take(1 << 20)
    try:
        # Imported by name, so that the fuzzer sees the way through it.
        read = parse_pyodide_lock(text)
    except MicropipLockError:
        return
    written = read.to_json()
    again = Lock.from_json(written)
    assert _without_empty_tool(again) == _without_empty_tool(read)
    assert again.id == read.id
    assert written == again.to_json()


def _without_empty_tool(lock: Lock) -> Lock:
    """An empty ``tool`` is kept until something is written into it."""

    def rest(unknown: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in unknown.items() if key != "tool"}

    packages = {name: replace(package, unknown=rest(package.unknown)) for name, package in lock.packages.items()}
    return replace(lock, unknown=rest(lock.unknown), packages=packages)


def _edited(value: Any, choices: Choices) -> Any:
    """A JSON value with some of what is inside replaced, renamed or taken out."""
    while choices.left:
        parent, key = value, None
        while isinstance(parent, dict | list) and parent:
            key = choices.one(list(parent) if isinstance(parent, dict) else range(len(parent)))
            if not isinstance(parent[key], dict | list) or not parent[key] or choices.number(4) == 0:
                break
            parent = parent[key]
        if key is None:
            break
        new = copy.deepcopy(choices.one(_ODD))
        if choices.yes():
            parent[key] = choices.text() if new == "text" else new
        elif choices.yes() and isinstance(parent, dict):
            parent[choices.text()] = parent[key]
        else:
            del parent[key]
    return value


def dist_info(data: bytes) -> None:
    """RECORD, METADATA, our own record and ``direct_url.json`` of an installed distribution are read or refused."""
    choices = Choices(data)
    kind = choices.number(4)
    text = choices.take(1 << 20).decode("utf-8", "replace")
    if kind == 0:
        _record(text)
    elif kind == 1:
        _metadata(text)
    elif kind == 2:
        files = {"RECORD": "", "INDEX": PAGE, "micropip-lock.json": text}
        _ours(lambda: parse_records(files.get))
    else:
        _ours(lambda: direct_url_of(text))


def _record(text: str) -> None:
    plain = _ours(lambda: parse_record(text))
    fast = _ours(lambda: record_rows(text))
    assert (plain is None) == (fast is None)
    if plain is not None and fast is not None:
        expected = [(posixpath.normpath(row.path), row.size) for row in plain]
        assert expected == [(path, int(size) if size else None) for path, size in fast]
        import_names([path for path, _ in fast])


def _metadata(text: str) -> None:
    try:
        read = parse_metadata(text)
    except RecordError:
        return
    expected = HeaderParser().parsestr(text)
    assert read.name == str(expected.get("Name", "")).strip()
    assert read.version == str(expected.get("Version", "")).strip()
    _ours(lambda: parse_requirements("demo", read.requires))


def page(data: bytes) -> None:
    """A page of an index gives files with whole digests and absolute addresses, or is refused."""
    choices = Choices(data)
    content_type = choices.one(["text/html", "application/vnd.pypi.simple.v1+json", "application/json", ""])
    text = choices.take(1 << 20).decode("utf-8", "replace")
    files = _ours(lambda: parse_page(text, content_type, PAGE))
    for file in files or ():
        assert file.filename
        assert file.size is None or file.size >= 0
    if "json" in content_type:
        _ours(lambda: with_absolute_urls(text, PAGE))


def archive(data: bytes) -> None:
    """A wheel whose bytes were edited anyhow is refused, or holds just what zipfile sees in it."""
    choices = Choices(data)
    _opened(choices.edited(choices.one(_SEEDS).data))


def whole_wheel(data: bytes) -> None:
    """A wheel whose files, METADATA, WHEEL and RECORD are anything is refused, or is what zipfile sees."""
    _opened(_built(Choices(data)).data)


def ranges(data: bytes) -> None:
    """A wheel that is read by ranges gives the same RECORD as the whole of it, or is refused; it never asks in vain."""
    choices = Choices(data)
    tail = choices.number(2048)
    built = choices.one(_SEEDS)
    edited = choices.edited(built.data)

    def read() -> bytes:
        machine = RemoteWheel(NAME, len(edited), tail=tail)
        asked = set()
        while (needed := machine.next_range()) is not None:
            assert needed not in asked, "the same bytes are asked for twice"
            assert 0 <= needed.first <= needed.last < len(edited)
            asked.add(needed)
            machine.feed(needed.first, edited[needed.first : needed.last + 1])
        return machine.files["RECORD"]

    found = _ours(read)
    try:
        opened = OpenedWheel(admit(edited, Digest.of(edited), filename=NAME))
        dict(opened.files())
    except MicropipLockError:
        return
    assert found is not None
    assert found.decode() == opened.record_text


def notebook(data: bytes) -> None:
    """A notebook takes a lock and gives it back, all else as it was, or is refused; a script's block alike."""
    choices = Choices(data)
    text = choices.edited(_NOTEBOOK.encode()) if choices.yes() else choices.take(1 << 20)
    written = _ours(lambda: embed_lock(Lock.from_json(_LOCK), text))
    if written is not None:
        assert parse_embedded(written) == Lock.from_json(_LOCK)
        member = read_notebook(written).lock_member
        assert member is not None
        assert written[: member.start] == text.decode()[: member.start]
    _ours(lambda: parse_embedded(text))
    script = text.decode("utf-8", "replace")
    if _ours(lambda: read_script(script)) is not None:
        changed = _ours(lambda: with_dependencies(script, ["demo"]))
        assert changed is None or _dependencies(changed) == ("demo",)
    for cell in getattr(_ours(lambda: read_notebook(text)), "cells", ()):
        _ours(lambda: installs_of([cell]))  # noqa: B023  # called at once


def link(data: bytes) -> None:
    """A link is refused as one, or is a lock that has a link again; so where its checksum is right, too."""
    choices = Choices(data)
    kind = choices.number(3)
    if kind == 0:
        text = f"#lock={choices.edited(_LINK.encode()).decode('utf-8', 'replace')}"
    else:
        body = base64.urlsafe_b64decode(_LINK[2:] + "=" * (-len(_LINK[2:]) % 4))
        content = choices.edited(body[7:]) if kind == 1 else choices.take(1 << 16)
        flags = choices.take(1) or body[:1]
        sealed = flags + (len(content) % 65536).to_bytes(2) + zlib.crc32(flags + content).to_bytes(4) + content
        text = f"#lock=1.{base64.urlsafe_b64encode(sealed).rstrip(b'=').decode()}"
    try:
        found = decode_link(text)
    except LinkError:
        return
    if isinstance(found, Lock):
        assert decode_link(encode_link(found)) == found


def _dependencies(script: str) -> tuple[str, ...] | None:
    found = read_script(script)
    return None if found is None else found.dependencies


TARGETS: Final[dict[str, Target]] = {
    "lock": lock,
    "dist-info": dist_info,
    "link": link,
    "notebook": notebook,
    "page": page,
    "archive": archive,
    "wheel": whole_wheel,
    "ranges": ranges,
}


def _ours[T](read: Callable[[], T]) -> T | None:
    try:
        return read()
    except MicropipLockError as refused:
        error = refused
    assert error.code
    assert str(error)
    return None


def _opened(data: bytes) -> None:
    try:
        files = dict(OpenedWheel(admit(data, Digest.of(data), filename=NAME)).files())
    except MicropipLockError:
        return
    with zipfile.ZipFile(io.BytesIO(data)) as seen:
        assert files == {one.filename: seen.read(one) for one in seen.infolist() if not one.is_dir()}


def _built(choices: Choices) -> BuiltWheel:
    files: dict[str, str | bytes] = {"demo.py": "one = 1\n"}
    for _ in range(choices.number(4)):
        files[choices.text() or "empty"] = choices.chunk()
    dist_info_files = {name: choices.chunk() for name in ("METADATA", "WHEEL", "entry_points.txt") if choices.yes()}

    def mutate(entries: dict[str, bytes]) -> None:
        if choices.yes():
            path = "demo-1.0.dist-info/RECORD"
            entries[path] = choices.edited(entries[path])

    try:
        return wheel("demo", "1.0", files=files, dist_info=dist_info_files, mutate=mutate)
    except (ValueError, UnicodeError, MicropipLockError):
        # Names that no archive can hold.
        return _SEEDS[0]


def _seed(compression: int) -> BuiltWheel:
    built = wheel("demo", "1.0", files={"demo/__init__.py": "one = 1\n" * 9, "demo/data.txt": "é" * 30})
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(built.data)) as source, zipfile.ZipFile(target, "w", compression) as copy:
        for name in source.namelist():
            copy.writestr(zipfile.ZipInfo(name), source.read(name), compress_type=compression)
    return built.with_data(target.getvalue())


_SEEDS: Final = [_seed(zipfile.ZIP_STORED), _seed(zipfile.ZIP_DEFLATED)]


def seeds(name: str) -> list[bytes]:
    """Inputs to begin with: what is right, and what is nearly so."""
    return {
        "lock": [b"\0" + _LOCK.encode(), b"\1", b"\1" + bytes(range(64))],
        "dist-info": [number.to_bytes(4, "little") + text.encode() for number, text in enumerate(_DIST_INFO)],
        "link": [bytes(4), b"\1" + bytes(3), b"\2" + bytes(3) + bytes(range(200))],
        "notebook": [b"\0" + _NOTEBOOK.encode(), b"\0" + _SCRIPT.encode(), b"\1", b"\1" + bytes(range(64))],
        "page": [bytes([number]) + text.encode() for number, text in enumerate(_PAGES)],
        "archive": [b"\0", b"\1", b"\1" + bytes(range(64))],
        "wheel": [b"", bytes(range(1, 200))],
        "ranges": [b"\0\1\0\0\0", b"\0\4\0\0\1" + bytes(range(64))],
    }[name]


def _entry(name: str, **fields: Any) -> str:
    entry = {
        "name": name,
        "version": "1.0",
        "file_name": f"https://files.example/{name}-1.0-py3-none-any.whl",
        "install_dir": "site",
        "sha256": "ab" * 32,
        "package_type": "package",
        "imports": [name],
        "depends": [],
        "unvendored_tests": False,
        **fields,
    }
    return json.dumps({name: entry})[1:-1]


_LOCK: Final = (
    '{"info": {"abi_version": "2026_0", "arch": "wasm32", "platform": "emscripten_5_0_3", "python": "3.14.2"}, '
    f'"packages": {{{_entry("demo", depends=["other"])}, {_entry("other")}}}, '
    '"tool": {"micropip-lock": {"version": 1, "mocks": {}, "site": [], "unlocked": []}}}'
)

_LINK: Final = encode_link(Lock.from_json(_LOCK)).removeprefix("#lock=")
_SCRIPT: Final = '# /// script\n# dependencies = ["demo>=1"]\n# [tool.other]\n# a = 1\n# ///\nimport demo\n'
_NOTEBOOK: Final = json.dumps(
    {
        "cells": [
            {"cell_type": "code", "execution_count": 1, "id": "a", "metadata": {}, "outputs": [], "source": [_SCRIPT]},
            {"cell_type": "code", "id": "b", "metadata": {}, "outputs": [], "source": "%pip install demo -q"},
        ],
        "metadata": {"kernelspec": {"name": "python"}, "micropip-lock": json.loads(_LOCK)},
        "nbformat": 4,
        "nbformat_minor": 5,
    },
    indent=1,
)
_DIST_INFO: Final = [
    'demo/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"a,b",,\ndemo-1.0.dist-info/RECORD,,\n',
    "Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nRequires-Dist: other>=1; extra == 'x'\nImport-Name: demo\n\n.",
    '{"version": 1, "source": "index", "url": "https://files.example/demo-1.0-py3-none-any.whl", "sha256": "'
    + "ab" * 32
    + '", "record": "'
    + "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    + '", "size": 5, "requested": true, "requirement": "demo>=1", "extras": ["x"]}',
    '{"url": "https://files.example/demo-1.0-py3-none-any.whl", "archive_info": {"hashes": {"sha256": "aa"}}}',
]
_ODD: Final[list[Any]] = [
    *("text", None, True, 0, -1, 2**63, "", [], {}, ["a", "a"], "demo", "DEMO", "1.0", "text"),
    *("file:///a.whl", "../demo-1.0-py3-none-any.whl", "https://u:p@files.example/demo-1.0-py3-none-any.whl#x"),
    *("ab" * 32, "AB" * 32, "site", "dynlib", "shared_library", {"a": {}}, [{}], "\u202e", "constructor"),
]
_PAGES: Final = [
    '<!doctype html><a href="../../demo-1.0-py3-none-any.whl#sha256=' + "ab" * 32 + '" data-yanked="">demo</a>',
    '{"meta": {"api-version": "1.1"}, "files": [{"filename": "d.whl", "url": "d.whl", "hashes": {"sha256": "ab"}}]}',
    '{"releases": {"1.0": [{"filename": "d.whl", "url": "d.whl", "digests": {}, "size": 1}]}}',
]
