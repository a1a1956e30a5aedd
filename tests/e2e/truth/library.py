"""What the standard library promises about files, asked of one directory: assertions on os, shutil, pathlib, imports.

What runs here runs inside Pyodide. The assertions are modelled on the areas that CPython's own tests of these modules
cover, and are not taken from them: no package of the registries brings those tests for Pyodide's version of Python.
"""

from __future__ import annotations

import errno
import filecmp
import fnmatch
import importlib
import importlib.metadata
import importlib.resources
import importlib.util
import inspect
import linecache
import os
import pkgutil
import runpy
import shutil
import stat
import sys
import tarfile
import tempfile
import tokenize
import traceback
import zipfile
import zipimport
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

CHECKS: Final[dict[str, Callable[[Path], None]]] = {}


def check(function: Callable[[Path], None]) -> Callable[[Path], None]:
    """Register a check; it gets a directory of its own with the wheel ``library`` in it."""
    CHECKS[function.__name__] = function
    return function


def raises(kind: type[BaseException], call: Callable[[], Any], number: int | None = None) -> None:
    """A call raises an error of a kind, and with a number."""
    try:
        call()
    except kind as error:
        got = getattr(error, "errno", None)
    else:
        raise AssertionError(f"{kind.__name__} was not raised")
    assert number in (None, got), f"{number} {got}"


def run(place: Callable[[], Path]) -> dict[str, str]:
    """The checks that fail, each in a new place, and how."""
    failed = {}
    for name, function in CHECKS.items():
        root = place()
        before = set(sys.modules)
        sys.path.insert(0, str(root))
        try:
            function(root)
        except Exception:  # noqa: BLE001  # a failure is a result
            failed[name] = traceback.format_exc()
        finally:
            sys.path.remove(str(root))
            for module in set(sys.modules) - before:
                if module.partition(".")[0] in ("library", "plugins", "script"):
                    del sys.modules[module]
            for path in [path for path in sys.path_importer_cache if path.startswith(str(root))]:
                del sys.path_importer_cache[path]
            linecache.clearcache()
    return failed


@check
def entries_of_scandir_agree_with_stat(root: Path) -> None:
    for folder, folders, files in os.walk(root):
        with os.scandir(folder) as entries:
            found = {entry.name: entry for entry in entries}
        assert sorted(found) == sorted([*folders, *files]) == sorted(os.listdir(folder))
        for name, entry in found.items():
            info = os.stat(os.path.join(folder, name))
            assert (entry.is_dir(), entry.is_file()) == (stat.S_ISDIR(info.st_mode), stat.S_ISREG(info.st_mode))
            assert (entry.inode(), entry.stat().st_size) == (info.st_ino, info.st_size)
            assert os.path.samefile(entry.path, os.path.join(folder, ".", name))


@check
def sizes_are_those_of_the_contents(root: Path) -> None:
    for path in root.rglob("*"):
        if path.is_file():
            size = path.stat().st_size
            with path.open("rb") as file:
                assert (size, 0) == (file.seek(0, os.SEEK_END), file.seek(0))
                assert size == len(file.read()) == os.fstat(file.fileno()).st_size
                assert b"" == file.read()


@check
def walking_up_and_down_sees_the_same(root: Path) -> None:
    down = [(folder, sorted(inner), sorted(files)) for folder, inner, files in os.walk(root)]
    up = [(folder, sorted(inner), sorted(files)) for folder, inner, files in os.walk(root, topdown=False)]
    assert sorted(down) == sorted(up)
    assert str(root) == down[0][0] == up[-1][0]
    pruned = []
    for folder, inner, _ in os.walk(root):
        inner[:] = [name for name in inner if name != "deep"]
        pruned.append(os.path.basename(folder))
    assert "deep" not in pruned


