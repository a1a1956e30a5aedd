"""A site-packages directory as one transaction: all of it or nothing, whatever fails, whoever else owns what."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from micropip_lock.adapters.site import SiteInstaller, SitePackages, TargetRuntime, is_extension_module, tree
from micropip_lock.app.origins import installed_in
from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.dist_info import OriginRecord, format_records, parse_record, parse_records
from micropip_lock.core.graph import needs_of
from micropip_lock.core.model import Abi, LockedPackage, Origin, Wheel
from micropip_lock.errors import ConflictError, EnvironmentMismatchError, StorageError, WheelRecordError
from micropip_lock.ports import Install, RuntimeLock
from micropip_lock.testing import BuiltWheel, wheel

ABI = Abi(abi_version="2026_0", python="3.14.2")
EXTENSION = "fast.cpython-314-wasm32-emscripten.so"


def snapshot(root: Path) -> dict[str, bytes | str]:
    """Every path below a directory: a file's bytes, a link's target, or that it is a directory."""
    return {
        path.relative_to(root).as_posix(): (
            f"link to {path.readlink()}" if path.is_symlink() else path.read_bytes() if path.is_file() else "directory"
        )
        for path in root.rglob("*")
    }


def install_of(built: BuiltWheel, *, replaces: Sequence[str] = ()) -> Install:
    digest = Digest.of(built.data)
    url = f"https://files.example/{built.filename}"

    def records(record_text: str) -> Mapping[str, str]:
        record = OriginRecord(
            origin=Origin(kind="url", url=url), digest=digest, record_digest=Digest.of(record_text.encode())
        )
        return {**format_records(record), "INSTALLER": "test"}

    package = LockedPackage(
        name=canonicalize_name(built.name),
        display_name=built.name,
        version=built.version,
        wheel=Wheel(url=url, digest=digest),
    )
    return Install(
        package=package, wheel=admit(built.data, digest, filename=built.filename), records=records, replaces=replaces
    )


async def put(root: Path, *installs: Install, **options: Any) -> Sequence[str]:
    return await SiteInstaller(root, **options).install(installs, lambda stage, name: None)


def files(root: Path) -> set[str]:
    return {path for path, what in snapshot(root).items() if what != "directory"}


OLD = wheel("six", "1.15", files={"six.py": "old", "six_old.py": "gone", "ns/six/__init__.py": "", "only/x.txt": ""})
NEW = wheel("six", "1.16", files={"six.py": "new", "ns/six/__init__.py": "new", "fresh/deep/y.py": ""})
NEIGHBOUR = wheel("other", "1.0", files={"ns/other/__init__.py": "", "other.py": ""})
SCHEMES = wheel(
    "spread",
    "1.0",
    files={"spread.py": ""},
    data={
        "purelib/pure.py": "p",
        "platlib/plat.py": "q",
        "scripts/run": "#!python\n",
        "headers/x.h": "h",
        "data/share/x": "s",
    },
)


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
    expected = ({"six_old.py", "only/x.txt", "__pycache__/six.cpython-314.pyc"}, {"fresh/deep/y.py"})
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


async def test_record_that_leaves_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A RECORD that names files elsewhere removes none of them, also when the directory is given as ``.``."""
    site = tmp_path / "site"
    await put(site, install_of(OLD))
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    with (site / "six-1.15.dist-info" / "RECORD").open("a") as record:
        record.write(f"../victim.txt,,\n{victim},,\nns/../../victim.txt,,\n")
    monkeypatch.chdir(site)
    (dist,) = SitePackages(Path()).distributions()
    seen = [dist.read_file(path) for path in ("../victim.txt", str(victim), "ns/../../victim.txt", "", ".", "a\0b")]
    await put(Path(), install_of(NEW, replaces=["six-1.15.dist-info"]))
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


async def test_a_bad_wheel_changes_nothing(tmp_path: Path) -> None:
    """One wheel with a changed file, last of three, and nothing of the others is installed."""

    def change(entries: dict[str, bytes]) -> None:
        entries["bad.py"] = b"changed"

    bad = wheel("bad", files={"bad.py": "x"}, mutate=change)
    with pytest.raises(WheelRecordError):
        await put(tmp_path / "site", install_of(NEIGHBOUR), install_of(NEW), install_of(bad))
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


class Faults:
    """Fails the n-th file operation, or every one from the n-th on."""

    def __init__(self, number: int, *, forever: bool = False) -> None:
        self.number, self.forever, self.seen = number, forever, 0

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def faulty(*args: Any, **kwargs: Any) -> Any:
            self.seen += 1
            if self.seen == self.number or (self.forever and self.seen > self.number):
                raise OSError(28, "No space left on device", str(args[0]) if args else None)
            return call(*args, **kwargs)

        return faulty


