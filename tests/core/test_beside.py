"""What lies beside the files of RECORDs: what touches something locked is an error, everything else a note."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from micropip_lock.core.beside import Owners, beside, clashes_in, elsewhere
from micropip_lock.core.digest import Digest
from micropip_lock.core.dirty import Listing, unlisted_files
from micropip_lock.core.model import Abi, Lock, LockedPackage, Wheel, by_name

PACK = "pack-1.0.dist-info"
OTHER = "other-1.0.dist-info"
LISTED = {
    PACK: ["pack/__init__.py", "pack/inner/x.py", "flat.py", "ns/one.py", f"{PACK}/METADATA", f"{PACK}/RECORD"],
    OTHER: ["other/__init__.py", "ns/two.py", f"{OTHER}/METADATA", f"{OTHER}/RECORD"],
}


def lock(*names: str, imports: tuple[str, ...] = ()) -> Lock:
    packages = [
        LockedPackage(
            name=canonicalize_name(name),
            display_name=name,
            version="1.0",
            wheel=Wheel(url=f"https://files.example/{name}-1.0-py3-none-any.whl", digest=Digest.of(name.encode())),
            imports=imports,
        )
        for name in names
    ]
    return Lock(abi=Abi(abi_version="2026_0", python="3.14.2"), packages=by_name(packages))


def owners(*, complete: bool = True) -> Owners:
    names = {PACK: canonicalize_name("pack"), OTHER: canonicalize_name("other")}
    return Owners(listed=dict(LISTED), names=names, complete=complete)


def found(*added: str, complete: bool = True) -> list[tuple[str, str, str, str | None]]:
    """Severity, package, code and path or module of what is told when files are added, with ``pack`` locked."""
    paths = [path for paths in LISTED.values() for path in paths] + list(added)
    known = owners(complete=complete)
    told = beside({"pack"}, known, unlisted_files(known.listed, Listing(sizes=dict.fromkeys(paths, "1"))))
    return [(one.severity, one.package, one.code, one.path or one.got) for one in told]


def test_nothing_beside() -> None:
    """An environment that holds what its RECORDs list, and no more, has no finding."""
    assert [] == found()


@pytest.mark.parametrize("path", ["pack/added.py", "pack/inner/data.bin", "pack/new/x.so", f"{PACK}/licenses/X"])
def test_a_file_in_a_locked_packages_folder(path: str) -> None:
    """A file that nobody installed in the folder or the dist-info of a locked package is an error that names it."""
    assert [("error", "pack", "file-extra", path)] == found(path)


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("flat/__init__.py", "flat"),
        ("flat.cpython-314-wasm32-emscripten.so", "flat"),
        ("flat.abi3.so", "flat"),
        ("ns/__init__.py", "ns"),
        ("ns/one/__init__.py", "ns.one"),
        ("ns/one.so", "ns.one"),
    ],
)
def test_a_module_in_the_place_of_a_locked_one(path: str, module: str) -> None:
    """A module that is imported instead of a locked one, or on the way to it, is an error."""
    assert [("error", "pack", "shadowed", module)] == found(path)


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("stray.py", "stray"),
        ("stray.so", "stray"),
        ("stray/__init__.py", "stray"),
        ("ns/three.py", "ns.three"),
        # Python prefers the package, and the source.
        ("pack.py", "pack"),
        ("flat.pyc", "flat"),
    ],
)
def test_a_module_of_nobody(path: str, module: str) -> None:
    """A module that no distribution installed, and that is in nobody's way, is a note."""
    assert [("note", module, "unowned-module", None)] == found(path)


def test_a_path_file_of_nobody() -> None:
    """A ``.pth`` file that no distribution installed is a note; one that is listed is that one's matter."""
    told = found("evil.pth", "pack/inner.pth")

    assert [("error", "pack", "file-extra", "pack/inner.pth"), ("note", "evil.pth", "path-file", None)] == told


@pytest.mark.parametrize(
    "path",
    [
        "other/added.py",  # its package is not locked
        f"{PACK}/INSTALLER",
        f"{PACK}/micropip-lock.json",
        "bin/run.py",
        "share/jupyter/config.py",
        "README.txt",
        "gone-1.0.dist-info/METADATA",
    ],
)
def test_what_is_no_matter(path: str) -> None:
    """Packages beside the lock, an installer's own files, scripts and data are not told."""
    assert [] == found(path)


def test_with_a_record_that_cannot_be_read() -> None:
    """When one RECORD cannot be read, nothing is called nobody's; a locked package's folder is its own all the same."""
    assert [("error", "pack", "file-extra", "pack/added.py")] == found(
        "pack/added.py", "stray.py", "x.pth", complete=False
    )


PIECES = [*"ab_/.p1é", "__init__.py", ".pth", ".so", "pack", "ns"]


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=8).map("".join)))
def test_any_file(paths: list[str]) -> None:
    """Whatever lies there, the answer is findings, the same for every order, and notes only for what is not locked."""
    told = found(*paths)

    assert told == found(*reversed(paths))
    assert {"pack"} >= {package for severity, package, _, _ in told if severity == "error"}


@pytest.mark.parametrize(
    ("name", "severity", "code"), [("pack", "error", "duplicate"), ("x", "note", "unlocked-extra")]
)
def test_elsewhere(name: str, severity: str, code: str) -> None:
    """A distribution that lies elsewhere is an error when its name is locked, else a note; its place is told."""
    one = elsewhere(lock("pack"), name, "2.0", "/elsewhere")

    assert (severity, name, code, "2.0 in /elsewhere") == (one.severity, one.package, one.code, one.got)


def test_clashes_in_a_lock() -> None:
    """Two packages of a lock with one import name are a note that names both; namespaces are in no lock."""
    first = lock("a", "b", imports=("shared", "ns.x"))
    second = replace(first, packages={**first.packages, **lock("c", imports=("ns.y",)).packages})

    assert [("note", "a", "import-clash", "a, b")] * 2 == [
        (one.severity, one.package, one.code, one.got) for one in clashes_in(second)
    ]
