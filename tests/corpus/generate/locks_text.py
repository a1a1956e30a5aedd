"""L01 to L12: what is no text, no JSON or no lock at all."""

from __future__ import annotations

import json

from tests.corpus.generate.lock_case import VALID, changed, entry, text_case

TEXT = json.dumps(VALID, indent=1)
PARSE = "LockParseError "
SCHEMA = "LockSchemaError "

text_case("L01", "empty", "An empty file", PARSE + "empty", "")
text_case(
    "L02",
    "web-page",
    "A web page instead of a lock",
    PARSE + "not-json",
    "<!doctype html>\n<title>404 Not Found</title>\n",
    note="the hint says that a server sent HTML",
)
text_case("L03", "truncated", "A lock that did not arrive whole", PARSE + "not-json", TEXT[: len(TEXT) // 2])
text_case(
    "L04",
    "byte-order-mark",
    "A UTF-8 byte order mark in front",
    "accept",
    b"\xef\xbb\xbf" + TEXT.encode(),
    wheels=("six",),
    note="RFC 8259, section 8.1: parsers may ignore it",
)
text_case("L05", "utf-16", "A lock in UTF-16", PARSE + "encoding", TEXT.encode("utf-16"))
text_case("L05b", "utf-16-bare", "A lock in UTF-16 without a mark", PARSE + "encoding", TEXT.encode("utf-16-le"))
text_case("L05c", "latin-1", "A byte that is no UTF-8", PARSE + "encoding", TEXT.encode().replace(b"six", b"s\xefx"))
text_case(
    "L05d", "half-surrogate", "Half of a surrogate pair", PARSE + "encoding", TEXT.replace('"imports"', '"\\ud800"')
)
text_case(
    "L06",
    "duplicate-key",
    "One key twice in one table",
    PARSE + "duplicate-key",
    TEXT.replace('"sha256"', f'"sha256": "{"0" * 64}",\n   "sha256"'),
    note="readers disagree about which one counts",
)
text_case(
    "L06b",
    "duplicate-key-escaped",
    "One key twice, once with an escape in it",
    PARSE + "duplicate-key",
    TEXT.replace('"sha256"', f'"sh\\u0061256": "{"0" * 64}",\n   "sha256"'),
)
text_case("L07", "nan", "NaN, which JSON does not have", PARSE + "non-json-number", TEXT.replace('"1.16.0"', "NaN"))
text_case("L07b", "infinity", "Infinity", PARSE + "non-json-number", TEXT.replace('"1.16.0"', "-Infinity"))
text_case("L07c", "fraction", "A number with a fraction", PARSE + "non-json-number", TEXT.replace('"1.16.0"', "1.16"))
text_case("L08", "depth", "A hundred thousand lists in each other", PARSE + "depth", "[" * 100_000)
text_case(
    "L09",
    "large",
    "Twenty megabytes",
    "LockPolicyError too-large",
    lambda: TEXT + " " * (20_000_000 - len(TEXT)),
)
text_case(
    "L09b",
    "many-packages",
    "Ten thousand packages",
    "LockPolicyError too-large",
    lambda: json.dumps(VALID | {"packages": {f"p{at}": entry(f"p{at}") for at in range(10_000)}}),
)
text_case("L10", "trailing-comma", "A comma before a closing bracket", PARSE + "not-json", TEXT[:-1] + ",}")
text_case("L10b", "comment", "A comment", PARSE + "not-json", TEXT + "\n// of 2026\n")
text_case("L11", "list", "A list instead of a table", SCHEMA + "type", f"[{TEXT}]")
text_case(
    "L11b", "packages-list", "Packages in a list", SCHEMA + "type", changed(lambda value: value.update(packages=[]))
)
text_case(
    "L11c", "packages-null", "No packages but null", SCHEMA + "type", changed(lambda value: value.update(packages=None))
)
text_case("L12", "no-packages", "No key packages", SCHEMA + "missing", changed(lambda value: value.pop("packages")))
text_case("L12b", "no-info", "No key info", SCHEMA + "missing", changed(lambda value: value.pop("info")))