@check
def errors_have_the_numbers_of_posix(root: Path) -> None:
    file, folder = root / "library" / "text.txt", root / "library"
    raises(FileNotFoundError, lambda: os.stat(folder / "missing"), errno.ENOENT)
    raises(FileNotFoundError, lambda: os.unlink(folder / "missing"), errno.ENOENT)
    raises(NotADirectoryError, lambda: os.listdir(file), errno.ENOTDIR)
    raises(NotADirectoryError, lambda: os.stat(file / "inner"), errno.ENOTDIR)
    raises(NotADirectoryError, lambda: os.rmdir(file), errno.ENOTDIR)
    raises(IsADirectoryError, lambda: open(folder, "wb"), errno.EISDIR)  # noqa: SIM115
    raises(IsADirectoryError, lambda: os.unlink(folder), errno.EISDIR)
    raises(FileExistsError, lambda: os.mkdir(folder), errno.EEXIST)
    raises(FileExistsError, lambda: open(file, "x"), errno.EEXIST)  # noqa: SIM115
    raises(FileExistsError, lambda: os.makedirs(file, exist_ok=True), errno.EEXIST)
    raises(OSError, lambda: os.rmdir(folder), errno.ENOTEMPTY)
    raises(OSError, lambda: os.rename(folder, folder / "deep" / "itself"), errno.EINVAL)
    raises(OSError, lambda: os.rename(root / "plugins", folder), errno.ENOTEMPTY)
    raises(IsADirectoryError, lambda: os.replace(file, root / "plugins"), errno.EISDIR)
    raises(NotADirectoryError, lambda: os.replace(root / "plugins", file), errno.ENOTDIR)


@check
def a_file_that_is_open_outlives_its_name(root: Path) -> None:
    path = root / "library" / "text.txt"
    whole = path.read_bytes()
    with open(path, "r+b") as file:
        os.unlink(path)
        assert not path.exists()
        path.write_text("another")
        assert whole == file.read()
        file.write(b"more")
        file.seek(0)
        assert whole + b"more" == file.read()
    assert "another" == path.read_text()


@check
def every_handle_sees_what_one_writes(root: Path) -> None:
    path = root / "library" / "text.txt"
    with open(path, "rb", 0) as one, open(path, "r+b", 0) as two, open(path, "ab", 0) as three:
        first = one.read(10)
        two.write(b"0123456789")
        one.seek(0)
        assert first != b"0123456789" == one.read(10)
        size = os.stat(path).st_size
        three.write(b"end")
        assert size + 3 == os.fstat(one.fileno()).st_size
        two.truncate(5)
        one.seek(0)
        assert b"01234" == one.read()
        three.write(b"!")
        one.seek(0)
        assert b"01234!" == one.read()


@check
def holes_read_as_zeros(root: Path) -> None:
    path = root / "library" / "text.txt"
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.seek(size + 1000)
        file.write(b"x")
    assert bytes(1000) + b"x" == path.read_bytes()[size:]
    os.truncate(path, size + 5000)
    os.truncate(path, 3)
    os.truncate(path, 10)
    assert bytes(7) == path.read_bytes()[3:]


@check
def times_tell_of_changes_only(root: Path) -> None:
    path, folder = root / "library" / "text.txt", root / "library"
    for one in (path, folder):
        os.utime(one, (1, 2))
    path.read_bytes()
    os.listdir(folder)
    os.stat(folder / "deep")
    assert (1, 2, 2) == (os.stat(path).st_atime, os.stat(path).st_mtime, os.stat(folder).st_mtime)
    with open(path, "ab") as file:
        file.write(b"x")
    assert (os.stat(path).st_mtime > 2, os.stat(folder).st_mtime) == (True, 2)
    (folder / "added").touch()
    assert os.stat(folder).st_mtime > 2


@check
def a_copied_tree_is_the_same(root: Path) -> None:
    target = root / "copied"
    shutil.copytree(root / "library", target, ignore=shutil.ignore_patterns("*.bin"))
    compared = filecmp.dircmp(root / "library", target)
    assert (["data.bin"], [], []) == (compared.left_only, compared.right_only, compared.diff_files)
    assert filecmp.cmp(root / "library" / "text.txt", target / "text.txt", shallow=False)
    shutil.rmtree(target)
    assert not target.exists()


@check
def a_moved_tree_is_gone_and_there(root: Path) -> None:
    whole = {path.relative_to(root / "library"): path.is_file() for path in (root / "library").rglob("*")}
    with tempfile.TemporaryDirectory() as outside:
        moved = Path(shutil.move(root / "library", outside))
        assert not (root / "library").exists()
        assert whole == {path.relative_to(moved): path.is_file() for path in moved.rglob("*")}
        shutil.move(moved, root / "library")
    assert whole == {path.relative_to(root / "library"): path.is_file() for path in (root / "library").rglob("*")}


