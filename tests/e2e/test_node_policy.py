"""Index pins in Pyodide under Node: two indexes have a package of one name, and only one of them is meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from micropip_lock.core.policy import Policy
from micropip_lock.errors import MicropipLockError
from micropip_lock.testing import PackageIndex, Redirect, wheel
from tests.e2e.kernel import Kernel, kernel

pytestmark = pytest.mark.node

type MakeIndex = Callable[..., PackageIndex]


async def _refused(running: Kernel, policy: Policy, *requirements: str) -> tuple[str, dict[str, str]]:
    """The code of the error that an install raises, and the files that are there afterwards."""
    with pytest.raises(MicropipLockError) as caught:
        await running.pyodide.install_and_freeze(requirements, policy=policy)
    return caught.value.code, await running.tree()


def _pair(make: MakeIndex) -> tuple[PackageIndex, PackageIndex]:
    """A private index, and a public one where somebody took the private name with a higher version."""
    private, public = make(), make()
    private.add(wheel("acme-core", "1.0", requires=["alpha"]))
    public.add(wheel("acme-core", "99.0"))
    public.add(wheel("alpha", "2.0"))
    return private, public


async def test_a_confusing_install_is_refused(package_index_factory: MakeIndex) -> None:
    """A pinned name is not installed from another index, which is not even asked for it; nothing else is either."""
    private, public = _pair(package_index_factory)
    async with kernel(index_urls=[public.url]) as running:
        found = await _refused(running, Policy(index_pins={"Acme_*": f"{private.url}/"}), "alpha", "acme-core")

    assert (("index-pin", {}), [], 0) == (found, public.log.paths("*acme*"), len(private.log.requests()))


async def test_a_dependency_is_refused_too(package_index_factory: MakeIndex) -> None:
    """A pin holds for what nobody asked for by name."""
    private, public = _pair(package_index_factory)
    public.add(wheel("beta", requires=["acme-core"]))
    async with kernel(index_urls=[public.url]) as running:
        found = await _refused(running, Policy(index_pins={"acme-core": private.url}), "beta")

    assert ("index-pin", {}) == found


async def test_the_pinned_index_is_asked_though_another_is_first(package_index_factory: MakeIndex) -> None:
    """With both indexes given, a pinned name is asked of its own one only, and the others in their order."""
    private, public = _pair(package_index_factory)
    async with kernel(index_urls=[public.url, private.url]) as running:
        frozen = await running.pyodide.install_and_freeze(
            ["acme-core"], policy=Policy(index_pins={"acme-*": private.url})
        )
    origins = {package.name: (package.version, package.origin and package.origin.index) for package in frozen.lock}

    assert ({"acme-core": ("1.0", private.url), "alpha": ("2.0", public.url)}, []) == (
        origins,
        public.log.paths("*acme*"),
    )


async def test_an_address_is_no_index(package_index_factory: MakeIndex) -> None:
    """A wheel given by its address is refused for a pinned name, before it is fetched; a file of the index, too."""
    private, public = _pair(package_index_factory)
    url = public.file_url(wheel("acme-core", "99.0").filename)
    async with kernel(index_urls=[public.url]) as running:
        found = await _refused(running, Policy(index_pins={"acme-*": private.url}), url)

    assert (("index-pin", {}), []) == (found, public.log.requests())


async def test_a_name_pinned_to_the_runtime(package_index_factory: MakeIndex) -> None:
    """A name pinned to Pyodide's own distribution is loaded from there alone; one pinned to an index never is."""
    index = package_index_factory()
    index.add(wheel("numpy", "99.0"))
    async with kernel(index_urls=[index.url]) as running:
        away = await _refused(running, Policy(index_pins={"scipy": index.url}), "scipy")
        asked = len(index.log.requests())
        # The runtime's own wheels lie on no machine of these tests: that it was asked for them is the point.
        home = await _refused(running, Policy(index_pins={"numpy": "pyodide"}), "numpy")

    assert (("index-pin", {}), ("runtime-package-failed", {}), 1, asked) == (
        away,
        home,
        asked,
        len(index.log.requests()),
    )


