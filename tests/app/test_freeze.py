"""Freeze: what is really installed, as a lock, or every reason why not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from micropip_lock.adapters.site import TargetRuntime
from micropip_lock.app.freeze import freeze
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock, Origin
from micropip_lock.core.plan import TOOLS
from micropip_lock.errors import LockPolicyError, UnlockableError, UsageError
from micropip_lock.ports import RuntimeLock
from micropip_lock.testing import BuiltWheel, wheel
from micropip_lock.testing.site import MemorySite
from tests.app.recorded import ABI, APP, INDEX, LIB, OTHER, RUNTIME, records_of


def site_of(*wheels: BuiltWheel, requested: Iterable[str] = (), plain: Iterable[BuiltWheel] = ()) -> MemorySite:
    """Wheels that were recorded, and others that were not."""
    site = MemorySite(wheels=plain)
    for built in wheels:
        site.install(built, records_of(built, requested=built.project in set(requested)))
    return site


def names(lock: Lock) -> list[str]:
    return list(lock.packages)


def items(site: MemorySite, **options: Any) -> list[tuple[str, str]]:
    """Name and code of everything that cannot be locked."""
    with pytest.raises(UnlockableError) as caught:
        freeze(site, RUNTIME, **options)
    assert all(item.reason for item in caught.value.items)
    return [(item.name, item.code) for item in caught.value.items]


def test_what_is_locked() -> None:
    """Every recorded fact enters the lock, dependencies and import names from the installed files."""
    site = MemorySite(wheels=[])
    site.install(
        APP,
        records_of(
            APP,
            requested=True,
            requirement="app>=1",
            extras=("x",),
            upload_time="2026-01-01T00:00:00Z",
        ),
    )
    site.install(LIB, records_of(LIB))
    lock = freeze(site, RUNTIME)
    app = lock.packages[next(iter(lock.packages))]
    assert (
        ABI,
        ["app", "lib"],
        ("lib",),
        ("app",),
        Digest.of(APP.data),
        APP.size,
        INDEX,
        True,
        "app>=1",
        ("x",),
        "2026-01-01T00:00:00Z",
        (),
    ) == (
        lock.abi,
        names(lock),
        app.depends,
        app.imports,
        app.wheel.digest,
        app.wheel.size,
        app.origin and app.origin.index,
        app.requested,
        app.requirement,
        app.extras,
        app.wheel.upload_time,
        app.missing,
    )


def test_a_cycle_and_something_missing() -> None:
    """A cycle is locked; what METADATA requires and is not installed is told and dangles nowhere (M1, M2)."""
    lock = freeze(site_of(LIB, wheel("app", "1.0", requires=["lib", "Absent_One"])), RUNTIME)
    found = {package.name: (package.depends, package.missing) for package in lock}
    assert {"app": (("lib",), ("absent-one",)), "lib": (("app",), ())} == found


def test_an_empty_environment() -> None:
    """Nothing installed is an empty lock."""
    assert [] == names(freeze(MemorySite(), RUNTIME))


def test_freeze_writes_nothing() -> None:
    """The environment is the same before and after, also when freezing fails."""
    site = site_of(APP, LIB, plain=[OTHER])
    before = site.tree()
    items(site)
    freeze(site, RUNTIME, strict=False)
    assert before == site.tree()


def test_strict_lists_all() -> None:
    """Strict freezing names every distribution that cannot be locked, each with its own reason."""
    site = site_of(APP, LIB, plain=[OTHER, wheel("piped", "1.0")])
    site.write("piped-1.0.dist-info/INSTALLER", "pip")
    site.write("broken-1.0.dist-info/RECORD", "")
    site.write("broken_too-1.0.dist-info/METADATA", b"\xff")
    site.write("lib-2.0.dist-info/RECORD", "lib.py,,\n")
    local = wheel("local", "1.0")
    site.install(local, records_of(local, origin=Origin(kind="url", url="emfs:/home/local-1.0-py3-none-any.whl")))
    expected = [
        ("broken", "no-metadata"),
        ("broken-too", "no-metadata"),
        ("lib", "record-forged"),
        ("local", "not-replayable"),
        ("other", "no-record"),
        ("piped", "no-record"),
    ]
    assert expected == items(site)


def test_a_count_of_distributions() -> None:
    """The message counts distributions, not reasons: one of them can have several."""
    site = site_of(LIB)
    site.write("lib.py", b"edited")
    site.write("lib-2.0.dist-info/odd.txt", b"")
    with pytest.raises(UnlockableError) as caught:
        freeze(site, RUNTIME)
    assert (2, "1 installed distribution cannot be locked") == (len(caught.value.items), caught.value.message)


def test_more_than_a_lock_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the lock's own reader would refuse is not written."""
    monkeypatch.setattr("micropip_lock.core.read.MAX_PACKAGES", 1)
    with pytest.raises(LockPolicyError) as caught:
        freeze(site_of(LIB, OTHER), RUNTIME)
    assert ("too-large", "2") == (caught.value.code, caught.value.got)


