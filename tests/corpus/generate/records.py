"""R01 to R13: records in dist-info that are missing, wrong or forged."""

from __future__ import annotations

import json

from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Origin
from micropip_lock.testing import wheel
from tests.app.in_directories import LOADED, by_micropip, unpacked
from tests.app.recorded import INDEX, records_of, url_of
from tests.corpus.generate.record_case import PACK, REBUILT, changed, record_case, source

INFO = "pack-1.0.dist-info"

record_case(
    "R01",
    "no-record",
    "A package that was copied by hand",
    "no-record",
    unpacked(PACK),
    says=("no installer is recorded", "micropip_lock.freeze()", "micropip_lock.record()"),
)
record_case(
    "R01b",
    "no-dist-info",
    "A module that no distribution lists",
    "warn unowned-module",
    {"loose.py": "", **unpacked(PACK, records_of(PACK))},
    locked={"pack": source(PACK)},
    says=("loose",),
)
for letter, address in (("", ""), ("b", "\n"), ("c", " \t")):
    record_case(
        f"R02{letter}",
        f"empty-address{letter and f'-{letter}'}",
        "micropip's record has a digest and an empty address",
        "no-record",
        unpacked(PACK, by_micropip(PACK, PYODIDE_URL=address)),
        says=("micropip_lock.record()",),
    )
for letter, slug, text in (
    ("", "short", "abc"),
    ("b", "63-characters", PACK.sha256[:-1]),
    ("c", "65-characters", f"{PACK.sha256}0"),
    ("d", "md5", f"md5:{PACK.sha256}"),
    ("e", "0x", "0x" + PACK.sha256[2:]),
    ("f", "letters", "é" * 64),
):
    record_case(
        f"R03{letter}",
        f"digest-{slug}",
        "A digest that is none",
        "hash-form",
        unpacked(PACK, by_micropip(PACK, PYODIDE_SHA256=text)),
        says=("PYODIDE_SHA256", "install it again"),
    )

SLUGS = {
    "PYODIDE_URL": "url",
    "PYODIDE_SOURCE": "source",
    "micropip-lock.json": "ours",
    "INDEX": "index",
    "pyodide.loadPackage": "loaded",
}
for letter, installer, shipped in (
    ("", "micropip", "PYODIDE_URL"),
    ("b", "micropip", "PYODIDE_SOURCE"),
    ("c", "micropip", "micropip-lock.json"),
    ("d", "micropip", "INDEX"),
    ("e", "pyodide.loadPackage", "PYODIDE_URL"),
    ("f", "pyodide.loadPackage", "micropip-lock.json"),
    ("g", "pip", "PYODIDE_URL"),
    ("h", "pip", "INDEX"),
    ("i", "uv", "PYODIDE_SOURCE"),
    ("j", "uv", "micropip-lock.json"),
):
    forged = wheel("pack", "1.0", dist_info={shipped: "https://evil.example/pack-1.0-py3-none-any.whl"})
    left = {"micropip": by_micropip(forged), "pyodide.loadPackage": LOADED}.get(installer, {"INSTALLER": installer})
    record_case(
        f"R04{letter}",
        f"ships-{SLUGS[shipped]}-{SLUGS.get(installer, installer)}",
        f"A wheel that ships {shipped}, which only an installer writes; unpacked by {installer}",
        "record-forged",
        unpacked(forged, left),
        runtime=(forged,),
        says=(f"{INFO}/{shipped}", "uninstall"),
    )
for letter, slug, ours in (
    ("k", "copied", records_of(REBUILT)),
    ("l", "changed", records_of(PACK, digest=Digest.of(REBUILT.data))),
):
    record_case(
        f"R04{letter}",
        f"record-{slug}",
        "A record that is of another build of this version, or was made to be",
        "record-forged",
        unpacked(PACK, {**by_micropip(PACK), **ours}),
        says=("install it again",),
        note="micropip's own word is not taken instead",
    )

