"""The options of ``micropip-lock stdlib``.

Left to others: what it does (:mod:`micropip_lock.stdlib`).
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Final

DEFAULT_OUTPUT: Final = Path("python_stdlib.zip")


def add_stdlib_options(one: ArgumentParser) -> None:
    """Add the options of the verb."""
    one.add_argument("-o", "--output", default=DEFAULT_OUTPUT, metavar="FILE", help=f"default: {DEFAULT_OUTPUT}")
    which = one.add_mutually_exclusive_group()
    which.add_argument(
        "--import",
        action="append",
        default=[],
        dest="imports",
        metavar="MODULE",
        help="compile this one, too, and what it imports, beside what a boot uses; may be repeated",
    )
    which.add_argument(
        "--lock", metavar="LOCK", help="compile what the modules of this lock import; it is replayed to see that"
    )
    which.add_argument("--all", action="store_true", dest="everything", help="compile every module")
    one.add_argument(
        "--no-sources", action="store_false", dest="sources", help="leave out the sources of what is compiled"
    )
