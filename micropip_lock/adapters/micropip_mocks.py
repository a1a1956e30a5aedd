"""Where micropip keeps mock packages, without what else is known of micropip: each replay asks whether there are any.

Relies on the point 7 of :mod:`micropip_lock.adapters.micropip`.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from micropip_lock.errors import RuntimeMissingError


def mock_module(*, load: bool = False) -> Any:
    """``micropip._mock_package``, or ``None`` when micropip has not been used.

    Args:
        load: Import it.

    Raises:
        RuntimeMissingError: code ``no-micropip``, when it is to be imported and is not there.
    """
    if load:
        try:
            importlib.import_module("micropip._mock_package")
        except ImportError as error:
            raise RuntimeMissingError(
                "mock packages need micropip, which is not installed here",
                code="no-micropip",
                hint="in Pyodide: await pyodide.loadPackage('micropip')",
            ) from error
    return sys.modules.get("micropip._mock_package")
