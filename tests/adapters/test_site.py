"""A site-packages directory as one transaction: where files go, what is replaced, who owns what."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from micropip_lock.adapters.site import SiteInstaller, SitePackages, is_extension_module, tree
from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import parse_record, parse_records
from micropip_lock.errors import ConflictError
from micropip_lock.testing import wheel
from tests.adapters.installing import EXTENSION, NEIGHBOUR, NEW, OLD, SCHEMES, install_of, put, snapshot


def files(root: Path) -> set[str]:
    return {path for path, what in snapshot(root).items() if what != "directory"}


async def test_files_and_records(tmp_path: Path) -> None:
    """Every file of the wheel and every record is there, and no staging directory."""
    built = wheel("six", "1.16.0", files={"six.py": "x", "pkg/__init__.py": ""})
    await put(tmp_path, install_of(built))
    info = "six-1.16.0.dist-info"
    expected = {"six.py", "pkg/__init__.py"} | {
        f"{info}/{name}"
        for name in ("METADATA", "WHEEL", "RECORD", "INSTALLER", "direct_url.json", "micropip-lock.json")
    }
    assert expected == files(tmp_path)


async def test_the_record_is_bound_to_the_installed_record(tmp_path: Path) -> None:
    """The record that is written is accepted beside the RECORD that is written, rewritten for schemes or not."""
    await put(tmp_path, install_of(SCHEMES), install_of(NEIGHBOUR))
    read = [parse_records(dist.read_text) for dist in SitePackages(tmp_path).distributions()]
    assert [Digest.of(NEIGHBOUR.data), Digest.of(SCHEMES.data)] == [one and one.digest for one in read]


async def test_schemes(tmp_path: Path) -> None:
    """Files of the .data directory go where their scheme says, scripts executable (PEP 427)."""
    site = tmp_path / "lib" / "site-packages"
    await put(site, install_of(SCHEMES), prefix=tmp_path)
    spread = {"lib/site-packages/pure.py", "lib/site-packages/plat.py", "bin/run", "include/spread/x.h", "share/x"}
    outside = {path for path in files(tmp_path) if ".dist-info" not in path and "spread.py" not in path}
    assert (spread, True) == (outside, os.access(tmp_path / "bin" / "run", os.X_OK))


@pytest.mark.parametrize("spelling", ["spread-1.0.data/", "./spread-1.0.data/"])
async def test_record_names_where_files_are(tmp_path: Path, spelling: str) -> None:
    """RECORD is rewritten for files that moved, and every row is true of the file it names."""

    def respell(entries: dict[str, bytes]) -> None:
        record = "spread-1.0.dist-info/RECORD"
        entries[record] = entries[record].replace(b"spread-1.0.data/", spelling.encode())

    built = wheel("spread", "1.0", data={"scripts/run": "r", "purelib/pure.py": "p"}, mutate=respell)
    site = tmp_path / "lib" / "site-packages"
    await put(site, install_of(built), prefix=tmp_path)
    (dist,) = SitePackages(site, prefix=tmp_path).distributions()
    rows = [row for row in parse_record(dist.read_text("RECORD") or "") if row.digest is not None]
    wrong = [row.path for row in rows if Digest.of(dist.read_file(row.path) or b"") != row.digest]
    assert ([], {"../../bin/run", "pure.py"}) == (
        wrong,
        {row.path for row in rows if ".dist-info" not in row.path and row.path != "spread.py"},
    )


async def test_as_pyodide(tmp_path: Path) -> None:
    """As Pyodide does: .data stays, its data scheme is copied into the prefix, RECORD is as shipped."""
    site = tmp_path / "lib" / "site-packages"
    await put(site, install_of(SCHEMES), prefix=tmp_path, as_pyodide=True)
    (dist,) = SitePackages(site, prefix=tmp_path).distributions()
    rows = [row for row in parse_record(dist.read_text("RECORD") or "") if row.digest is not None]
    wrong = [row.path for row in rows if Digest.of(dist.read_file(row.path) or b"") != row.digest]
    assert ([], "s", False) == (wrong, (tmp_path / "share/x").read_text(), (tmp_path / "bin").exists())


async def test_replacing(tmp_path: Path) -> None:
    """A new version replaces exactly the old one's files and caches; neighbours and strangers stay."""
    await put(tmp_path, install_of(OLD), install_of(NEIGHBOUR))
    (tmp_path / "notes.txt").write_text("mine")
    cache = tmp_path / "__pycache__"
    cache.mkdir()
    for name in ("six.cpython-314.pyc", "other.cpython-314.pyc"):
        (cache / name).write_bytes(b"")
    before = files(tmp_path)
    await put(tmp_path, install_of(NEW, replaces=["six-1.15.dist-info"]))
    after = files(tmp_path)
    gone = {path for path in before - after if ".dist-info" not in path}
    come = {path for path in after - before if ".dist-info" not in path}
    expected = ({"six_old.py", "only/x.txt", "__pycache__/six.cpython-314.pyc"}, {"fresh/deep/y.1"})
    assert (*expected, "new", False) == (gone, come, (tmp_path / "six.py").read_text(), (tmp_path / "only").exists())