def prepared(tmp_path: Path) -> tuple[Path, list[Install]]:
    """A site in use, and a replay that replaces, adds, shares and spreads."""
    site = tmp_path / "prefix" / "site"
    asyncio.run(put(site, install_of(OLD), install_of(NEIGHBOUR), prefix=site.parent))
    (site / "empty" / "deeper").mkdir(parents=True)
    (site / "fresh").mkdir()
    return site, [install_of(NEW, replaces=["six-1.15.dist-info"]), install_of(SCHEMES)]


def attempt(site: Path, installs: Sequence[Install], faults: Faults, **options: Any) -> str:
    """The code of the error, or ``done``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rename", faults.wrap(os.rename))
        patch.setattr(Path, "write_bytes", faults.wrap(Path.write_bytes))
        patch.setattr(Path, "mkdir", faults.wrap(Path.mkdir))
        patch.setattr(Path, "read_bytes", faults.wrap(Path.read_bytes))
        patch.setattr(Path, "chmod", faults.wrap(Path.chmod))
        patch.setattr(tempfile, "mkdtemp", faults.wrap(tempfile.mkdtemp))
        try:
            asyncio.run(put(site, *installs, prefix=site.parent, **options))
        except StorageError as error:
            return error.code
    return "done"


def outcomes(tmp_path: Path, **options: Any) -> Iterator[tuple[str, bool]]:
    """For every n: how a replay ends whose n-th file operation fails, and whether the tree is as it was."""
    for number in range(1, 500):
        site, installs = prepared(tmp_path / str(number))
        before = snapshot(tmp_path / str(number))
        faults = Faults(number)
        code = attempt(site, installs, faults, **options)
        yield code, before == snapshot(tmp_path / str(number))
        if faults.seen < number:
            return


@pytest.mark.parametrize("as_pyodide", [False, True])
def test_any_file_operation_may_fail(tmp_path: Path, as_pyodide: bool) -> None:
    """Whichever single file operation fails, the tree is byte-identical, empty directories included."""
    found = list(outcomes(tmp_path, as_pyodide=as_pyodide))
    wrong = [
        (number, code, same)
        for number, (code, same) in enumerate(found, start=1)
        if (code, same) not in (("storage", True), (("done", False) if number == len(found) else ()))
    ]
    failed = sum(code == "storage" for code, _ in found)
    assert ([], ("done", False), True) == (wrong, found[-1], failed > 40)


def test_any_file_operation_may_fail_in_a_new_place(tmp_path: Path) -> None:
    """Whichever file operation fails, of a site that was not there nothing is left, not even its parents."""
    left = []
    for number in range(1, 500):
        root = tmp_path / str(number)
        root.mkdir()
        faults = Faults(number)
        code = attempt(root / "a" / "site", [install_of(NEW)], faults)
        if faults.seen < number:
            break
        left.append((code, snapshot(root)))
    assert ([("storage", {})] * len(left), True) == (left, len(left) > 10)


def test_a_rollback_that_fails_keeps_what_it_has(tmp_path: Path) -> None:
    """When putting back fails as well, the error says so and the replaced files are still there to be found."""
    codes = []
    for number in range(1, 200):
        site, installs = prepared(tmp_path / str(number))
        before = {what for what in snapshot(site).values() if what != "directory"}
        faults = Faults(number, forever=True)
        code = attempt(site, installs, faults)
        codes.append(code)
        if faults.seen < number:
            break
        assert before <= set(snapshot(site).values())
    assert {"storage", "rollback", "done"} == set(codes)


async def refuse(path: Path) -> None:
    raise EnvironmentMismatchError("cannot be loaded", code="extension-load", where=str(path))


async def cancel(path: Path) -> None:
    raise asyncio.CancelledError


async def interrupt(path: Path) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("load", "error"),
    [(refuse, EnvironmentMismatchError), (cancel, asyncio.CancelledError), (interrupt, KeyboardInterrupt)],
)
def test_failure_after_the_move(
    tmp_path: Path, load: Callable[[Path], Awaitable[None]], error: type[BaseException]
) -> None:
    """An extension module that cannot be loaded, a cancellation or an interrupt there undoes everything."""
    site, installs = prepared(tmp_path)
    before = snapshot(tmp_path)
    with pytest.raises(error):
        asyncio.run(put(site, *installs, install_of(wheel("fast", files={EXTENSION: "wasm"})), load_extension=load))
    assert before == snapshot(tmp_path)


def test_an_interrupt_between_any_two_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt right after any move or new directory, before it could be written down, is undone as well."""
    wrong = []
    for number in range(1, 200):
        site, installs = prepared(tmp_path / str(number))
        before = snapshot(tmp_path / str(number))
        seen = 0

        def interrupted(call: Callable[..., Any], number: int = number) -> Callable[..., Any]:
            def then_interrupt(*args: Any, **kwargs: Any) -> Any:
                nonlocal seen
                call(*args, **kwargs)
                seen += 1
                if seen == number:
                    raise KeyboardInterrupt

            return then_interrupt

        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", interrupted(os.rename))
            patch.setattr(Path, "mkdir", interrupted(Path.mkdir))
            try:
                asyncio.run(put(site, *installs, prefix=site.parent))
            except KeyboardInterrupt:
                if before != snapshot(tmp_path / str(number)):
                    wrong.append(number)
        if seen < number:
            break
    assert ([], True) == (wrong, number > 20)


