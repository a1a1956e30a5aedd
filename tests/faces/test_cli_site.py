"""Tests of ``micropip-lock freeze --site``: directories as pip and uv leave them, a real index, the real command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from micropip_lock.adapters import runtimes
from micropip_lock.cli import main
from micropip_lock.core.model import Lock
from micropip_lock.testing import Html, PackageIndex, Status, wheel
from tests.faces.fakes import Capture, run_json
from tests.faces.sites import put

SIX = wheel("six", "1.16.0", files={"six.py": "PY3 = True\n"})
RICH = wheel("rich", "15.0", files={"rich/__init__.py": "x = 1\n"}, requires=["six"])
OTHER_RICH = wheel("rich", "15.0", files={"rich/__init__.py": "x = 2\n"}, requires=["six"])
NATIVE = wheel("fast", "2.0", files={"fast.so": "\0asm"}, tag="cp313-cp313-pyemscripten_2025_0_wasm32")


ANOTHER_BUILD = "the index has a wheel of this name, but of another build: its files differ"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory that pip filled with rich and what it needs."""
    put(tmp_path / "site", RICH)
    put(tmp_path / "site", SIX, asked=False)
    return tmp_path / "site"


@pytest.fixture
def index(package_index: PackageIndex) -> PackageIndex:
    """An index with both wheels."""
    package_index.add(SIX)
    package_index.add(RICH)
    return package_index


