"""Hypothesis strategies for site-packages directories, sound and damaged, as paths and bytes.

``sites()`` is as wide as what lies on disks: any spelling of names, METADATA and RECORD with anything in them, every
record file right or wrong, mock packages, eggs and path files. A tree is a dict that a directory can hold as well: no
path is a file and a folder at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import OriginRecord, format_records
from micropip_lock.core.mocks import IN_MEMORY_INSTALLER, PERSISTENT_INSTALLER, mock_files
from micropip_lock.core.model import Mock, Origin
from tests.strategies import json_values, texts

type Tree = dict[str, bytes]

NAMES = ("a", "b_B", "c.d-e", "d", "e", "micropip", "packaging", "piplite")
VERSIONS = ("1.0", "2.0", "1!2.0.post1", "1.0+local.1", "01.0", "2.0rc1")

garbage = st.one_of(
    st.binary(max_size=12),
    texts.map(str.encode),
    st.sampled_from(
        [b"", b"\xff", b"null", b"[]", b"{}", b"\x00", b'"\\ud800"', b"1" * 400, b"[" * 3000, b"\xef\xbb\xbf"]
    ),
)

spellings = st.sampled_from([*NAMES, "A", "B-b", "b.b", "c_d_e", "C.D.E", "Micropip"])
odd_directories = st.sampled_from(
    [
        "a",
        "a-",
        "-1.0",
        "",
        "a-1.0-2",
        "a-junk",
        "a b-1.0",
        "\u202ea-1.0",
        "\udcff-1.0",
        "é-1.0",
        "a-1.0\n",
        "__-1.0",
        "x" * 220,
    ]
)

# A draw of integers prefers its ends; a test of damage needs more sound trees than damaged ones.
rarely = st.sampled_from([False] * 29 + [True])
sometimes = st.sampled_from([False] * 9 + [True])

plain_requirements = st.builds(
    "{}{}{}{}".format,
    st.one_of(spellings, st.sampled_from(["absent", "Absent_Too"])),
    st.sampled_from(["", "", "[x]", "[x,all]", "[All]", " [ ]"]),
    st.sampled_from(["", "", ">=1", "==3", " (<2)", "~=1.0", "===junk", " @ https://user:word@files.example/a.whl"]),
    st.sampled_from(
        [
            "",
            "",
            ' ; extra == "x"',
            ' ; extra == "all"',
            " ; 'x' == extra",
            '; extra == "x" or python_version >= "3"',
            '; sys_platform == "win32"',
            '; python_version < "junk"',
            '; "x" in extras',
            '; platform_release >= "1.0"',
        ]
    ),
)
odd_requirements = st.one_of(
    texts,
    st.sampled_from(["", "a b c", ";", "a ;", "a @ ", "\u202e", 'a; extra == "x" b', "é", "a" * 300, "a" + "[x]" * 50]),
)
requirements = rarely.flatmap(lambda odd: odd_requirements if odd else plain_requirements)
import_lines = st.one_of(
    st.sampled_from(["Import-Name: spam", "Import-Name:", "Import-Name: _x ; private", "Import-Namespace: ns"]),
    st.builds("Import-Name: {}".format, texts),
    st.builds("Import-Namespace: {}".format, texts),
)
module_paths = st.sampled_from(
    [
        *(
            "one.py",
            "two.py",
            "pack/__init__.py",
            "pack/data.txt",
            "ns/deep/mod.py",
            "fast.cpython-314-wasm32-emscripten.so",
        ),
        *("pack/__pycache__/x.pyc", "a,b.py", 'q"uote.py', "é.py", "top.pyc", "class.py", "back\\slash.py", "a.pth"),
    ]
)
odd_rows = st.one_of(
    st.sampled_from(
        [
            *("../../bin/run,,", "/abs/x,sha256=,1", "C:\\x,,", '"quoted,name",,', "a,b,c,d", ",,", "x,md5=abc,1"),
            *(
                "x,sha256=short,1",
                f"one.py,sha256={'!' * 43},1",
                f"one.py,sha256={'B' * 43},1",
                "x,,-1",
                "x,,99999999999999999999",
                "",
                '"unclosed,,',
                "./one.py,,",
                "one.py",
                "x\0y,,",
            ),
            *("ns/../one.py,,", "one.py,,\u0663", "pack,,", "a.dist-info,,", "..,,", ".,,", "x,sha256,1", '"a\nb",,'),
        ]
    ),
    texts,
)
urls = st.sampled_from(
    [
        *(
            "emfs:/home/{file}",
            "file:///home/{file}",
            "./{file}",
            "{file}",
            "",
            "https://[::1",
            "https://files.example/",
        ),
        *(
            "https://user:word@files.example/{file}?token=1#sha256=x",
            "https://files.example/other-1.0-py3-none-any.whl",
        ),
        *("https://files.example/{file}?sha256=abc", "http://127.0.0.1:8000/%2e%2e/{file}", "javascript:{file}"),
        *("https://files.example/%ff%00/{file}", "https://files.example/\u202e/{file}", "blob:https://x/{file}"),
        "https://site.example/lab/extensions/@jupyterlite/pyodide-kernel-extension/static/pypi/{file}",
    ]
)
installers = st.sampled_from(
    [
        *("micropip", "micropip-lock", "pip", "uv", "pyodide.loadPackage", "", "hand"),
        PERSISTENT_INSTALLER,
        IN_MEMORY_INSTALLER,
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """A mock package in memory, as micropip has it. Implements :class:`~micropip_lock.ports.InstalledDist`."""

    directory: str
    metadata: str
    modules: Mapping[str, str | None]

    def read_text(self, filename: str) -> str | None:
        return {"METADATA": self.metadata, "INSTALLER": IN_MEMORY_INSTALLER}.get(filename)

    def read_file(self, path: str) -> bytes | None:
        return None if path else b""

    def mock_modules(self) -> Mapping[str, str | None]:
        return self.modules


@st.composite
def memory_mocks(draw: st.DrawFn) -> Memory:
    """A mock package in memory: named, and its modules spelt, in any way."""
    name, version = draw(texts if draw(sometimes) else spellings), draw(st.sampled_from([*VERSIONS, "", "junk"]))
    modules = st.dictionaries(st.sampled_from(["m", "m.n", "", "é-1", "../x", "a b"]), st.none() | texts, max_size=2)
    return Memory(
        directory=f"{name}-{version}.dist-info",
        metadata=f"Name: {name}\nVersion: {version}\n",
        modules=draw(modules),
    )


@st.composite
def distributions(draw: st.DrawFn, name: str) -> Tree:
    """One dist-info directory with its files, right, or damaged in some places."""
    version = draw(st.sampled_from(VERSIONS))
    folder = draw(st.sampled_from([name, canonicalize_name(name)])).replace("-", "_") + f"-{version}"
    if draw(rarely):
        folder = draw(odd_directories)
    info = f"{folder}.dist-info"
    tree: Tree = {}
    for path in draw(st.lists(module_paths, max_size=3, unique=True)):
        tree[path] = draw(st.sampled_from([b"", b"x = 1\n"]))
    tree[f"{info}/METADATA"] = draw(metadata(name, version)).encode("utf-8", "surrogateescape")
    tree[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nTag: py3-none-any\n"
    tree[f"{info}/RECORD"] = draw(records(tree, info)).encode("utf-8", "surrogateescape")
    tree |= {f"{info}/{path}": data for path, data in draw(origins(name, version, tree[f"{info}/RECORD"])).items()}
    damages = draw(
        st.lists(
            st.sampled_from(
                [path.removeprefix(f"{info}/") for path in tree if path.startswith(info)] + ["INDEX", "../one.py"]
            ),
            max_size=2,
        )
        if draw(sometimes)
        else st.just([])
    )
    for filename in damages:
        path = filename.removeprefix("../") if filename.startswith("../") else f"{info}/{filename}"
        damage = draw(st.none() | garbage)
        if damage is None:
            tree.pop(path, None)
        else:
            tree[path] = damage
    return tree


@st.composite
def metadata(draw: st.DrawFn, name: str, version: str) -> str:
    """METADATA of a distribution; one in sixteen is of another."""
    if draw(rarely):
        name, version = draw(st.one_of(spellings, texts)), draw(st.one_of(st.sampled_from(VERSIONS), texts))
    lines = [f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {one}" for one in draw(st.lists(requirements, max_size=3))]
    lines += draw(st.lists(import_lines, max_size=2)) if draw(st.booleans()) else []
    lines += ["Provides-Extra: x", *(f"Provides: {one}" for one in draw(st.lists(texts, max_size=1)))]
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    return end.join(lines) + end + draw(st.sampled_from(["", end, f"{end}A text.", "no field"]))


@st.composite
def records(draw: st.DrawFn, tree: Tree, info: str) -> str:
    """RECORD: a row for each file, some without a digest, and sometimes rows of any kind besides."""
    rows = []
    for path, data in tree.items():
        spelt = '"' + path.replace('"', '""') + '"' if set(path) & set(',"') else path
        digest = "" if path.endswith(".pyc") or draw(rarely) else Digest.of(data).record
        rows.append(f"{spelt},{digest},{len(data) if digest else ''}")
    if draw(rarely):
        rows += draw(st.lists(odd_rows, min_size=1, max_size=2))
    return "\n".join([*rows, f"{info}/RECORD,,", ""])


@st.composite
def origins(draw: st.DrawFn, name: str, version: str, record: bytes) -> dict[str, bytes]:
    """What installers leave in dist-info beside the wheel's own files."""
    file = f"{canonicalize_name(name).replace('-', '_')}-{version}-py3-none-any.whl"
    good = f"https://files.example/{file}"
    url = draw(urls).replace("{file}", file) if draw(sometimes) else good
    kind = draw(st.sampled_from(["ours", "ours", "ours", "micropip", "loader", "none", "any"]))
    digest = Digest.of(name.encode())
    if kind == "ours":
        ours = OriginRecord(
            origin=Origin(
                kind=draw(st.sampled_from(["index", "index", "index", "url", "runtime", "local"])),
                url=url or good,
                index=draw(st.sampled_from([None, "https://index.example/simple"])),
            ),
            digest=digest,
            size=draw(st.none() | st.integers(0, 2**60)),
            upload_time=draw(st.none() | texts),
            requested=draw(st.booleans()),
            requirement=draw(st.none() | requirements),
            extras=tuple(draw(st.lists(st.sampled_from(["x", "all", "\u202e", ""]), max_size=2))),
            record_digest=Digest.of(record),
        )
        written: dict[str, Any] = {**format_records(ours), "INSTALLER": "micropip"}
        if draw(sometimes):
            facts = json.loads(written["micropip-lock.json"]) | draw(
                st.dictionaries(
                    st.sampled_from(["version", "url", "sha256", "size", "requirement", "extras", "source", "later"]),
                    json_values | st.integers(2, 9),
                    max_size=2,
                )
            )
            written["micropip-lock.json"] = json.dumps(facts)
    elif kind == "micropip":
        written = {
            "INSTALLER": "micropip",
            "PYODIDE_URL": url,
            "PYODIDE_SHA256": draw(st.sampled_from([digest.hex, digest.hex.upper(), "abc", ""])),
            "PYODIDE_SOURCE": draw(st.sampled_from(["pypi", url, "https://index.example/simple", "junk", ""])),
            "PYODIDE_REQUIRES": draw(st.sampled_from(["[]", "{", '["a"]'])),
        }
    elif kind == "loader":
        written = {"INSTALLER": "pyodide.loadPackage", "PYODIDE_SOURCE": draw(st.sampled_from(["pyodide", url]))}
    else:
        written = {"INSTALLER": draw(installers)} if kind == "any" else {}
    if draw(sometimes):
        written["direct_url.json"] = json.dumps(draw(direct_urls(url)))
    return {path: text.encode("utf-8", "surrogateescape") for path, text in written.items()}


