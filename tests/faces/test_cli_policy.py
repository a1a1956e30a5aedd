"""Tests of :mod:`micropip_lock.cli_policy`: options and files to a policy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from micropip_lock.cli import main
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from tests.faces.fakes import Capture, FakeFreeze, run_json

INDEX = "https://index.example/simple"


def _policy(fake: FakeFreeze, *options: str) -> Policy:
    assert 0 == main(["freeze", "six", *options])
    policy: Policy = fake.asked[-1][1]["policy"]
    return policy


def test_without_options(fake_freeze: FakeFreeze) -> None:
    """Without options the policy is the default."""
    assert DEFAULT_POLICY == _policy(fake_freeze)


def test_options(fake_freeze: FakeFreeze) -> None:
    """Each option is a field, and may be repeated."""
    found = _policy(
        fake_freeze,
        *("--allow-host", "files.example", "--allow-host", "cdn.example"),
        *("--allow-insecure-host", "old.example", "--yes"),
        *("--index-pin", f"acme-*={INDEX}", "--index-pin", "numpy=pyodide"),
    )
    assert found == Policy(
        allow_hosts=("cdn.example", "files.example"),
        allow_insecure_hosts=("old.example",),
        index_pins={"acme-*": INDEX, "numpy": "pyodide"},
        consent=True,
    )


@pytest.mark.parametrize("form", ["toml", "json"])
def test_a_file_and_options(fake_freeze: FakeFreeze, tmp_path: Path, form: str) -> None:
    """Hosts of options are added to the file's, a pin stands in place of the file's, and the rest is the file's."""
    texts = {
        "toml": f'allow-hosts = ["files.example"]\nmax-hosts = 3\n[index-pins]\nacme = "{INDEX}"\nlib = "{INDEX}"\n',
        "json": json.dumps(
            {"allow-hosts": ["files.example"], "max-hosts": 3, "index-pins": {"acme": INDEX, "lib": INDEX}}
        ),
    }
    (tmp_path / "policy").write_text(texts[form], encoding="utf-8-sig")
    found = _policy(
        fake_freeze, "--policy", "policy", "--allow-host", "cdn.example", "--index-pin", "Acme=https://other.example"
    )
    assert found == Policy(
        allow_hosts=("cdn.example", "files.example"),
        max_hosts=3,
        index_pins={"acme": "https://other.example", "lib": INDEX},
    )


@pytest.mark.parametrize(
    "options",
    [
        ["--index-pin", "acme"],
        ["--index-pin", "acme=nowhere"],
        ["--index-pin", f"acme={INDEX}", "--index-pin", "acme=https://other.example"],
        ["--index-pin", f"ac me={INDEX}"],
        ["--allow-host", "https://files.example"],
        ["--policy", "absent.toml"],
        ["--policy", "."],
        ["--policy", "broken.toml"],
        ["--policy", "broken.json"],
        ["--policy", "deep.json"],
        ["--policy", "latin.toml"],
        ["--policy", "large.toml"],
        ["--policy", "unknown.toml"],
    ],
)
def test_what_is_no_policy(capsys: Capture, fake_freeze: FakeFreeze, tmp_path: Path, options: list[str]) -> None:
    """An option or a file that means nothing is wrong usage, and nothing is begun."""
    (tmp_path / "broken.toml").write_text("allow-hosts = [")
    (tmp_path / "broken.json").write_text('{"allow-hosts": ')
    (tmp_path / "deep.json").write_text('{"a":' * 100_000)
    (tmp_path / "latin.toml").write_bytes(b'# \xfc\nmax-hosts = "x"')
    (tmp_path / "large.toml").write_text("#" * (2**20 + 1))
    (tmp_path / "unknown.toml").write_text("alow-hosts = []")
    code, told, _ = run_json(capsys, "freeze", "six", *options)
    assert (2, "bad-policy", []) == (code, told["error"]["code"], fake_freeze.asked)


def test_the_largest_file(fake_freeze: FakeFreeze, tmp_path: Path) -> None:
    """A file of just the most bytes is read."""
    (tmp_path / "policy.toml").write_text("#" * 2**20)
    assert DEFAULT_POLICY == _policy(fake_freeze, "--policy", "policy.toml")


def test_replay_and_verify_keep_the_policy(capsys: Capture, lock_path: str, tmp_path: Path) -> None:
    """A pin on the command line refuses a replay, and is an error of a verification."""
    pin = ("--index-pin", f"six={INDEX}")
    replayed = run_json(capsys, "replay", lock_path, "--target", "site", *pin)
    changed = (tmp_path / "site").exists()
    good = run_json(capsys, "replay", lock_path, "--target", "site")
    verified = run_json(capsys, "verify", lock_path, "--site", "site", *pin)
    findings = [one["code"] for one in verified[1]["reports"]["site"]["findings"]]
    assert (2, "index-pin", False, 0, 1, True) == (
        replayed[0],
        replayed[1]["error"]["code"],
        changed,
        good[0],
        verified[0],
        "index-pin" in findings,
    )


def test_yes_is_consent(capsys: Capture, lock_path: str, tmp_path: Path) -> None:
    """What needs consent is refused with the option to pass, and done with it."""
    (tmp_path / "p.toml").write_text("ask-above-bytes = 1")
    asked = run_json(capsys, "replay", lock_path, "--target", "site", "--policy", "p.toml")
    agreed = run_json(capsys, "replay", lock_path, "--target", "site", "--policy", "p.toml", "--yes")
    assert (2, "large-download", True, 0) == (
        asked[0],
        asked[1]["error"]["code"],
        "--yes" in asked[1]["error"]["hint"],
        agreed[0],
    )


def test_yes_has_no_use_elsewhere(capsys: Capture, lock_path: str) -> None:
    """Consent to a download is told to be of no use where nothing is downloaded."""
    main(["show", lock_path, "--yes"])
    assert "note: --yes changes nothing here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], "insecure"),
        (["--allow-host", "files.example"], "insecure"),
        (["--allow-insecure-host", "site.example"], "proxy"),
    ],
)
def test_a_lock_over_http(capsys: Capture, monkeypatch: pytest.MonkeyPatch, options: list[str], code: str) -> None:
    """A lock is not fetched over http: from a host that nobody allowed; what is allowed is asked."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    found = run_json(capsys, "show", "http://site.example/pyodide-lock.json", *options)
    assert (2, code) == (found[0], found[1]["error"]["code"])
