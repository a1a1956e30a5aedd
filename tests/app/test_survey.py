"""Survey: everything that is installed is found, is a mock, is the site's, or is an item with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.app.survey import Survey, Surveyed, dirt_in, owners_in, survey
from micropip_lock.core.dirty import Dirt, Listing, unlisted_files
from micropip_lock.core.mocks import mock_files, module_paths
from micropip_lock.core.model import Mock, Origin
from micropip_lock.ports import InstalledDist, RuntimeLock, Stray
from micropip_lock.testing import BuiltWheel, wheel
from micropip_lock.testing.site import MemorySite
from tests.app.in_directories import by_micropip
from tests.app.recorded import records_of

PACK = wheel("Pack.Age", "1.0", files={"pack/__init__.py": "", "pack/data.txt": "data\n"}, requires=["lib>=1"])
INFO = "pack_age-1.0.dist-info"
MOCK = Mock(name=canonicalize_name("mock"), display_name="mock", version="1.0", persistent=True, modules={"mock": ""})


class Site:
    """A site of files, with strays."""

    def __init__(self, files: MemorySite, strays: Iterable[Stray] = ()) -> None:
        self._files, self._strays = files, tuple(strays)

    def distributions(self) -> Iterable[InstalledDist]:
        return self._files.distributions()

    def files(self) -> Listing:
        return self._files.files()

    def unfinished(self) -> None:
        return None

    def strays(self) -> Sequence[Stray]:
        return self._strays


def of(site: MemorySite, *strays: Stray, runtime: RuntimeLock | None = None) -> Survey:
    before = site.tree()
    seen = survey(Site(site, strays), runtime or RuntimeLock(), site.files())
    assert before == site.tree()
    return seen


def site_of(*wheels: BuiltWheel, records: Mapping[str, str] | None = None) -> MemorySite:
    site = MemorySite()
    for built in wheels:
        site.install(built, records_of(built) if records is None else records)
    return site


def codes(seen: Survey) -> list[tuple[str, str]]:
    return sorted((item.name, item.code) for item in seen.items)


def pack_in(seen: Survey) -> Surveyed:
    return seen.found[canonicalize_name("pack-age")]


def test_what_is_read_of_a_distribution() -> None:
    """Name, version, requirements, import names, RECORD, installer and record of each distribution are there."""
    seen = of(site_of(PACK))
    one = pack_in(seen)
    expected: tuple[Any, ...] = ("Pack.Age", "1.0", ("pack",), "micropip", f"{INFO}/RECORD", None, PACK.sha256, [])
    assert expected == (
        one.display_name,
        one.version,
        one.imports,
        one.installer,
        one.paths[-1],
        one.doubt,
        one.record and one.record.digest.hex,
        seen.items,
    )


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ({}, "no-record"),
        ({"INSTALLER": "pyodide.loadPackage", "PYODIDE_SOURCE": "pyodide"}, "not-in-runtime-lock"),
        ({"INSTALLER": "micropip", "micropip-lock.json": '{"version": 2}'}, "record-version"),
    ],
)
def test_a_doubt_is_no_refusal(records: Mapping[str, str], code: str) -> None:
    """What says nothing about its origin is found all the same, with the doubt: an index may still prove it."""
    seen = of(site_of(PACK, records=records))
    one = pack_in(seen)
    assert (None, code, []) == (one.record, one.doubt and one.doubt.code, seen.items)


def test_a_direct_url_speaks_before_a_doubt() -> None:
    """What says itself that it was built here is an item at once."""
    facts = '{"url": "file:///src", "dir_info": {"editable": true}}'
    seen = of(site_of(PACK, records={"INSTALLER": "pip", "direct_url.json": facts}))
    assert ({}, [("pack-age", "editable")]) == (seen.found, codes(seen))


def test_what_cannot_be_read_still_owns_and_needs() -> None:
    """A distribution with a bad record is an item; its files are its own, and its requirements are known."""
    site = site_of(PACK)
    site.write(f"{INFO}/micropip-lock.json", "{")
    seen = of(site)
    name = canonicalize_name("pack-age")
    assert ([("pack-age", "record-unreadable")], [name], True, False) == (
        codes(seen),
        list(seen.unread),
        "pack/data.txt" in seen.listed[INFO],
        owners_in(seen).complete,
    )


def test_what_a_failed_uninstall_left() -> None:
    """A directory that pip renamed when an uninstall failed is told as such: it cannot be uninstalled again."""
    site = MemorySite({"~ack_age-1.0.dist-info/METADATA": "Name: Pack.Age\nVersion: 1.0\n"})
    (item,) = of(site).items
    assert ("no-metadata", True, "delete it") == (item.code, "~ack_age-1.0.dist-info" in item.reason, item.hint)


def test_nothing_can_be_known_of_what_has_no_metadata() -> None:
    """Without METADATA it needs nothing; without RECORD it owns nothing."""
    site = site_of(PACK, wheel("other"))
    site.remove(f"{INFO}/METADATA")
    site.remove("other-1.0.dist-info/RECORD")
    seen = of(site)
    expected = [("other", "record-unreadable"), ("pack-age", "no-metadata")]
    assert (expected, [INFO], ()) == (
        codes(seen),
        list(seen.listed),
        seen.unread[canonicalize_name("pack-age")].always,
    )


@pytest.mark.parametrize("readable", [True, False])
def test_two_of_one_name(readable: bool) -> None:
    """Of two directories with one name neither is found, also when only one of them can be read."""
    site = site_of(PACK, wheel("pack_age", "2.0"))
    if not readable:
        site.write("pack_age-2.0.dist-info/METADATA", b"\xff")
    seen = of(site)
    more = [] if readable else [("pack-age", "no-metadata")]
    assert ({}, [("pack-age", "duplicate"), *more]) == (seen.found, codes(seen))


@pytest.mark.parametrize(
    ("stray", "expected"),
    [
        (Stray(name="Else.Where", version="1", kind="egg-info", place="x"), [("else-where", "egg-info")]),
        (Stray(name="Pack.Age", version="1", kind="path-entry", place="/x"), [("pack-age", "duplicate")]),
        (Stray(name="mock", version="1", kind="egg-link", place="/x", file="mock.egg-link"), [("mock", "duplicate")]),
    ],
)
def test_what_lies_elsewhere(stray: Stray, expected: list[tuple[str, str]]) -> None:
    """Something importable without dist-info is an item; one that is here as well makes that one doubtful, too."""
    site = site_of(PACK)
    for path, text in mock_files(MOCK).items():
        site.write(path, text)
    seen = of(site, stray)
    names = {item.name for item in seen.items}
    assert (True, set()) == (set(expected) <= set(codes(seen)), names & (seen.found.keys() | seen.mocks.keys()))


def test_a_path_file_that_a_distribution_brought() -> None:
    """A ``.pth`` file that RECORD lists is that distribution's matter."""
    built = wheel("hooked", files={"hooked.pth": "sub\n", "sub/x.py": ""})
    stray = Stray(name="hooked", version="", kind="path-file", place="sub", file="hooked.pth")
    seen = of(site_of(built), stray)
    assert (["hooked"], []) == (list(seen.found), seen.items)


