"""Tests of :mod:`micropip_lock.adapters.indexes`."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.adapters.indexes import (
    IndexConfig,
    IndexSettings,
    configured_credentials,
    configured_indexes,
    read_index_settings,
)
from micropip_lock.errors import UsageError
from tests.adapters.machine import Machine, index


def test_nothing_configured(machine: Machine) -> None:
    """Without any configuration there is no index, which stands for micropip's own default."""
    assert IndexSettings(indexes=(), adds_default=True, notes=()) == machine.settings()


def test_process_environment(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's own environment is read when none is given."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_DEFAULT_INDEX", index("process"))
    monkeypatch.chdir(machine.cwd)
    found = configured_indexes(places=machine.places)
    assert found[-1].url == "https://index.example/process"


def test_explicit_wins(machine: Machine) -> None:
    """Indexes given as an argument are all there is: no configuration is read, not even a broken one."""
    machine.write(machine.cwd / "uv.toml", "broken =")
    found = machine.settings([index("a/"), index("b")], PIP_NO_INDEX="1", UV_DEFAULT_INDEX=index("c"))
    assert (
        IndexSettings(
            indexes=(
                IndexConfig(url=index("a"), source="--index-url"),
                IndexConfig(url=index("b"), source="--index-url"),
            ),
            adds_default=False,
        )
        == found
    )


@pytest.mark.parametrize(
    ("written", "url", "credentials"),
    [
        ("https://index.example/simple///", "https://index.example/simple", None),
        ("HTTPS://Index.Example:443/Simple/", "https://index.example/Simple", None),
        ("http://index.example:80", "http://index.example", None),
        ("http://[::1]:8080/simple", "http://[::1]:8080/simple", None),
        ("https://me:p%40ss@index.example/s/", "https://index.example/s", ("me", "p@ss")),
        ("https://token@index.example/s", "https://index.example/s", ("token", "")),
        ("  https://index.example/s \n", "https://index.example/s", None),
    ],
)
def test_urls_are_normalised(machine: Machine, written: str, url: str, credentials: tuple[str, str] | None) -> None:
    """An index URL has one spelling, without the slash at its end and without credentials."""
    found = machine.settings([written]).indexes
    assert (IndexConfig(url=url, credentials=credentials, source="--index-url"),) == found


@pytest.mark.parametrize(
    "written",
    [
        "",
        "index.example/simple",
        "file:///srv/simple",
        "./simple",
        "https://",
        "https://index.example:port/",
        "https://index.example/simple?x=1",
        "https://index.example/simple#x",
        "https://[::1/simple",
        "javascript:alert(1)",
    ],
)
def test_bad_explicit_urls(machine: Machine, written: str) -> None:
    """An argument that is no index URL is refused by its own code."""
    with pytest.raises(UsageError) as caught:
        machine.settings([written])
    assert caught.value.code == "bad-index-url"


def test_errors_and_reprs_hide_passwords(machine: Machine) -> None:
    """Neither an error about a URL nor an index's repr shows the password in it."""
    with pytest.raises(UsageError) as caught:
        machine.settings(["https://me:s3cret@index.example/simple?x=1"])
    shown = (
        str(caught.value) + str(caught.value.to_json()) + repr(machine.settings(["https://me:s3cret@index.example/"]))
    )
    assert "s3cret" not in shown


def test_credentials_by_origin(machine: Machine) -> None:
    """Configured credentials are kept by origin, the first of an origin's; forbidding indexes does not matter."""
    environ = {
        "UV_INDEX": "https://a:1@index.example/x https://b:2@index.example/y https://files.example/",
        "PIP_INDEX_URL": "http://c@index.example",
        "PIP_NO_INDEX": "1",
    }
    assert {
        "https://index.example": ("a", "1"),
        "http://index.example": ("c", ""),
    } == configured_credentials(environ=environ, places=machine.places)


def test_main_index_precedence(machine: Machine) -> None:
    """The main index is the first of uv's variables, pip's variables, uv's files, pip's files that names one."""
    machine.write(machine.home / ".config/pip/pip.conf", f"[global]\nindex-url = {index('pip-file')}\n")
    layers = [machine.urls()]
    machine.write(machine.cwd / "uv.toml", f'index-url = "{index("uv-file")}"\n')
    layers.append(machine.urls())
    layers.append(machine.urls(PIP_INDEX_URL=index("pip-env")))
    layers.append(machine.urls(PIP_INDEX_URL=index("pip-env"), UV_INDEX_URL=index("uv-old")))
    layers.append(machine.urls(UV_INDEX_URL=index("uv-old"), UV_DEFAULT_INDEX=index("uv-env")))
    assert layers == [["pip-file"], ["uv-file"], ["pip-env"], ["uv-old"], ["uv-env"]]


def test_order_to_ask(machine: Machine) -> None:
    """Additional indexes of uv indexes come before the main one, those of pip after it, each of them once."""
    found = machine.urls(
        UV_INDEX=f"corp={index('u1')} {index('u2')}",
        UV_EXTRA_INDEX_URL=f"{index('u3')} {index('u1/')}",
        PIP_INDEX_URL=index("main"),
        PIP_EXTRA_INDEX_URL=f"{index('p1')}\n{index('p2')} {index('main')}",
    )
    assert found == ["u1", "u2", "u3", "main", "p1", "p2"]


def test_only_additional_indexes(machine: Machine) -> None:
    """When only additional indexes are configured, micropip's default still comes after them."""
    found = machine.settings(PIP_EXTRA_INDEX_URL=index("extra"))
    assert (True, (IndexConfig(url=index("extra"), source="PIP_EXTRA_INDEX_URL"),)) == (
        found.adds_default,
        found.indexes,
    )


def test_local_indexes_are_left_out(machine: Machine) -> None:
    """Additional indexes on the local disk are left out with a note."""
    found = machine.settings(UV_INDEX="./local")
    assert (
        IndexSettings(notes=("the index ./local of UV_INDEX is left out: a web runtime reaches no local files",))
        == found
    )


def test_a_local_main_index_is_not_replaced(machine: Machine) -> None:
    """A main index that a web runtime cannot reach is refused: no other index is asked in its place, in silence."""
    with pytest.raises(UsageError) as caught:
        machine.settings(PIP_INDEX_URL="file:///srv/simple")
    assert ("index-unreachable", "file:///srv/simple of PIP_INDEX_URL") == (caught.value.code, caught.value.got)


def test_notes_hide_passwords(machine: Machine) -> None:
    """A note about an index that is left out shows no credentials."""
    notes = machine.settings(UV_INDEX="ftp://me:s3cret@index.example/simple").notes
    assert notes == (
        "the index ftp://index.example/simple of UV_INDEX is left out: a web runtime reaches no local files",
    )


@given(st.lists(st.text(max_size=60) | st.from_regex(r"https?://[^\s]{0,40}"), min_size=1, max_size=3))
def test_any_argument_is_a_value_or_our_error(written: list[str]) -> None:
    """Whatever text is given as index URLs, the answer is indexes or a UsageError."""
    try:
        found = [one.origin for one in read_index_settings(written).indexes]
    except UsageError as error:
        found = [error.code]
    assert [one for one in found if one != "bad-index-url" and (not one.startswith("http") or "@" in one)] == []
