"""Wheels to put into a directory, and what is in it afterwards: for tests of the site installer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from micropip_lock.adapters.site import SiteInstaller
from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.dist_info import OriginRecord, format_records
from micropip_lock.core.model import LockedPackage, Origin, Wheel
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.ports import Install
from micropip_lock.testing import BuiltWheel, wheel

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
        return {**format_records(record), "INSTALLER": "micropip-lock"}

    package = LockedPackage(
        name=canonicalize_name(built.name),
        display_name=built.name,
        version=built.version,
        wheel=Wheel(url=url, digest=digest),
    )
    opened = OpenedWheel(admit(built.data, digest, filename=built.filename))
    return Install(package=package, wheel=opened, records=records, replaces=replaces)


async def put(root: Path, *installs: Install, **options: Any) -> Sequence[str]:
    return await SiteInstaller(root, **options).install(installs, lambda stage, name: None)


OLD = wheel(
    "six",
    "1.15",
    files={"six.py": "old", "six_old.py": "gone", "ns/six/__init__.py": "", "only/x.txt": "", "six_same.py": "same"},
)


NEW = wheel(
    "six", "1.16", files={"six.py": "new", "ns/six/__init__.py": "new", "fresh/deep/y.1": "", "six_same.py": "same"}
)


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


def prepared(tmp_path: Path) -> tuple[Path, list[Install]]:
    """A site in use, and a replay that replaces, adds, shares and spreads."""
    site = tmp_path / "prefix" / "site"
    asyncio.run(put(site, install_of(OLD), install_of(NEIGHBOUR), prefix=site.parent))
    (site / "empty" / "deeper").mkdir(parents=True)
    (site / "fresh").mkdir()
    return site, [install_of(NEW, replaces=["six-1.15.dist-info"]), install_of(SCHEMES)]
