"""What is inside a wheel: identity, RECORD both ways, and the names that only an installer may write."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.dist_info import INSTALLER_FILES, RESERVED_FILES
from micropip_lock.core.wheel import OpenedWheel, parse_identity
from micropip_lock.core.wheel_name import within_caps
from micropip_lock.errors import (
    MicropipLockError,
    WheelFormatError,
    WheelMetadataError,
    WheelPathError,
    WheelRecordError,
)
from micropip_lock.testing import BuiltWheel, wheel

INFO = "six-1.16.0.dist-info"
METADATA = "Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n"
FILES = {"six.py": "PY3 = True\n", "pkg/__init__.py": "", "pkg/data.txt": "text"}
Mutate = Callable[[dict[str, bytes]], None]


def six(mutate: Mutate | None = None, **changes: object) -> BuiltWheel:
    arguments: dict[str, object] = {"files": FILES, **changes}
    return wheel("six", "1.16.0", mutate=mutate, **arguments)  # type: ignore[arg-type]  # each test's own keywords


def opened(built: BuiltWheel, filename: str | None = None) -> OpenedWheel:
    return OpenedWheel(admit(built.data, Digest.of(built.data), filename=filename or built.filename))


def refusal(built: BuiltWheel, filename: str | None = None) -> MicropipLockError:
    with pytest.raises(MicropipLockError) as caught:
        list(opened(built, filename).files())
    return caught.value


def setting(path: str, content: str | bytes) -> Mutate:
    data = content.encode() if isinstance(content, str) else content
    return lambda entries: entries.update({path: data})


def removing(path: str) -> Mutate:
    return lambda entries: entries.__delitem__(path)


def record(change: Callable[[bytes], bytes]) -> Mutate:
    return lambda entries: entries.update({f"{INFO}/RECORD": change(entries[f"{INFO}/RECORD"])})


def test_a_good_wheel() -> None:
    """A right wheel gives its files in the order of the archive, with their bytes."""
    good = opened(six())
    expected = (
        list(good.names),
        (INFO, "six-1.16.0.data", b"PY3 = True\n"),
        sum(len(data) for _, data in good.files()),
    )
    files = dict(good.files())
    assert expected == (list(files), (good.dist_info, good.data_dir, files["six.py"]), good.unpacked_size)


@pytest.mark.parametrize(
    "built",
    [
        six(build="1"),
        six(data={"scripts/run": "#!python\n", "data/share/x": "", "headers/x.h": "", "purelib/p.py": ""}),
        six(description="日本語 ✓\n"),
        six(metadata_extra=["Author: Zoë", "Summary: ✓"]),
        six(dist_info={"RECORD.jws": "{}", "RECORD.p7s": "x"}, mutate=record(lambda text: b"\n".join(
            line for line in text.splitlines() if b"RECORD." not in line))),
        six(dist_info={"licenses/LICENSE": "x", "entry_points.txt": "", "top_level.txt": "six"}),
        six(dist_info={"INSTALLER": "pip\n", "REQUESTED": ""}),
        six(dist_info={"sboms/x.json": "{}"}),
        six(mutate=record(lambda text: text.replace(b"\n", b"\r\n"))),
        six(mutate=record(lambda text: text.replace(b"RECORD,,\n", b"RECORD\n"))),
        six(mutate=record(lambda text: text.replace(f"{INFO}/RECORD,,\n".encode(), b""))),
        six(mutate=record(lambda text: text + b"pkg/,,\n")),
        six(mutate=record(lambda text: b"pkg/,,\n" + text)),
        six(files={**FILES, "a/b/other-1.dist-info/INDEX": "x"}),
        six(mutate=record(lambda text: text.splitlines(keepends=True)[0] + text)),
        six(mutate=record(lambda text: text.replace(b"six.py,", b"./six.py,"))),
        six(mutate=record(lambda text: text.replace(b"pkg/data", b"pkg\\data"))),
        six(mutate=record(lambda text: text.rstrip(b"\n"))),
        six(dist_info={"WHEEL": "Wheel-Version: 1.9\n"}),
        wheel("Foo.Bar", "1!2.0.post1+local.1", files={"foo.py": ""}),
        wheel("six", "1.16", files={'a,"b.py': "x", "é.py": "y", "a b.py": ""}),
    ],
    ids=lambda built: built.filename,
)  # fmt: skip
def test_oddities_of_real_wheels(built: BuiltWheel) -> None:
    """What real wheels do and the standards allow is accepted, and every file is read."""
    good = opened(built)
    assert list(good.names) == [path for path, _ in good.files()]


@pytest.mark.parametrize(
    "filename",
    ["SIX-1.16.0-py3-none-any.whl", "six-1.16-py3-none-any.whl", "six-1.16.0-1abc-py2.py3-none-any.whl"],
)
def test_other_spellings_of_the_file_name(filename: str) -> None:
    """The file name may spell name and version in another normal form."""
    assert INFO == opened(six(), filename).dist_info


@pytest.mark.parametrize(
    ("mutate", "kind", "code"),
    [
        (setting("extra.py", "x"), WheelRecordError, "not-in-record"),
        (setting(f"{INFO}/extra.txt", "x"), WheelRecordError, "not-in-record"),
        (setting("six.py", "PY3 = Fals\n"), WheelRecordError, "record-hash"),
        (setting(f"{INFO}/METADATA", f"{METADATA}More: x\n"), WheelRecordError, "record-hash"),
        (removing("pkg/data.txt"), WheelRecordError, "missing-file"),
        (removing(f"{INFO}/RECORD"), WheelRecordError, "no-record"),
        (setting(f"{INFO}/RECORD", b"\xff"), WheelRecordError, "not-utf8"),
        (setting(f"{INFO}/RECORD", 'six.py,"'), WheelRecordError, "record-unreadable"),
        (setting(f"{INFO}/RECORD", ""), WheelRecordError, "not-in-record"),
        (record(lambda text: text + b"../x,,\n"), WheelRecordError, "missing-file"),
        (record(lambda text: text + b"/etc/x,,\n"), WheelRecordError, "missing-file"),
        (record(lambda text: text + b"six.py,,\n"), WheelRecordError, "record-ambiguous"),
        (record(lambda text: b"./six.py,,\n" + text), WheelRecordError, "record-ambiguous"),
        (record(lambda text: text.replace(b",11\n", b",12\n")), WheelRecordError, "record-size"),
        (record(lambda text: text.replace(b",11\n", b",10\n")), WheelRecordError, "record-size"),
        (record(lambda text: b"pkg/,,\n" + text.replace(b",11\n", b",12\n")), WheelRecordError, "record-size"),
        (record(lambda text: text.replace(b"six.py", b"sev.py")), WheelRecordError, "not-in-record"),
        (record(lambda text: f"six.py,sha256={'A' * 43},11\n".encode() + text), WheelRecordError, "record-ambiguous"),
        (record(lambda text: text + f"six.py,sha256={'A' * 43},11\n".encode()), WheelRecordError, "record-ambiguous"),
        (setting(f"{INFO}/entry_points.txt", "[console_scripts]\n../x = y:z\n"), WheelMetadataError, "entry-point"),
        (setting("another-1.0.dist-info/METADATA", ""), WheelMetadataError, "multiple-dist-info"),
        (setting(f"{INFO}/METADATA", METADATA.replace("six", "zope")), WheelMetadataError, "name-mismatch"),
        (record(lambda text: text.replace(b"sha256=", b"md5=")), WheelRecordError, "not-in-record"),
        (removing(f"{INFO}/WHEEL"), WheelMetadataError, "no-wheel"),
        (setting(f"{INFO}/WHEEL", "Wheel-Version: 2.0\n"), WheelMetadataError, "wheel-version"),
        (setting(f"{INFO}/WHEEL", "Wheel-Version: 1.x\n"), WheelMetadataError, "wheel-version"),
        (setting(f"{INFO}/WHEEL", "Wheel-Version: 10.0\n"), WheelMetadataError, "wheel-version"),
        (setting(f"{INFO}/WHEEL", "Tag: py3-none-any\n"), WheelMetadataError, "wheel-version"),
        (setting(f"{INFO}/WHEEL", b"\xff"), WheelMetadataError, "not-utf8"),
        (removing(f"{INFO}/METADATA"), WheelMetadataError, "no-metadata"),
        (setting(f"{INFO}/METADATA", b"Name: six\nVersion: 1.16.0\n\n\xff"), WheelMetadataError, "not-utf8"),
        (setting(f"{INFO}/METADATA", "Name: numpy\nVersion: 1.16.0\n"), WheelMetadataError, "name-mismatch"),
        (setting(f"{INFO}/METADATA", "Version: 1.16.0\n"), WheelMetadataError, "name-mismatch"),
        (setting(f"{INFO}/METADATA", "Name: six\nVersion: 1.17\n"), WheelMetadataError, "version-mismatch"),
        (setting(f"{INFO}/METADATA", "Name: six\nVersion: junk\n"), WheelMetadataError, "version-mismatch"),
        (setting(f"{INFO}/METADATA", "Name: six\n"), WheelMetadataError, "version-mismatch"),
        (setting("other-1.0.dist-info/METADATA", ""), WheelMetadataError, "multiple-dist-info"),
        (setting("another-1.0.DIST-INFO/METADATA", ""), WheelMetadataError, "multiple-dist-info"),
        (setting("another-1.0.egg-info/PKG-INFO", ""), WheelMetadataError, "multiple-dist-info"),
        (setting("another-1.0.egg-info", ""), WheelMetadataError, "multiple-dist-info"),
        (setting("other-1.0.data/scripts/run", ""), WheelMetadataError, "data-scheme"),
        (setting("Six-1.16.0.data/purelib/six.py", ""), WheelMetadataError, "data-scheme"),
        (setting("six-1.16.0.data/six.py", ""), WheelMetadataError, "data-scheme"),
        (setting("six-1.16.0.data/evil/six.py", ""), WheelMetadataError, "data-scheme"),
        (setting("six-1.16.0.data/data", ""), WheelMetadataError, "data-scheme"),
        (setting("../x.py", ""), WheelPathError, "escapes"),
        (setting("SIX.py", ""), WheelPathError, "case-collision"),
        (lambda entries: entries.clear(), WheelFormatError, "empty"),
    ],
)  # fmt: skip
def test_refusals(mutate: Mutate, kind: type[MicropipLockError], code: str) -> None:
    """Each lie of a wheel is refused with its code, and the message names the file."""
    built = six(mutate)
    error = refusal(built)
    assert (kind, code, True) == (type(error), error.code, built.filename in str(error.where))


@pytest.mark.parametrize(
    ("filename", "code"),
    [
        ("numpy-1.16.0-py3-none-any.whl", "dist-info-name"),
        ("zope-1.16.0-py3-none-any.whl", "dist-info-name"),
        ("six-1.15-py3-none-any.whl", "dist-info-version"),
        ("six-1.17-py3-none-any.whl", "dist-info-version"),
        ("six-1.16.0.whl", "wheel-filename"),
        ("six-1.16.0-py3-none-any.zip", "wheel-filename"),
        ("six-junk-py3-none-any.whl", "wheel-filename"),
        ("six-1.16.0-x-py3-none-any.whl", "wheel-filename"),
        ("-1.16.0-py3-none-any.whl", "wheel-filename"),
        ("", "wheel-filename"),
    ],
)
def test_another_file_name(filename: str, code: str) -> None:
    """A wheel under the name of another, or under no wheel's name, is refused."""
    built = six()
    with pytest.raises(WheelMetadataError) as caught:
        OpenedWheel(admit(built.data, Digest.of(built.data), filename=filename))
    assert code == caught.value.code