def direct_urls(url: str) -> st.SearchStrategy[Any]:
    """Any JSON value, mostly near what PEP 610 says."""
    infos: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
        [
            {"archive_info": {"hashes": {"sha256": "0" * 64}}},
            {"archive_info": {"hash": "sha256=0"}},
            {"archive_info": {}},
            {"dir_info": {"editable": True}},
            {"dir_info": None},
            {"vcs_info": {"vcs": "git", "commit_id": "0"}},
            {},
        ]
    )
    return st.one_of(json_values, infos.map(lambda info: {"url": url, **info}))


@st.composite
def persistent_mocks(draw: st.DrawFn, name: str) -> Tree:
    """A mock package that is kept in files."""
    mock = Mock(
        name=canonicalize_name(name),
        display_name=name,
        version=draw(st.sampled_from(VERSIONS)),
        persistent=True,
        modules=draw(st.dictionaries(st.sampled_from(["m", "m.n", "pack"]), texts, max_size=2)),
    )
    return {path: text.encode() for path, text in mock_files(mock).items()}


strays = st.dictionaries(
    st.sampled_from(
        [
            *(
                "a-1.0.egg-info",
                "a-1.0-py3.14.egg-info/PKG-INFO",
                ".egg-info",
                "é.egg-info",
                "-.egg-info/x",
                "b.egg-link",
            ),
            *("c.pth", "__editable__.a-1.0.pth", "plain.txt", "x.dist-info", "loose.py", "empty/loose.py"),
        ]
    ),
    st.one_of(
        garbage, st.sampled_from([b"Name: a\nVersion: 1.0\n", b"Name: \nVersion: \n", b".\n", b"ns\n", b"import x\n"])
    ),
    max_size=2,
)


@st.composite
def sites(draw: st.DrawFn, *, with_strays: bool = True) -> Tree:
    """A site-packages directory."""
    tree: Tree = {}
    names = draw(st.lists(spellings, max_size=6, unique_by=canonicalize_name))
    if draw(sometimes):
        names += draw(st.lists(spellings, max_size=1))
    for name in names:
        _merge(tree, draw(persistent_mocks(name) if draw(sometimes) else distributions(name)))
    if with_strays:
        _merge(tree, draw(strays) if draw(sometimes) else {})
    return tree


def _merge(tree: Tree, more: Mapping[str, bytes]) -> None:
    for path, data in more.items():
        # The first of two that share a path wins, as it does where pip installs.
        parts = path.split("/")
        above = {"/".join(parts[:length]) for length in range(1, len(parts))}
        if path not in tree and above.isdisjoint(tree) and not any(other.startswith(f"{path}/") for other in tree):
            tree[path] = data