async def test_hosts_that_are_listed(package_index_factory: MakeIndex) -> None:
    """A wheel on a host that is not listed is refused before it is fetched."""
    _, public = _pair(package_index_factory)
    async with kernel(index_urls=[public.url]) as running:
        found = await _refused(running, Policy(allow_hosts=("files.example",)), "alpha")

    assert (("host-not-allowed", {}), []) == (found, public.log.paths("*.whl*"))


async def test_record_and_freeze_by_hand(package_index_factory: MakeIndex) -> None:
    """A policy given to ``record`` holds for installs, for ``freeze`` and for ``micropip.freeze``, until it changes."""
    private, public = _pair(package_index_factory)
    public.add(wheel("acme-more"))
    async with kernel() as running:
        await running.ask(f"""
import micropip, micropip_lock as ml
ml.record()
await micropip.install("acme-core", index_urls={public.url!r})
answer = None
""")
        policy = f"ml.Policy(index_pins={{'acme-*': {private.url!r}}})"
        pins = f"import micropip, micropip_lock as ml; ml.record(policy={policy})"
        errors = [
            await running.failure(f"{pins}; {code}")
            for code in (
                "await ml.freeze()",
                "micropip.freeze()",
                f"await micropip.install('acme-more', index_urls={public.url!r})",
            )
        ]
        locked = await running.ask(
            "import micropip_lock as ml; answer = list((await ml.freeze(policy=ml.Policy())).packages)"
        )

    assert (["index-pin"] * 3, ["acme-core"]) == (
        [error.get("items", [error])[0]["code"] for error in errors],
        locked,
    )


async def test_redirects_of_the_engine(package_index_factory: MakeIndex) -> None:
    """A redirect is followed where the policy lets it lead, and ends in an error of its own elsewhere."""
    index = package_index_factory()
    built = wheel("alpha")
    index.add(built)
    url = index.file_url(built.filename)
    index.fault("/files/*", Redirect(url.replace("127.0.0.1", "localhost"), times=1))
    fetch = f"""
from micropip_lock import Policy
from micropip_lock.adapters.engine import EngineFetcher
fetched = await EngineFetcher(Policy(allow_hosts=HOSTS)).fetch({url!r})
"""
    async with kernel() as running:
        refused = await running.failure(fetch.replace("HOSTS", "('127.0.0.1',)"))
        index.fault("/files/*", Redirect(url.replace("127.0.0.1", "localhost"), times=1))
        followed = await running.ask(
            fetch.replace("HOSTS", "('127.0.0.1', 'localhost')") + "answer = len(fetched.data)"
        )
    assert ("redirect-policy", "127.0.0.1", built.size) == (refused["code"], refused["expected"], followed)


async def test_a_replay_under_a_policy(package_index_factory: MakeIndex) -> None:
    """In Pyodide, too, a lock is judged before the first request, and consent is a field of the policy."""
    _, public = _pair(package_index_factory)
    async with kernel(index_urls=[public.url]) as running:
        lock = (await running.pyodide.install_and_freeze(["alpha"])).lock
    asked = len(public.log.requests())
    async with kernel() as running:
        codes = []
        for policy in (Policy(index_pins={"alpha": "https://index.example/simple"}), Policy(ask_above_bytes=0)):
            with pytest.raises(MicropipLockError) as caught:
                await running.pyodide.replay(lock, policy=policy)
            codes.append(caught.value.code)
        refused = (len(public.log.requests()), await running.tree())
        await running.pyodide.replay(lock, policy=Policy(ask_above_bytes=0, consent=True))
        files = await running.tree()

    assert (["index-pin", "large-download"], (asked, {}), True) == (codes, refused, "alpha.py" in files)