async def test_replacing_the_same_version(tmp_path: Path) -> None:
    """Installing again what is there gives the same environment."""
    await put(tmp_path, install_of(NEW))
    before = snapshot(tmp_path)
    await put(tmp_path, install_of(NEW, replaces=["six-1.16.dist-info"]))
    assert before == snapshot(tmp_path)


async def test_replacing_leaves_what_another_owns(tmp_path: Path) -> None:
    """A file that two distributions share stays when one of them is replaced."""
    shared = {"ns/__init__.py": "shared"}
    one, two = wheel("one", "1.0", files={**shared, "one.py": ""}), wheel("two", "1.0", files=shared)
    await put(tmp_path, install_of(one), install_of(two))
    await put(tmp_path, install_of(wheel("one", "2.0", files={"one.py": ""}), replaces=["one-1.0.dist-info"]))
    assert "shared" == (tmp_path / "ns/__init__.py").read_text()


async def test_replacing_two_that_share_a_file(tmp_path: Path) -> None:
    """When both owners of a file are replaced, it goes once."""
    shared = {"ns/__init__.py": "shared"}
    await put(tmp_path, *(install_of(wheel(name, "1.0", files=shared)) for name in ("one", "two")))
    replacing = [
        install_of(wheel(name, "2.0", files={f"{name}.py": ""}), replaces=[f"{name}-1.0.dist-info"])
        for name in ("one", "two")
    ]
    await put(tmp_path, *replacing)
    assert {"one.py", "two.py"} == {path for path in files(tmp_path) if ".dist-info" not in path}


async def test_replacing_data_files_as_pyodide(tmp_path: Path) -> None:
    """A new version's data files take the place of the copies that the old one left in the prefix."""
    site = tmp_path / "site"
    old, new = (wheel("pkg", version, data={"data/etc/x": version}) for version in ("1.0", "2.0"))
    await put(site, install_of(old), prefix=tmp_path, as_pyodide=True)
    await put(site, install_of(new, replaces=["pkg-1.0.dist-info"]), prefix=tmp_path, as_pyodide=True)
    assert "2.0" == (tmp_path / "etc/x").read_text()


@pytest.mark.parametrize("as_pyodide", [False, True])
async def test_record_that_leaves_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_pyodide: bool
) -> None:
    """A RECORD that names files elsewhere removes none of them, also by a link, from ``.``, and in Pyodide's prefix."""
    site = tmp_path / "site"
    await put(site, install_of(OLD))
    victim = tmp_path / "elsewhere" / "victim.txt"
    victim.parent.mkdir()
    victim.write_text("mine")
    (site / "link").symlink_to(victim.parent)
    with (site / "six-1.15.dist-info" / "RECORD").open("a") as record:
        record.write(f"../elsewhere/victim.txt,,\n{victim},,\nns/../../elsewhere/victim.txt,,\nlink/victim.txt,,\n")
    monkeypatch.chdir(site)
    (dist,) = SitePackages(Path()).distributions()
    outside = ("../elsewhere/victim.txt", str(victim), "ns/../../elsewhere/victim.txt", "", ".", "a\0b")
    seen = [dist.read_file(path) for path in outside]
    prefix = tmp_path if as_pyodide else None
    await put(Path(), install_of(NEW, replaces=["six-1.15.dist-info"]), prefix=prefix, as_pyodide=as_pyodide)
    assert ([None] * 6, "mine", "new") == (seen, victim.read_text(), (site / "six.py").read_text())


@pytest.mark.parametrize(
    ("existing", "shipped"),
    [("six.py", "six.py"), ("six/x.txt", "six"), ("six", "six/__init__.py"), ("six", "six/deep/x.py")],
    ids=["content", "directory-in-the-way", "file-in-the-way", "file-further-up"],
)
async def test_owned(tmp_path: Path, existing: str, shipped: str) -> None:
    """A file or directory of somebody else is never overwritten; the error names it and nothing is changed."""
    (tmp_path / existing).parent.mkdir(exist_ok=True)
    (tmp_path / existing).write_text("mine")
    before = snapshot(tmp_path)
    with pytest.raises(ConflictError) as caught:
        await put(tmp_path, install_of(NEIGHBOUR), install_of(wheel("six", "1.0", files={shipped: "theirs"})))
    assert ("owned", "six", shipped, before) == (
        caught.value.code,
        caught.value.package,
        caught.value.where,
        snapshot(tmp_path),
    )


