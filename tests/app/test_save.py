"""Tests of :mod:`micropip_lock.app.save`: a lock that was saved is whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.folder import Folder
from micropip_lock.adapters.kept_wheels import KeptWheels
from micropip_lock.app.save import Saved, based, save
from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.local_wheel import local_file_name, local_origin
from micropip_lock.core.model import Abi, Lock, LockedPackage, Origin, Wheel, by_name
from micropip_lock.errors import HashMismatchError, LockPolicyError, MicropipLockError, StorageError
from micropip_lock.ports import Fetched
from micropip_lock.testing import BuiltWheel, wheel

MINE, OTHER = wheel("mine"), wheel("other")


def name_of(built: BuiltWheel) -> str:
    return local_file_name(Digest.of(built.data), built.filename)


def package(built: BuiltWheel, url: str | None = None) -> LockedPackage:
    return LockedPackage(
        name=canonicalize_name(built.name),
        display_name=built.name,
        version=built.version,
        wheel=Wheel(url=url or name_of(built), digest=Digest.of(built.data), size=built.size),
        origin=local_origin(built.filename),
    )


def lock_of(*packages: LockedPackage, base: str | None = None) -> Lock:
    return Lock(abi=Abi(abi_version="2026_0"), packages=by_name(packages), base=base)


class Site:
    """Serves bytes by address."""

    def __init__(self, **files: bytes) -> None:
        self.files = files
        self.asked: list[str] = []

    async def fetch(self, url: str, **options: object) -> Fetched:
        self.asked.append(url)
        return Fetched(data=self.files["data"], url=url)


@pytest.fixture
def keep(tmp_path: Path) -> KeptWheels:
    """Holds one wheel."""
    kept = KeptWheels(tmp_path / "kept")
    kept.put(admit(MINE.data, Digest.of(MINE.data), filename=MINE.filename))
    return kept


def written(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def saved(lock: Lock, root: Path, keep: KeptWheels, site: Site | None = None) -> tuple[str, ...]:
    return await save(lock, "lock.json", writer=Folder(root), kept=keep, fetcher=site or Site())


async def test_kept_wheels_are_written_beside_the_lock(tmp_path: Path, keep: KeptWheels) -> None:
    """The lock's text is its own, each kept wheel lies where it says, and wheels of the web are not asked for."""
    lock = lock_of(package(MINE), package(OTHER, "https://files.example/other-1.0-py3-none-any.whl"))
    told = await saved(lock, tmp_path / "out", keep)
    assert ((name_of(MINE),), {name_of(MINE): MINE.data, "lock.json": lock.to_json().encode()}) == (
        told,
        written(tmp_path / "out"),
    )


async def test_a_lock_that_was_opened(tmp_path: Path, keep: KeptWheels) -> None:
    """What lies beside an opened lock is taken from there, unless it is kept here."""
    site = Site(data=OTHER.data)
    lock = lock_of(package(MINE), package(OTHER), base="https://site.example/locks/lock.json")
    await saved(lock, tmp_path / "out", keep, site)
    assert ([f"https://site.example/locks/{name_of(OTHER)}"], OTHER.data) == (
        site.asked,
        written(tmp_path / "out")[name_of(OTHER)],
    )


@pytest.mark.parametrize(
    ("lock", "kind", "code"),
    [
        (lock_of(package(OTHER)), LockPolicyError, "relative-url"),
        (lock_of(package(OTHER), base="https://site.example/"), HashMismatchError, "digest-mismatch"),
        (lock_of(package(MINE, "../mine-1.0-py3-none-any.whl")), LockPolicyError, "outside"),
    ],
)
async def test_nothing_half_saved(
    tmp_path: Path, keep: KeptWheels, lock: Lock, kind: type[MicropipLockError], code: str
) -> None:
    """When a wheel is gone, has other bytes, or would lie elsewhere, no lock is written, and the error names it."""
    with pytest.raises(kind) as caught:
        await saved(lock, tmp_path / "out", keep, Site(data=b"PK other bytes"))
    assert (code, next(iter(lock.packages)), {}) == (caught.value.code, caught.value.package, written(tmp_path / "out"))


async def test_the_old_lock_stays_when_a_wheel_cannot_be_written(tmp_path: Path, keep: KeptWheels) -> None:
    """The lock is the last file: when one before it fails, the lock that was there is untouched."""
    (tmp_path / "wheels").write_text("in the way")
    (tmp_path / "lock.json").write_text("old")
    with pytest.raises(StorageError):
        await saved(lock_of(package(MINE)), tmp_path, keep)
    assert "old" == (tmp_path / "lock.json").read_text()


def test_based(keep: KeptWheels) -> None:
    """A lock of this place has what is kept as its base; one from elsewhere, or with something missing, does not."""
    mine, gone = lock_of(package(MINE)), lock_of(package(MINE), package(OTHER))
    opened, spelt = replace(mine, base="https://site.example/"), lock_of(package(MINE, MINE.filename))
    remote = lock_of(package(OTHER, "https://files.example/other-1.0-py3-none-any.whl"))
    assert [keep.address, None, "https://site.example/", None, None] == [
        based(lock, keep).base for lock in (mine, gone, opened, spelt, remote)
    ]


def test_the_origin_does_not_matter(keep: KeptWheels) -> None:
    """Whatever a lock says of where a wheel came from, a relative name is one."""
    lock = lock_of(replace(package(MINE), origin=Origin(kind="index", url="https://files.example/mine.whl")))
    assert keep.address == based(lock, keep).base


@pytest.mark.parametrize(
    ("wheels", "expected"),
    [((), "x.json"), (("a",), "x.json and 1 wheel beside it"), (("a", "b"), "x.json and 2 wheels beside it")],
)
def test_what_was_written_is_told(wheels: tuple[str, ...], expected: str) -> None:
    """People read how many wheels lie beside the lock."""
    told = Saved(path="x.json", wheels=wheels)
    assert (expected, {"path": "x.json", "wheels": list(wheels)}) == (str(told), told.to_json())
