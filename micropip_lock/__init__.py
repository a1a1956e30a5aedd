"""Reproducible Python environments in the browser: record, freeze, replay.

This module is the table of contents; everything is loaded when it is first used, so that importing it in a kernel
costs next to nothing.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from micropip_lock.api import bundle, diff, freeze, record, save, verify
    from micropip_lock.app.bundle import Bundled
    from micropip_lock.app.replay import ReplayReport
    from micropip_lock.app.report import Recovery
    from micropip_lock.app.save import Saved
    from micropip_lock.core.compare import LockDiff, VerifyReport
    from micropip_lock.core.model import Lock
    from micropip_lock.core.needed import Tree, Why, tree, why
    from micropip_lock.core.policy import Policy
    from micropip_lock.core.preview import Preview
    from micropip_lock.errors import MicropipLockError, UnlockableError
    from micropip_lock.links import open_link, resolve_link, share
    from micropip_lock.load import load_lock
    from micropip_lock.notebook import embed, extract
    from micropip_lock.panels import panel
    from micropip_lock.previews import preview
    from micropip_lock.replaying import recover, replay
    from micropip_lock.stdlib import CompiledStdlib, compile_stdlib
    from micropip_lock.upgrading import upgrade

__version__ = "0.1.0"

__all__ = [
    "Bundled",
    "CompiledStdlib",
    "Lock",
    "LockDiff",
    "MicropipLockError",
    "Policy",
    "Preview",
    "Recovery",
    "ReplayReport",
    "Saved",
    "Tree",
    "UnlockableError",
    "VerifyReport",
    "Why",
    "__version__",
    "bundle",
    "compile_stdlib",
    "diff",
    "embed",
    "extract",
    "freeze",
    "load_lock",
    "open_link",
    "panel",
    "preview",
    "record",
    "recover",
    "replay",
    "resolve_link",
    "save",
    "share",
    "tree",
    "upgrade",
    "verify",
    "why",
]

_HOMES = {
    "Bundled": "micropip_lock.app.bundle",
    "CompiledStdlib": "micropip_lock.stdlib",
    "Lock": "micropip_lock.core.model",
    "LockDiff": "micropip_lock.core.compare",
    "MicropipLockError": "micropip_lock.errors",
    "Policy": "micropip_lock.core.policy",
    "Preview": "micropip_lock.core.preview",
    "Recovery": "micropip_lock.app.report",
    "ReplayReport": "micropip_lock.app.replay",
    "Saved": "micropip_lock.app.save",
    "Tree": "micropip_lock.core.needed",
    "UnlockableError": "micropip_lock.errors",
    "VerifyReport": "micropip_lock.core.compare",
    "Why": "micropip_lock.core.needed",
    "bundle": "micropip_lock.api",
    "compile_stdlib": "micropip_lock.stdlib",
    "diff": "micropip_lock.api",
    "embed": "micropip_lock.notebook",
    "extract": "micropip_lock.notebook",
    "freeze": "micropip_lock.api",
    "load_lock": "micropip_lock.load",
    "open_link": "micropip_lock.links",
    "panel": "micropip_lock.panels",
    "preview": "micropip_lock.previews",
    "record": "micropip_lock.api",
    "recover": "micropip_lock.replaying",
    "replay": "micropip_lock.replaying",
    "resolve_link": "micropip_lock.links",
    "save": "micropip_lock.api",
    "share": "micropip_lock.links",
    "tree": "micropip_lock.core.needed",
    "upgrade": "micropip_lock.upgrading",
    "verify": "micropip_lock.api",
    "why": "micropip_lock.core.needed",
}

# For `%load_ext micropip_lock`; not for people, so not among the public names.
_HOMES |= dict.fromkeys(["load_ipython_extension", "unload_ipython_extension"], "micropip_lock.magics")


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