async def test_two_wheels_claim_one_file(tmp_path: Path) -> None:
    """Two wheels of one replay with different files of one name conflict, and neither is installed."""
    one, two = (wheel(name, files={"same.py": name}) for name in ("one", "two"))
    with pytest.raises(ConflictError):
        await put(tmp_path, install_of(one), install_of(two))
    assert {} == snapshot(tmp_path)


async def test_a_broken_link_is_owned(tmp_path: Path) -> None:
    """A symbolic link where a file goes is not written through, broken or not."""
    (tmp_path / "six.py").symlink_to("nowhere")
    with pytest.raises(ConflictError):
        await put(tmp_path, install_of(NEW))
    assert {"six.py": "link to nowhere"} == snapshot(tmp_path)


async def test_identical_files_are_shared(tmp_path: Path) -> None:
    """A file that is there already, byte for byte, is no conflict."""
    await put(tmp_path, *(install_of(wheel(name, files={"ns/__init__.py": "same"})) for name in ("one", "two")))
    assert "same" == (tmp_path / "ns/__init__.py").read_text()


@pytest.mark.parametrize("path", ["six-1.0.data/purelib/six.py", "six-1.0.data/platlib/six.py"])
async def test_two_files_to_one_place(tmp_path: Path, path: str) -> None:
    """A wheel that sends two files to one place is refused."""
    scheme = path.removeprefix("six-1.0.data/")
    with pytest.raises(Exception, match="two files of the wheel go to one place"):
        await put(tmp_path / "site", install_of(wheel("six", "1.0", data={scheme: "x"})))
    assert {} == snapshot(tmp_path)


async def test_nothing_to_install(tmp_path: Path) -> None:
    """Nothing to install makes no directory."""
    await put(tmp_path / "site")
    assert {} == snapshot(tmp_path)


async def test_missing_directories_are_made(tmp_path: Path) -> None:
    """The site and its parents are made when they are not there."""
    await put(tmp_path / "a" / "b" / "site", install_of(NEW))
    assert "new" == (tmp_path / "a/b/site/six.py").read_text()


async def test_symlinked_site(tmp_path: Path) -> None:
    """A site that is a symbolic link, as in many virtual environments, is installed into, read and replaced in."""
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real")
    await put(link, install_of(OLD))
    await put(link, install_of(NEW, replaces=["six-1.15.dist-info"]))
    assert (tree(tmp_path / "real"), ["six-1.16.dist-info"]) == (
        tree(link),
        [dist.directory for dist in SitePackages(link).distributions()],
    )


async def test_extension_modules_are_loaded_in_order(tmp_path: Path) -> None:
    """Each extension module is loaded once, after everything is in place, and told in the notes."""
    seen: list[tuple[str, bool]] = []

    async def load(path: Path) -> None:
        seen.append((path.name, (tmp_path / "last.py").exists()))

    fast = wheel("fast", files={EXTENSION: "wasm", "fast/x.so": "wasm", "fast/x.cpython-314-x86_64-linux-gnu.so": ""})
    notes = await put(tmp_path, install_of(fast), install_of(wheel("last")), load_extension=load)
    assert ([(EXTENSION, True), ("x.so", True)], ("2 extension modules loaded",)) == (sorted(seen), notes)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (EXTENSION, True),
        ("m.abi3.so", True),
        ("m.so", True),
        ("m.so.1", False),
        ("m.cpython-314-x86_64-linux-gnu.so", False),
        ("m.py", False),
    ],
)
def test_is_extension_module(name: str, expected: bool) -> None:
    """What ``import`` opens in Pyodide is loaded, nothing else."""
    assert expected == is_extension_module(name)


async def test_steps_and_announcement(tmp_path: Path) -> None:
    """Each package is told as checked and as installed, and what follows is told all of them."""
    told: list[tuple[str, str]] = []
    announced: list[str] = []
    installer = SiteInstaller(tmp_path, after=lambda installs: announced.extend(one.package.name for one in installs))
    await installer.install([install_of(NEW), install_of(NEIGHBOUR)], lambda stage, name: told.append((stage, name)))
    expected = [("verify", "six"), ("verify", "other"), ("install", "six"), ("install", "other")]
    assert (expected, ["six", "other"]) == (told, announced)