def test_no_dist_info() -> None:
    """A wheel without a dist-info directory has no metadata."""

    def keep_files(entries: dict[str, bytes]) -> None:
        for path in [path for path in entries if path.startswith(INFO)]:
            del entries[path]

    assert "no-metadata" == refusal(six(keep_files)).code


@pytest.mark.parametrize("name", sorted(RESERVED_FILES))
def test_reserved_files(name: str) -> None:
    """A wheel that ships a file that only an installer may write is refused, also when RECORD lists it."""
    assert "reserved-dist-info-file" == refusal(six(dist_info={name: "x"})).code


@pytest.mark.parametrize("name", sorted(INSTALLER_FILES - {"RECORD"}))
def test_reserved_directories(name: str) -> None:
    """A directory where an installer writes a file is refused."""
    assert "reserved-dist-info-file" == refusal(six(dist_info={f"{name}/x": "x"})).code


@pytest.mark.parametrize(
    "path",
    [
        f"purelib/{INFO}/INDEX",
        f"platlib/{INFO}/direct_url.json",
        "purelib/other-1.0.dist-info/METADATA",
        "purelib/other-1.0.Dist-Info/METADATA",
        "platlib/other-1.0.egg-info",
        f"data/{INFO}/INDEX",
        "data/lib/python3.14/site-packages/other-1.0.dist-info/INDEX",
    ],
)
def test_reserved_files_through_a_scheme(path: str) -> None:
    """A dist-info directory that arrives through the .data directory is refused: it would forge an origin."""
    assert "reserved-dist-info-file" == refusal(six(data={path: "x"})).code