def items(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """What a refusal lists: name and code."""
    return [(item["name"], item["code"]) for item in answer["error"]["items"]]


def test_prints_the_lock(capsys: Capture, site: Path, index: PackageIndex) -> None:
    """The lock of the directory, and nothing else, is on standard output: each wheel with its digest, size and index,
    and what pip was asked for.
    """
    code = main(["freeze", "--site", str(site), "--index-url", index.url])
    streams = capsys.readouterr()
    lock = Lock.from_json(streams.out)
    found = {
        package.name: (package.wheel.digest.hex, package.wheel.size, package.origin and package.origin.index)
        for package in lock
    }
    expected = {built.project: (built.sha256, built.size, index.url) for built in (RICH, SIX)}
    assert (0, "", ["rich"]) == (code, streams.err, [package.name for package in lock if package.requested])
    assert expected == found


def test_writes_a_file_and_a_table(capsys: Capture, site: Path, index: PackageIndex, tmp_path: Path) -> None:
    """With -o the lock is in the file and people see a table of it, with the ABI it is for."""
    code = main(["freeze", "--site", str(site), "--index-url", index.url, "-o", "out.json"])
    streams = capsys.readouterr()
    lock = Lock.from_json((tmp_path / "out.json").read_text("utf-8"))
    assert (0, "") == (code, streams.out)
    head, *rows, summary, _, name = streams.err.splitlines()
    assert ["package", "version", "source", "size", "sha256", "asked", "for"] == head.split()
    assert [["rich", "15.0", RICH.sha256[:12], "yes"], ["six", "1.16.0", SIX.sha256[:12]]] == [
        [word for word in row.split() if word in (*row.split()[:2], RICH.sha256[:12], SIX.sha256[:12], "yes")]
        for row in rows
    ]
    assert (f"lock {lock.id}", True) == (name, summary.startswith("2 packages, ") and "2026_0" in summary)


def test_json(capsys: Capture, site: Path, index: PackageIndex) -> None:
    """With --json the lock is in the object, as for a freeze of requirements."""
    code, answer, err = run_json(capsys, "freeze", "--site", str(site), "--index-url", index.url)
    assert (0, "micropip-lock/freeze/1", True, ["rich", "six"], "") == (
        code,
        answer["schema"],
        answer["ok"],
        sorted(answer["lock"]["packages"]),
        err,
    )


def test_the_same_twice(capsys: Capture, site: Path, index: PackageIndex) -> None:
    """The same directory gives the same bytes, and freezing leaves it as it was."""
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    texts = []
    for _ in range(2):
        main(["freeze", "--site", str(site), "--index-url", index.url])
        texts.append(capsys.readouterr().out)
    assert before == {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    assert texts[0] == texts[1] != ""


def test_what_cannot_be_locked(capsys: Capture, site: Path, package_index: PackageIndex) -> None:
    """Strict, everything that cannot be locked is listed with its reason and a hint, and nothing is written."""
    package_index.add(OTHER_RICH)
    arguments = ["freeze", "--site", str(site), "--index-url", package_index.url, "-o", "out.json"]
    code = main(arguments)
    err = capsys.readouterr().err
    assert (2, False) == (code, Path("out.json").exists())
    expected = [
        "unlockable: 2 installed distributions cannot be locked",
        f"  rich 15.0: different-build: {ANOTHER_BUILD} (changed: rich/__init__.py)",
        "    hint: name the index it came from (--index-url, or index_urls=), or install it again from there",
        "  six 1.16.0: not-on-index: no index has this project (six 1.16.0)",
        "    hint: name the index it came from (--index-url, or index_urls=)",
    ]
    assert expected == err.splitlines()[:5]
    assert [("rich", "different-build"), ("six", "not-on-index")] == items(run_json(capsys, *arguments)[1])


def test_no_strict(capsys: Capture, site: Path, package_index: PackageIndex) -> None:
    """With --no-strict the rest is locked, and what is not is in the lock and told to people."""
    package_index.add(RICH)
    code = main(["freeze", "--site", str(site), "--index-url", package_index.url, "--no-strict"])
    streams = capsys.readouterr()
    lock = Lock.from_json(streams.out)
    assert (0, ["rich"], ["six"]) == (code, list(lock.packages), [item.name for item in lock.unlocked])
    assert "not locked: six 1.16.0: not-on-index: no index has this project (six 1.16.0)" in streams.err.splitlines()


def test_trust_metadata(capsys: Capture, site: Path, index: PackageIndex) -> None:
    """With --trust-metadata no byte of a wheel is asked for."""
    code = main(["freeze", "--site", str(site), "--index-url", index.url, "--trust-metadata"])
    assert (0, 0, 2) == (code, index.log.count("/files/*"), len(Lock.from_json(capsys.readouterr().out)))


def test_several_indexes(capsys: Capture, site: Path, package_index_factory: Any) -> None:
    """Indexes are asked in the order they are given, and each package names its own."""
    first, second = package_index_factory(), package_index_factory()
    first.add(RICH)
    second.add(SIX)
    second.add(RICH)
    urls = ["--index-url", first.url, "--index-url", second.url]
    main(["freeze", "--site", str(site), *urls])
    lock = Lock.from_json(capsys.readouterr().out)
    assert {"rich": first.url, "six": second.url} == {one.name: one.origin and one.origin.index for one in lock}


def test_the_configured_index(
    capsys: Capture, site: Path, index: PackageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --index-url the index of pip's and uv's configuration is asked."""
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    assert (0, 2) == (main(["freeze", "--site", str(site)]), len(Lock.from_json(capsys.readouterr().out)))


def test_micropips_own_index(
    capsys: Capture, site: Path, index: PackageIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where nothing is configured, micropip's own default is asked, as it stands in micropip."""
    micropip = wheel("micropip", files={"micropip/package_index.py": f"DEFAULT_INDEX_URLS = [{index.url!r}]\n"})
    (tmp_path / micropip.filename).write_bytes(micropip.data)
    monkeypatch.setattr(runtimes, "tool_wheel", lambda name, indexes, tell: tmp_path / micropip.filename)
    assert (0, 2) == (main(["freeze", "--site", str(site)]), len(Lock.from_json(capsys.readouterr().out)))


@pytest.mark.parametrize(
    ("options", "abi"), [([], "2025_0"), (["--pyodide", "0.29.4"], "2025_0"), (["--pyodide", "314.0.7"], None)]
)
def test_which_pyodide(
    capsys: Capture, tmp_path: Path, package_index: PackageIndex, options: list[str], abi: str | None
) -> None:
    """The compiled wheels in a directory say which Pyodide it is for; --pyodide says it, too, and then has to fit."""
    package_index.add(NATIVE)
    put(tmp_path / "site", NATIVE)
    code, answer, _ = run_json(
        capsys, "freeze", "--site", str(tmp_path / "site"), "--index-url", package_index.url, *options
    )
    if abi is None:
        assert (2, [("fast", "other-platform")]) == (code, items(answer))
    else:
        assert (0, abi) == (code, answer["lock"]["info"]["abi_version"])


def test_several_pyodides(capsys: Capture, tmp_path: Path, package_index: PackageIndex) -> None:
    """Wheels for two ABIs in one directory are a mistake that --pyodide decides."""
    put(tmp_path / "site", NATIVE)
    put(tmp_path / "site", wheel("slow", files={"slow.so": ""}, tag="cp314-cp314-pyemscripten_2026_0_wasm32"))
    code, answer, _ = run_json(capsys, "freeze", "--site", str(tmp_path / "site"), "--index-url", package_index.url)
    assert (2, "abi-ambiguous", "2025_0, 2026_0") == (code, answer["error"]["code"], answer["error"]["got"])


def test_a_pyodide_in_a_directory(capsys: Capture, site: Path, index: PackageIndex, tmp_path: Path) -> None:
    """--pyodide takes a directory that holds a Pyodide, whose lock says its ABI; one without is told."""
    info = {"arch": "wasm32", "platform": "emscripten_4_0_9", "version": "0.29.4", "python": "3.13.2"}
    info["abi_version"] = "2025_0"
    (tmp_path / "runtime").mkdir()
    arguments = ["freeze", "--site", str(site), "--index-url", index.url, "--pyodide", str(tmp_path / "runtime")]
    refused = run_json(capsys, *arguments)[1]["error"]["code"]
    (tmp_path / "runtime/pyodide-lock.json").write_text(json.dumps({"info": info, "packages": {}}), "utf-8")
    _, answer, _ = run_json(capsys, *arguments)
    assert ("pyodide-spec", "2025_0") == (refused, answer["lock"]["info"]["abi_version"])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["six"], "usage"),
        (["-r", "requirements.txt"], "usage"),
        (["--pre"], "usage"),
        (["--pyodide", "1.0"], "pyodide-spec"),
        (["--index-url", "ftp://index.example/simple"], "bad-index-url"),
        (["-o", "."], "usage"),
        (["-o", "nowhere/lock.json"], "usage"),
    ],
)
def test_options_that_do_not_go_together(
    capsys: Capture, site: Path, index: PackageIndex, options: list[str], code: str
) -> None:
    """What --site has no use for, and what cannot be, is an error before any index is asked."""
    exit_code, answer, _ = run_json(capsys, "freeze", "--site", str(site), *options)
    assert (2, code, 0) == (exit_code, answer["error"]["code"], index.log.count())


