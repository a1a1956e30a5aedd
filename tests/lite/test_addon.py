"""The addon on the host: what it puts into a site, and that whatever is wrong fails the build."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jupyterlite_core.manager import LiteManager  # type: ignore[import-untyped]  # has no types

from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex, WrongBytes, wheel
from micropip_lock_lite.addon import MicropipLockAddon
from micropip_lock_lite.place import FOLDER, SHIMS
from tests.lite.conftest import kernel_directory, lite, lock_of, sources

type Settings = dict[str, Any]


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    """An index with what is locked."""
    with PackageIndex() as running:
        yield running


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The sources of a site, built as far as other addons build it."""
    sources(tmp_path)
    kernel_directory(tmp_path / "kernel")
    shims = tmp_path / "_output" / SHIMS
    shims.mkdir(parents=True)
    for name, version in (("piplite", "0.8.6"), ("ipykernel", "6.9.2"), ("widgetsnbextension", "3.6.999")):
        built = wheel(name, version)
        (shims / built.filename).write_bytes(built.data)
    for built in (
        wheel("pyodide-kernel", "0.8.6", requires=["comm", "ipython"]),
        wheel("widgetsnbextension", "4.0.999"),
    ):
        (shims / built.filename).write_bytes(built.data)
    (tmp_path / "_output/jupyter-lite.json").write_text(json.dumps({"jupyter-config-data": {}}))
    return tmp_path


def _addon(site: Path, **settings: Any) -> MicropipLockAddon:
    manager = LiteManager(lite_dir=site, log=logging.getLogger("lite"), disable_addons=["micropip-lock"])
    addon = MicropipLockAddon(manager=manager)
    for name, value in ({"kernel": "kernel"} | settings).items():
        setattr(addon, name, value)
    return addon


def _run(tasks: Iterator[Settings]) -> bool:
    """Whether every action of every task went well."""
    done = [action() for task in tasks for action in task["actions"]]
    return bool(done) and all(done)


def _build(site: Path, **settings: Any) -> bool:
    return _run(_addon(site, **settings).post_build(None))


def _settings(site: Path, plugin: str = "@jupyterlite/pyodide-kernel-extension:kernel") -> Settings:
    config = json.loads((site / "_output/jupyter-lite.json").read_text())
    found: Settings = config["jupyter-config-data"]["litePluginSettings"][plugin]
    return found


def _published(site: Path, name: str = "pyodide-lock.json") -> Lock:
    return Lock.from_json((site / "_output" / FOLDER / name).read_bytes())


def _write(site: Path, lock: Lock, name: str = "lock.json") -> str:
    (site / name).write_text(lock.to_json())
    return name


def test_a_site_that_asks_for_nothing_is_left_alone(site: Path) -> None:
    """Without a setting of ours there is no task."""
    addon = _addon(site, kernel=None)

    assert ([], [], []) == ([*addon.status(None)], [*addon.post_build(None)], [*addon.check(None)])


def test_recording_needs_no_lock(site: Path) -> None:
    """A site can have no more than the kernel's own packages, micropip-lock among them."""
    assert _build(site, record=True)
    options = _settings(site)["loadPyodideOptions"]

    assert f"./{FOLDER}/pyodide-lock.json" == options["lockFileURL"]
    assert ["micropip", "piplite", "ipykernel", "comm", "pyodide-kernel", "jedi", "ipython", "micropip-lock"] == (
        options["packages"]
    )
    assert _published(site) == _published(site, "kernel.json")
    assert "4.0.999" == _published(site).packages[_name(site, "widgetsnbextension")].version


def _name(site: Path, name: str) -> Any:
    return next(key for key in _published(site).packages if key == name)


def test_a_locked_site(site: Path, index: PackageIndex) -> None:
    """Locked wheels lie in the site under their digest, named relative to the lock; where they came from is kept."""
    lock = lock_of(["msgpack"], index)
    assert _build(site, lock=_write(site, lock))
    ours, theirs = _published(site).packages[_name(site, "msgpack")], lock.packages[_name(site, "msgpack")]

    assert f"wheels/{theirs.wheel.digest}/{theirs.wheel.filename}" == ours.wheel.url
    assert (site / "_output" / FOLDER / ours.wheel.url).is_file()
    assert ours.origin is not None
    assert theirs.wheel.url == ours.origin.url
    assert "msgpack" in _settings(site)["loadPyodideOptions"]["packages"]
    assert {"MICROPIP_LOCK_ID": lock.id} == _settings(site)["loadPyodideOptions"]["env"]
    assert _run(_addon(site).check(None))


