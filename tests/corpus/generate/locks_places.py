"""L32 to L40: where files come from and go to, for whom the lock is, and what cannot be seen."""

from __future__ import annotations

from tests.corpus.generate.lock_case import SERVER, WHEELS, changed, entry, six, text_case

FILE = WHEELS["six"].filename
SCHEMA = "LockSchemaError "
POLICY = "LockPolicyError "
MISMATCH = "EnvironmentMismatchError "

for letter, scheme in enumerate(
    ["javascript:alert(1)//", "data:,", f"blob:{SERVER}", "ftp://files.example/", "emfs:/tmp/"]
):
    text_case(
        "L32" + ("", "b", "c", "d", "e")[letter],
        f"scheme-{scheme.partition(':')[0]}",
        f"An address of the scheme {scheme.partition(':')[0]}",
        POLICY + "scheme",
        six(file_name=scheme + FILE),
    )
text_case(
    "L33",
    "local-file",
    "A lock from the web names a file of this machine",
    POLICY + "local-path",
    six(file_name=f"file:///etc/{FILE}"),
)
text_case(
    "L33b",
    "local-file-pasted",
    "A pasted lock names a file of this machine",
    POLICY + "local-path",
    six(file_name=f"file:///etc/{FILE}"),
    base="",
)
text_case(
    "L33e",
    "password-file",
    "A lock from the web names a file of this machine that is no wheel",
    POLICY + "not-wheel",
    six(file_name="file:///etc/passwd"),
    note="refused twice over; what it is comes before where it is",
)
text_case(
    "L33c",
    "parent",
    "A lock from the web names a file above its own directory",
    "accept",
    six(file_name=f"../../{FILE}"),
    wheels=("six",),
    base=f"{SERVER}static/locks/",
    note="it stays on the lock's own host, and JupyterLite writes such names; the bytes are checked all the same",
)
text_case(
    "L33d",
    "parent-pasted",
    "A pasted lock names a file above nothing",
    POLICY + "relative-url",
    six(file_name=f"../../{FILE}"),
    base="",
)
text_case(
    "L34",
    "user-and-password",
    "Credentials in an address",
    POLICY + "credentials",
    six(file_name=f"https://u:p@files.example/{FILE}"),
)
text_case("L34b", "token", "A token in a query", POLICY + "credentials", six(file_name=f"{SERVER}{FILE}?token=abc"))
text_case(
    "L35",
    "insecure",
    "An address without TLS, not of this machine",
    POLICY + "insecure",
    six(file_name=f"http://files.example/{FILE}"),
)
text_case(
    "L36",
    "other-project",
    "The file of another project",
    SCHEMA + "filename",
    six(file_name=SERVER + WHEELS["rich"].filename),
)
text_case(
    "L36b",
    "other-version",
    "The file of another version",
    SCHEMA + "filename",
    six(file_name=SERVER + FILE.replace("1.16", "1.15")),
)
text_case(
    "L36c",
    "encoded-parent",
    "Encoded dots and slashes",
    SCHEMA + "filename",
    six(file_name=f"{SERVER}a/%2e%2e%2f{FILE}"),
)
text_case(
    "L36d",
    "encoded-twice",
    "A slash encoded twice",
    SCHEMA + "filename",
    six(file_name=f"{SERVER}a%252f{FILE}"),
    note="CVE-2026-13346",
)
text_case("L37", "sdist", "A source archive", POLICY + "not-wheel", six(file_name=f"{SERVER}six-1.16.0.tar.gz"))
text_case("L37b", "zip", "A zip file that is no wheel", POLICY + "not-wheel", six(file_name=f"{SERVER}six-1.16.0.zip"))
text_case(
    "L37c",
    "shared-library",
    "A shared library of Pyodide's distribution",
    POLICY + "not-wheel",
    six(file_name=f"{SERVER}six-1.16.0.zip", package_type="shared_library", install_dir="dynlib"),
    note="part of the format and read; a replay into an environment does not install it",
)
text_case("L38", "install-dir", "A directory of its own choice", SCHEMA + "enum", six(install_dir="/etc"))
text_case("L38b", "package-type", "An unknown kind of package", SCHEMA + "enum", six(package_type="virus"))
text_case(
    "L39",
    "abi",
    "Another ABI",
    MISMATCH + "abi-mismatch",
    changed(lambda value: value["info"].update(abi_version="2025_0")),
)
text_case(
    "L39b",
    "arch",
    "Another processor",
    MISMATCH + "abi-mismatch",
    changed(lambda value: value["info"].update(arch="x86_64")),
)
text_case(
    "L39c",
    "tag",
    "A wheel for another platform",
    MISMATCH + "tag-mismatch",
    six(file_name=f"{SERVER}six-1.16.0-cp314-cp314-win_amd64.whl"),
)
text_case(
    "L39d",
    "platform",
    "Another Emscripten and Python in what only informs",
    "accept",
    changed(lambda value: value["info"].update(platform="emscripten_9_9_9", python="3.99.0")),
    wheels=("six",),
    note="the ABI decides; released locks had a wrong Python in them",
)
text_case(
    "L40",
    "bidi",
    "A character that turns the direction of writing",
    SCHEMA + "control-char",
    six(imports=["six\u202e"]),
)
text_case(
    "L40b",
    "zero-width",
    "A character that is not seen",
    SCHEMA + "control-char",
    changed(lambda value: value.update(tool={"other": {"note": "a\u200bb"}})),
)
text_case("L40c", "escape", "A sequence that acts on a terminal", SCHEMA + "control-char", six(imports=["\x1b[2J"]))
text_case(
    "L41",
    "several-faults",
    "Several faults in several packages",
    SCHEMA + "missing",
    changed(
        lambda value: (
            value["info"].pop("abi_version"),
            value["packages"].update(rich=entry("rich", sha256="", depends=["numpy"], install_dir="/etc")),
        )
    ),
    note="all of them are told at once, each at its place",
)