def test_trust_metadata_needs_a_directory(capsys: Capture) -> None:
    """--trust-metadata is refused for requirements, where everything leaves a record."""
    code, answer, _ = run_json(capsys, "freeze", "six", "--trust-metadata")
    assert (2, "--trust-metadata is for --site") == (code, answer["error"]["message"])


@pytest.mark.parametrize(("make", "code"), [(None, "no-directory"), ("empty", "no-site"), ("venv", "no-site")])
def test_nothing_there(capsys: Capture, tmp_path: Path, make: str | None, code: str) -> None:
    """A directory that is not there, or that holds nothing, is an error and no empty lock."""
    if make is not None:
        (tmp_path / "dir").mkdir()
    if make == "venv":
        (tmp_path / "dir/lib/python3.14/site-packages").mkdir(parents=True)
    exit_code, answer, _ = run_json(capsys, "freeze", "--site", str(tmp_path / "dir"))
    assert (2, code) == (exit_code, answer["error"]["code"])


@pytest.mark.parametrize("named", [".", "lib/python3.14/site-packages"])
def test_a_virtual_environment(capsys: Capture, tmp_path: Path, index: PackageIndex, named: str) -> None:
    """A virtual environment is found by its own directory or by its site-packages; scripts in it are its own."""
    put(tmp_path / "venv/lib/python3.14/site-packages", SIX)
    main(["freeze", "--site", str(tmp_path / "venv" / named), "--index-url", index.url])
    assert ["six"] == list(Lock.from_json(capsys.readouterr().out).packages)


