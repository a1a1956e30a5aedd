"""The browser engine inside the package is the one that ``js/src`` builds to, and the build hook can tell."""

from __future__ import annotations

import gzip
import shutil
import stat
from pathlib import Path

import pytest

import hatch_build
from hatch_build import BUNDLES, EngineBundle, recorded_digest, sources_digest

ROOT = Path(__file__).parents[2]
BUNDLE = BUNDLES[0]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what the build hook reads."""
    for source in hatch_build.bundle_sources(ROOT):
        target = tmp_path / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    for bundle in BUNDLES:
        (tmp_path / bundle).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / bundle, tmp_path / bundle)
    return tmp_path


def _hook(root: Path) -> EngineBundle:
    return EngineBundle(str(root), {}, None, None, str(root / "dist"), "wheel")  # type: ignore[arg-type]


def _npm(folder: Path, script: str) -> str:
    """A program that stands in for npm."""
    path = folder / "npm"
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_the_bundle_is_fresh() -> None:
    """The first line of the bundle names the sources that are there; if not: ``make js``, and commit the bundle."""
    assert sources_digest(ROOT) == recorded_digest(ROOT)


@pytest.mark.parametrize(("bundle", "most"), [*zip(BUNDLES, (76_000, 124_000, 60_000, 120_000, 4_000), strict=True)])
def test_a_bundle_is_small(bundle: str, most: int) -> None:
    """The engine has fewer bytes than every kernel can evaluate in passing; what a page boots with, some more."""
    assert (ROOT / bundle).stat().st_size < most


def test_the_library_is_small_on_the_wire() -> None:
    """Whoever opens a page with a link fetches at most 20 kB before anybody is asked."""
    assert len(gzip.compress((ROOT / BUNDLES[2]).read_bytes(), 9)) <= 20_000


@pytest.mark.parametrize("bundle", BUNDLES)
def test_any_bundle_may_be_the_stale_one(clone: Path, bundle: str) -> None:
    """One bundle of other sources, or none, is noticed however fresh the other is."""
    (clone / bundle).write_text(f"/*! micropip-lock boot; sources sha256 {'0' * 64} */\n", "utf-8")
    other = recorded_digest(clone)
    (clone / bundle).unlink()
    assert (None, None) == (other, recorded_digest(clone))


@pytest.mark.parametrize("name", ["src/engine.ts", "package-lock.json", "build.mjs", "tsconfig.json", "package.json"])
def test_a_changed_source_makes_the_bundle_stale(clone: Path, name: str) -> None:
    """One more byte in any source, in the lock or in the build configuration is noticed."""
    with (clone / "js" / name).open("a") as source:
        source.write(" ")
    assert sources_digest(clone) != recorded_digest(clone)


def test_a_new_source_makes_the_bundle_stale_and_a_test_does_not(clone: Path) -> None:
    """A new file under ``js/src`` counts unless it belongs to the tests."""
    (clone / "js/src/new.test.ts").write_text("", "utf-8")
    after_test = sources_digest(clone) == recorded_digest(clone)
    (clone / "js/src/new.ts").write_text("", "utf-8")
    assert (True, False) == (after_test, sources_digest(clone) == recorded_digest(clone))


def test_a_fresh_bundle_needs_no_node(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook does nothing for a fresh bundle, with no npm anywhere."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("NPM", raising=False)
    before = (clone / BUNDLE).read_bytes()
    _hook(clone).initialize("standard", {})
    assert before == (clone / BUNDLE).read_bytes()


@pytest.mark.parametrize("present", [True, False])
def test_a_stale_bundle_without_node_says_what_to_do(
    clone: Path, monkeypatch: pytest.MonkeyPatch, present: bool
) -> None:
    """Without npm the build stops with a hint, whether the bundle is stale or is not there."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("NPM", raising=False)
    if present:
        (clone / "js/src/main.ts").write_text("", "utf-8")
    else:
        (clone / BUNDLE).unlink()
    with pytest.raises(RuntimeError, match="hint: run `make js`"):
        _hook(clone).initialize("standard", {})


def test_a_stale_bundle_is_built(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook installs from the lock, runs the build, and believes the first line of what came out."""
    (clone / BUNDLE).write_text("old\n", "utf-8")
    line = f"/*! micropip-lock engine; sources sha256 {sources_digest(clone)} */"
    write = "; ".join(f'echo "{line}" >../{bundle}' for bundle in BUNDLES)
    script = f'echo "$@" >>../asked; [ "$1" = ci ] || {{ {write}; }}'
    monkeypatch.setenv("NPM", _npm(clone, script))
    _hook(clone).initialize("standard", {})
    assert "ci --ignore-scripts\nrun build\n" == (clone / "asked").read_text("utf-8")


@pytest.mark.parametrize(
    ("script", "message"), [("exit 3", "failed in js/ with exit code 3"), ("exit 0", "do not name")]
)
def test_a_build_that_went_wrong_stops_the_packing(
    clone: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    """Neither a failing npm nor a build that leaves the bundle stale is passed over."""
    (clone / BUNDLE).write_text("old\n", "utf-8")
    monkeypatch.setenv("NPM", _npm(clone, script))
    with pytest.raises(RuntimeError, match=message):
        _hook(clone).initialize("standard", {})


def test_an_editable_install_takes_the_clone_as_it_is(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer without Node can install a clone whose bundle is stale; the tests tell, not pip."""
    monkeypatch.setenv("PATH", "")
    (clone / BUNDLE).write_text("old\n", "utf-8")
    _hook(clone).initialize("editable", {})
    assert "old\n" == (clone / BUNDLE).read_text("utf-8")
