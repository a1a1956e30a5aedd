"""The command line's options for where a replay asks."""

from __future__ import annotations

from argparse import ArgumentParser


def add_source_options(parser: ArgumentParser) -> None:
    """Give ``replay`` the options that name other sources."""
    group = parser.add_argument_group("sources: where to ask when a wheel's own address does not give it")
    group.add_argument(
        "--mirror",
        action="append",
        default=[],
        dest="mirrors",
        metavar="URL|PREFIX=URL",
        help="ask here next; may be repeated",
    )
    group.add_argument("--bundle", metavar="DIR|URL", help="ask last: what the verb bundle wrote")