NUMPY = wheel("numpy", "1.0")
for letter, slug, records, metadata in (
    ("", "name", LOADED, "Name: numpy\nVersion: 1.0\n"),
    ("b", "name-micropip", by_micropip(PACK), "Name: numpy\nVersion: 1.0\n"),
    ("c", "name-pip", {"INSTALLER": "pip"}, "Name: numpy\nVersion: 1.0\n"),
    ("d", "version", LOADED, "Name: pack\nVersion: 2.0\n"),
    ("e", "version-micropip", by_micropip(PACK), "Name: pack\nVersion: 2.0\n"),
    ("f", "no-name", by_micropip(PACK), "Version: 1.0\n"),
):
    record_case(
        f"R05{letter}",
        f"identity-{slug}",
        "METADATA names another distribution, another version or nothing",
        "identity",
        unpacked(PACK, {**records, "METADATA": f"Metadata-Version: 2.1\n{metadata}\n"}),
        runtime=(NUMPY, PACK),
        says=("uninstall",),
        note="a freeze that believes METADATA locks the other project",
    )

ONE, TWO = wheel("Pack_Age", "1.0"), wheel("pack.age", "2.0")
record_case(
    "R06",
    "two-of-one-name",
    "Two dist-info directories for one name, spelt in two ways",
    "duplicate",
    {**unpacked(ONE, records_of(ONE)), **unpacked(TWO, records_of(TWO))},
    says=("install it once",),
)

ELSEWHERE = url_of(PACK).replace("files.example", "evil.example")
OTHERS = [wheel(name) for name in ("one", "two")]
record_case(
    "R07",
    "another-host",
    "A wheel of an index from another host than the index's other wheels",
    "warn host-mismatch",
    {
        **unpacked(OTHERS[0], records_of(OTHERS[0])),
        **unpacked(OTHERS[1], records_of(OTHERS[1])),
        **unpacked(PACK, records_of(PACK, origin=Origin(kind="index", url=ELSEWHERE, index=INDEX))),
    },
    locked={"one": source(OTHERS[0]), "pack": source(PACK, ELSEWHERE), "two": source(OTHERS[1])},
    says=("files.example", "evil.example"),
)

SECRET = "s3cr3t-word"
WITH_SECRET = url_of(PACK).replace("//", f"//user:{SECRET}@") + f"?token={SECRET}#{SECRET}"
OURS = json.loads(records_of(PACK)["micropip-lock.json"])
BY_URL = {"pack": source(PACK, origin=url_of(PACK))}
for letter, slug, outcome, records in (
    ("", "micropip", "warn credentials", by_micropip(PACK, PYODIDE_URL=WITH_SECRET)),
    (
        "b",
        "micropip-source",
        "warn credentials",
        by_micropip(PACK, PYODIDE_URL=WITH_SECRET, PYODIDE_SOURCE=WITH_SECRET),
    ),
    ("c", "no-digest", "no-record", by_micropip(PACK, PYODIDE_URL=WITH_SECRET, PYODIDE_SHA256="")),
    (
        "d",
        "ours",
        "accept",
        {
            **records_of(PACK),
            "INDEX": INDEX.replace("//", f"//user:{SECRET}@") + f"?token={SECRET}",
            "micropip-lock.json": json.dumps({**OURS, "url": WITH_SECRET, "requirement": f"pack @ {WITH_SECRET}"}),
        },
    ),
    ("e", "loaded", "no-record", {**LOADED, "PYODIDE_SOURCE": WITH_SECRET}),
    (
        "f",
        "archive",
        "no-record",
        {"INSTALLER": "pip", "direct_url.json": json.dumps({"url": WITH_SECRET, "archive_info": {}})},
    ),
    (
        "g",
        "directory",
        "local-directory",
        {"INSTALLER": "uv", "direct_url.json": json.dumps({"url": WITH_SECRET, "dir_info": {}})},
    ),
    (
        "h",
        "checkout",
        "vcs",
        {"INSTALLER": "pip", "direct_url.json": json.dumps({"url": WITH_SECRET, "vcs_info": {"vcs": "git"}})},
    ),
):
    record_case(
        f"R08{letter}",
        f"credentials-{slug}",
        "An address with a password and a token in it",
        outcome,
        unpacked(PACK, records),
        locked={"accept": {"pack": source(PACK)}, "warn credentials": BY_URL}.get(outcome),
        secret=SECRET,
        note="the secret may be in no lock, note or reason",
    )

