"""Records of installed distributions that take more than a directory: a replay that follows RECORD, a real server.

The other cases of R01 to R20, as in ``docs/features.md``, are folders of the corpus (``records.py`` and
``record_sources.py`` in ``tests/corpus/generate``); what needs a real Pyodide to happen is in
``tests/e2e/test_node_records.py``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from micropip_lock.adapters.host_ranges import HostIndexFetcher
from micropip_lock.adapters.site import SiteInstaller, SitePackages
from micropip_lock.app.freeze import Indexes, freeze_located
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock, Origin
from micropip_lock.testing import PackageIndex
from tests.app.in_directories import by_micropip, frozen, put, tree
from tests.app.recorded import RUNTIME
from tests.app.replaying import Network, lock_of, run
from tests.corpus.generate.record_case import PACK, REBUILT


@pytest.mark.parametrize("as_pyodide", [False, True])
@pytest.mark.parametrize("force", [False, True])
async def test_r12_paths_that_leave_the_site_are_not_followed(tmp_path: Path, force: bool, as_pyodide: bool) -> None:
    """What RECORD lists outside the site is neither read by a freeze nor deleted by a replay that replaces it."""
    site, victim = tmp_path / "lib" / "site", tmp_path / "home" / "victim.txt"
    directory = put(site, PACK, by_micropip(PACK))
    victim.parent.mkdir()
    victim.write_text("mine")
    (site / "link").symlink_to(victim.parent)
    paths = ["../../home/victim.txt", str(victim), "pack/../../../home/victim.txt"]
    with (directory / "RECORD").open("a") as record:
        # Of other bytes: a freeze that followed one would tell a changed file.
        record.writelines([*(f"{path},{Digest.of(b'').record},4\n" for path in paths), "link/victim.txt,,\n"])
    lock = frozen(site)
    installer = SiteInstaller(site, prefix=tmp_path if as_pyodide else None, as_pyodide=as_pyodide)
    report = await run(site, lock_of(REBUILT), Network(wheels=[REBUILT]), force=force, installer=installer)
    assert ("pack", "installed", "mine", "one = 2\n") == (
        *lock.packages,
        report.packages[0].outcome,
        victim.read_text(),
        (site / "pack/__init__.py").read_text(),
    )


def located(root: Path, index: PackageIndex, *urls: str) -> Lock:
    """The lock of a directory, what has no record looked up on the indexes; nothing is written."""
    before = tree(root)
    with HostIndexFetcher(connect_timeout=5, idle_timeout=5) as fetcher:
        found = Indexes(urls=urls, fetcher=fetcher)
        lock = asyncio.run(
            freeze_located(SitePackages(root), RUNTIME, indexes=lambda: nullcontext(found), strict=False)
        )
    assert before == tree(root)
    return lock


def direct(url: str, **facts: Any) -> dict[str, str]:
    """What pip leaves after an install from a URL."""
    return {"INSTALLER": "pip", "REQUESTED": "", "direct_url.json": json.dumps({"url": url, **facts})}


@pytest.mark.parametrize("hashes", [{}, {"hashes": {"sha256": PACK.sha256}}, {"hash": f"sha256={PACK.sha256}"}])
def test_r17_pip_from_the_url_of_a_wheel(
    tmp_path: Path, package_index: PackageIndex, hashes: Mapping[str, object]
) -> None:
    """What pip installed from a URL is locked with it once the wheel there is proven to be the installed one."""
    url = package_index.file_url(package_index.add(PACK).filename)
    put(tmp_path, PACK, direct(url, archive_info=hashes))
    package = located(tmp_path, package_index).packages["pack"]
    assert (Origin(kind="url", url=url), PACK.sha256, PACK.size, True) == (
        package.origin,
        package.wheel.digest.hex,
        package.wheel.size,
        package.requested,
    )
