"""What the panel can do, in this kernel or with a lock alone; the widgets know no more of the program than this.

Left to others: the verbs themselves.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from typing import Any, Protocol

from micropip_lock import api, wiring
from micropip_lock.app.freeze import freeze as freeze_by_records
from micropip_lock.app.report import ReplayReport
from micropip_lock.core.compare import VerifyReport
from micropip_lock.core.model import Lock
from micropip_lock.core.policy import Policy
from micropip_lock.core.preview import Preview
from micropip_lock.links import share
from micropip_lock.load import load_lock
from micropip_lock.ports import Progress
from micropip_lock.previews import preview


class Actions(Protocol):
    """What the panel's buttons do."""

    @property
    def in_kernel(self) -> bool:
        """Whether there is an environment to look at and to change."""
        ...

    def environment(self) -> Lock:
        """What is installed, by its records; what cannot be locked is listed in it. Sends no request."""
        ...

    async def load(self, text: str) -> Lock:
        """A lock by whatever names it."""
        ...

    async def freeze(self) -> Lock:
        """A strict lock of what is installed."""
        ...

    async def verify(self, lock: Lock) -> VerifyReport:
        """The environment against a lock."""
        ...

    def preview(self, lock: Lock) -> Preview:
        """What a replay would do, without a request."""
        ...

    async def replay(self, lock: Lock, progress: Progress) -> ReplayReport:
        """Install exactly a lock; the person has seen where it comes from, and said yes."""
        ...

    async def upgrade(self, lock: Lock, name: str, progress: Progress) -> Lock:
        """A new lock with one package moved."""
        ...

    async def save(self, lock: Lock, path: str) -> str:
        """Write a lock as a file, or into a notebook; what was written, for people."""
        ...

    def share(self, lock: Lock) -> str:
        """A link that carries the lock."""
        ...

    def code_of(self, link: str) -> str | None:
        """A link as a QR code, SVG; ``None`` where nothing draws it, or it is too long."""
        ...


class HereActions:
    """The verbs of this package. Implements :class:`Actions`."""

    @property
    def in_kernel(self) -> bool:
        """Whether this is Pyodide."""
        return wiring.in_pyodide()

    def environment(self) -> Lock:
        """What is installed in this kernel."""
        place = wiring.here()
        return freeze_by_records(
            place.site, place.runtime, kept=place.kept, strict=False, policy=wiring.policy_in_force()
        )

    async def load(self, text: str) -> Lock:
        """As :func:`~micropip_lock.load.load_lock`."""
        return await load_lock(text)

    async def freeze(self) -> Lock:
        """As :func:`~micropip_lock.api.freeze`."""
        return await api.freeze()

    async def verify(self, lock: Lock) -> VerifyReport:
        """As :func:`~micropip_lock.api.verify`."""
        return await api.verify(lock)

    def preview(self, lock: Lock) -> Preview:
        """As :func:`~micropip_lock.previews.preview`."""
        return preview(lock)

    async def replay(self, lock: Lock, progress: Progress) -> ReplayReport:
        """As :func:`~micropip_lock.api.replay`."""
        rules = wiring.policy_in_force()
        return await api.replay(lock, progress=progress, policy=Policy.from_dict({**rules.to_dict(), "consent": True}))

    async def upgrade(self, lock: Lock, name: str, progress: Progress) -> Lock:
        """As :func:`~micropip_lock.upgrading.upgrade`."""
        from micropip_lock.upgrading import upgrade

        return await upgrade(lock, name, progress=progress)

    async def save(self, lock: Lock, path: str) -> str:
        """As :func:`~micropip_lock.api.save`; an ``.ipynb`` keeps the lock in its metadata."""
        return str(await api.save(lock, path))

    def share(self, lock: Lock) -> str:
        """As :func:`~micropip_lock.links.share`; it opens on this page, where that is known."""
        return share(lock, page_url())

    def code_of(self, link: str) -> str | None:
        """Drawn by segno, where it is installed."""
        return qr_svg(link)


def page_url() -> str:
    """The address of the page that this kernel belongs to, where that is known; else ``""``."""
    return os.environ.get("MICROPIP_LOCK_PAGE_URL", "").partition("#")[0] or wiring.lab_address()


def qr_svg(link: str, make: Callable[..., Any] | None = None) -> str | None:
    """A link as a QR code: dark on light in every theme, since readers of codes want it so.

    Args:
        link: What it says.
        make: What makes a code; segno, where it is installed.
    """
    if make is None:
        try:
            from segno import make
        except ImportError:
            return None
    assert make is not None
    try:
        code = make(link, error="l", micro=False)
    except ValueError:
        # More than the largest code holds.
        return None
    drawn = BytesIO()
    code.save(drawn, kind="svg", xmldecl=False, svgns=True, border=4, scale=3, dark="#000", light="#fff", nl=False)
    return drawn.getvalue().decode("utf-8").replace("<svg ", '<svg role="img" aria-label="The link as a QR code" ', 1)
