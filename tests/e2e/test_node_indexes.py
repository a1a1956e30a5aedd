"""Several indexes, failing indexes and indexes with a password, in Pyodide under Node."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.errors import MicropipLockError, OutcomeError
from micropip_lock.testing import Delay, PackageIndex, Status, wheel
from tests.e2e.kernel import Kernel, kernel

pytestmark = pytest.mark.node

type MakeIndex = Callable[..., PackageIndex]

EVERY_TEXT = """
from pathlib import Path
from site import getsitepackages
root = Path(getsitepackages()[0])
files = [path for path in root.rglob("*") if path.is_file()]
answer = {str(path.relative_to(root)): path.read_bytes().decode("latin-1") for path in files}
"""


async def _index_files(running: Kernel) -> dict[str, str]:
    found = await running.ask(EVERY_TEXT)
    return {path.partition("-")[0]: text.strip() for path, text in found.items() if path.endswith("/INDEX")}


async def test_each_package_names_its_own_index(package_index_factory: MakeIndex) -> None:
    """Of two packages from two indexes, each keeps the index it came from, not the first that was configured."""
    one, two = package_index_factory(), package_index_factory()
    one.add(wheel("alpha", requires=["beta"]))
    two.add(wheel("beta"))
    async with kernel(index_urls=[one.url, two.url]) as running:
        frozen = await running.pyodide.install_and_freeze(["alpha"])
        files = await _index_files(running)
    locked = {package.name: package.origin.index for package in frozen.lock if package.origin}

    assert ({"alpha": one.url, "beta": two.url},) * 2 == (files, locked)


@pytest.mark.parametrize("seconds", [(2.0, 2.0), (1.5, 4.0)], ids=["together", "one-late"])
async def test_what_two_need_at_once_keeps_its_index(
    package_index_factory: MakeIndex, seconds: tuple[float, float]
) -> None:
    """A wheel that micropip installs twice, because two need it at once, is recorded as from its index, not a URL."""
    index = package_index_factory()
    index.add(wheel("left", requires=["shared"]))
    index.add(wheel("right", requires=["shared"]))
    index.add(wheel("shared"))
    index.fault("/simple/shared/", *(Delay(one, times=1) for one in seconds))
    async with kernel(index_urls=[index.url]) as running:
        frozen = await running.pyodide.install_and_freeze(["left", "right"])
    origin = frozen.lock.packages[canonicalize_name("shared")].origin
    records = {
        path for path in frozen.tree if path.startswith("shared-") and path.endswith(("INDEX", "direct_url.json"))
    }

    assert ("index", index.url, {"shared-1.0.dist-info/INDEX"}, 2) == (
        origin and origin.kind,
        origin and origin.index,
        records,
        index.log.count("/simple/shared/"),
    )


async def test_a_failing_index_stops_the_install(package_index_factory: MakeIndex) -> None:
    """When the first index fails, nothing is installed and the next one is not asked: it could be anybody's package."""
    private, public = package_index_factory(), package_index_factory()
    private.add(wheel("alpha"))
    public.add(wheel("alpha", "99.0"))
    private.fault("/simple/alpha/", Status(503))
    async with kernel(index_urls=[private.url, public.url]) as running:
        with pytest.raises(MicropipLockError) as caught:
            await running.pyodide.install_and_freeze(["alpha"])
        tree = await running.tree()

    assert ("index-failed", True, {}, []) == (
        caught.value.code,
        bool(caught.value.hint),
        tree,
        public.log.paths("*alpha*"),
    )


async def test_an_index_that_does_not_have_it_is_passed(package_index_factory: MakeIndex) -> None:
    """An index that answers 404 does not have the package; the next one is asked."""
    one, two = package_index_factory(), package_index_factory()
    two.add(wheel("alpha"))
    async with kernel(index_urls=[one.url, two.url]) as running:
        frozen = await running.pyodide.install_and_freeze(["alpha"])
    origin = frozen.lock.packages[canonicalize_name("alpha")].origin

    assert (two.url, [404]) == (origin and origin.index, [request.status for request in one.log.requests("*alpha*")])


async def test_credentials_reach_the_index_and_nothing_else(package_index_factory: MakeIndex) -> None:
    """A user and password of an index URL are sent as a header, and are in no file and no lock, in no spelling."""
    index = package_index_factory(require_auth=("lock-user", "s3cret-word"))
    index.add(wheel("alpha", requires=["beta"]))
    index.add(wheel("beta"))
    token = base64.b64encode(b"lock-user:s3cret-word").decode()
    async with kernel(index_urls=[index.url_with_credentials]) as running:
        frozen = await running.pyodide.install_and_freeze(["alpha"])
        texts = [*(await running.ask(EVERY_TEXT)).values(), frozen.lock.to_json()]
    headers = {request.headers.get("authorization") for request in index.log.requests()}
    leaked = [word for word in ("lock-user", "s3cret-word", token) if any(word in text for text in texts)]

    assert ({f"Basic {token}"}, []) == (headers, leaked)


async def test_credentials_go_to_their_own_index_only(package_index_factory: MakeIndex) -> None:
    """The password of one index is not sent to another."""
    locked, other = package_index_factory(require_auth=("lock-user", "s3cret-word")), package_index_factory()
    locked.add(wheel("alpha", requires=["beta"]))
    other.add(wheel("beta"))
    async with kernel(index_urls=[locked.url_with_credentials, other.url]) as running:
        await running.pyodide.install_and_freeze(["alpha"])

    assert (True, {None}) == (
        other.log.count("/files/*") > 0,
        {request.headers.get("authorization") for request in other.log.requests()},
    )


async def test_a_refused_index_says_so(package_index_factory: MakeIndex) -> None:
    """An index that wants a password and gets none stops the install as blocked, with a hint."""
    index = package_index_factory(require_auth=("lock-user", "s3cret-word"))
    index.add(wheel("alpha"))
    async with kernel(index_urls=[index.url]) as running:
        with pytest.raises(MicropipLockError) as caught:
            await running.pyodide.install_and_freeze(["alpha"])

    assert ("blocked", True) == (caught.value.code, bool(caught.value.hint))


async def test_requirements_that_contradict_each_other(package_index_factory: MakeIndex) -> None:
    """Two versions of one package are asked for, micropip installs one and is silent: that is no freeze."""
    index = package_index_factory()
    for version in ("1.0", "2.0"):
        index.add(wheel("alpha", version))
    async with kernel(index_urls=[index.url]) as running:
        with pytest.raises(OutcomeError) as caught:
            await running.pyodide.install_and_freeze(["alpha==1.0", "alpha==2.0"])
    assert caught.value.code in ("unsatisfied", "install-failed")