@pytest.mark.parametrize("twice", [False, True])
def test_mocks(twice: bool) -> None:
    """A mock package is a mock and no distribution; a real one of its name makes both doubtful."""
    site = site_of(wheel("mock", "2.0")) if twice else MemorySite()
    for path, text in mock_files(MOCK).items():
        site.write(path, text)
    seen = of(site)
    expected = ({}, [("mock", "duplicate")]) if twice else ({"mock": MOCK}, [])
    assert (expected, {}) == ((seen.mocks, codes(seen)), seen.found)


def test_a_mock_that_cannot_be_locked() -> None:
    """A mock without a proper version is an item, not a package without a record."""
    site = MemorySite(mock_files(Mock(name=MOCK.name, display_name="mock", version="one", persistent=True)))
    seen = of(site)
    assert ([("mock", "identity")], {}, {}) == (codes(seen), seen.mocks, seen.found)


def test_what_the_site_brings() -> None:
    """Shims from the folder of JupyterLite's kernel are told apart, with their versions, sorted."""
    shims = [wheel("piplite", "0.8"), wheel("ipykernel", "6.9")]
    site = site_of(PACK)
    for built in shims:
        folder = "https://site.example/extensions/@jupyterlite/pyodide-kernel-extension/static/pypi/"
        site.install(built, records_of(built, origin=Origin(kind="url", url=f"{folder}{built.filename}")))
    assert [("ipykernel", "6.9"), ("piplite", "0.8")] == list(of(site).of_site().items())


@pytest.mark.parametrize(
    ("url", "noted"),
    [
        ("https://files.example/pack_age-1.0-py3-none-any.whl", []),
        ("https://files.example/pack_age-1.0-py3-none-any.whl#sha256=x", []),
        ("https://files.example/pack_age-1.0-py3-none-any.whl?sha256=x", []),
        ("https://files.example/pack_age-1.0-py3-none-any.whl?token=x", ["credentials"]),
        ("https://u:p@files.example/pack_age-1.0-py3-none-any.whl", ["credentials"]),
    ],
)
def test_notes_about_an_address(url: str, noted: list[str]) -> None:
    """A query or user that a replay may need is noted; a digest, as piplite writes it, is not."""
    one = pack_in(of(site_of(PACK, records=by_micropip(PACK, PYODIDE_URL=url))))
    assert noted == [note.code for note in one.notes]


def test_dirt_by_distribution() -> None:
    """Changed, missing and extra files are told of those that were asked about, and of nobody else."""
    other = wheel("other", files={"other.py": "x = 1\n"})
    site = site_of(PACK, other)
    site.write("pack/__init__.py", "x")
    site.remove("pack/data.txt")
    site.write("pack/new.py", "")
    site.write("other.py", "x = 2\n")
    seen, files = of(site), site.files()
    unlisted = unlisted_files(seen.listed, files)
    expected = {
        "pack-age": Dirt(changed=("pack/__init__.py",), missing=("pack/data.txt",), extra=("pack/new.py",)),
    }
    assert expected == dirt_in(seen, files, unlisted, [canonicalize_name("pack-age")])


def test_owners() -> None:
    """Files belong to distributions by their RECORD, and to mock packages by their modules."""
    site = site_of(PACK)
    for path, text in mock_files(MOCK).items():
        site.write(path, text)
    owners = owners_in(of(site))
    assert ({INFO: "pack-age"}, True, True, True) == (
        owners.names,
        owners.complete,
        "pack/data.txt" in owners.listed[INFO],
        all(path in owners.listed[""] for path in module_paths(tuple(MOCK.modules))),
    )
