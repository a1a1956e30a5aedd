"""The site in memory."""

from __future__ import annotations

import pytest

from micropip_lock.errors import UsageError
from micropip_lock.ports import InstalledDist, SiteReader
from micropip_lock.testing.site import MemorySite, is_inside
from micropip_lock.testing.wheels import wheel

SIX = wheel("six", "1.16.0", files={"six.py": "PY3 = True\n"})
INFO = "six-1.16.0.dist-info"


def test_it_is_a_site() -> None:
    """A MemorySite is a SiteReader and its distributions are InstalledDists, for mypy and at run time."""
    site: SiteReader = MemorySite(wheels=[SIX])
    dists: list[InstalledDist] = list(site.distributions())

    assert [INFO] == [dist.directory for dist in dists]


def test_distributions_are_sorted() -> None:
    """Every dist-info directory is a distribution, in the order of their names; other directories are none."""
    site = MemorySite({"b-1.dist-info/x": "", "a-1.dist-info/x": "", "a/x.dist-info": "", "c.dist-info": ""})

    assert ["a-1.dist-info", "b-1.dist-info"] == [dist.directory for dist in site.distributions()]


def test_wheel_is_unpacked() -> None:
    """A wheel's files lie where the archive says, with the records beside its dist-info files."""
    site = MemorySite()
    directory = site.install(SIX, {"INSTALLER": "micropip"})

    assert (
        INFO,
        tuple(sorted([f"{INFO}/{name}" for name in ("INSTALLER", "METADATA", "RECORD", "WHEEL")] + ["six.py"])),
        b"PY3 = True\n",
    ) == (directory, site.paths(), site.read("six.py"))


def test_wheel_without_dist_info() -> None:
    """A wheel without a dist-info directory cannot be installed."""
    broken = wheel("six", "1.16.0", mutate=lambda entries: {"six.py": entries["six.py"]})

    with pytest.raises(UsageError, match="no dist-info"):
        MemorySite().install(broken)


def test_reading_a_distribution() -> None:
    """Text is UTF-8 or nothing, names are those of the directory itself, and files are found by RECORD's path."""
    files: dict[str, str | bytes] = {
        f"{INFO}/METADATA": "é",
        f"{INFO}/BINARY": b"\xff",
        f"{INFO}/licenses/LICENSE": "x",
    }
    (dist,) = MemorySite(files | {"six.py": "y"}).distributions()

    assert ("é", None, None, b"y", None, None) == (
        dist.read_text("METADATA"),
        dist.read_text("BINARY"),
        dist.read_text("RECORD"),
        dist.read_file("six.py"),
        dist.read_file("../six.py"),
        dist.read_file("gone.py"),
    )


def test_tree_is_the_content() -> None:
    """Two sites have the same tree exactly when they hold the same paths and bytes, in whatever order they came."""
    one, other = MemorySite({"a": "1", "b": "2"}), MemorySite({"b": "2", "a": "1"})
    trees = {site.tree() for site in (one, other)}
    different = {MemorySite(files).tree() for files in ({"a": "12"}, {"a1": "2"}, {"a": "1"}, {})}

    assert (1, 4, set()) == (len(trees), len(different), trees & different)


def test_write_and_remove_undo() -> None:
    """Removing what was written gives the tree from before; a prefix of a name is no directory."""
    site = MemorySite({"six.py": "1", "sixty/x": "2"})
    before = site.tree()
    site.write("six/new/x.py", b"3")
    site.remove("six")
    site.remove("gone")

    assert (before, True, False) == (site.tree(), "sixty/x" in site, "six/new/x.py" in site)


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../x", "a//b", "./a", "a\0", "a/"])
def test_paths_outside(path: str) -> None:
    """A path that is not plainly inside is neither written nor read."""
    with pytest.raises(UsageError):
        MemorySite({path: ""})

    assert (False, None) == (is_inside(path), MemorySite().read(path))


def test_repr() -> None:
    """The repr counts files and names distributions."""
    assert ("<MemorySite 4 files: six-1.16.0>", "<MemorySite 0 files: no distributions>") == (
        repr(MemorySite(wheels=[SIX])),
        repr(MemorySite()),
    )
