"""The vectors that hold the boot path's TypeScript to Python: how locks are read, and what is written into dist-info.

``python -m tests.core.boot_vectors`` writes them anew from what Python does; ``test_boot_vectors.py`` fails when they
are not what Python does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from micropip_lock.app.installs import _record_writer
from micropip_lock.core.abis import runtime_tags
from micropip_lock.core.digest import Digest
from micropip_lock.core.faults import Faults
from micropip_lock.core.model import Lock, LockedPackage, Origin, Wheel
from micropip_lock.core.plan import Download
from micropip_lock.core.preflight import misfits
from micropip_lock.errors import MicropipLockError

VECTORS: Final = Path(__file__).parents[1] / "vectors"
HEX: Final = "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"
FILE: Final = "https://files.example/six-1.16.0-py2.py3-none-any.whl"


def _entry(
    name: str = "six", version: str = "1.16.0", *, fields: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": name,
        "version": version,
        "file_name": f"https://files.example/{name.replace('-', '_')}-{version}-py3-none-any.whl",
        "install_dir": "site",
        "sha256": HEX,
        "package_type": "package",
        "imports": ["six"],
        "depends": [],
        "unvendored_tests": False,
    }
    return {key: value for key, value in (entry | more | (fields or {})).items() if value is not ...}


def _ours(**facts: Any) -> dict[str, Any]:
    return {"tool": {"micropip-lock": facts}}


def _lock(*entries: dict[str, Any], info: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "info": {"abi_version": "2026_0", "arch": "wasm32", "platform": "emscripten_5_0_3", "python": "3.14.2"}
        if info is None
        else info,
        "packages": {str(canonicalize_name(entry["name"])): entry for entry in entries},
        **more,
    }


def _accepted() -> Iterator[dict[str, Any]]:
    yield _lock()
    yield _lock(_entry())
    yield _lock(_entry(), _entry("rich", "13.0", depends=["Six", "six"]))
    yield _lock(_entry(sha256=HEX.upper()))
    yield _lock(_entry(imports=..., depends=..., unvendored_tests=..., package_type=..., install_dir=...))
    yield _lock(_entry(file_name="wheels/six-1.16.0-py2.py3-none-any.whl"))
    yield _lock(_entry(file_name="../six-1.16.0-py2.py3-none-any.whl"))
    yield _lock(_entry(file_name="/six-1.16.0-py2.py3-none-any.whl"))
    yield _lock(_entry(file_name="http://localhost:8000/x@1/six-1.16.0-py2.py3-none-any.whl"))
    yield _lock(_entry("Local", "1.0+cpu.1", file_name="https://files.example/a/local-1.0%2Bcpu.1-py3-none-any.whl"))
    yield _lock(_entry("ruamel.yaml", "1.0.0", file_name="https://files.example/ruamel_yaml-1.0-1-py3-none-any.whl"))
    for version, spelt in (
        ("1.0rc1", "1.0.c1"),
        ("1.0.0", "01.0"),
        ("1!2.0.post1", "1!2.post1"),
        ("1.0.dev0", "1.0.dev"),
        ("1.0a0", "1.0.alpha"),
        ("1.0.post3", "1.0.rev3"),
        ("v1.0", "1.0"),
        ("1.0+ubuntu.01", "1.0+ubuntu_1"),
    ):
        yield _lock(_entry(version=version, file_name=f"https://files.example/six-{spelt}-py3-none-any.whl"))
    for tags in (
        "cp314-cp314-pyemscripten_2026_0_wasm32",
        "cp314-cp314-pyodide_2026_0_wasm32",
        "cp314-cp314-emscripten_5_0_3_wasm32",
        "cp39-abi3-pyemscripten_2026_0_wasm32",
        "cp314-none-any",
        "py314-none-any",
        "py30.py2-none-any",
        "CP314-none-ANY",
        "py3-none-pyodide_2026_0_wasm32",
        "cp313.cp314-cp313.cp314-manylinux_2_17_x86_64.pyodide_2026_0_wasm32",
    ):
        yield _lock(_entry(file_name=f"https://files.example/six-1.16.0-{tags}.whl"))
    yield _lock(
        _entry(
            **_ours(
                source="index",
                index="https://index.example/simple/",
                size=11053,
                requested=True,
                requirement="six>=1; python_version >= '3'",
                extras=["b", "a"],
                yanked="broken on é",
                missing=["Foo_Bar"],
                **{"upload-time": "2021-05-05T14:18:17.237Z"},
            )
        ),
        tool={"micropip-lock": {"version": 1}, "other": {"a": ["x\n"]}},
    )
    yield _lock(
        _entry(**_ours(source="url", url="https://mirror.example/six-1.16.0-py2.py3-none-any.whl", yanked=True))
    )
    yield _lock(_entry(**_ours(source="local"), file_name=f"wheels/{HEX}/six-1.16.0-py3-none-any.whl"))
    yield _lock(_entry(**_ours(source="runtime", yanked="")))
    yield _lock(
        _entry("a", "1", depends=[], **_ours(depends=["b"])),
        _entry("b", "1", depends=["a"]),
        tool={"micropip-lock": {"version": 1, "site": [{"name": "ipykernel", "version": "1.0"}]}},
    )

    for url in ("start-0123456789abcdef.pack", "https://files.example/start.pack"):
        start = {"url": url, "sha256": HEX, "size": 10}
        yield _lock(_entry(), tool={"micropip-lock": {"version": 1, "start": start}})


def _refused() -> Iterator[Any]:
    six = _entry()
    yield []
    yield {}
    yield {"info": [], "packages": {}}
    for key in ("abi_version", "arch", "platform", "python"):
        info = dict(_lock()["info"])
        yield _lock(info={**info, key: 3})
        del info[key]
        yield _lock(info=info)
    yield _lock(info={**_lock()["info"], "abi_version": ""})
    yield {**_lock(), "packages": []}
    yield {**_lock(), "packages": {"six": six, "Six": six}}
    yield {**_lock(), "packages": {"seven": six}}
    yield {**_lock(), "packages": {"six": "six"}}
    yield {**_lock(), "packages": {f"{number:x}": 0 for number in range(2001)}}
    faults: tuple[dict[str, Any], ...] = (
        {"name": ...},
        {"name": "-six"},
        {"name": 6},
        {"version": ...},
        {"version": "one"},
        {"version": 1},
        {"version": "1" * 129},
        {"version": "1.17.0", "file_name": FILE},
        {"sha256": ...},
        {"sha256": ""},
        {"sha256": None},
        {"sha256": HEX[1:]},
        {"sha256": f"md5:{HEX}"},
        {"sha256": f"sha256:{HEX}"},
        {"file_name": ...},
        {"file_name": ""},
        {"file_name": "https://files.example/seven-1.16.0-py3-none-any.whl"},
        {"file_name": "https://files.example/six-1.16.0-py3-none.whl"},
        {"file_name": "https://files.example/six-py3-none-any.whl"},
        {"file_name": "https://files.example/six-1.16.0-py3-none-any.whl/"},
        {"file_name": "https://files.example/six-1.16.0.tar.gz"},
        {"file_name": "https://files.example/a b/six-1.16.0-py3-none-any.whl"},
        {"file_name": "https:\\files.example/six-1.16.0-py3-none-any.whl"},
        {"file_name": "//files.example/six-1.16.0-py3-none-any.whl"},
        {"file_name": "javascript:six-1.16.0-py3-none-any.whl"},
        {"file_name": "emfs:/six-1.16.0-py3-none-any.whl"},
        {"file_name": "https://user:pass@files.example/six-1.16.0-py3-none-any.whl"},
        {"file_name": f"{FILE}?token=1"},
        {"file_name": f"{FILE}?X-Amz-Signature=1"},
        {"file_name": f"{FILE}#a=1&access_token=1"},
        {"file_name": "https://files.example/%2e%2e/six-1.16.0-py3-none-any.whl"},
        {"file_name": "https://files.example/%252fsix-1.16.0-py3-none-any.whl"},
        {"file_name": "https://files.example/six-1.16.0-cp27-cp27m-win32.whl"},
        {"file_name": "https://files.example/six-1.16.0-py2-none-any.whl"},
        {"file_name": "https://files.example/six-1.16.0-cp313-cp313-pyodide_2025_0_wasm32.whl"},
        {"file_name": "https://files.example/six-1.16.0-cp313-none-any.whl"},
        {"file_name": "https://files.example/six-1.16.0-cp31-abi3-pyodide_2026_0_wasm32.whl"},
        {"file_name": "https://files.example/six-1.16.0-py315-none-any.whl"},
        {"file_name": "https://files.example/six-1.16.0-cp314-cp314-any.whl"},
        {"package_type": "wheel"},
        {"package_type": "shared_library"},
        {"install_dir": "lib"},
        {"imports": "six"},
        {"imports": [1]},
        {"imports": ["six\x1b"]},
        {"imports": ["six\u202e"]},
        {"imports": ["six\n"]},
        {"imports": ["x" * 4097]},
        {"depends": ["seven"]},
        {"depends": ["a b"]},
        {"depends": {}},
        {"unvendored_tests": 1},
        {"other": "a\x00"},
        {"other": {"\u200b": 1}},
        {"tool": []},
        {"tool": {"other": 1}},
        _ours(source="index", index="https://user:pass@index.example/"),
        _ours(source="index", index="index/"),
        _ours(source="url", index="https://index.example/"),
        _ours(index="https://index.example/"),
        _ours(source="local", url=FILE),
        _ours(source="somewhere"),
        _ours(size=-1),
        _ours(size=2**53),
        _ours(size="1"),
        _ours(size=True),
        _ours(requested="yes"),
        _ours(extras="a"),
        _ours(missing=["a b"]),
        _ours(yanked=1),
        _ours(requirement=1),
        _ours(depends=["six2"]),
        {"depends": ["a"], **_ours(depends=["six2"])},
    )
    for fields in faults:
        yield {**_lock(), "packages": {"six": _entry(fields=fields)}}
    yield _lock(six, tool={"micropip-lock": {"version": 2}})
    yield _lock(six, tool={"micropip-lock": {}})
    yield _lock(six, tool={"micropip-lock": {"version": 0}})
    yield _lock(six, tool={"micropip-lock": {"version": "1"}})
    yield _lock(six, tool={"micropip-lock": {"version": 1, "site": [{"name": "a", "version": "1", "x": 1}]}})
    yield _lock(six, tool={"micropip-lock": {"version": 1, "site": [{"name": "a", "version": "1"}] * 2}})
    start = {"url": "start.pack", "sha256": HEX, "size": 10}
    for change in (
        {"url": ...},
        {"url": ""},
        {"url": "//files.example/start.pack"},
        {"url": "https://user:pass@files.example/start.pack"},
        {"sha256": ...},
        {"sha256": HEX[1:]},
        {"size": ...},
        {"size": -1},
        {"size": "10"},
        {"more": 1},
    ):
        changed = {key: value for key, value in (start | change).items() if value is not ...}
        yield _lock(six, tool={"micropip-lock": {"version": 1, "start": changed}})
    yield _lock(six, tool={"micropip-lock": {"version": 1, "start": "start.pack"}})


def _too_odd() -> Iterator[dict[str, Any]]:
    """What Python takes, and a boot does not."""
    yield _lock(_entry(file_name=f"{FILE}?a=1"))
    yield _lock(_entry(file_name=f"{FILE}#sha256={HEX}"))
    yield _lock(_entry(file_name="HTTPS://files.example/six-1.16.0-py3-none-any.whl"))
    yield _lock(_entry(file_name="https://files.example/./six-1.16.0-py3-none-any.whl"))
    yield _lock(_entry(file_name="file:///six-1.16.0-py3-none-any.whl"))
    yield _lock(_entry(file_name="https://[::1]/six-1.16.0-py3-none-any.whl"))
    yield _lock(_entry(file_name="https://files.example/é/six-1.16.0-py3-none-any.whl"))
    mocks = {"seven": {"version": "1", "persistent": False, "modules": {}}}
    yield _lock(_entry(), tool={"micropip-lock": {"version": 1, "mocks": mocks}})
    yield _lock(
        _entry(**_ours(mocked=["seven"])),
        tool={"micropip-lock": {"version": 1, "mocks": mocks}},
    )
    unlocked = [{"name": "mine", "version": "1", "code": "no-record", "reason": "", "hint": ""}]
    yield _lock(_entry(), tool={"micropip-lock": {"version": 1, "unlocked": unlocked}})


def _judged(text: str) -> Lock:
    """Read a lock, and check that its files fit its own ABI: the gravest fault is raised."""
    lock = Lock.from_json(text)
    faults = Faults()
    for fault in misfits(lock, abi=lock.abi, tags=frozenset(runtime_tags(lock.abi))):
        faults.add(fault)
    faults.check()
    return lock


def _facts(package: LockedPackage) -> dict[str, Any]:
    wheel, origin = package.wheel, package.origin
    return {
        "name": package.name,
        "displayName": package.display_name,
        "version": package.version,
        "url": wheel.url,
        "filename": wheel.filename,
        "sha256": wheel.digest.hex,
        "size": wheel.size,
        "depends": list(package.depends),
        "origin": None if origin is None else {"kind": origin.kind, "url": origin.url, "index": origin.index},
        "uploadTime": wheel.upload_time,
        "yanked": wheel.yanked,
        "requested": package.requested,
        "requirement": package.requirement,
        "extras": list(package.extras),
    }


def lock_read() -> dict[str, Any]:
    """How Python reads locks."""
    accept, refuse, not_plain = [], [], []
    for value in _accepted():
        text = json.dumps(value)
        lock = _judged(text)
        start = lock.start and {"url": lock.start.url, "sha256": lock.start.digest.hex, "size": lock.start.size}
        accept.append({"text": text, "start": start, "wheels": [_facts(package) for package in lock]})
    for value in _refused():
        text = json.dumps(value)
        try:
            _judged(text)
        except MicropipLockError as error:
            refuse.append({"text": text, "code": error.code})
        else:
            raise AssertionError(f"Python takes {text}")
    for value in _too_odd():
        text = json.dumps(value)
        _judged(text)
        not_plain.append({"text": text})
    return {"accept": accept, "refuse": refuse, "notPlain": not_plain}


def _origins() -> Iterator[tuple[Origin | None, str, dict[str, Any]]]:
    """Origins, where the bytes are from, and other facts of the package."""
    index = "https://index.example/simple/"
    yield Origin(kind="index", url=FILE, index=index), FILE, {}
    yield Origin(kind="index", url=FILE, index=None), FILE, {"requested": True}
    yield Origin(kind="index", url=FILE, index=index), "https://mirror.example/m/six-1.16.0-py2.py3-none-any.whl", {}
    yield Origin(kind="url", url=FILE), FILE, {}
    yield Origin(kind="runtime", url=FILE), FILE, {}
    yield Origin(kind="local", url="six-1.16.0-py2.py3-none-any.whl"), FILE, {}
    yield Origin(kind="index", url="wheels/six-1.16.0-py2.py3-none-any.whl", index=index), FILE, {}
    yield None, FILE, {}
    yield None, "http://localhost:8000/a~b/@1/six-1.16.0-py2.py3-none-any.whl", {}
    yield (
        Origin(kind="index", url=FILE, index=index),
        FILE,
        {
            "requested": True,
            "requirement": "six \u3000 [b,a] >= 1 ;  extra == 'é'",
            "extras": ("\U0001f600", "b", "\uff5e", "a"),
            "size": 11053,
            "upload_time": "2021-05-05T14:18:17.237Z",
            "yanked": 'broken: "é" \\ \x7e/ \u00a0',
        },
    )
    yield Origin(kind="url", url=FILE), FILE, {"yanked": True, "size": 0, "requirement": "six"}


def records() -> dict[str, Any]:
    """What Python's replay writes into dist-info."""
    cases = []
    for record_text in ("six.py,sha256=,\n", "six.py,,\r\n\u00e9,,\r\n"):
        for origin, url, facts in _origins():
            more = dict(facts)
            wheel = Wheel(
                url=FILE,
                digest=Digest.from_hex(HEX),
                **{key: more.pop(key) for key in ("size", "upload_time", "yanked") if key in more},
            )
            package = LockedPackage(
                name=canonicalize_name("six"), display_name="six", version="1.16.0", wheel=wheel, origin=origin, **more
            )
            files = _record_writer(Download(package=package, url=url), wheel.digest)(record_text)
            cases.append(
                {
                    "wheel": _facts(package),
                    "address": url,
                    "recordText": record_text,
                    "files": dict(sorted(files.items())),
                }
            )
    return {"cases": cases}