async def test_cancelled_while_unpacking(tmp_path: Path) -> None:
    """Between two wheels others may run, and a cancellation that arrives there leaves nothing."""
    told: list[str] = []
    second = asyncio.Event()

    def listen(stage: str, name: str) -> None:
        told.append(name)
        if len(told) == 2:
            second.set()

    installs = [install_of(wheel(f"p{number}")) for number in range(5)]
    task = asyncio.create_task(SiteInstaller(tmp_path / "site").install(installs, listen))
    await second.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (True, {}) == (len(told) < 5, snapshot(tmp_path))


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


async def test_a_listener_that_raises_undoes_everything(tmp_path: Path) -> None:
    """An error of the caller's own listener leaves the environment as it was."""

    def listen(stage: str, name: str) -> None:
        if (stage, name) == ("install", "other"):
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await SiteInstaller(tmp_path).install([install_of(NEW), install_of(NEIGHBOUR)], listen)
    assert {} == snapshot(tmp_path)


async def test_reading(tmp_path: Path) -> None:
    """Distributions come sorted; files that are not there or not UTF-8 are ``None``."""
    await put(tmp_path, install_of(NEW), install_of(NEIGHBOUR))
    (tmp_path / "file.dist-info").write_text("no directory")
    (tmp_path / "six-1.16.dist-info" / "BAD").write_bytes(b"\xff")
    other, six = SitePackages(tmp_path).distributions()
    expected = ("other-1.0.dist-info", "six-1.16.dist-info", "test", None, None, b"new", None, True)
    assert expected == (
        other.directory,
        six.directory,
        six.read_text("INSTALLER"),
        six.read_text("NOWHERE"),
        six.read_text("BAD"),
        six.read_file("six.py"),
        six.read_file("nowhere.py"),
        "METADATA" in six.names(),
    )


def test_reading_nothing(tmp_path: Path) -> None:
    """A directory that is not there has no distributions."""
    assert [] == list(SitePackages(tmp_path / "nowhere").distributions())


async def test_other_distributions(tmp_path: Path) -> None:
    """Distributions without a directory are read after those with one."""
    await put(tmp_path, install_of(NEW))
    (mock,) = SitePackages(tmp_path).distributions()
    site = SitePackages(tmp_path / "elsewhere", others=lambda: [mock])
    assert [("six", Digest.of(NEW.data))] == [(one.name, one.digest) for one in installed_in(site, RuntimeLock())]


def test_target_runtime_is_the_locks_own() -> None:
    """Markers are answered for the lock's Python and platform, not for the interpreter that runs this."""
    runtime = TargetRuntime(ABI)
    six = canonicalize_name("six")
    lines = [
        'yes; python_version == "3.14"',
        'yes; python_full_version == "3.14.2"',
        'yes; platform_system == "Emscripten" and os_name == "posix" and implementation_name == "cpython"',
        'no; python_version < "3.14"',
        'no; sys_platform == "linux" or platform_machine == "x86_64" or platform_release != ""',
    ]
    needs = needs_of({six: [Requirement(line) for line in lines]}, {}, runtime.markers())
    assert ("yes",) == needs[six].missing


@pytest.mark.parametrize(("python", "expected"), [("3.13.2", "3.13.2"), ("3.14.2", "3.13.0"), ("", "3.13.0")])
def test_target_runtime_does_not_believe_info_python(python: str, expected: str) -> None:
    """When ``info.python`` contradicts the ABI, the ABI counts."""
    markers = TargetRuntime(Abi(abi_version="2025_0", python=python)).markers()
    assert ("3.13", expected) == (markers["python_version"], markers["python_full_version"])
