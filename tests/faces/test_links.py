"""Links as people use them: opened without a request, or asked for and proven."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import micropip_lock as ml
from micropip_lock.core.digest import Digest
from micropip_lock.core.link_address import lab_of
from micropip_lock.core.model import Lock
from micropip_lock.core.policy import Policy
from micropip_lock.errors import LinkError, MicropipLockError, UsageError
from micropip_lock.links import share_reference
from micropip_lock.testing import NotFound, PackageIndex, Redirect, Status, wheel
from tests.faces.fakes import SIX, lock_of

PAGE = "https://site.example/lab/index.html?path=a"


async def _code(link: str, **options: object) -> str:
    with pytest.raises(MicropipLockError) as caught:
        await ml.resolve_link(link, **options)  # type: ignore[arg-type]  # the tests give what there is
    return caught.value.code


def test_a_link_opens_without_a_request(lock: Lock, package_index: PackageIndex) -> None:
    """The lock of a full link is there at once, also in a page's address, and nobody is asked."""
    package_index.log.clear()
    link = ml.share(lock, f"{PAGE}#code=1&lock=old")
    found = ml.open_link(link)

    assert (lock, lock.id, PAGE) == (found, found.id, found.base)
    assert (True, "code=1") == (link.startswith(f"{PAGE}#lock=1."), link.rpartition("&")[2])
    assert 0 == package_index.log.count("*")


@pytest.mark.parametrize("form", ["short", "reference"])
def test_what_needs_the_network_says_so(form: str, lock: Lock, package_index: PackageIndex) -> None:
    """A link that does not hold its lock cannot be opened without asking, and nobody is asked."""
    package_index.log.clear()
    link = ml.share(lock, form="short") if form == "short" else share_reference("https://files.example/l.json", b"")
    with pytest.raises(LinkError) as caught:
        ml.open_link(link)
    assert ("needs-network", 0) == (caught.value.code, package_index.log.count("*"))


def test_a_form_that_there_is_not(lock: Lock) -> None:
    """Another form than full and short is a mistake."""
    with pytest.raises(UsageError) as caught:
        ml.share(lock, form="tiny")  # type: ignore[arg-type]  # that is the mistake
    assert "link-form" == caught.value.code


async def test_a_short_link_asks_the_index(lock: Lock, package_index: PackageIndex) -> None:
    """A short link gives the same lock, from project pages alone."""
    package_index.log.clear()
    found = await ml.resolve_link(ml.share(lock, form="short"))

    assert (lock, lock.id) == (found, found.id)
    assert ["/simple/six/"] == [request.path for request in package_index.log]


async def test_a_short_link_is_a_lock_argument(lock: Lock, tmp_path: Path) -> None:
    """A replay takes a link as it takes a path."""
    await ml.replay(ml.share(lock, form="short"), target=tmp_path / "site")
    assert "PY3 = True\n" == (tmp_path / "site" / "six.py").read_text("utf-8")


async def test_an_index_that_has_another_file(lock: Lock, package_index: PackageIndex) -> None:
    """Where the index has other bytes under the name, the link is refused."""
    package_index.remove(SIX.filename)
    package_index.add(wheel("six", "1.16.0", files={"six.py": "PY3 = 'other'\n"}))
    assert "index-differs" == await _code(ml.share(lock, form="short"))


async def test_an_index_that_has_no_such_file(lock: Lock, package_index: PackageIndex) -> None:
    """Where the index does not list the file any more, or does not know the project, the link is refused."""
    link = ml.share(lock, form="short")
    package_index.remove(SIX.filename)
    package_index.add(wheel("six", "2.0", files={"six.py": "PY3 = True\n"}))
    assert "not-on-index" == await _code(link)
    package_index.fault("/simple/six/", NotFound())
    assert "not-found" == await _code(link)


async def test_an_index_that_is_down(lock: Lock, package_index: PackageIndex, tmp_path: Path) -> None:
    """A mirror of the index, or a bundle, tells what the index cannot; else its failure is told."""
    bundle = tmp_path / "bundle"
    await ml.bundle(lock, bundle)
    link = ml.share(lock, form="short")
    package_index.fault("/simple/six/", Status(403), each=True)
    with PackageIndex() as mirror:
        mirror.add(SIX)
        by_mirror = await ml.resolve_link(link, mirrors=[mirror.url.removesuffix("/simple")])
    by_bundle = await ml.resolve_link(link, bundle=bundle)

    assert (lock, lock) == (by_mirror, by_bundle)
    assert "blocked" == await _code(link)


