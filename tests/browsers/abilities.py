"""Print what each browser can do, as the table in ``docs/browsers.md``: ``python -m tests.browsers.abilities``."""

from __future__ import annotations

from pathlib import Path

from micropip_lock.testing import PackageIndex
from tests.browsers.conftest import BROWSERS
from tests.browsers.driving import READY
from tests.e2e.chromium import PLACES


def table() -> str:
    """A row for each ability, a column for each browser: ``yes``, or ``no`` and why; page and worker if they differ."""
    here = Path(__file__)
    columns: dict[str, dict[str, list[str]]] = {}
    with PackageIndex() as server:
        server.mount("/page/", here.parents[1] / "e2e" / "page")
        page = server.mount("/browsers/", here.with_name("page"))
        for name, start in BROWSERS.items():
            with start() as browser:
                column = columns[f"{name} {browser.version.partition('.0')[0]}"] = {}
                for place in PLACES:
                    tab = browser.open(f"{page}index.html?in={place}")
                    tab.evaluate(READY)
                    for ability, told in tab.evaluate("() => place.abilities()").items():
                        column.setdefault(ability, []).append(
                            "yes" if told is True else f"no ({told})" if told else "no"
                        )
                    tab.close()
    lines = [f"| | {' | '.join(columns)} |", f"|--|{'--|' * len(columns)}"]
    for ability in next(iter(columns.values())):
        cells = []
        for column in columns.values():
            in_page, in_worker = column[ability]
            cells.append(in_page if in_page == in_worker else f"page {in_page}, worker {in_worker}")
        lines.append(f"| {ability} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
