"""Why a distribution cannot be locked, as items: files that were edited, two of one name, what lies elsewhere.

Left to others: finding it out (:mod:`micropip_lock.app.survey`), what is wrong with a record (the
:class:`~micropip_lock.errors.RecordError` that says so).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from micropip_lock.core.dirty import Dirt
from micropip_lock.core.verdict import Finding
from micropip_lock.errors import MicropipLockError, RecordError, Unlockable
from micropip_lock.ports import Stray

_SHOWN: Final = 5
"""Files of a kind that a reason names."""


def item_of(name: str, version: str, error: MicropipLockError) -> Unlockable:
    """An error as an item."""
    reason = error.message + (f" ({error.got})" if error.got else "")
    return Unlockable(name=name, version=version, code=error.code, reason=reason, hint=error.hint)


def dirty_items(name: str, version: str, dirt: Dirt) -> list[Unlockable]:
    """One item for each way in which files differ, with the first few of them."""
    again = "uninstall it and install it again, or build a wheel with the changes and install that"
    # To uninstall a package leaves files alone that it did not install.
    delete = "delete them, or build a wheel that has them and install that"
    told = {
        "dirty-changed": (dirt.changed, "files were changed after it was installed", again),
        "dirty-missing": (dirt.missing, "files that it installed are gone", again),
        "dirty-extra": (dirt.extra, "files were put into its folders that it did not install", delete),
    }
    items = []
    for code, (paths, message, hint) in told.items():
        if paths:
            more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
            items.append(
                Unlockable(
                    name=name,
                    version=version,
                    code=code,
                    reason=f"{message}: {', '.join(paths[:_SHOWN])}{more}",
                    hint=hint,
                )
            )
    return items


def shadowed(name: str, version: str, finding: Finding) -> Unlockable:
    """A module of nobody is imported where one of a distribution should be."""
    return Unlockable(
        name=name,
        version=version,
        code=finding.code,
        reason=f"{finding.message} ({finding.got})",
        hint="remove that module, or build a wheel with it and install that",
    )


def twice() -> RecordError:
    """Two dist-info directories have one name."""
    return RecordError(
        "two dist-info directories claim this name",
        code="duplicate",
        hint="uninstall it until it is gone, then install it once",
    )


_STRAYS: Final[Mapping[str, tuple[str, str]]] = {
    "egg-info": ("egg-info", "it was installed without a wheel (egg-info)"),
    "egg-link": ("editable", "it is an editable install of a directory on this machine"),
    "link": ("linked", "its dist-info directory is a symbolic link to another place"),
    "path-file": ("path-entry", "a .pth file puts a directory of this machine on the path"),
    "path-entry": ("path-entry", "it lies on the path outside site-packages"),
}


def stray_error(stray: Stray) -> RecordError:
    """Why something importable without a dist-info directory cannot be locked."""
    code, message = _STRAYS[stray.kind]
    return RecordError(
        message,
        code=code,
        got=stray.place,
        hint="build a wheel, put it on a server or an index and install it from there",
    )
