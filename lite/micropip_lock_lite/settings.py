"""The configuration of a site: what the Pyodide kernel and our front end are told.

Rules this file keeps:

1. What the site's owner configured stays, but for what a lock decides: which lock, which packages, which runtime.
2. Addresses are relative to the site's root (``./…``): the kernel resolves those whose key ends in ``URL``.
"""

from __future__ import annotations

from typing import Any, Final

from micropip_lock_lite.build import Environment, Site

KERNEL_PLUGIN: Final = "@jupyterlite/pyodide-kernel-extension:kernel"
OUR_PLUGIN: Final = "micropip-lock:environments"


def kernel_settings(before: dict[str, Any], owners: dict[str, Any], site: Site) -> dict[str, Any]:
    """The settings of the Pyodide kernel.

    Args:
        before: What they were; an earlier build of ours may have been there.
        owners: What the site's owner wrote.
        site: What was built.
    """
    options = dict(before.get("loadPyodideOptions") or {})
    written = owners.get("loadPyodideOptions") or {}
    packages = [*site.default.packages, *written.get("packages", ())]
    options.pop("stdLibURL", None)
    if site.library is not None:
        options["stdLibURL"] = site.library
    # Both together are refused by Pyodide.
    options.pop("lockFileContents", None)
    options |= {
        "lockFileURL": site.default.lock,
        "packages": list(dict.fromkeys(packages)),
        "env": {**written.get("env", {}), **_told(site.default)},
    }
    return {**before, "pyodideUrl": site.runtime, "loadPyodideOptions": options}


def front_end_settings(site: Site) -> dict[str, Any]:
    """The settings of our own front end."""
    return {
        "kernelLock": site.kernel,
        "kernelFiles": list(site.files),
        "environments": [
            {
                "pattern": one.pattern,
                "lockFileURL": one.lock,
                "packages": list(one.packages),
                "env": _told(one),
            }
            for one in site.environments
        ],
    }


def _told(environment: Environment) -> dict[str, str]:
    return {"MICROPIP_LOCK_ID": environment.lock_id}
