"""One attempt at one address: fetched, counted, and compared with the lock, wherever the bytes are held."""

from __future__ import annotations

from collections.abc import Callable

from micropip_lock.core.digest import VerifiedWheel, admit
from micropip_lock.core.held import Held
from micropip_lock.core.model import LockedPackage
from micropip_lock.core.policy import Policy
from micropip_lock.ports import Fetcher, HoldingFetcher


async def fetch_admitted(
    fetcher: Fetcher,
    package: LockedPackage,
    url: str,
    *,
    reload: bool,
    policy: Policy,
    received: Callable[[int], None],
    check: Callable[[], None],
) -> VerifiedWheel:
    """Fetch an address and let what came through if it is what the lock names.

    Args:
        fetcher: The network; one that can keep the bytes where they arrived does so.
        package: What the lock says.
        url: Where to ask.
        reload: Ask past every cache.
        policy: The most bytes that a wheel of unknown size may have.
        received: Told the bytes so far, at the end all of them.
        check: Called when all bytes are there, before they are compared: raises when that is too much.

    Raises:
        FetchError, WheelTooLargeError, HashMismatchError: another try, or another source, may do better.
        MicropipLockError: whatever ``check`` raises, or LockSchemaError (code ``size``): none will.
    """
    wheel = package.wheel
    cap = wheel.size if wheel.size is not None else policy.max_wheel_bytes
    data: Held | bytes
    if isinstance(fetcher, HoldingFetcher):
        data, address = await fetcher.fetch_held(url, max_bytes=cap, progress=received, reload=reload)
        received(data.size)
    else:
        fetched = await fetcher.fetch(url, max_bytes=cap, progress=received, reload=reload)
        data, address = fetched.data, fetched.url
        received(len(data))
    check()
    return admit(data, wheel.digest, filename=wheel.filename, size=wheel.size, package=package.name, url=address)
