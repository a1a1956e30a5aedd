"""R14 to R20: records that are true, of others, of nobody, or of a later time."""

from __future__ import annotations

import json
from typing import Any

from packaging.utils import canonicalize_name

from micropip_lock.core.mocks import mock_files
from micropip_lock.core.model import Mock
from micropip_lock.testing import wheel
from tests.app.in_directories import LOADED, RUNTIME_BASE, by_micropip, unpacked
from tests.app.recorded import records_of, url_of
from tests.corpus.generate.record_case import PACK, REBUILT, record_case, source

NEEDY = wheel("needy", "1.0", requires=["absent", "pack>=2"])
record_case(
    "R14",
    "open-closure",
    "Requirements that the set does not meet: one is absent, one in another version",
    "warn open-closure",
    {**unpacked(NEEDY, records_of(NEEDY)), **unpacked(PACK, records_of(PACK))},
    locked={"needy": source(NEEDY), "pack": source(PACK)},
    says=("absent", "pack>=2"),
)

LEANING = wheel("needy", "1.0", requires=["stand-in"])
MOCK = Mock(
    name=canonicalize_name("stand-in"), display_name="stand-in", version="1.0", persistent=True,
    modules={"stand_in": "x = 1\n"},
)  # fmt: skip
record_case(
    "R15",
    "mock",
    "A mock package in files, and a package that needs it",
    "accept",
    {**unpacked(LEANING, records_of(LEANING)), **mock_files(MOCK)},
    locked={"needy": source(LEANING)},
    mocks=("stand-in",),
    note="locked as what it is, with its source text; a tool that cannot has to refuse it",
)

record_case(
    "R16",
    "loaded",
    "A package that the runtime brought",
    "accept",
    unpacked(PACK, LOADED),
    runtime=(PACK,),
    locked={"pack": source(PACK, f"{RUNTIME_BASE}{PACK.filename}", origin="pyodide")},
)
record_case(
    "R16b",
    "loaded-from-nowhere",
    "The runtime is said to have brought it, and does not know it",
    "not-in-runtime-lock",
    unpacked(PACK, LOADED),
    says=("micropip",),
)


def direct(url: str, **facts: Any) -> dict[str, str]:
    """What pip leaves after an install from a URL."""
    return {"INSTALLER": "pip", "REQUESTED": "", "direct_url.json": json.dumps({"url": url, **facts})}


WITH_DIGEST = {"hashes": {"sha256": PACK.sha256}}
record_case(
    "R17",
    "pip-url",
    "pip installed the wheel of a URL, which has it still",
    "accept",
    unpacked(PACK, direct(url_of(PACK), archive_info=WITH_DIGEST)),
    wheels=(PACK,),
    locked={"pack": source(PACK, origin=url_of(PACK))},
    by="index",
    note="proven by the RECORD of the wheel there",
)
FORGED = wheel(
    "pack",
    "1.0",
    files={"pack/__init__.py": ""},
    dist_info={
        "direct_url.json": json.dumps({"url": url_of(REBUILT), "archive_info": {"hashes": {"sha256": REBUILT.sha256}}})
    },
)
record_case(
    "R17b",
    "pip-url-shipped",
    "A wheel that ships direct_url.json, which names another wheel; pip leaves it alone",
    "different-build",
    unpacked(FORGED, {"INSTALLER": "pip"}),
    wheels=(REBUILT,),
    by="index",
)
for letter, slug, code, url, facts in (
    ("c", "directory", "local-directory", "file:///home/me/pack", {"dir_info": {}}),
    ("d", "checkout", "vcs", "https://git.example/pack.git", {"vcs_info": {"vcs": "git", "commit_id": "c0ffee" * 7}}),
    ("e", "sdist", "built-from-sdist", "https://files.example/pack-1.0.tar.gz", {"archive_info": {}}),
    ("f", "file", "not-replayable", f"file:///home/me/{PACK.filename}", {"archive_info": {}}),
):
    record_case(
        f"R17{letter}",
        f"pip-{slug}",
        "pip built it from a directory, a checkout or an archive, or took it from a file",
        code,
        unpacked(PACK, direct(url, **facts)),
        says=(url, "server or an index"),
    )

HOME = {"home/me/source/pack.py": "one = 1\n"}
TARGET = "../../../../home/me/source"
PATH_FILE = wheel("pack", "1.0", files={"__editable__.pack-1.0.pth": f"{TARGET}\n"})
for letter, slug, code, site in (
    (
        "",
        "direct-url",
        "editable",
        unpacked(PATH_FILE, direct("file:///home/me/source", dir_info={"editable": True})),
    ),
    ("b", "path-file", "path-entry", {"__editable__.pack-1.0.pth": f"{TARGET}\n".encode()}),
    ("c", "egg-link", "editable", {"pack.egg-link": f"{TARGET}\n".encode()}),
):
    record_case(
        f"R18{letter}",
        f"editable-{slug}",
        "An editable install",
        code,
        site,
        beside=HOME,
        says=("home/me/source", "build a wheel"),
    )

OURS = json.loads(records_of(PACK)["micropip-lock.json"])
NEWER = {"micropip-lock.json": json.dumps({**OURS, "version": 2})}
record_case(
    "R19",
    "newer-record",
    "A record of ours of a newer format, and micropip's beside it",
    "warn record-version",
    unpacked(PACK, {**by_micropip(PACK), **NEWER}),
    locked={"pack": source(PACK, origin=url_of(PACK))},
    says=("version 1", "2"),
)
record_case(
    "R19b",
    "newer-record-loaded",
    "A record of ours of a newer format, of a package that the runtime brought",
    "warn record-version",
    unpacked(PACK, {**LOADED, **NEWER}),
    runtime=(PACK,),
    locked={"pack": source(PACK, f"{RUNTIME_BASE}{PACK.filename}", origin="pyodide")},
)
record_case(
    "R19c",
    "newer-record-only",
    "Nothing but a record of ours of a newer format",
    "record-version",
    unpacked(PACK, {"INSTALLER": "micropip", **NEWER}),
    says=("update micropip-lock",),
)
record_case(
    "R20",
    "another-build",
    "Another build than the runtime's of the same version",
    "warn source-conflict",
    unpacked(PACK, records_of(PACK)),
    runtime=(REBUILT,),
    locked={"pack": source(PACK)},
    says=(PACK.sha256, REBUILT.sha256),
    note="the installed one is locked",
)