def requires_python() -> dict[str, Any]:
    """What packaging says of plain specifiers."""
    releases = ("3", "3.8", "3.14", "3.14.0", "3.14.2", "3.15", "4.0", "3.14.2.0")
    clauses = [f"{operator}{release}" for operator in ("==", "!=", "<", "<=", ">", ">=") for release in releases]
    clauses += [f"{operator}{release}.*" for operator in ("==", "!=") for release in releases]
    clauses += [f"~={release}" for release in releases if "." in release]
    clauses += ["", ">=3.8,<4", ">= 3.8 , != 3.14.* ", ">=2.7, !=3.0.*, !=3.1.*, <4", ">=3.8,<3.14"]
    return {
        "cases": [
            {"specifiers": text, "python": python, "admits": SpecifierSet(text).contains(python, prereleases=True)}
            for text in clauses
            for python in ("3.13.0", "3.14.2")
        ]
    }


def written() -> dict[str, str]:
    """The text of each file of vectors, by its name."""
    made = {"lock_read.json": lock_read(), "records.json": records(), "requires_python.json": requires_python()}
    return {name: json.dumps(value, indent=1) + "\n" for name, value in made.items()}


if __name__ == "__main__":
    for name, text in written().items():
        (VECTORS / name).write_text(text, "utf-8")
