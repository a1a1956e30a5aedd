"""Tests of :mod:`micropip_lock.core.candidates`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from micropip_lock.core.candidates import (
    DirectUrl,
    InstalledIdentity,
    candidates_of,
    direct_url_of,
    identity_of,
    no_candidate,
    of_version,
)
from micropip_lock.core.digest import Digest
from micropip_lock.core.index_page import IndexFile
from micropip_lock.errors import RecordError

METADATA = b"Metadata-Version: 2.1\nName: Demo.Pkg\nVersion: 1.0\n"
HERE = "cp314-cp314-pyemscripten_2026_0_wasm32"


def identity(*tags: str, version: str = "1.0", build: str = "") -> InstalledIdentity:
    text = "Wheel-Version: 1.0\n" + "".join(f"Tag: {tag}\n" for tag in tags) + (f"Build: {build}\n" if build else "")
    return identity_of(METADATA.replace(b"1.0\n", version.encode() + b"\n"), text)


def listed(*filenames: str, metadata: Digest | None = None) -> list[IndexFile]:
    return [
        IndexFile(filename=name, url=f"https://files.example/{name}", metadata_digest=metadata) for name in filenames
    ]


def groups(who: InstalledIdentity, *filenames: str) -> dict[str, list[str]]:
    """The groups that are not empty, by file name."""
    found = candidates_of(who, listed(*filenames))
    names = {group: [file.filename for file in getattr(found, group)] for group in found.__dataclass_fields__}
    return {group: files for group, files in names.items() if files}


def test_identity() -> None:
    """Name, version, expanded tags and build come from METADATA and WHEEL."""
    who = identity("py2.py3-none-any", HERE, build="2local")
    expected = InstalledIdentity(
        name=who.name,
        display_name="Demo.Pkg",
        version=Version("1.0"),
        tags=frozenset({"py2-none-any", "py3-none-any", HERE}),
        build="2local",
        metadata=Digest.of(METADATA),
    )
    assert ("demo-pkg", expected) == (who.name, who)


@pytest.mark.parametrize(
    ("metadata", "wheel", "code"),
    [
        (None, "", "no-metadata"),
        (b"", "", "identity"),
        (b"Name: demo\n", "", "identity"),
        (b"Name: ../x\nVersion: 1\n", "", "identity"),
        (METADATA, None, "no-wheel"),
    ],
)
def test_no_identity(metadata: bytes | None, wheel: str | None, code: str) -> None:
    """What has no name, no version or no WHEEL cannot be looked for."""
    with pytest.raises(RecordError) as caught:
        identity_of(metadata, wheel)
    assert code == caught.value.code


@pytest.mark.parametrize(
    "filename",
    [
        f"Demo.Pkg-1.0-{HERE}.whl",
        f"demo_pkg-1.0-{HERE}.whl",
        f"demo_pkg-1-{HERE}.whl",
        f"DEMO_PKG-1.0.0-{HERE}.whl",
    ],
)
def test_identities_are_compared_not_text(filename: str) -> None:
    """However an index spells name and version, the file is found."""
    assert {"likely": [filename]} == groups(identity(HERE), filename)


@pytest.mark.parametrize(
    ("who", "filename", "group"),
    [
        (identity(HERE), f"demo_pkg-1.0-1-{HERE}.whl", "possible"),
        (identity(HERE, build="1"), f"demo_pkg-1.0-1-{HERE}.whl", "likely"),
        (identity(HERE, build="1"), f"demo_pkg-1.0-{HERE}.whl", "possible"),
        (identity("py3-none-any"), "demo_pkg-1.0-py2.py3-none-any.whl", "possible"),
        (identity("py2-none-any", "py3-none-any"), "demo_pkg-1.0-py2.py3-none-any.whl", "likely"),
        (identity(), "demo_pkg-1.0-py3-none-any.whl", "possible"),
        (identity(HERE), "demo_pkg-1.0-cp314-cp314-manylinux_2_28_x86_64.whl", "other_tags"),
        (identity(HERE), "demo_pkg-1.0.tar.gz", "sdists"),
        (identity(HERE), f"demo_pkg-1.1-{HERE}.whl", None),
        (identity(HERE), f"demo-1.0-{HERE}.whl", None),
        (identity(HERE), "demo_pkg-1.0-junk.whl", None),
        (identity(HERE), "demo_pkg-1.0-py3.14.egg", None),
        (identity(HERE, version="1.0+cpu"), f"demo_pkg-1.0+cpu-{HERE}.whl", "likely"),
        (identity(HERE, version="1.0+cpu"), f"demo_pkg-1.0-{HERE}.whl", None),
    ],
)
def test_groups(who: InstalledIdentity, filename: str, group: str | None) -> None:
    """Tags, build and local version decide how likely a file is the one."""
    assert ({group: [filename]} if group else {}) == groups(who, filename)


@pytest.mark.parametrize(("metadata", "group"), [(METADATA, "likely"), (b"Name: other", "other_metadata")])
def test_metadata_rules_out(metadata: bytes, group: str) -> None:
    """A file whose METADATA is another one is no candidate."""
    found = candidates_of(identity(HERE), listed(f"demo_pkg-1.0-{HERE}.whl", metadata=Digest.of(metadata)))
    assert 1 == len(getattr(found, group))


@pytest.mark.parametrize(
    ("who", "files", "code"),
    [
        (identity(HERE), None, "not-on-index"),
        (identity(HERE), [], "version-not-on-index"),
        (identity(HERE), listed("demo_pkg-1.1-py3-none-any.whl"), "version-not-on-index"),
        (identity(HERE), listed("demo_pkg-1.0.tar.gz"), "built-from-sdist"),
        (identity(HERE), listed("demo_pkg-1.0.tar.gz", "demo_pkg-1.0-cp314-cp314-win32.whl"), "built-from-sdist"),
        (identity(HERE), listed("demo_pkg-1.0-cp314-cp314-win32.whl"), "no-matching-wheel"),
        (identity(HERE), listed(f"demo_pkg-1.0-{HERE}.whl", metadata=Digest.of(b"x")), "different-build"),
        (identity(HERE, version="1.0+mine"), listed(f"demo_pkg-1.0-{HERE}.whl"), "local-version"),
        (identity(HERE, version="1.0+mine"), None, "local-version"),
    ],
)
def test_why_there_is_none(who: InstalledIdentity, files: list[IndexFile] | None, code: str) -> None:
    """Each way to have no candidate has its own code, and a hint."""
    offers = [] if files is None else [candidates_of(who, files)]
    error = no_candidate(who, offers, was_listed=files is not None)
    assert (code, True) == (error.code, bool(error.hint))


SHA = "ab" * 32
URL = "https://files.example/demo_pkg-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"url": URL, "archive_info": {"hashes": {"sha256": SHA}}}, DirectUrl(url=URL, digest=Digest.from_hex(SHA))),
        ({"url": URL, "archive_info": {"hash": f"sha256={SHA}"}}, DirectUrl(url=URL, digest=Digest.from_hex(SHA))),
        ({"url": URL, "archive_info": {"hash": "md5=00"}}, DirectUrl(url=URL, digest=None)),
        ({"url": URL, "archive_info": {}}, DirectUrl(url=URL, digest=None)),
        ({"url": URL.replace("//", "//me:secret@"), "archive_info": {}}, DirectUrl(url=URL, digest=None)),
    ],
)
def test_direct_url(facts: dict[str, Any], expected: DirectUrl) -> None:
    """An archive's address and digest are read, in both spellings of PEP 610, without credentials."""
    assert expected == direct_url_of(json.dumps(facts))


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"url": "file:///src", "dir_info": {"editable": True}}, "editable"),
        ({"url": "file:///src", "dir_info": {}}, "local-directory"),
        ({"url": "https://git.example/x.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee" * 6}}, "vcs"),
        ({"url": "https://files.example/demo-1.0.tar.gz", "archive_info": {}}, "built-from-sdist"),
        ({"url": "file:///tmp/demo-1.0-py3-none-any.whl", "archive_info": {}}, "not-replayable"),
        ({"url": "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk", "archive_info": {}}, "not-replayable"),
        ({"url": URL, "archive_info": {"hashes": {"sha256": "short"}}}, "record-unreadable"),
        ({"url": URL}, "record-unreadable"),
        ({"url": URL, "archive_info": {}, "dir_info": {}}, "record-unreadable"),
        ({"url": URL, "archive_info": []}, "record-unreadable"),
        ({"url": 7, "archive_info": {}}, "record-unreadable"),
        ([], "record-unreadable"),
        ({"url": "http://[", "archive_info": {}}, "record-unreadable"),
    ],
)
def test_direct_url_refusals(facts: Any, code: str) -> None:
    """Checkouts, directories, sdists and local files are refused, each with its own code."""
    with pytest.raises(RecordError) as caught:
        direct_url_of(json.dumps(facts))
    assert code == caught.value.code