def test_the_kernels_packages_are_the_sites(site: Path, index: PackageIndex, caplog: pytest.LogCaptureFixture) -> None:
    """Where a lock names another version of what the kernel needs, the site's is taken, and the build says so."""
    index.add(wheel("traitlets", "4.0"))
    lock = lock_of(["msgpack"], index)
    other = replace(
        lock.packages[next(iter(lock.packages))],
        name="traitlets",  # type: ignore[arg-type]  # is in its normal form
        display_name="traitlets",
        version="4.0",
        wheel=replace(
            lock.packages[next(iter(lock.packages))].wheel, url=index.file_url("traitlets-4.0-py3-none-any.whl")
        ),
    )
    assert _build(site, lock=_write(site, replace(lock, packages={**lock.packages, "traitlets": other})))

    assert "5.16.1" == _published(site).packages[_name(site, "traitlets")].version
    assert "traitlets 5.16.1 is the kernel's own; the lock names 4.0" in caplog.text
    assert 0 == index.log.count("*traitlets*")


@pytest.mark.parametrize(("preload", "loaded"), [("all", True), ("roots", False), ("none", False), (None, True)])
def test_what_a_kernel_loads(site: Path, index: PackageIndex, preload: str | None, loaded: bool) -> None:
    """All packages are loaded when a kernel starts, or those that a person asked for, or none."""
    assert _build(site, lock=_write(site, lock_of(["msgpack"], index)), preload=preload)

    assert loaded == ("msgpack" in _settings(site)["loadPyodideOptions"]["packages"])


@pytest.mark.parametrize("form", ["table", "texts"])
def test_environments_of_notebooks(site: Path, index: PackageIndex, form: str) -> None:
    """Each pattern has a lock of its own in the site, told to the front end in the order of the patterns."""
    one, other = lock_of(["msgpack"], index), lock_of(["mdurl"], index)
    pairs = {"data/*.ipynb": _write(site, one, "one.json"), "*.ipynb": _write(site, other, "other.json")}
    assert _build(site, environments=pairs if form == "table" else [f"{key}={value}" for key, value in pairs.items()])
    told = _settings(site, "micropip-lock:environments")

    assert [*pairs] == [each["pattern"] for each in told["environments"]]
    assert [True, True] == [
        "msgpack" in told["environments"][0]["packages"],
        "mdurl" in told["environments"][1]["packages"],
    ]
    for each, lock in zip(told["environments"], (one, other), strict=True):
        published = _published(site, Path(each["lockFileURL"]).name)
        assert lock.packages.keys() <= published.packages.keys()
        assert lock.id == each["env"]["MICROPIP_LOCK_ID"]
    assert "msgpack" not in _published(site).packages
    assert _run(_addon(site).check(None))


def test_what_the_owner_configured_stays(site: Path) -> None:
    """Other settings of the kernel, other packages to load and other variables are kept."""
    before = {
        "disablePyPIFallback": True,
        "loadPyodideOptions": {
            "packages": ["numpy", "micropip"],
            "env": {"A": "b"},
            "lockFileContents": "{}",
            "args": [],
        },
    }
    config = {"jupyter-config-data": {"litePluginSettings": {"@jupyterlite/pyodide-kernel-extension:kernel": before}}}
    for directory in (site, site / "_output"):
        (directory / "jupyter-lite.json").write_text(json.dumps(config))
    assert _build(site, record=True)
    options = _settings(site)["loadPyodideOptions"]

    assert True is _settings(site)["disablePyPIFallback"]
    assert (["numpy"], "b", [], False) == (
        options["packages"][-1:],
        options["env"]["A"],
        options["args"],
        "lockFileContents" in options,
    )
    assert 1 == options["packages"].count("micropip")