def test_contents_are_checked_when_read() -> None:
    """Opening reads no contents but METADATA, WHEEL and RECORD; a changed file is found when it is reached."""
    good = opened(six(setting("six.py", "PY3 = Fals\n")))
    first = next(good.files())
    assert ("pkg/__init__.py", b"") == first


def test_modes() -> None:
    """The permission bits of the archive are told."""
    assert 0o644 == opened(six()).mode("six.py")


def test_every_bit_of_a_mode() -> None:
    """All nine permission bits are told, and no other bit of what the archive holds."""
    data = six().data
    at = data.rindex(b"PK\1\2", 0, data.rindex(b"six.py")) + 38
    data = data[:at] + (0o107777 << 16).to_bytes(4, "little") + data[at + 4 :]
    assert 0o777 == OpenedWheel(admit(data, Digest.of(data), filename=six().filename)).mode("six.py")


def test_warnings_of_a_wheel() -> None:
    """What METADATA and the names give rise to is told together, and gathered once."""
    built = six(metadata_extra=["Requires-Python: nonsense"], files={**FILES, "evil.pth": ""})
    found = opened(built)
    codes = [warning.code for warning in found.warnings]
    assert ("requires-python", 2, True) == (codes[0], len(codes), found.warnings is found.warnings)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("six-1.16.0-py2.py3-none-any.whl", ("six", "1.16.0", {"py2-none-any", "py3-none-any"})),
        ("Foo_Bar-1.0-1b-cp314-cp314-x.whl", ("foo-bar", "1.0", {"cp314-cp314-x"})),
    ],
)
def test_identity(filename: str, expected: tuple[str, str, set[str]]) -> None:
    """A file name tells the normalised name, the version and every tag."""
    identity = parse_identity(filename)
    assert expected == (str(identity.name), str(identity.version), set(identity.tags))