def test_an_environment_of_tools(capsys: Capture, tmp_path: Path) -> None:
    """An environment that holds only its own pip, and a directory of tools, gives an empty lock and says so."""
    put(tmp_path / "venv/lib/python3.14/site-packages", wheel("pip", "26.0"))
    (tmp_path / "venv/pyvenv.cfg").touch()
    put(tmp_path / "tools", wheel("micropip", "0.11"), asked=False)
    for name in ("venv", "tools"):
        code = main(["freeze", "--site", str(tmp_path / name), "--index-url", "http://127.0.0.1:9/simple"])
        streams = capsys.readouterr()
        assert (0, 0, True) == (code, len(Lock.from_json(streams.out)), "the lock is empty" in streams.err)


def test_pip_that_something_needs(capsys: Capture, tmp_path: Path, package_index: PackageIndex) -> None:
    """An environment's own pip is locked where something needs it; tools are where somebody asked pip for them."""
    site = tmp_path / "venv/lib/python3.14/site-packages"
    for built in (wheel("pip", "26.0"), wheel("compile", requires=["pip"]), wheel("micropip", "0.11")):
        put(site, package_index.add(built))
    (tmp_path / "venv/pyvenv.cfg").touch()
    main(["freeze", "--site", str(tmp_path / "venv"), "--index-url", package_index.url])
    assert ["compile", "micropip", "pip"] == list(Lock.from_json(capsys.readouterr().out).packages)


def test_an_index_that_is_down(capsys: Capture, site: Path, index: PackageIndex) -> None:
    """Where the index cannot be asked, that is the reason for what has no record; all else is listed as ever."""
    index.fault("/simple/*", Status(503, times=None, retry_after="0"))
    (site / "six.py").write_text("PY3 = False\n", "utf-8")
    code, answer, _ = run_json(capsys, "freeze", "--site", str(site), "--index-url", index.url)
    assert (2, [("rich", "server-error"), ("six", "dirty-changed")]) == (code, items(answer))
    assert f"and {index.url}/rich/ could not be asked: " in answer["error"]["items"][0]["reason"]


def test_an_index_that_is_none(capsys: Capture, site: Path, index: PackageIndex) -> None:
    """A page that no index sends is told as such, for each package that needs it."""
    index.fault("/simple/*", Html(times=None))
    code, answer, _ = run_json(capsys, "freeze", "--site", str(site), "--index-url", index.url)
    assert (2, ["rich", "six"]) == (code, [name for name, _ in items(answer)])


def test_no_password_is_told(capsys: Capture, site: Path, package_index_factory: Any) -> None:
    """Credentials of an index reach it, and are in no output: neither in the lock nor in what people see."""
    index = package_index_factory(require_auth=("user", "pass-word"))
    told: list[str] = []
    for wheels in ((), (RICH, SIX)):
        for built in wheels:
            index.add(built)
        for options in ([], ["--json"], ["-o", "out.json"]):
            main(["freeze", "--site", str(site), "--index-url", index.url_with_credentials, *options])
            told += capsys.readouterr()
    wrong = index.url_with_credentials.replace("pass-word", "secret-too")
    main(["freeze", "--site", str(site), "--index-url", wrong])
    told += [*capsys.readouterr(), Path("out.json").read_text("utf-8")]
    assert f'"index": "{index.url}"' in "".join(told)
    assert (False, False) == ("pass-word" in "".join(told), "secret-too" in "".join(told))


def test_an_edited_wheel_of_a_name(capsys: Capture, tmp_path: Path, package_index: PackageIndex) -> None:
    """A record that somebody wrote by hand is told apart from a file that somebody edited."""
    package_index.add(SIX)
    directory = put(tmp_path / "site", SIX)
    text = (directory / "RECORD").read_text("utf-8")
    (directory / "RECORD").write_text(text + "added.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n", "utf-8")
    (tmp_path / "site/added.py").touch()
    _, answer, _ = run_json(capsys, "freeze", "--site", str(tmp_path / "site"), "--index-url", package_index.url)
    assert [("six", "edited")] == items(answer)