@pytest.mark.parametrize("offline", [None, True])
def test_a_site_is_kept_for_offline(site: Path, offline: bool | None) -> None:
    """JupyterLite's service worker keeps what was visited when that was asked for, and else as the owner decided."""
    assert _build(site, record=True, offline=offline)
    config = json.loads((site / "_output/jupyter-lite.json").read_text())["jupyter-config-data"]

    # The schema of the configuration wants a boolean, and the application reads it as text.
    assert (True if offline else None) is config.get("enableServiceWorkerCache")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"lock": "nowhere.json"}, "no-lock"),
        ({"lock": "bad.json"}, "not-json"),
        ({"lock": "other-abi.json", "pyodide": "314.0.7"}, "abi-mismatch"),
        ({"lock": "good.json", "environments": {"*": "other-abi.json"}}, "abi-mismatch"),
        ({"lock": 5}, "bad-option"),
        ({"requirements": [""]}, "bad-option"),
        ({"preload": "some"}, "bad-option"),
        ({"environments": "no-equals-sign"}, "bad-option"),
        ({"environments": {"*": 3}}, "bad-option"),
        ({"bytecode": "perhaps"}, "bad-option"),
        ({"lock": ["a", "b"]}, "bad-option"),
        ({"lock": "good.json", "requirements": "six"}, "lock-and-requirements"),
        ({"lock": "good.json", "pyodide": "nowhere/at/all"}, "pyodide-spec"),
        ({"lock": "good.json", "kernel": "nowhere"}, "no-lock"),
        ({"lock": "good.json", "kernel": "empty"}, "missing-dependency"),
        ({"lock": "good.json", "kernel": "good.json"}, "missing-dependency"),
        ({"lock": "good.json", "kernel": "twice"}, "two-wheels"),
        ({"lock": "wrong-bytes.json"}, "digest-mismatch"),
    ],
)
def test_what_fails_the_build(
    site: Path, index: PackageIndex, settings: Settings, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each mistake fails the task with its code, and nothing of ours is published."""
    good = lock_of(["msgpack"], index)
    _write(site, good, "good.json")
    _write(site, replace(good, abi=replace(good.abi, abi_version="2025_0")), "other-abi.json")
    (site / "bad.json").write_text('{"info": ')
    (site / "empty").mkdir()
    (site / "twice").mkdir()
    for version in ("1.0", "2.0"):
        (site / "twice" / wheel("six", version).filename).write_bytes(wheel("six", version).data)
    six = wheel("six")
    index.add(six)
    index.fault(f"/files/{six.filename}", WrongBytes(), each=True)
    entry = replace(
        next(iter(good)),
        name="six",  # type: ignore[arg-type]  # is in its normal form
        display_name="six",
        version="1.0",
        wheel=replace(next(iter(good)).wheel, url=index.file_url(six.filename), size=None),
    )
    _write(site, replace(good, packages={"six": entry}), "wrong-bytes.json")

    assert not _build(site, **settings)
    assert told in caplog.text
    assert not (site / "_output" / FOLDER).exists()


def test_two_addons(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Beside JupyterLite's own lock addon, when that is turned on, nothing is built and nothing is found right."""
    addon = _addon(site, record=True)
    (other,) = (one for one in addon.manager._addons.values() if type(one).__name__ == "PyodideLockAddon")
    assert _run(addon.post_build(None))
    other.enabled = True

    assert (False, False) == (_run(addon.post_build(None)), _run(addon.check(None)))
    assert "two-lock-addons" in caplog.text


def test_a_runtime_from_elsewhere(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A site whose Pyodide comes from another host is not built: a lock is for one runtime."""
    settings = {"@jupyterlite/pyodide-kernel-extension:kernel": {"pyodideUrl": "https://files.example/pyodide.mjs"}}
    config = {"jupyter-config-data": {"litePluginSettings": settings}}
    (site / "_output/jupyter-lite.json").write_text(json.dumps(config))

    assert not _build(site, record=True)
    assert "runtime-elsewhere" in caplog.text


@pytest.mark.parametrize("harm", ["flip", "remove", "shim", "no-lock", "not-json", "elsewhere", "outside"])
def test_check_sees_every_harm(site: Path, index: PackageIndex, harm: str, caplog: pytest.LogCaptureFixture) -> None:
    """A changed byte, a missing file, a lock that is gone, unreadable or names another place: each fails the check."""
    assert _build(site, lock=_write(site, lock_of(["msgpack"], index)))
    folder = site / "_output" / FOLDER
    file = next(folder.glob("wheels/*/msgpack*.whl"))
    lock = folder / "pyodide-lock.json"
    match harm:
        case "flip":
            file.write_bytes(file.read_bytes()[:-1] + b"\0\0")
        case "remove":
            file.unlink()
        case "shim":
            (site / "_output" / SHIMS / wheel("piplite", "0.8.6").filename).write_bytes(wheel("piplite", "0.8.7").data)
        case "no-lock":
            lock.unlink()
        case "not-json":
            lock.write_text("{")
        case "elsewhere":
            lock.write_text(lock.read_text().replace("wheels/", "https://files.example/"))
        case _:
            lock.write_text(lock.read_text().replace('"wheels/', '"../../../kernel/'))
    told = {
        "flip": "digest-mismatch",
        "remove": "not-found",
        "shim": "digest-mismatch",
        "no-lock": "no-lock",
        "not-json": "not-json",
        "elsewhere": "outside",
        "outside": "not-found",
    }

    assert not _run(_addon(site).check(None))
    assert told[harm] in caplog.text


def test_building_again_gives_the_same_bytes(site: Path, index: PackageIndex) -> None:
    """A second build leaves every file of ours as it was, with the network off, and nothing of another lock."""
    lock = _write(site, lock_of(["msgpack"], index))
    assert _build(site, lock=lock)
    before = _files(site)
    assert _build(site, lock=_write(site, lock_of(["mdurl"], index), "other.json"))
    assert before != _files(site)
    index.close()

    assert _build(site, lock=lock)
    assert before == _files(site)


def _files(site: Path) -> dict[str, bytes]:
    root = site / "_output"
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_the_command_line(tmp_path: Path) -> None:
    """``jupyter lite build`` ends with an error when settings are not what they may be."""
    directory = sources(tmp_path)
    (directory / "jupyter_lite_config.json").write_text(json.dumps({"MicropipLockAddon": {"lock": 5}}))
    options = ("--apps", "repl", "--micropip-lock-for", "a=b", "--micropip-lock-for", "c")
    built = lite(directory, *options)

    assert built.code != 0
    assert "bad-option: a setting of the site is not what it may be" in built.log
    assert "MicropipLockAddon.lock" in built.log
    assert "and 1 more" in built.log
