"""Tests of :mod:`micropip_lock.adapters.uv_settings`, through the indexes that follow from it."""

from __future__ import annotations

import pytest

from micropip_lock.errors import UsageError
from tests.adapters.machine import Machine, index


def test_uv_no_index(machine: Machine) -> None:
    """A no-index = true of uv forbids every index; a nearer file may take it back."""
    machine.write(machine.home / ".config/uv/uv.toml", "no-index = true\n")
    with pytest.raises(UsageError) as caught:
        machine.settings()
    machine.write(machine.cwd / "uv.toml", f'no-index = false\nindex-url = "{index("x")}"\n')
    assert (caught.value.code, machine.urls()) == ("no-index", ["x"])


def test_uv_levels(machine: Machine) -> None:
    """[[index]] of every level, then extra-index-url of every level, then the first default: as uv asks them."""
    machine.write(
        machine.cwd / "uv.toml",
        f'extra-index-url = ["{index("2")}"]\n[[index]]\nurl = "{index("3")}"\n',
    )
    machine.write(
        machine.home / ".config/uv/uv.toml",
        f'extra-index-url = ["{index("4")}"]\nindex-url = "{index("6")}"\n[[index]]\nurl = "{index("5")}"\n'
        f'[[index]]\nurl = "{index("0")}"\ndefault = true\n',
    )
    assert machine.urls(UV_INDEX=index("1")) == ["1", "3", "5", "2", "4", "0"]


def test_uv_system_file(machine: Machine) -> None:
    """The first system-level file is read, after the user's."""
    machine.write(machine.etc / "uv/uv.toml", f'[[index]]\nurl = "{index("system")}"\n')
    machine.write(machine.home / ".config/uv/uv.toml", f'[[index]]\nurl = "{index("user")}"\n')
    assert machine.urls() == ["user", "system"]


def test_uv_project_search(machine: Machine) -> None:
    """The search goes upwards past a pyproject.toml without [tool.uv], and uv.toml wins within a directory."""
    machine.write(machine.cwd / "pyproject.toml", '[project]\nname = "x"\n')
    machine.write(machine.cwd.parent / "pyproject.toml", f'[tool.uv]\nindex-url = "{index("pyproject")}"\n')
    first = machine.urls()
    machine.write(machine.cwd.parent / "uv.toml", f'index-url = "{index("uv")}"\n')
    assert (first, machine.urls()) == (["pyproject"], ["uv"])


def test_uv_config_switches(machine: Machine) -> None:
    """UV_CONFIG_FILE replaces the files, UV_NO_CONFIG turns them off."""
    machine.write(machine.cwd / "uv.toml", f'index-url = "{index("uv")}"\n')
    machine.write(machine.cwd.parent / "own.toml", f'index-url = "{index("own")}"\n')
    found = [machine.urls(UV_CONFIG_FILE="../own.toml"), machine.urls(UV_NO_CONFIG="1"), machine.urls(UV_NO_CONFIG="0")]
    assert found == [["own"], [], ["uv"]]


def test_uv_index_kinds(machine: Machine) -> None:
    """Explicit and flat indexes are left out with a note, and a name counts once."""
    path = machine.write(
        machine.cwd / "uv.toml",
        f'[[index]]\nname = "torch"\nurl = "{index("1")}"\nexplicit = true\n'
        f'[[index]]\nname = "links"\nurl = "{index("2")}"\nformat = "flat"\n'
        f'[[index]]\nname = "a"\nurl = "{index("3")}"\n',
    )
    machine.write(machine.home / ".config/uv/uv.toml", f'[[index]]\nname = "a"\nurl = "{index("4")}"\n')
    found = machine.settings()
    assert (
        [index("3")],
        (
            f"torch in {path} index is left out: explicit = true",
            f"links in {path} index is left out: not a simple index",
        ),
    ) == ([one.url for one in found.indexes], found.notes)


def test_uv_credentials_of_named_indexes(machine: Machine) -> None:
    """UV_INDEX_<NAME>_USERNAME and _PASSWORD belong to the index of that name; what is in its URL wins."""
    machine.write(
        machine.cwd / "uv.toml",
        f'[[index]]\nname = "my-corp.x"\nurl = "{index("1")}"\n'
        '[[index]]\nname = "b"\nurl = "https://x:y@index.example/2"\n',
    )
    found = machine.settings(
        UV_INDEX_MY_CORP_X_USERNAME="me",
        UV_INDEX_MY_CORP_X_PASSWORD="pw",
        UV_INDEX_B_USERNAME="other",
        UV_INDEX=f"c={index('3')}",
        UV_INDEX_C_PASSWORD="token",
    )
    assert [one.credentials for one in found.indexes] == [("", "token"), ("me", "pw"), ("x", "y")]


@pytest.mark.parametrize(
    "text",
    [
        "index-url =\n",
        "index-url = 1\n",
        'extra-index-url = "x"\n',
        'index = "x"\n',
        "[[index]]\nname = 'a'\n",
        "a = " + "[" * 5000,
    ],
)
def test_broken_uv_file(machine: Machine, text: str) -> None:
    """A uv file that cannot be parsed, or has a value of a wrong type, is an error that names it."""
    path = machine.write(machine.cwd / "uv.toml", text)
    with pytest.raises(UsageError) as caught:
        machine.settings()
    assert (caught.value.code, str(caught.value.where).startswith(str(path))) == ("bad-config", True)