@pytest.mark.parametrize(
    ("built", "code"),
    [
        (wheel("later", requires_python=">=3.99"), "requires-python"),
        (wheel("older", requires_python="<3.14.1"), "requires-python"),
        (wheel("intruder", files={"micropip/more.py": ""}), "protected"),
        (wheel("intruder", files={"micropip_lock.py": ""}), "protected"),
    ],
)
def test_what_a_replay_would_refuse(built: BuiltWheel, code: str) -> None:
    """What no replay could install here is not locked: its Python is another, or it writes where none may."""
    assert [(built.project, code)] == items(site_of(built))


@pytest.mark.parametrize("requires", [">=3.14", "<3.15", ">=3.6.*", "nonsense"])
def test_a_python_that_fits(requires: str) -> None:
    """``Requires-Python`` that holds, or that nobody can parse, keeps nothing out."""
    assert ["fits"] == names(freeze(site_of(wheel("fits", requires_python=requires)), RUNTIME))


def test_not_strict() -> None:
    """Without strict what cannot be locked is listed in the lock, and who needs it says that it is missing."""
    lock = freeze(site_of(APP, plain=[LIB]), RUNTIME, strict=False)
    found = (names(lock), [(item.name, item.version, item.code) for item in lock.unlocked])
    assert (["app"], [("lib", "2.0", "no-record")], ("lib",)) == (*found, lock.packages["app"].missing)


@pytest.mark.parametrize(
    ("directory", "metadata"),
    [
        ("fakename-1.0.dist-info", "Name: numpy\nVersion: 1.0\n"),
        ("numpy-1.0.dist-info", "Name: numpy\nVersion: 2.0\n"),
        ("numpy-1.0.dist-info", "Version: 1.0\n"),
        ("numpy-1.0.dist-info", ""),
        ("numpy.dist-info", "Name: numpy\nVersion: 1.0\n"),
    ],
)
def test_metadata_of_another(directory: str, metadata: str) -> None:
    """METADATA that names another distribution than its directory poisons no lock (F4)."""
    site = MemorySite({f"{directory}/METADATA": metadata, f"{directory}/RECORD": ""})
    assert ["identity"] == [code for _, code in items(site)]


@pytest.mark.parametrize("filename", ["numpy-1.0-py3-none-any.whl", "six-1.1-py3-none-any.whl"])
def test_a_record_of_another_wheel(filename: str) -> None:
    """A record whose address names another distribution or version is refused."""
    six = wheel("six", "1.0")
    site = MemorySite()
    site.install(six, records_of(six, origin=Origin(kind="url", url=f"https://files.example/{filename}")))
    assert [("six", "identity")] == items(site)


def test_two_of_one_name() -> None:
    """Two dist-info directories of one name cannot be locked, whichever comes first (R06)."""
    site = site_of(OTHER, wheel("Six", "1.0"), wheel("six", "2.0"))
    assert ([("six", "duplicate")], ["other"]) == (items(site), names(freeze(site, RUNTIME, strict=False)))


def test_two_of_one_name_and_one_unreadable() -> None:
    """When one of two cannot be read, neither is locked: nobody can say which of them is imported."""
    site = site_of(wheel("six", "1.0"), plain=[wheel("six", "2.0")])
    site.write("six-2.0.dist-info/METADATA", b"\xff")
    expected = [("six", "duplicate"), ("six", "no-metadata")]
    assert (expected, []) == (items(site), names(freeze(site, RUNTIME, strict=False)))


def test_bad_requires_dist() -> None:
    """A requirement that cannot be read is a reason, not a crash."""
    bad = wheel("bad", requires=["six six"])
    assert [("bad", "requires-dist")] == items(site_of(bad))


MICROPIP = wheel("micropip", "0.11.1", requires=["packaging>=25"])


OURSELVES = wheel("micropip-lock", "0.1.0", requires=["packaging>=25", "Helper"])


PACKAGING = wheel("packaging", "26.3")


HELPER = wheel("helper", "1.0")


def test_tools_are_left_out() -> None:
    """What records and replays, and what only it needs, is not locked."""
    assert ["other"] == names(freeze(site_of(OTHER, MICROPIP, OURSELVES, PACKAGING, HELPER), RUNTIME))


def test_tools_without_a_record_are_left_out() -> None:
    """The tools may have come in any way; what only they need is left out with them, recorded or not."""
    for packaging in ([PACKAGING], []):
        plain = [MICROPIP, OURSELVES, HELPER, *([] if packaging else [PACKAGING])]
        lock = freeze(site_of(OTHER, *packaging, plain=plain), RUNTIME)
        assert ["other"] == names(lock)


def test_what_somebody_else_needs_as_well() -> None:
    """What a tool and a package of the person's need is locked, or is a reason when it has no record."""
    user = wheel("user", requires=["packaging"])
    lock = freeze(site_of(user, MICROPIP, PACKAGING), RUNTIME)
    unrecorded = items(site_of(user, MICROPIP, plain=[PACKAGING]))
    assert (["packaging", "user"], [("packaging", "no-record")]) == (names(lock), unrecorded)