for letter, slug, base in (
    ("", "emfs", "emfs:/home/pyodide/"),
    ("b", "file", "file:///tmp/"),
    ("c", "blob", "blob:https://page.example/"),
    ("d", "relative", "../dist/"),
):
    address = f"{base}{PACK.filename}"
    record_case(
        f"R09{letter}",
        f"session-{slug}",
        "A wheel from a place that no other machine can reach",
        "not-replayable",
        unpacked(PACK, records_of(PACK, origin=Origin(kind="url", url=address))),
        says=(address, "server or an index"),
    )

record_case(
    "R10",
    "edited",
    "Files that were edited, lost and added since the install",
    "dirty-changed,dirty-extra,dirty-missing",
    changed(
        unpacked(PACK, records_of(PACK)),
        {"pack/__init__.py": "one = 2\n", "pack/data.txt": None, "pack/added.py": ""},
    ),
    says=("pack/__init__.py", "pack/data.txt", "pack/added.py", "uninstall it", "delete"),
)

for letter, slug, record, code in (
    ("", "missing", None, "record-unreadable"),
    ("b", "not-utf-8", b"\xff", "record-unreadable"),
    ("c", "open-quote", b'"pack/__init__.py', "record-unreadable"),
    ("d", "digest-short", b"pack/__init__.py,sha256=abc,8\n", "record-unreadable"),
    ("e", "size-in-words", b"pack/__init__.py,,eight\n", "record-unreadable"),
    ("f", "four-columns", b"a,b,c,d\n", "record-unreadable"),
    ("g", "empty", b"", "dirty-extra"),
):
    record_case(
        f"R11{letter}",
        f"record-{slug}",
        "RECORD that is not there or cannot be read",
        code,
        changed(unpacked(PACK, by_micropip(PACK)), {f"{INFO}/RECORD": record}),
        says=("install",),
        note="nothing is in RECORD, so nobody's files are in the folder" if slug == "empty" else "",
    )

# Of other bytes than the victim has: a freeze that follows one tells a changed file.
ROWS = "".join(f"{path},{Digest.of(b'').record},4\n" for path in ("../../../../home/victim.txt", "/home/victim.txt"))
LEAVES = unpacked(PACK, by_micropip(PACK))
for letter, slug, does in (("", "freeze", "records"), ("b", "replace", "replay")):
    record_case(
        f"R12{letter}",
        f"leaves-{slug}",
        "RECORD lists files outside the environment",
        "accept",
        changed(LEAVES, {f"{INFO}/RECORD": LEAVES[f"{INFO}/RECORD"] + ROWS.encode()}),
        beside={"home/victim.txt": "mine"},
        locked=BY_URL,
        wheels=(REBUILT,) if does == "replay" else (),
        by="replay" if does == "replay" else "records",
        note="such a path is never followed: neither read nor deleted when the package is replaced",
    )

for letter, slug, none in (("", "missing", None), ("b", "not-utf-8", b"\xff\xfe")):
    record_case(
        f"R13{letter}",
        f"metadata-{slug}",
        "METADATA that is not there or is no text",
        "no-metadata",
        changed(unpacked(PACK, records_of(PACK)), {f"{INFO}/METADATA": none}),
        says=("install it again",),
    )
