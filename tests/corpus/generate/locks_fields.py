"""L13 to L31: fields of a wrong form, and packages that do not fit together."""

from __future__ import annotations

from tests.corpus.generate.lock_case import changed, entry, packages, six, text_case

HEX = entry("six")["sha256"]
SCHEMA = "LockSchemaError "
POLICY = "LockPolicyError "

text_case(
    "L13",
    "unknown-key",
    "A key of a package that nobody knows",
    "warn unknown-key",
    six(index="https://index.example/simple"),
    wheels=("six",),
    note="kept, and changes nothing: the format grows with each Pyodide",
)
text_case("L14", "tool", "A table of another tool", "accept", six(tool={"other": {"a": [1]}}), wheels=("six",))
text_case("L15", "tool-list", "tool is no table", SCHEMA + "type", changed(lambda value: value.update(tool=[])))
text_case(
    "L15b",
    "tool-of-numbers",
    "tool is no table of tables",
    SCHEMA + "type",
    changed(lambda value: value.update(tool={"a": 1})),
)
text_case(
    "L16",
    "newer-format",
    "A table of micropip-lock from the future",
    "LockVersionError lock-version",
    changed(lambda value: value.update(tool={"micropip-lock": {"version": 99}})),
)
text_case("L17", "hash-empty", "An empty digest", POLICY + "no-hash", six(sha256=""))
text_case(
    "L18",
    "hash-missing",
    "No digest",
    POLICY + "no-hash",
    changed(lambda value: value["packages"]["six"].pop("sha256")),
    note="CVE-2026-50021 is a package manager that took the absence for consent",
)
text_case("L19", "hash-null", "A digest that is null", SCHEMA + "type", six(sha256=None))
text_case("L20", "hash-not-hex", "A digest of other letters", SCHEMA + "hash-form", six(sha256="z" * 64))
text_case("L20b", "hash-short", "A digest of 63 digits", SCHEMA + "hash-form", six(sha256=HEX[1:]))
text_case("L20c", "hash-long", "A digest of 66 digits", SCHEMA + "hash-form", six(sha256=HEX + "00"))
text_case("L20d", "hash-spaces", "A digest with spaces around it", SCHEMA + "hash-form", six(sha256=f" {HEX}\t"))
text_case(
    "L20e", "hash-dashes", "A digest of dashes", SCHEMA + "hash-form", six(sha256="-" * 64), note="loaded by Pyodide"
)
text_case("L21", "hash-upper-case", "A digest in upper case", "accept", six(sha256=HEX.upper()), wheels=("six",))
text_case("L22", "md5", "An MD5 digest", POLICY + "weak-hash", six(sha256="md5:900150983cd24fb0d6963f7d28e17f72"))
text_case(
    "L22b", "sha1", "A SHA-1 digest", POLICY + "weak-hash", six(sha256="sha1:a9993e364706816aba3e25717850c26c9cd0d89d")
)
text_case("L23", "version-number", "A version that is a number", SCHEMA + "version", six(version=1))
text_case(
    "L23b", "version-form", "A version that is none of PEP 440", SCHEMA + "version", six(version="1.16.0-beta_x!")
)
text_case("L24", "name-empty", "An empty name", SCHEMA + "name", six(name=""))
text_case("L24b", "name-form", "A name with other characters", SCHEMA + "name", six(name="<img src=x>"))
text_case("L24c", "name-long", "A name of 215 characters", SCHEMA + "name", six(name="s" * 215))
text_case("L24d", "name-homoglyph", "A name with Cyrillic letters", SCHEMA + "name", six(name="siх"))
text_case("L25", "key-of-another", "A key that is not the name", SCHEMA + "key-name", packages(rich=entry("six")))
text_case("L25b", "key-not-normal", "A key that is not in normal form", SCHEMA + "key-name", packages(Six=entry("six")))
text_case(
    "L26",
    "one-package-twice",
    "Two keys of one package",
    SCHEMA + "duplicate-package",
    packages(**{"a_b": entry("a_b"), "a-b": entry("a-b")}),
)
text_case(
    "L27",
    "constructor",
    "A package called as a property of every object in JavaScript",
    "accept",
    packages(constructor=entry("constructor")),
    wheels=("constructor",),
)
text_case("L27b", "prototype", "A package called __proto__", SCHEMA + "name", packages(__proto__=entry("__proto__")))
text_case(
    "L27c",
    "to-string",
    "A package called toString",
    "accept",
    packages(tostring=entry("toString")),
    wheels=("toString",),
)
text_case(
    "L28", "depends-text", "Dependencies in a string", SCHEMA + "type", six(depends="numpy"), note="n, u, m, p, y"
)
text_case(
    "L29",
    "depends-dangling",
    "A dependency that is not there",
    "LockGraphError missing-dependency",
    six(depends=["rich"]),
)
text_case(
    "L30",
    "depends-self",
    "A package that needs itself",
    "warn self-dependency",
    six(depends=["six"]),
    wheels=("six",),
    note="Pyodide's loader waits for ever",
)
text_case(
    "L31",
    "depends-cycle",
    "Two packages that need each other",
    "warn dependency-cycle",
    packages(six=entry("six", depends=["rich"]), rich=entry("rich", depends=["six"])),
    wheels=("six", "rich"),
    note="Pyodide's loader waits for ever, and with it every later load of the kernel",
)
