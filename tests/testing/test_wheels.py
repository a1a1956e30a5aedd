"""``wheel`` builds correct wheels, and the same bytes every time."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from email.parser import BytesParser

import pytest
from packaging.metadata import Metadata
from packaging.tags import Tag
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from micropip_lock.errors import UsageError
from micropip_lock.testing import BuiltWheel, wheel


def entries_of(built: BuiltWheel) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(built.data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_known_bytes() -> None:
    """The bytes depend on nothing but the arguments, on any machine and Python."""
    built = wheel("six", "1.16.0", files={"six.py": "PY3 = True\n"})
    assert built.sha256 == "276248fbb227bbac91d0d82476b99b693d67d208ef4138f261e158aa7ea53fce"


def test_order_of_files_does_not_matter() -> None:
    """Files given in another order make the same wheel."""
    one = wheel("demo", files={"a.py": "", "b.py": "x = 1\n"})
    other = wheel("demo", files={"b.py": "x = 1\n", "a.py": ""})
    assert one == other


def test_record_lists_every_entry_with_its_digest_and_size() -> None:
    """RECORD agrees with the archive both ways, awkward names included."""
    built = wheel("demo", files={'a,"b.py': "x", "é.py": "y"}, data={"data/share/x": b"z", "scripts/run": "#!python\n"})
    entries = entries_of(built)
    expected = {}
    for name, content in entries.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        expected[name] = [f"sha256={digest}", str(len(content))]
    record = f"{built.dist_info}/RECORD"
    expected[record] = ["", ""]
    assert expected == {row[0]: row[1:] for row in csv.reader(io.StringIO(entries[record].decode()))}


def test_dist_info_comes_last_and_record_at_the_end() -> None:
    """Entries are sorted, dist-info after everything else, RECORD at the end."""
    built = wheel("demo", "2", files={"zzz.py": "", "aaa.py": ""}, data={"data/share/x": ""})
    info = "demo-2.dist-info"
    expected = ["aaa.py", "demo-2.data/data/share/x", "zzz.py", f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD"]
    assert expected == list(entries_of(built))


def test_metadata_is_valid_and_complete() -> None:
    """METADATA passes packaging's validation and says what was asked for."""
    built = wheel(
        "Zope.Interface",
        "01.0",
        requires=["six>=1"],
        extras={"tests": ["pytest>8; python_version >= '3'", "pkg @ https://files.example/pkg-1.zip"]},
        requires_python=">=3.12",
        metadata_extra=["Summary: a demo"],
        description="Hello.\n",
    )
    parsed = Metadata.from_email(built.metadata)
    expected = (
        "Zope.Interface",
        Version("1.0"),
        [
            "six>=1",
            'pytest>8; python_version >= "3" and extra == "tests"',
            'pkg@ https://files.example/pkg-1.zip ; extra == "tests"',
        ],
        ["tests"],
        ">=3.12",
        "a demo",
        "Hello.\n",
    )
    assert expected == (
        parsed.name,
        parsed.version,
        [str(each).replace("pkg @", "pkg@") for each in parsed.requires_dist or []],
        parsed.provides_extra,
        str(parsed.requires_python),
        parsed.summary,
        parsed.description,
    )


def test_metadata_is_the_file_in_the_wheel() -> None:
    """``metadata`` is what a PEP 658 file must hold: the wheel's METADATA, byte for byte."""
    built = wheel("demo", requires=["six"])
    assert entries_of(built)[f"{built.dist_info}/METADATA"] == built.metadata


def test_file_name_is_escaped() -> None:
    """Names are normalised and escaped, versions normalised, the build tag and tag placed where PEP 427 wants them."""
    built = wheel("Foo-Bar.baz", "1.0.0+Local.1", build="2x", tag="py2.py3-none-any")
    expected = (
        canonicalize_name("foo-bar-baz"),
        Version("1.0.0+local.1"),
        (2, "x"),
        frozenset({Tag("py2", "none", "any"), Tag("py3", "none", "any")}),
    )
    assert built.filename == "foo_bar_baz-1.0.0+local.1-2x-py2.py3-none-any.whl"
    assert expected == parse_wheel_filename(built.filename)


def test_compiled_tag() -> None:
    """A wheel with a platform tag is no pure library, and WHEEL lists its expanded tags."""
    built = wheel("demo", tag="cp314-cp314-pyemscripten_2026_0_wasm32", files={"demo.so": b"\0asm"}, build="1")
    parsed = BytesParser().parsebytes(entries_of(built)[f"{built.dist_info}/WHEEL"])
    expected = ("false", ["cp314-cp314-pyemscripten_2026_0_wasm32"], "1")
    assert expected == (parsed["Root-Is-Purelib"], parsed.get_all("Tag"), parsed["Build"])


def test_mutate_in_place_leaves_record_as_it_was() -> None:
    """A mutation happens after RECORD was written, so the wheel lies."""
    honest = wheel("demo")
    built = wheel("demo", mutate=lambda entries: entries.update({"demo.py": b"import os\n"}))
    record = f"{honest.dist_info}/RECORD"
    assert (b"import os\n", entries_of(honest)[record]) == (entries_of(built)["demo.py"], entries_of(built)[record])


def test_mutate_by_returning_another_mapping() -> None:
    """A mutation may return the entries it wants instead."""
    built = wheel("demo", mutate=lambda entries: {"only.txt": b"x"})
    assert entries_of(built) == {"only.txt": b"x"}


def test_dist_info_files_are_recorded() -> None:
    """Further dist-info files belong to the honest part of the wheel: RECORD lists them."""
    built = wheel("demo", dist_info={"entry_points.txt": "[console_scripts]\ndemo = demo:main\n"})
    assert b"demo-1.0.dist-info/entry_points.txt,sha256=" in entries_of(built)["demo-1.0.dist-info/RECORD"]


def test_with_data_keeps_the_name_and_tells_the_true_digest() -> None:
    """Republished bytes have the old name and their own digest."""
    built = wheel("demo")
    other = built.with_data(b"other")
    expected = (built.filename, b"other", hashlib.sha256(b"other").hexdigest())
    assert expected == (other.filename, other.data, other.sha256)


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({"version": "one"}, "version"),
        ({"tag": "py3"}, "tag"),
        ({"build": "x1"}, "build"),
        ({"extras": {"a": ["not a requirement"]}}, "extras.a"),
    ],
)
def test_what_cannot_be_spelled_is_refused(arguments: dict[str, object], where: str) -> None:
    """Arguments that no file name or METADATA can hold raise UsageError, which names the argument."""
    with pytest.raises(UsageError) as caught:
        wheel("demo", **arguments)  # type: ignore[arg-type]  # wrong on purpose
    assert where == caught.value.where
