r"""A real package index on localhost that misbehaves on command, for tests of anything that installs packages.

Installing micropip-lock beside pytest adds two fixtures: ``package_index``, a running, empty index, and
``package_index_factory``, which takes the options of :class:`PackageIndex`.  pip, uv, micropip, Node and browsers use
the index unpatched, because it is a real HTTP server: HTML and JSON pages (PEP 503, 691), metadata files (PEP 658),
yanks (PEP 592), upload times (PEP 700), project status (PEP 792), ranges, ETags, CORS.  It needs only the standard
library and ``packaging``, and no Pyodide.  In a test, ``def test_install(package_index): ...`` starts one; elsewhere,
``with`` does:

>>> from micropip_lock.testing import PackageIndex, Status, wheel
>>> with PackageIndex() as index:
...     six = index.add(wheel("six", "1.16.0", files={"six.py": "PY3 = True\n"}))
...     index.fault("*.whl", Status(503, times=1, retry_after="1"))
...     from urllib.error import HTTPError
...     from urllib.request import urlopen
...     try:
...         urlopen(index.file_url(six.filename))
...     except HTTPError as error:
...         first = error.code
...     second = urlopen(index.file_url(six.filename)).read()
...     (first, second == six.data, index.log.paths("*.whl"), index.log.peak_concurrency())
(503, True, ['/files/six-1.16.0-py3-none-any.whl', '/files/six-1.16.0-py3-none-any.whl'], 1)

Point a client at ``index.url``, which ends in ``/simple``: ``pip install --index-url URL six``.  Wheels built
elsewhere are published with ``index.add_file`` and ``index.add_directory``; ``index.mount`` serves any directory, such
as a Pyodide distribution.  ``index.log`` holds every request.  ``corpus_index`` serves the corpus of wheels that a
careful installer refuses, which is in the source distribution (``tests/corpus/README.md``).

Faults are values, used up in the order they are given: :class:`Status`, :class:`NotFound`, :class:`Delay`,
:class:`Slow`, :class:`Stall`, :class:`Reset`, :class:`ContentLength`, :class:`EarlyEof`, :class:`Endless`,
:class:`WrongBytes`, :class:`Html`, :class:`GzipEncoded`, :class:`Redirect`, :class:`StaleCache`, :class:`WrongOffset`,
:class:`CorsOff`, :class:`RandomFailure`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from micropip_lock.testing.corpus import corpus_index
    from micropip_lock.testing.faults import (
        ContentLength,
        CorsOff,
        Delay,
        EarlyEof,
        Endless,
        Fault,
        GzipEncoded,
        Html,
        NotFound,
        RandomFailure,
        Redirect,
        Reset,
        Slow,
        StaleCache,
        Stall,
        Status,
        WrongBytes,
        WrongOffset,
    )
    from micropip_lock.testing.index import PackageIndex
    from micropip_lock.testing.log import Request, RequestLog
    from micropip_lock.testing.site import MemorySite
    from micropip_lock.testing.wheels import BuiltWheel, wheel

_HOMES = {
    "corpus": ["corpus_index"],
    "faults": [
        *("ContentLength", "CorsOff", "Delay", "EarlyEof", "Endless", "Fault", "GzipEncoded", "Html", "NotFound"),
        *("RandomFailure", "Redirect", "Reset", "Slow", "StaleCache", "Stall", "Status", "WrongBytes", "WrongOffset"),
    ],
    "index": ["PackageIndex"],
    "log": ["Request", "RequestLog"],
    "site": ["MemorySite"],
    "wheels": ["BuiltWheel", "wheel"],
}

__all__ = [
    "BuiltWheel",
    "ContentLength",
    "CorsOff",
    "Delay",
    "EarlyEof",
    "Endless",
    "Fault",
    "GzipEncoded",
    "Html",
    "MemorySite",
    "NotFound",
    "PackageIndex",
    "RandomFailure",
    "Redirect",
    "Request",
    "RequestLog",
    "Reset",
    "Slow",
    "StaleCache",
    "Stall",
    "Status",
    "WrongBytes",
    "WrongOffset",
    "corpus_index",
    "wheel",
]


def __getattr__(name: str) -> Any:
    # Lazy (PEP 562), because pytest loads this package wherever micropip-lock is installed.
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
