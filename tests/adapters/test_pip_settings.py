"""Tests of :mod:`micropip_lock.adapters.pip_settings`, alone and through the indexes that follow from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from micropip_lock.adapters.pip_settings import configuration_files, configured_ca_bundle
from micropip_lock.errors import UsageError
from tests.adapters.machine import Machine, index, pip_layers


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
