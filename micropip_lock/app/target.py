"""For which Pyodide a directory was filled.

Left to others: the table of ABIs (:mod:`micropip_lock.core.abis`).
"""

from __future__ import annotations

from micropip_lock.core.abis import ABIS, abis_of_tags
from micropip_lock.core.model import Abi
from micropip_lock.errors import UsageError
from micropip_lock.ports import SiteReader


def abi_of_site(site: SiteReader) -> Abi | None:
    """What the compiled wheels of a site were built for, by the tags in their ``WHEEL``; ``None`` when there is none.

    Raises:
        UsageError: code ``abi-ambiguous``.
    """
    tags = [
        line.partition(":")[2].strip()
        for dist in site.distributions()
        for line in (dist.read_text("WHEEL") or "").splitlines()
        if line.lower().startswith("tag:")
    ]
    found = abis_of_tags(tags)
    if len(found) > 1:
        raise UsageError(
            "the wheels in it are for several ABIs of Pyodide",
            code="abi-ambiguous",
            got=", ".join(found),
            hint="say which one with --pyodide; the others will be listed",
        )
    return ABIS.get(found[0], Abi(abi_version=found[0])) if found else None
