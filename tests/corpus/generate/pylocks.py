"""P01 to P20: ``pylock.toml`` (PEP 751)."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from micropip_lock.core.digest import Digest
from tests.corpus.generate.case import Case
from tests.corpus.generate.lock_case import SERVER, WHEELS, Time, Value, text_case, toml

BUILT = WHEELS["six"]
FILE = BUILT.filename
HEX = Digest.of(BUILT.data).hex
WHEEL: Value = {
    "name": FILE,
    "upload-time": Time("2026-01-02T03:04:05Z"),
    "url": SERVER + FILE,
    "size": len(BUILT.data),
    "hashes": {"sha256": HEX},
}
SIX: Value = {"name": "six", "version": "1.16.0", "index": "https://index.example/simple", "wheels": [WHEEL]}
VALID: Value = {"lock-version": "1.0", "created-by": "a corpus", "packages": [SIX]}
SCHEMA = "LockSchemaError "
POLICY = "LockPolicyError "
MISMATCH = "EnvironmentMismatchError "


def top(**fields: Any) -> str:
    """The right lock with other fields at its top; ``None`` takes one out, ``_`` stands for ``-``."""
    return toml(_changed(VALID, fields))


def six(**fields: Any) -> str:
    """The right lock with other fields in its package."""
    return toml(VALID | {"packages": [_changed(SIX, fields)]})


def file(**fields: Any) -> str:
    """The right lock with other fields in its wheel."""
    return six(wheels=[_changed(WHEEL, fields)])


def _changed(value: Value, fields: Value) -> Value:
    merged = deepcopy(value) | {key.replace("_", "-"): inner for key, inner in fields.items()}
    return {key: inner for key, inner in merged.items() if inner is not None}


def other(tag: str) -> Value:
    """A wheel for another platform, which nobody has to serve."""
    return {"url": f"{SERVER}six-1.16.0-{tag}.whl", "hashes": {"sha256": "0" * 64}}


def case(case_id: str, slug: str, title: str, outcome: str, text: str | bytes, **options: Any) -> Case:
    """Register a case; arguments as for ``text_case``."""
    wheels = ("six",) if outcome.startswith(("accept", "warn")) else ()
    return text_case(case_id, slug, title, outcome, text, group="pylocks", wheels=wheels, **options)


case("P00", "right", "Nothing wrong", "accept", toml(VALID), note="what the other cases change")
case("P00b", "not-toml", "No TOML behind the first line", "LockParseError not-toml", 'lock-version = "1.0"\npackages\n')
case("P00c", "utf-16", "A lock in UTF-16", "LockParseError encoding", toml(VALID).encode("utf-16"))
case("P00d", "duplicate-key", "One key twice", "LockParseError duplicate-key", toml(VALID) + 'created-by = "x"\n')
case("P00e", "depth", "Lists in lists", "LockParseError depth", top() + "tool.x = " + "[" * 100_000)
case("P00f", "long-key", "A key of a hundred thousand parts", "LockParseError depth", top() + "a." * 100_000 + "a = 1")
case("P01", "no-version", "No lock-version", SCHEMA + "missing", top(lock_version=None))
case("P01b", "version-number", "A lock-version that is a number", SCHEMA + "type", top(lock_version=1))
case("P02", "version-2", "Another major version", "LockVersionError lock-version", top(lock_version="2.0"))
case("P03", "version-1.9", "A newer minor version", "warn lock-version", top(lock_version="1.9"))
case("P04", "no-packages", "No packages", SCHEMA + "missing", top(packages=None))
case("P05", "name", "A name that is not in normal form", SCHEMA + "name", six(name="Six"))
case("P06", "no-hashes", "An empty table of hashes", POLICY + "no-hash", file(hashes={}))
case("P06b", "hashes-missing", "No table of hashes", SCHEMA + "missing", file(hashes=None))
case("P07", "md5", "Only MD5", POLICY + "weak-hash", file(hashes={"md5": "900150983cd24fb0d6963f7d28e17f72"}))
case("P08", "hash-not-hex", "A digest of other letters", SCHEMA + "hash-form", file(hashes={"sha256": "z" * 64}))
case("P08b", "hash-short", "A digest of 63 digits", SCHEMA + "hash-form", file(hashes={"sha256": HEX[1:]}))
case(
    "P09",
    "path-parent",
    "A path that leaves the lock's directory",
    POLICY + "local-path",
    file(url=None, path=f"../{FILE}"),
)
case(
    "P09b",
    "path-absolute",
    "An absolute path in a lock from the web",
    POLICY + "local-path",
    file(url=None, path=f"/etc/{FILE}"),
)
case("P09c", "path-inside", "A path beside the lock", "accept", file(url=None, path=f"./{FILE}"), base=SERVER)
case("P10", "url-file", "An address of a file of this machine", POLICY + "local-path", file(url=f"file:///etc/{FILE}"))
case(
    "P10b",
    "url-javascript",
    "An address that is a program",
    POLICY + "scheme",
    file(url=f"javascript:alert(1)//{FILE}"),
)
case(
    "P10c",
    "url-credentials",
    "Credentials in an address",
    POLICY + "credentials",
    file(url=f"https://u:p@files.example/{FILE}"),
)
case("P10d", "url-insecure", "An address without TLS", POLICY + "insecure", file(url=f"http://files.example/{FILE}"))
case(
    "P11",
    "url-and-path",
    "An address and a path of two files",
    SCHEMA + "filename",
    file(path=f"wheels/{WHEELS['rich'].filename}"),
)
case("P12", "nowhere", "Neither an address nor a path", SCHEMA + "missing", file(url=None))
case(
    "P13",
    "other-project",
    "The wheel of another project",
    SCHEMA + "filename",
    file(name=None, url=SERVER + WHEELS["rich"].filename),
)
case("P13b", "other-version", "The wheel of another version", SCHEMA + "filename", six(version="1.15.0"))
case("P14", "two-names", "A name that its address does not have", SCHEMA + "filename", file(url=SERVER + "x.whl"))
case("P15", "size-negative", "A size below zero", SCHEMA + "size", file(size=-1))
case("P15b", "size-bool", "A size that is true", SCHEMA + "type", file(size=True))
case("P15c", "size-huge", "A size of a hundred digits", SCHEMA + "size", file(size=10**100))
case("P15d", "time-text", "A time that is a string", SCHEMA + "type", file(upload_time="yesterday"))
case("P16", "unknown-key", "A key that nobody knows", "warn unknown-key", top(later=[1]), note="PEP 751 lets it grow")
case(
    "P17",
    "sdist",
    "Only a source archive",
    POLICY + "not-wheel",
    six(wheels=None, sdist=other("x") | {"name": "six-1.16.0.tar.gz"}),
)
case(
    "P17b",
    "vcs",
    "A repository",
    POLICY + "not-wheel",
    six(index=None, wheels=None, vcs={"type": "git", "url": "https://files.example/x", "commit-id": "0" * 40}),
)
case("P17c", "directory", "A directory", POLICY + "not-wheel", six(index=None, wheels=None, directory={"path": "."}))
case(
    "P17d",
    "archive",
    "An archive that is no wheel",
    POLICY + "not-wheel",
    six(index=None, wheels=None, archive={"url": f"{SERVER}six.zip", "hashes": {"sha256": HEX}}),
)
case(
    "P17e",
    "archive-wheel",
    "An archive that is a wheel",
    "accept",
    six(index=None, wheels=None, archive={"url": SERVER + FILE, "hashes": {"sha256": HEX}}),
    note="how pip locks a direct address",
)
case(
    "P17f",
    "two-sources",
    "Wheels and a directory",
    SCHEMA + "origin",
    six(directory={"path": "."}),
)
case(
    "P18",
    "two-entries",
    "Two entries of one name for one environment",
    "LockGraphError ambiguous",
    top(packages=[SIX, SIX]),
)
case(
    "P18b",
    "two-entries-marked",
    "Two entries of one name, one of them for Windows",
    "accept",
    top(
        packages=[
            SIX,
            SIX
            | {
                "version": "1.15.0",
                "marker": "sys_platform == 'win32'",
                "wheels": [other("py3-none-any") | {"url": f"{SERVER}six-1.15.0-py3-none-any.whl"}],
            },
        ]
    ),
)
case("P19", "python", "A lock for a later Python", MISMATCH + "requires-python", top(requires_python=">=3.99"))
case(
    "P19b",
    "package-python",
    "A package for a later Python",
    MISMATCH + "requires-python",
    six(requires_python=">=3.99"),
)
case(
    "P19c",
    "environments",
    "A lock for Windows",
    MISMATCH + "environments",
    top(environments=["sys_platform == 'win32'"]),
)
case("P19d", "marker", "A marker that is none", SCHEMA + "marker", six(marker="sys_platform =="))
case("P19e", "specifier", "Versions of Python that are none", SCHEMA + "specifier", top(requires_python="three"))
case(
    "P20",
    "no-tag",
    "No wheel for this Pyodide",
    MISMATCH + "tag-mismatch",
    six(wheels=[other("cp314-cp314-win_amd64"), other("cp313-cp313-pyemscripten_2025_0_wasm32")]),
    note="the tags that there are are told",
)
case(
    "P20b",
    "best-tag",
    "The pure wheel among others",
    "accept",
    six(wheels=[other("cp314-cp314-win_amd64"), other("py2-none-any"), WHEEL]),
)
