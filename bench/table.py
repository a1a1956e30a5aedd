"""Samples to Markdown: one table for each cell, medians, ratios to the limit and to ``loadPackage``.

It is pure: the same samples give the same text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bench import targets
from bench.samples import Cell, Sample, median
from bench.targets import Measured

LIMIT: Final = "limit"
REFERENCE: Final = "load-package"
EMPTY: Final = "boot"

_PLACES: Final = {"worker": "worker of a page", "page": "main thread of a page", "node": "Node"}
_LINKS: Final = {"loopback": "loopback", "slow": "30 ms, 50 Mbit/s"}
_VISITS: Final = {"cold": "first visit", "warm": "second visit"}
_COLUMNS: Final = (
    *("", "boot", "tool", "install", "× limit", "faster than loadPackage", "ready", "import", "total"),
    *(
        "faster than loadPackage",
        "install CPU",
        "total CPU",
        "requests",
        "MB",
        "heap MB",
        "installed +MB",
        "imported +MB",
        "peak MB",
        "samples",
    ),
)


def floor(size: int, *, round_trip: float, megabits: float) -> float:
    """Milliseconds that bytes take over a link at least: a round trip to connect, one to ask, then their own time."""
    return 2 * round_trip * 1e3 + 8 * size / megabits / 1e3


def cells(samples: Iterable[Sample]) -> list[Cell]:
    """The cells, in the order in which they were measured."""
    return list(dict.fromkeys(one.cell for one in samples))


def title(cell: Cell) -> str:
    """The heading of a cell."""
    return f"{cell.set}: {_PLACES[cell.place]}, {_LINKS[cell.link]}, {_VISITS[cell.visit]}"


def table(samples: Sequence[Sample], labels: Mapping[str, str], *, reference: Sequence[Sample] = ()) -> list[str]:
    """The lines of one cell's table.

    Args:
        samples: All of one cell.
        labels: What contenders are called.
        reference: The first visits at the same place and link; the limit and ``loadPackage`` of a second visit are
            theirs where it has none.
    """
    by_name: dict[str, list[Sample]] = {}
    for one in samples:
        by_name.setdefault(one.contender, []).append(one)
    limit = _of(LIMIT, by_name.get(LIMIT) or reference)
    other = _of(REFERENCE, by_name.get(REFERENCE) or reference)
    empty = _of(EMPTY, by_name.get(EMPTY) or reference)
    lines = [_row(_COLUMNS), _row(["---"] + ["---:"] * (len(_COLUMNS) - 1))]
    for name, own in by_name.items():
        label = labels.get(name, name)
        good = [one for one in own if one.error is None]
        if not good:
            reason = " ".join((own[0].error or "").split())[-160:].replace("|", "\\|")
            lines.append(_row([label, f"failed: {reason}", *[""] * (len(_COLUMNS) - 2)]))
            continue
        install, total = _median(good, "install"), _median(good, "total")
        held = name not in (LIMIT, "wire")
        installs = held and name != EMPTY
        lines.append(
            _row(
                [
                    label,
                    _number(_median(good, "boot")) if held else "",
                    _number(_median(good, "prepare")) if held else "",
                    _number(install),
                    _ratio(install, _median(limit, "install")) if name != EMPTY else "",
                    _ratio(_median(other, "install"), install) if installs else "",
                    _number(_median(good, "ready")),
                    _number(_median(good, "imports")) if installs else "",
                    _number(total) if held else "",
                    _ratio(_median(other, "total"), total) if installs else "",
                    _number(_median(good, "install_cpu")),
                    _number(_median(good, "total_cpu")) if held else "",
                    _number(_median(good, "requests")),
                    _megabytes(_median(good, "bytes"), 1),
                    _megabytes(_median(good, "heap")) if held else "",
                    _megabytes(_above(good, empty, "installed")) if held else "",
                    _megabytes(_above(good, empty, "imported")) if held else "",
                    _megabytes(_median(good, "peak")),
                    str(len(good)) if len(good) == len(own) else f"{len(good)} of {len(own)}",
                ]
            )
        )
    return lines


def document(
    samples: Sequence[Sample],
    labels: Mapping[str, str],
    *,
    facts: Mapping[str, Any],
    sets: Mapping[str, Mapping[str, int]],
    freeze: Mapping[str, float] | None,
    round_trip: float,
    megabits: float,
) -> str:
    """The page of docs/.

    Args:
        samples: Of one run.
        labels: What contenders are called.
        facts: What is said of the run: name to value.
        sets: ``wheels``, ``files``, ``size`` (bytes) and ``imports`` of each set.
        freeze: Seconds of ``ours`` and ``theirs``, and ``packages``.
        round_trip: Seconds, of the slow link.
        megabits: 10⁶ bits a second, of the slow link.
    """
    lines = [*_INTRODUCTION.splitlines(), ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    lines += ["", "## The sets", "", _row(["", "wheels", "files", "MB packed", "modules imported"])]
    lines += [_row(["---", "---:", "---:", "---:", "---:"])]
    for name, one in sets.items():
        size = _megabytes(one["size"], 1)
        lines.append(_row([name, str(one["wheels"]), f"{one['files']:,}", size, str(one["imports"])]))
    seen = Measured(
        samples=samples,
        wheels={name: int(one["wheels"]) for name, one in sets.items()},
        floors={name: floor(int(one["size"]), round_trip=round_trip, megabits=megabits) for name, one in sets.items()},
    )
    lines += ["", "## What is promised", "", *targets.lines(seen)]
    for cell in cells(samples):
        own = [one for one in samples if one.cell == cell]
        first = Cell(set=cell.set, place=cell.place, link=cell.link, visit="cold")
        reference = [one for one in samples if one.cell == first]
        lines += ["", f"## {title(cell)}", ""]
        if cell.link == "slow":
            least = floor(sets[cell.set]["size"], round_trip=round_trip, megabits=megabits)
            lines += [f"The bytes alone take {least:,.0f} ms over this link.", ""]
        else:
            lines += [*_floor_of(own or reference, reference)]
        lines += table(own, labels, reference=reference)
    if freeze is not None:
        ours, theirs = freeze["ours"] * 1e3, freeze["theirs"] * 1e3
        lines += ["", "## Freeze", ""]
        lines += [_row(["", "ms"]), _row(["---", "---:"])]
        lines += [_row(["`micropip_lock.freeze()`", f"{ours:.1f}"]), _row(["`micropip.freeze()`", f"{theirs:.1f}"])]
        lines += ["", f"{freeze['packages']:.0f} packages; strict, every check made (`make bench-freeze`)."]
    return "\n".join(lines) + "\n"


def _floor_of(own: Sequence[Sample], reference: Sequence[Sample]) -> list[str]:
    """What no installer can beat here: the limit's install; and of the total, the longer of boot and limit."""
    limit = _median(_of(LIMIT, own) or _of(LIMIT, reference), "install")
    boot = _median(_of(EMPTY, own) or _of(EMPTY, reference), "boot")
    if limit is None or boot is None:
        return []
    text = (
        f"Cannot be beaten: install {limit:,.0f} ms with whole wheels from the network; "
        f"total {max(limit, boot):,.0f} ms with the runtime as it comes, were importing free."
    )
    return [text, ""]