@given(st.one_of(st.text(), st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps)))
def test_any_direct_url(text: str) -> None:
    """Text that is no direct_url.json is refused with our error."""
    with pytest.raises(RecordError) as caught:
        direct_url_of(text)
    assert "record-unreadable" == caught.value.code


NAMES = st.sampled_from(["demo", "Demo.Pkg", "demo_pkg", "demo-pkg", ""])
VERSIONS = st.sampled_from(
    ["1.0", "1", "1.0.0", "v1.0", "1.0+local", "1!1.0", "2.0", "1.0rc1", "1.0-1", "x", "", "1_0"]
)
ENDINGS = st.sampled_from(["-py3-none-any.whl", "-1-py3-none-any.whl", ".whl", ".tar.gz", ".zip", ".tar.bz2", ""])


@given(NAMES, VERSIONS, ENDINGS)
def test_the_quick_look_misses_nothing(name: str, version: str, ending: str) -> None:
    """What the quick look at the version leaves out could be no candidate."""
    identity = identity_of(b"Name: demo-pkg\nVersion: 1.0\n", "Tag: py3-none-any\n")
    file = IndexFile(filename=f"{name}-{version}{ending}", url="https://files.example/x")
    looked = of_version(identity.version)(file.filename)
    assert looked or not candidates_of(identity, [file]).has_version