@pytest.mark.parametrize("tool", sorted(TOOLS))
def test_tools_that_were_asked_for(tool: str) -> None:
    """A tool that a person asked for is locked with what it needs."""
    built = wheel(tool, "1.0", requires=["packaging"])
    lock = freeze(site_of(built, PACKAGING, requested=[tool]), RUNTIME)
    assert sorted([tool, "packaging"]) == names(lock)


def test_what_a_tool_needs_and_was_asked_for() -> None:
    """A dependency of a tool that a person asked for is locked."""
    assert ["packaging"] == names(freeze(site_of(MICROPIP, PACKAGING, requested=["packaging"]), RUNTIME))


def test_a_package_that_needs_a_tool() -> None:
    """A package of the person's that needs a tool without a record is locked, and the tool is not missing."""
    user = wheel("user", requires=["micropip", "micropip-lock"])
    lock = freeze(site_of(user, plain=[MICROPIP, PACKAGING]), RUNTIME)
    assert (["user"], (), ()) == (names(lock), lock.packages["user"].missing, lock.packages["user"].depends)


def test_roots() -> None:
    """Roots limit the lock to what they need, and the reasons to what that closure lacks."""
    site = site_of(APP, LIB, OTHER, plain=[wheel("unrecorded")])
    assert ["app", "lib"] == names(freeze(site, RUNTIME, roots=["App"]))


def test_roots_that_need_what_cannot_be_locked() -> None:
    """What a root needs and cannot be locked is a reason; so is a root itself."""
    site = site_of(APP, plain=[LIB, OTHER])
    assert ([("lib", "no-record")], [("other", "no-record")]) == (
        items(site, roots=["app"]),
        items(site, roots=["other"]),
    )


def test_unknown_root() -> None:
    """A root that is not installed is an error of the caller."""
    with pytest.raises(UsageError) as caught:
        freeze(site_of(APP), RUNTIME, roots=["nowhere"])
    assert ("unknown-root", "nowhere") == (caught.value.code, caught.value.got)


def test_one_root_as_text() -> None:
    """A text in place of a list of roots is one root, and not its letters."""
    assert ["app", "lib"] == names(freeze(site_of(APP, LIB, OTHER), RUNTIME, roots="app"))


def test_extras_that_were_asked_for() -> None:
    """Requirements behind an extra count when it was asked for, also through a self-reference."""
    app = wheel("app", "1.0", extras={"all": ["app[io]"], "io": ["good"], "no": ["bad"]})
    site = MemorySite()
    site.install(app, records_of(app, extras=("all",)))
    site.install(wheel("good", "1.0"), records_of(wheel("good", "1.0")))
    package = freeze(site, RUNTIME).packages["app"]
    assert (("good",), ()) == (package.depends, package.missing)


@pytest.mark.parametrize(
    ("asking", "options"),
    [
        (wheel("micropip", "1.0", requires=["app[x]"]), {}),
        (wheel("apart", "1.0", requires=["app[x]"]), {"roots": ["app"]}),
    ],
)
def test_extras_that_only_what_is_left_out_asks_for(asking: BuiltWheel, options: dict[str, Any]) -> None:
    """An extra that only a tool, or a package beyond the roots, asks for gives nobody in the lock a dependency."""
    app = wheel("app", "1.0", extras={"x": ["good"]})
    site = site_of(app, asking, wheel("good", "1.0"), requested=["app"])
    package = freeze(site, RUNTIME, **options).packages["app"]
    assert ((), ()) == (package.depends, package.missing)


def test_declared_import_names() -> None:
    """Import-Name wins over the files (PEP 794)."""
    built = wheel(
        "six", "1.0", metadata_version="2.5", metadata_extra=["Import-Name: spam", "Import-Name: _x; private"]
    )
    assert ("spam",) == freeze(site_of(built), RUNTIME).packages["six"].imports


class Runtime(TargetRuntime):
    """A runtime that was booted with a lock."""

    def __init__(self, lock: RuntimeLock) -> None:
        super().__init__(ABI)
        self._lock = lock

    def lock(self) -> RuntimeLock:
        return self._lock


@pytest.mark.parametrize(("base", "code"), [("https://runtime.example/v1/", None), (None, "not-replayable")])
def test_loaded_from_the_runtime(base: str | None, code: str | None) -> None:
    """What loadPackage brought is locked with the address of the runtime's lock, when that is known."""
    entry = {"version": "3.0", "file_name": OTHER.filename, "sha256": OTHER.sha256}
    site = MemorySite()
    site.install(OTHER, {"INSTALLER": "pyodide.loadPackage", "PYODIDE_SOURCE": "pyodide"})
    lock = freeze(site, Runtime(RuntimeLock(packages={"other": entry}, base=base)), strict=False)
    found = [package.wheel.url for package in lock]
    expected = [] if base is None else [f"{base}{OTHER.filename}"]
    assert (expected, [code] if code else []) == (found, [item.code for item in lock.unlocked])