@check
def links_are_followed_where_they_should(root: Path) -> None:
    os.symlink("deep", root / "library" / "link")
    link = root / "library" / "link"
    assert (True, True, "deep") == (link.is_symlink(), link.is_dir(), os.readlink(link))
    assert (link / "inner.py").read_text() == (root / "library" / "deep" / "inner.py").read_text()
    assert (root / "library" / "deep").resolve() == link.resolve()
    raises(OSError, lambda: shutil.rmtree(link))
    os.unlink(link)
    assert (root / "library" / "deep" / "inner.py").exists()
    os.symlink("round", root / "library" / "round")
    raises(OSError, lambda: os.stat(root / "library" / "round"), errno.ELOOP)


@check
def patterns_find_what_is_there(root: Path) -> None:
    everything = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    assert sorted(fnmatch.filter(everything, "*.py")) == sorted(
        str(path.relative_to(root)) for path in root.glob("**/*.py")
    )
    assert [root / "library" / "deep" / "inner.py"] == list(root.glob("*/deep/inner.*"))
    assert [] == list(root.glob("library/missing/*"))


@check
def archives_hold_all_of_it(root: Path) -> None:
    files = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with tempfile.TemporaryDirectory() as outside:
        zipped = shutil.make_archive(f"{outside}/all", "zip", root)
        with zipfile.ZipFile(zipped) as archive:
            assert files == {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
        with tarfile.open(shutil.make_archive(f"{outside}/all", "tar", root)) as tar:
            assert files.keys() == {os.path.normpath(one.name) for one in tar if one.isfile()}


@check
def modules_come_from_there(root: Path) -> None:
    library = importlib.import_module("library")
    inner = importlib.import_module("library.deep.inner")
    assert (str(root / "library" / "__init__.py"), 42) == (library.__file__, inner.ANSWER)
    assert importlib.util.find_spec("library.missing") is None
    assert inspect.getsource(inner.answer) == "def answer():\n    return ANSWER\n"
    assert linecache.getline(inner.__file__ or "", 1) == '"""Inner."""\n'
    with tokenize.open(inner.__file__ or "") as file:
        assert file.read().startswith('"""Inner."""')
    assert "    return 1 / 0\n" in _traceback(inner.fail)


def _traceback(call: Callable[[], Any]) -> str:
    try:
        call()
    except ArithmeticError:
        return traceback.format_exc()
    return ""


@check
def a_changed_module_is_read_again(root: Path) -> None:
    inner = importlib.import_module("library.deep.inner")
    path = Path(inner.__file__ or "")
    path.write_text(path.read_text().replace("42", "4200"))
    assert importlib.reload(inner).ANSWER == 4200
    (root / "library" / "added.py").write_text("ADDED = True\n")
    importlib.invalidate_caches()
    assert importlib.import_module("library.added").ADDED is True
    (root / "library" / "added.py").unlink()
    del sys.modules["library.added"]
    importlib.invalidate_caches()
    raises(ModuleNotFoundError, lambda: importlib.import_module("library.added"))


@check
def packages_list_their_modules(root: Path) -> None:
    library = importlib.import_module("library")
    names = [name for _, name, _ in pkgutil.walk_packages(library.__path__, "library.")]
    assert ["library.deep", "library.deep.inner"] == names
    plugins = importlib.import_module("plugins")
    assert (None, [str(root / "plugins")]) == (getattr(plugins, "__file__", None), list(plugins.__path__))
    assert pkgutil.get_data("library", "data.bin") == bytes(range(256)) * 100


@check
def resources_are_files(root: Path) -> None:
    top = importlib.resources.files("library")
    assert {"__init__.py", "deep", "text.txt", "data.bin"} <= {one.name for one in top.iterdir()}
    assert bytes(range(256)) * 100 == top.joinpath("data.bin").read_bytes()
    with importlib.resources.as_file(top / "text.txt") as path:
        assert root / "library" / "text.txt" == path


@check
def distributions_know_their_files(root: Path) -> None:
    found = importlib.metadata.Distribution.discover(name="library", path=[str(root)])
    (distribution,) = found
    files = distribution.files or []
    assert "1.0" == distribution.version
    assert all(os.path.isfile(one.locate()) for one in files if one.name not in ("RECORD", "INSTALLER", "REQUESTED"))
    (entry,) = distribution.entry_points
    assert entry.load()() == 42


@check
def scripts_and_archives_run(root: Path) -> None:
    assert 6 == runpy.run_path(str(root / "script.py"))["RESULT"]
    assert 42 == runpy.run_module("library.deep.inner")["ANSWER"]
    importer = zipimport.zipimporter(str(root / "plugins" / "packed.zip"))
    spec = importer.find_spec("zipped_module")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.SEVEN == 7
