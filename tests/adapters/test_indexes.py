"""Tests of :mod:`micropip_lock.adapters.indexes` and of the pip and uv settings it reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

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
from micropip_lock.adapters.pip_settings import configuration_files, configured_ca_bundle
from micropip_lock.adapters.places import Places
from micropip_lock.errors import UsageError


class Machine:
    """A machine whose only configuration is what a test writes."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.cwd = root / "work" / "project"
        self.prefix = root / "venv"
        self.etc = root / "etc"
        for directory in (self.home, self.cwd, self.prefix, self.etc):
            directory.mkdir(parents=True)
        self.places = Places(cwd=self.cwd, home=self.home, prefix=self.prefix, etc=self.etc)

    def write(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def settings(self, explicit: list[str] | None = None, /, **environ: str) -> IndexSettings:
        return read_index_settings(explicit or [], environ=environ, places=self.places)

    def urls(self, **environ: str) -> list[str]:
        return [index.url.removeprefix("https://index.example/") for index in self.settings(**environ).indexes]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def index(name: str) -> str:
    return f"https://index.example/{name}"


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
    """Indexes on the local disk are left out with a note, and a main one there does not count."""
    found = machine.settings(PIP_INDEX_URL="file:///srv/simple", UV_INDEX="./local")
    assert (
        IndexSettings(
            notes=(
                "the index ./local of UV_INDEX is left out: a web runtime reaches no local files",
                "the index file:///srv/simple of PIP_INDEX_URL is left out: a web runtime reaches no local files",
            )
        )
        == found
    )


def test_notes_hide_passwords(machine: Machine) -> None:
    """A note about an index that is left out shows no credentials."""
    notes = machine.settings(PIP_INDEX_URL="ftp://me:s3cret@index.example/simple").notes
    assert notes == (
        "the index ftp://index.example/simple of PIP_INDEX_URL is left out: a web runtime reaches no local files",
    )


def pip_layers(machine: Machine) -> Mapping[str, Path]:
    return {
        "global": machine.etc / "xdg/pip/pip.conf",
        "etc": machine.etc / "pip.conf",
        "legacy": machine.home / ".pip/pip.conf",
        "user": machine.home / ".config/pip/pip.conf",
        "site": machine.prefix / "pip.conf",
    }


def test_pip_files_override_in_order(machine: Machine) -> None:
    """Global, the machine's, legacy user, user, site, PIP_CONFIG_FILE: each file overrides the ones before it."""
    seen = []
    for name, path in pip_layers(machine).items():
        machine.write(path, f"[global]\nindex-url = {index(name)}\n")
        seen += machine.urls()
    own = machine.write(machine.home / "own.conf", f"[global]\nindex-url = {index('own')}\n")
    seen += machine.urls(PIP_CONFIG_FILE=str(own))
    assert seen == ["global", "etc", "legacy", "user", "site", "own"]


def test_pip_config_file_replaces_the_users_files(machine: Machine) -> None:
    """A PIP_CONFIG_FILE that exists turns the user's files off; one that does not exist changes nothing."""
    machine.write(pip_layers(machine)["user"], f"[global]\nindex-url = {index('user')}\n")
    own = machine.write(machine.home / "own.conf", "[global]\ntimeout = 3\n")
    found = machine.urls(PIP_CONFIG_FILE=str(own)), machine.urls(PIP_CONFIG_FILE=str(machine.home / "missing.conf"))
    assert found == ([], ["user"])


def test_pip_config_file_null_device(machine: Machine) -> None:
    """PIP_CONFIG_FILE set to the null device turns every file off, but no variable."""
    for name, path in pip_layers(machine).items():
        machine.write(path, f"[global]\nextra-index-url = {index(name)}\n")
    assert machine.urls(PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL=index("env")) == ["env"]


def test_pip_same_files_as_pip(machine: Machine) -> None:
    """The files are those, in that order, that the installed pip itself reports it would read."""
    for path in pip_layers(machine).values():
        machine.write(path, "[global]\ntimeout = 3\n")
    script = (
        "import json, os\n"
        "from pip._internal.configuration import Configuration, OVERRIDE_ORDER\n"
        "files = dict(Configuration(isolated=False).iter_config_files())\n"
        "print(json.dumps([f for kind in OVERRIDE_ORDER if kind in files for f in files[kind] if os.path.exists(f)]))\n"
    )
    own = machine.write(machine.home / "own.conf", "[global]\n")
    results = []
    for more in ({}, {"PIP_CONFIG_FILE": str(own)}):
        environ = {"HOME": str(machine.home), "XDG_CONFIG_DIRS": str(machine.etc / "xdg"), **more}
        told = subprocess.run(
            [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True
        ).stdout
        real = replace(machine.places, prefix=Path(sys.prefix), etc=Path("/etc"))
        ours = configuration_files(environ, real)
        results.append((json.loads(told), [str(path) for path in ours]))
    assert [pips for pips, _ in results] == [ours for _, ours in results]


def test_pip_sections_and_spellings(machine: Machine) -> None:
    """[install] overrides [global], other commands' sections do not, and keys are spelled freely."""
    machine.write(
        pip_layers(machine)["user"],
        f"[install]\nindex_url = {index('install')}\n"
        f"[global]\nINDEX-URL = {index('global')}\n--extra-index-url =\n  {index('x1')}\n  {index('x2')}\n"
        f"[download]\nindex-url = {index('download')}\n",
    )
    assert machine.urls() == ["install", "x1", "x2"]


def test_pip_values_are_not_interpolated(machine: Machine) -> None:
    """A percent sign is a percent sign and ${NAME} is not expanded, as in pip."""
    machine.write(pip_layers(machine)["user"], "[global]\nindex-url = https://u:a%%40${X}@index.example/s\n")
    assert machine.settings(X="no").indexes[0].credentials == ("u", "a%@${X}")


def test_pip_empty_value_unsets(machine: Machine) -> None:
    """An empty value in a nearer file takes the farther file's back; an empty variable is none."""
    machine.write(pip_layers(machine)["global"], f"[global]\nindex-url = {index('global')}\n")
    before = machine.urls(PIP_INDEX_URL="")
    machine.write(pip_layers(machine)["user"], "[global]\nindex-url =\n")
    assert (before, machine.urls()) == (["global"], [])


@pytest.mark.parametrize(
    "text", ["index-url = x\n", "[global]\nindex-url = a\nindex_url = b\n", "[global\n", "[global]\n\xff\n=\n"]
)
def test_broken_pip_file(machine: Machine, text: str) -> None:
    """A pip file that cannot be parsed is an error that names it."""
    path = machine.write(pip_layers(machine)["user"], text)
    with pytest.raises(UsageError) as caught:
        machine.settings()
    assert ("bad-config", str(path)) == (caught.value.code, caught.value.where)


@pytest.mark.parametrize("value", ["1", "true", "Yes", "on"])
def test_pip_no_index(machine: Machine, value: str) -> None:
    """PIP_NO_INDEX forbids every index that is not given as an argument."""
    with pytest.raises(UsageError) as caught:
        machine.settings(PIP_NO_INDEX=value, PIP_INDEX_URL=index("x"))
    assert (caught.value.code, caught.value.where) == ("no-index", "PIP_NO_INDEX")


def test_no_index_switched_off(machine: Machine) -> None:
    """PIP_NO_INDEX=0 overrides a file's no-index."""
    machine.write(pip_layers(machine)["user"], "[global]\nno-index = true\n")
    assert machine.urls(PIP_NO_INDEX="0", PIP_INDEX_URL=index("x")) == ["x"]


def test_no_index_unclear(machine: Machine) -> None:
    """A no-index that is neither yes nor no is an error."""
    with pytest.raises(UsageError) as caught:
        machine.settings(PIP_NO_INDEX="maybe")
    assert caught.value.code == "bad-config"


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


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"REQUESTS_CA_BUNDLE": "/r.pem", "CURL_CA_BUNDLE": "/c.pem"}, Path("/r.pem")),
        ({"CURL_CA_BUNDLE": "/c.pem"}, Path("/c.pem")),
        ({"PIP_CERT": "/p.pem", "REQUESTS_CA_BUNDLE": "/r.pem"}, Path("/p.pem")),
    ],
)
def test_ca_bundle(machine: Machine, environ: dict[str, str], expected: Path | None) -> None:
    """Certificates are those of pip's cert setting, else of the variables that pip's HTTP library reads."""
    found = configured_ca_bundle(environ, machine.places)
    assert expected == found


def test_ca_bundle_of_a_file(machine: Machine) -> None:
    """Pip's cert may stand in a file."""
    machine.write(pip_layers(machine)["site"], "[global]\ncert = /site.pem\n")
    assert Path("/site.pem") == configured_ca_bundle({}, machine.places)


@given(st.lists(st.text(max_size=60) | st.from_regex(r"https?://[^\s]{0,40}"), min_size=1, max_size=3))
def test_any_argument_is_a_value_or_our_error(written: list[str]) -> None:
    """Whatever text is given as index URLs, the answer is indexes or a UsageError."""
    try:
        found = [one.origin for one in read_index_settings(written).indexes]
    except UsageError as error:
        found = [error.code]
    assert [one for one in found if one != "bad-index-url" and (not one.startswith("http") or "@" in one)] == []