pieces = st.lists(
    st.sampled_from(["six", "1.0", "-", ".", "_", "py3", "none", "any", ".whl", "é", "\0", "1", "+", "!"])
)


@given(st.text() | pieces.map("".join) | st.text().map("six-{}-py3-none-any.whl".format))
def test_any_text_is_an_identity_or_our_error(filename: str) -> None:
    """Whatever a file is called, there is an identity or our error."""
    try:
        tags = parse_identity(filename).tags
    except WheelMetadataError:
        tags = frozenset({"none"})
    assert tags


def outcome(data: bytes) -> str:
    """The code of a refusal, or ``good`` with the digest of all that was read."""
    try:
        wheel_of = admit(data, Digest.of(data), filename="six-1.16.0-py3-none-any.whl")
        return "good " + Digest.of(repr(list(OpenedWheel(wheel_of).files())).encode()).hex
    except MicropipLockError as error:
        return error.code


GOOD = six().data
text_files = st.sampled_from([f"{INFO}/METADATA", f"{INFO}/WHEEL", f"{INFO}/RECORD", "six.py"])


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=3))
def test_any_damage_is_our_error(spots: list[tuple[int, int]]) -> None:
    """A good wheel with bytes changed is refused by us, or its files are as they were."""
    damaged = bytearray(GOOD)
    for at, value in spots:
        damaged[at] = value
    found = outcome(bytes(damaged))
    # What RECORD does not list is not protected by it: a changed RECORD row must still agree with the files.
    assert not found.startswith("good") or files_of(bytes(damaged)) == files_of(GOOD)


def files_of(data: bytes) -> dict[str, bytes]:
    wheel_of = admit(data, Digest.of(data), filename="six-1.16.0-py3-none-any.whl")
    return {path: content for path, content in OpenedWheel(wheel_of).files() if not path.endswith("RECORD")}


@given(text_files, st.binary() | st.text().map(str.encode))
def test_any_metadata_is_our_error(path: str, content: bytes) -> None:
    """Garbage in METADATA, WHEEL, RECORD or a module is refused by us, or is what was there."""
    found = outcome(six(setting(path, content)).data)
    assert not found.startswith("good") or outcome(GOOD) == found


@pytest.mark.parametrize(
    "filename",
    [
        f"{'a' * 300}-1-py3-none-any.whl",
        "a-1-" + "-".join(".".join(f"{kind}{n}" for n in range(20)) for kind in "pbc") + ".whl",
    ],
)
def test_file_names_that_would_not_end(filename: str) -> None:
    """A name that stands for thousands of tags, or is too long for a file, is refused without expanding it."""
    with pytest.raises(WheelMetadataError) as caught:
        parse_identity(filename)
    assert "wheel-filename" == caught.value.code


def _tags(count: int) -> str:
    return ".".join(f"t{number}" for number in range(count))


@pytest.mark.parametrize(
    ("filename", "good"),
    [
        (f"{'a' * 235}-1-py3-none-any.whl", True),
        (f"{'a' * 236}-1-py3-none-any.whl", True),
        (f"{'a' * 237}-1-py3-none-any.whl", False),
        (f"a-1-{_tags(16)}-{_tags(16)}-{_tags(4)}.whl", True),
        (f"a-1-{_tags(25)}-{_tags(41)}-x.whl", False),
        (f"a.b.c-1.0.0-{_tags(32)}-{_tags(32)}-x.whl", True),
    ],
)
def test_caps_of_file_names(filename: str, good: bool) -> None:
    """A name of 255 characters and one of 1024 tags are taken, no longer one and no more tags."""
    assert good == within_caps(filename)


def test_a_long_name_is_cut() -> None:
    """Of a name that is too long, its length and first sixty characters are told."""
    with pytest.raises(WheelMetadataError) as caught:
        parse_identity("a" * 256)
    assert f"256 characters: {'a' * 60!r}…" == caught.value.got
