"""A wheel that came from a file of one machine or session: how it is named where no address can name it.

Rules this file keeps:

1. Its name is what it is, its SHA-256 and its file name, and never where it lay: a path says nothing to another
   machine, may hold a user's name, and would make two freezes of one environment differ.
2. In a lock it is a file beside the lock, ``wheels/<sha256>/<file name>``: a relative ``file_name`` as any
   ``pyodide-lock.json`` may have, so that several locks can lie in one directory.
3. In ``direct_url.json`` it is the digest as a URI (RFC 6920), because PEP 610 asks for a URL.

Left to others: keeping the bytes (:class:`micropip_lock.ports.WheelKeep`), addresses in a lock
(:mod:`micropip_lock.core.address`).
"""

from __future__ import annotations

import base64
from urllib.parse import quote, unquote, urlsplit

from micropip_lock.core.digest import Digest
from micropip_lock.core.model import LockedPackage, Origin
from micropip_lock.errors import LockPolicyError


def is_reachable(url: str) -> bool:
    """Whether an address may mean the same file to another machine."""
    return url.partition(":")[0].lower() in ("https", "http")


def local_origin(filename: str) -> Origin:
    """The origin of a wheel that came from a local file.

    Args:
        filename: The wheel's file name.
    """
    return Origin(kind="local", url=filename)


def local_file_name(digest: Digest, filename: str) -> str:
    """The ``file_name`` in a lock: relative to it, and percent-encoded where a URL demands it."""
    # "+" and "!" stand in versions; readers that take the name for a path shall find the file.
    return f"wheels/{digest.hex}/{quote(filename, safe='+!')}"


def named_information(digest: Digest) -> str:
    """The URI of bytes by their SHA-256.

    Source: RFC 6920, "Naming Things with Hashes", section 3.
    """
    encoded = base64.urlsafe_b64encode(digest.raw).rstrip(b"=").decode("ascii")
    return f"ni:///sha-256;{encoded}"


def path_beside(package: LockedPackage) -> str:
    """Where the file of a package with a relative ``file_name`` lies, relative to the directory of its lock.

    Raises:
        LockPolicyError: code ``outside``: the name leaves that directory.
    """
    path = unquote(urlsplit(package.wheel.url).path)
    if not path or path.startswith("/") or "\\" in path or ".." in path.split("/"):
        raise LockPolicyError(
            f"the file of {package} does not lie beside the lock",
            code="outside",
            where=f"packages.{package.name}.file_name",
            package=package.name,
            expected="a file in the directory of the lock, or below it",
            got=package.wheel.url,
            hint="open the lock where it lies, or freeze the environment again",
        )
    return path