def _of(name: str, samples: Iterable[Sample]) -> list[Sample]:
    return [one for one in samples if one.contender == name]


def _median(samples: Iterable[Sample], name: str) -> float | None:
    return median(samples, lambda one: float(getattr(one, name)))


def _above(samples: Sequence[Sample], empty: Sequence[Sample], name: str) -> float | None:
    base, own = _median(empty, name), _median(samples, name)
    return None if base is None or own is None else own - base


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _ratio(value: float | None, base: float | None) -> str:
    # What took less than a millisecond took place elsewhere: in the boot, for instance.
    return "" if not value or not base or min(value, base) < 1 else f"{value / base:.2f}"


def _megabytes(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value / 1e6:,.{digits}f}"


_INTRODUCTION: Final = """\
# Benchmarks

`make bench` writes this page. Every table is of one run, its contenders in turn (A B C A B C …), medians, times in
milliseconds. Absolute figures are of one machine on one day; the ratios are what counts.

- **boot**: until there is a Pyodide. **tool**: until the installer itself is loaded and imported. **install**: until
  everything can be imported. **ready**: the sum of the three. **import**: one module of each wheel imported, one by
  one. **total**: from the start until everything is imported.
- **the limit** fetches every byte, six at a time, and hashes it with the platform's SHA-256; it installs nothing.
- Page and runtime come from this machine in all cases; wheels, locks and index come over the link that is named, from
  another origin. A slow link is shared by all connections.
- **CPU** is processor time, of all the browser's processes or of Node's: on a machine that others use as well, it says
  more than a clock does.
- **requests** and **MB** are of the wheels' origin, counted there. **heap** is Pyodide's own memory, which never
  shrinks. **installed** and **imported** are what the renderer's process (or Node's) holds for itself by then, above
  the same with nothing installed; **peak** is the most that was ever resident, shared parts included.
- Each sample has a browser of its own, with no debugger attached, and a second to calm down before its watch starts. A
  second visit is in a new browser with the profile of the first, HTTP cache and all; pages were looked at for five
  seconds more before they were left, because Chromium keeps compiled WebAssembly of such pages only.
- Ratios above 1 in the columns "faster than loadPackage" are in the contender's favour."""
