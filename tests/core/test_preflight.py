"""Tests of :mod:`micropip_lock.core.preflight`: what does not fit a runtime, in words, and all of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from micropip_lock.core.abis import runtime_tags
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Abi, Lock, LockedPackage, Wheel, by_name
from micropip_lock.core.preflight import misfits
from micropip_lock.errors import (
    EnvironmentMismatchError,
    LockPolicyError,
    LockSchemaError,
    MicropipLockError,
    WheelMetadataError,
)

ABI = Abi(abi_version="2026_0", platform="emscripten_5_0_3", python="3.14.2")
TAGS = frozenset(runtime_tags(ABI))


def locked(name: str, file: str = "a-1.0-py3-none-any.whl", **changes: Any) -> LockedPackage:
    package = LockedPackage(
        name=canonicalize_name(name),
        display_name=name,
        version="1.0",
        wheel=Wheel(url=f"https://files.example/{file}", digest=Digest.of(b"")),
    )
    return replace(package, **changes)


def lock_of(*packages: LockedPackage, abi: Abi = ABI) -> Lock:
    return Lock(abi=abi, packages=by_name(packages))


def found(lock: Lock) -> list[MicropipLockError]:
    return list(misfits(lock, abi=ABI, tags=TAGS))


@pytest.mark.parametrize(
    ("abi", "message", "where"),
    [
        (
            replace(ABI, abi_version="2025_0"),
            "the lock is built for Pyodide 0.29 (2025_0), this is Pyodide 314 (2026_0)",
            "info.abi_version",
        ),
        (
            replace(ABI, abi_version="2099_0"),
            "the lock is built for a Pyodide of ABI 2099_0, this is Pyodide 314 (2026_0)",
            "info.abi_version",
        ),
        (
            replace(ABI, arch="wasm64"),
            "the lock is built for Pyodide 314 (2026_0) on wasm64, this is Pyodide 314 (2026_0) on wasm32",
            "info.arch",
        ),
    ],
)
def test_another_abi(abi: Abi, message: str, where: str) -> None:
    """A lock for another ABI or processor is told in the words of releases, with what to do."""
    (error,) = found(lock_of(locked("a"), abi=abi))
    assert (EnvironmentMismatchError, "abi-mismatch", message, where, True) == (
        type(error),
        error.code,
        error.message,
        error.where,
        "freeze again here" in error.hint,
    )


def test_python_and_platform_do_not_decide() -> None:
    """Only abi_version and arch decide; what ``info`` says of Python is not reliable."""
    assert [] == found(lock_of(locked("a"), abi=replace(ABI, python="3.13.0", platform="other")))


@pytest.mark.parametrize(
    ("tag", "built_for"),
    [
        ("cp313-cp313-pyemscripten_2025_0_wasm32", "Pyodide 0.29 (2025_0)"),
        ("cp312-cp312-pyodide_2024_0_wasm32", "Pyodide 0.27 (2024_0)"),
        ("cp313-cp313-emscripten_4_0_9_wasm32", "Pyodide 0.29 (2025_0)"),
        ("cp313-cp313-pyemscripten_2026_0_wasm32", "Pyodide 314 (2026_0) and cp313"),
        (
            "cp312.cp313-none-pyodide_2024_0_wasm32.pyodide_2025_0_wasm32",
            "Pyodide 0.27 (2024_0) or Pyodide 0.29 (2025_0)",
        ),
        ("cp311-abi3-manylinux_2_17_x86_64", "cp311, manylinux_2_17_x86_64"),
        (
            "cp314-cp314-macosx_10_9_x86_64.macosx_11_0_arm64.win32.win_amd64",
            "cp314, macosx_10_9_x86_64, macosx_11_0_arm64, win32, …",
        ),
        ("py2-none-any", "py2"),
        ("cp315-none-any", "cp315"),
    ],
)
def test_a_wheel_for_elsewhere(tag: str, built_for: str) -> None:
    """A wheel that cannot be installed here is told with what it was built for, and its tags."""
    (error,) = found(lock_of(locked("a", f"a-1.0-{tag}.whl")))
    assert (
        f"the wheel of a 1.0 is built for {built_for}, this is Pyodide 314 (2026_0)",
        "tag-mismatch",
        "packages.a.file_name",
        True,
    ) == (error.message, error.code, error.where, tag.split("-")[2].split(".")[0] in str(error.got))


@pytest.mark.parametrize(
    ("file", "kind", "code"),
    [
        ("a-1.0.tar.gz", LockPolicyError, "not-wheel"),
        ("a-1.0.zip", LockPolicyError, "not-wheel"),
        ("a-py3-none-any.whl", WheelMetadataError, "wheel-filename"),
        ("a-1.0-x-py3-none-any.whl", WheelMetadataError, "wheel-filename"),
        ("b-1.0-py3-none-any.whl", LockSchemaError, "filename"),
        ("a-1.1-py3-none-any.whl", LockSchemaError, "filename"),
    ],
)
def test_wrong_files(file: str, kind: type[MicropipLockError], code: str) -> None:
    """What is no wheel, or one of another package or version, is told with its place."""
    (error,) = found(lock_of(locked("a", file)))
    assert (kind, code, "packages.a.file_name", "a") == (type(error), error.code, error.where, error.package)


def test_a_version_that_is_none() -> None:
    """A package whose version cannot be read has no right file."""
    (error,) = found(lock_of(locked("a", version="one")))
    assert "filename" == error.code


def test_a_shared_library() -> None:
    """Only packages are replayed, not the runtime's shared libraries."""
    (error,) = found(lock_of(locked("a", package_type="shared_library")))
    assert "not-wheel" == error.code


@pytest.mark.parametrize(
    "file",
    [
        "a-1.0-py3-none-any.whl",
        "a-1.0-py2.py3-none-any.whl",
        "a-1.0-1-py3-none-any.whl",
        "A-1.0.0-py3-none-any.whl",
        "a-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl",
        "a-1.0-cp311-abi3-pyemscripten_2026_0_wasm32.whl",
        "a-1.0-cp314-cp314-pyodide_2026_0_wasm32.whl",
        "a-1.0-cp314-cp314-emscripten_5_0_3_wasm32.whl",
        "a-1.0-py3-none-pyemscripten_2026_0_wasm32.whl",
        "a-1.0-cp314-none-any.whl",
    ],
)
def test_right_files(file: str) -> None:
    """Pure wheels and those for this ABI in any spelling are taken."""
    assert [] == found(lock_of(locked("a", file)))


names = st.sampled_from([f"p{number}" for number in range(8)])
files = st.sampled_from(
    [
        "{name}-1.0-py3-none-any.whl",
        "{name}-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl",
        "{name}-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl",
        "{name}-1.0-cp314-cp314-win_amd64.whl",
        "{name}-2.0-py3-none-any.whl",
        "{name}-1.0.tar.gz",
        "{name}.whl",
    ]
)


@given(st.dictionaries(names, files), st.sampled_from(["2025_0", "2026_0", "2099_0"]))
def test_all_of_it_at_once(chosen: dict[str, str], abi_version: str) -> None:
    """What is told of a lock is what is told of its ABI and of each of its packages alone."""

    def told(packages: list[LockedPackage], abi: Abi) -> list[tuple[str | None, str]]:
        return [(error.package, error.code) for error in found(lock_of(*packages, abi=abi))]

    abi = replace(ABI, abi_version=abi_version)
    packages = [locked(name, file.format(name=name)) for name, file in sorted(chosen.items())]
    alone = [fault for package in packages for fault in told([package], ABI)]
    assert [*told([], abi), *alone] == told(packages, abi)
