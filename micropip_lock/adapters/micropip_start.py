"""Recording that begins with the first install: all of it that a kernel has to load when it starts.

Rules this file keeps:

1. It imports nothing of ours, and of micropip what its own ``import`` has loaded: a kernel starts no later for it.
2. What is put in place is taken away before recording begins, so that recording sees micropip as it is.

Relies on the points 1 and 3 of :mod:`micropip_lock.adapters.micropip`, and on ``Transaction`` being made with keyword
arguments, the layer as ``_compat_layer``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_withdraw: Callable[[], None] | None = None


def record_when_used(start: Callable[[], object]) -> bool:
    """Call ``start`` before micropip installs or freezes for the first time.

    Args:
        start: Turns recording on.

    Returns:
        Whether this micropip can be waited for; it is left alone if not, and if somebody waits already.
    """
    global _withdraw  # one micropip, one who waits
    try:
        import micropip
        from micropip import package_manager

        manager = micropip._package_manager_singleton
        transaction, freeze = package_manager.Transaction, package_manager.freeze_lockfile
    except (ImportError, AttributeError):
        return False
    if _withdraw is not None:
        return False

    def begin() -> None:
        withdraw()
        start()

    def first_transaction(*args: Any, **options: Any) -> Any:
        before = manager.compat_layer
        begin()
        if options.get("_compat_layer") is before:
            # Read by the caller a moment ago.
            options["_compat_layer"] = manager.compat_layer
        return package_manager.Transaction(*args, **options)

    def first_freeze(*args: Any, **options: Any) -> Any:
        begin()
        return package_manager.freeze_lockfile(*args, **options)

    def restore() -> None:
        package_manager.Transaction, package_manager.freeze_lockfile = transaction, freeze

    package_manager.Transaction, package_manager.freeze_lockfile = first_transaction, first_freeze
    _withdraw = restore
    return True


def withdraw() -> None:
    """Leave micropip as it was; does nothing when nobody waits."""
    global _withdraw
    if _withdraw is not None:
        restore, _withdraw = _withdraw, None
        restore()
