"""Tests of :mod:`micropip_lock.core.abis`: releases, tags, and what is neither."""

from __future__ import annotations

import subprocess
import sys

import pytest

from micropip_lock.core.abis import ABIS, abi_of_release, abis_of_tags, named, python_of, runtime_tags
from micropip_lock.core.model import Abi
from micropip_lock.errors import EnvironmentMismatchError, UsageError


@pytest.mark.parametrize(
    ("release", "abi_version"),
    [
        ("0.26.4", "2024_0"),
        ("0.27.7", "2024_0"),
        ("0.28.0", "2025_0"),
        ("0.29.4", "2025_0"),
        ("314.0.7", "2026_0"),
        ("314.0.0a1", "2026_0"),
    ],
)
def test_releases(release: str, abi_version: str) -> None:
    """A release has the ABI of its series, pre-releases too."""
    assert ABIS[abi_version] == abi_of_release(release)


@pytest.mark.parametrize("text", ["", "0.25.0", "0.290.1", "315.0.0", "314", "0.29", "latest", "x/314.0.7"])
def test_what_is_no_known_release(text: str) -> None:
    """A release whose ABI nobody told us is an error, not a guess."""
    with pytest.raises(UsageError) as caught:
        abi_of_release(text)
    assert ("pyodide-spec", text) == (caught.value.code, caught.value.got)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([], ()),
        (["py3-none-any", "py2.py3-none-any"], ()),
        (["cp314-cp314-pyemscripten_2026_0_wasm32"], ("2026_0",)),
        (["cp313-cp313-pyodide_2025_0_wasm32"], ("2025_0",)),
        (["cp313-cp313-emscripten_4_0_9_wasm32"], ("2025_0",)),
        (["cp313-cp313-pyodide_2025_0_wasm32.pyemscripten_2026_0_wasm32"], ("2025_0", "2026_0")),
        (["cp313-cp313-emscripten_1_2_3_wasm32"], ()),
        (["cp314-cp314-pyemscripten_2099_1_wasm32"], ("2099_1",)),
        (["cp313-cp313-manylinux_2_17_x86_64", "", "-", "pyemscripten_2026_0_wasm32x"], ()),
    ],
)
def test_tags(tags: list[str], expected: tuple[str, ...]) -> None:
    """Tags of Pyodide name ABIs, old spellings and compressed sets included; all others name none."""
    assert expected == abis_of_tags(tags)


@pytest.mark.parametrize("abi_version", sorted(ABIS))
def test_the_table_agrees_with_the_tags(abi_version: str) -> None:
    """Each known ABI takes wheels that name it, and its Python is the one its tags say."""
    abi = ABIS[abi_version]
    named = {found for tag in runtime_tags(abi) for found in abis_of_tags([tag])}
    assert ({abi_version}, ".".join(map(str, python_of(abi)))) == (named, abi.python.rpartition(".")[0])


@pytest.mark.parametrize(
    ("abi", "expected"),
    [
        (Abi(abi_version="2024_0"), (3, 12)),
        (Abi(abi_version="2025_0", python="3.14.2"), (3, 13)),
        (Abi(abi_version="2099_0", python="3.20.1"), (3, 20)),
    ],
)
def test_python_of_an_abi(abi: Abi, expected: tuple[int, int]) -> None:
    """A known ABI names its Python (PEP 783), whatever ``info.python`` says; an unknown one is believed."""
    assert expected == python_of(abi)


def test_unknown_abi() -> None:
    """An ABI that is not known and does not tell its Python is an error."""
    with pytest.raises(EnvironmentMismatchError) as caught:
        runtime_tags(Abi(abi_version="2099_0", python="soon"))
    assert "abi-unknown" == caught.value.code


def test_tags_begin_with_the_most_telling() -> None:
    """The first tag is the one of PEP 783, the last the pure one of the oldest Python."""
    tags = runtime_tags(ABIS["2026_0"])
    expected = ("cp314-cp314-pyemscripten_2026_0_wasm32", "py30-none-any", len(tags))
    assert expected == (tags[0], tags[-1], len(set(tags)))


def test_tags_do_not_depend_on_this_interpreter() -> None:
    """A debug or free-threaded host gives the tags of the runtime, not its own."""
    code = (
        "import sysconfig; real = sysconfig.get_config_var\n"
        "sysconfig.get_config_var = lambda name: 1 if name in ('Py_DEBUG', 'Py_GIL_DISABLED') else real(name)\n"
        "from micropip_lock.core.abis import runtime_tags\nfrom micropip_lock.core.model import Abi\n"
        "print('\\n'.join(runtime_tags(Abi(abi_version='2026_0', platform='emscripten_5_0_3', python='3.14.2'))))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert runtime_tags(ABIS["2026_0"]) == tuple(output.split())


@pytest.mark.parametrize(
    ("release", "abi_version"), [("0.27.7", "2024_0"), ("0.29.5", "2025_0"), ("314.0.7", "2026_0")]
)
def test_an_abi_in_words(release: str, abi_version: str) -> None:
    """An ABI is told by the newest series of releases that has it."""
    words = named(abi_version)
    assert (abi_version, True, True) == (
        abi_of_release(release).abi_version,
        words.startswith("Pyodide ") and release.startswith(words.split()[1]),
        words.endswith(f"({abi_version})"),
    )


def test_an_unknown_abi_in_words() -> None:
    """An ABI that has no release that we know is told by itself."""
    assert "a Pyodide of ABI 2099_0" == named("2099_0")