async def test_an_index_that_lies_and_a_mirror_that_does_not(lock: Lock, package_index: PackageIndex) -> None:
    """Whoever is right wins, whatever the order; where both are wrong, the link is refused."""
    link = ml.share(lock, form="short")
    package_index.remove(SIX.filename)
    package_index.add(wheel("six", "1.16.0", files={"six.py": "PY3 = 'other'\n"}))
    with PackageIndex() as mirror:
        mirror.add(SIX)
        found = await ml.resolve_link(link, mirrors=[mirror.url.removesuffix("/simple")])
        mirror.remove(SIX.filename)
        mirror.add(wheel("six", "1.16.0", files={"six.py": "PY3 = 'third'\n"}))
        code = await _code(link, mirrors=[mirror.url.removesuffix("/simple")])

    assert (lock, "index-differs") == (found, code)


async def test_an_index_that_may_not_be_asked(lock: Lock, package_index: PackageIndex) -> None:
    """The policy decides who is asked: a host that is not listed is not, nor a private one by a public page."""
    package_index.log.clear()
    link = ml.share(lock, form="short")
    assert "host-not-allowed" == await _code(link, policy=Policy(allow_hosts=("files.example",)))
    assert "private-address" == await _code(ml.share(lock, PAGE, form="short"))
    assert 0 == package_index.log.count("*")


async def test_a_lock_by_reference(lock: Lock, package_index: PackageIndex, tmp_path: Path) -> None:
    """A lock by reference is the one whose digest the link has, and knows where it lies; any other is refused."""
    data = lock.to_json().encode()
    (tmp_path / "a.json").write_bytes(data)
    url = f"{package_index.mount('/locks/', tmp_path)}a.json"
    found = await ml.resolve_link(share_reference(url, data))
    (tmp_path / "a.json").write_bytes(data + b"\n")

    assert (lock, url) == (found, found.base)
    assert "digest-mismatch" == await _code(share_reference(url, data))


@pytest.mark.parametrize(
    ("to", "code"),
    [("file:///etc/passwd", "redirect-policy"), ("http://192.0.2.1/l.json", "redirect-policy")],
)
async def test_a_reference_that_leads_elsewhere(
    to: str, code: str, package_index: PackageIndex, tmp_path: Path
) -> None:
    """A lock by reference that redirects to a file, or to another host over http:, is not followed."""
    (tmp_path / "a.json").write_bytes(b"{}")
    url = f"{package_index.mount('/locks/', tmp_path)}a.json"
    package_index.fault("/locks/a.json", Redirect(to))
    assert code == await _code(share_reference(url, b"{}"))


def test_packages_of_the_runtime(monkeypatch: pytest.MonkeyPatch, package_index: PackageIndex) -> None:
    """What the runtime's lock says is left to it, unless it is to be spelt out; another runtime does not open it."""
    plain = lock_of(package_index)
    package = next(iter(plain))
    lock = replace(
        plain, packages={"six": replace(package, origin=None, requested=False, wheel=replace(package.wheel, size=None))}
    )
    base = {"six": {**lock.to_dict()["packages"]["six"]}}
    other = {"six": {**base["six"], "sha256": Digest(bytes(32)).hex}}
    at_hand = [other, base]
    monkeypatch.setattr("micropip_lock.wiring.runtime_packages", lambda pyodide=None: iter(at_hand))
    by_name, spelt_out = ml.share(lock), ml.share(lock, spell_out=True)

    assert (lock, lock) == (ml.open_link(by_name), ml.open_link(spelt_out))
    at_hand.remove(base)
    with pytest.raises(LinkError) as caught:
        ml.open_link(by_name)
    assert ("needs-base", True) == (caught.value.code, len(by_name) < len(spelt_out))


def test_packages_of_a_sites_lock(monkeypatch: pytest.MonkeyPatch, package_index: PackageIndex) -> None:
    """What a kernel has by the lock of its JupyterLite site is spelt out: no other Pyodide has that lock."""
    plain = lock_of(package_index)
    lock = replace(plain, packages={"six": replace(next(iter(plain)), origin=None)})
    entry = {**lock.to_dict()["packages"]["six"], "tool": {"micropip-lock": {"size": 7}}}
    monkeypatch.setattr("micropip_lock.wiring.runtime_packages", lambda pyodide=None: iter([{"six": entry}]))
    assert ml.share(lock, spell_out=True) == ml.share(lock)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            "https://site.example/a/extensions/@jupyterlite/pyodide-kernel-extension/static/comlink.worker.1.js",
            "https://site.example/a/lab/index.html",
        ),
        ("https://site.example/worker.js", ""),
        (None, ""),
    ],
)
def test_the_page_of_a_kernel(script: str | None, expected: str) -> None:
    """A kernel of a JupyterLite site knows by its own script where links open."""
    assert expected == lab_of(script)
