"""What one visit of one contender gave."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

type Place = Literal["worker", "page", "node"]
type Visit = Literal["cold", "warm"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """What is compared with each other: the same wheels at the same place over the same link.

    Attributes:
        set: A set of wheels.
        place: A worker of a page, the page itself, or Node.
        link: ``loopback`` or ``slow``.
        visit: ``cold``, or ``warm`` for the second one.
    """

    set: str
    place: str
    link: str
    visit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One visit.

    Attributes:
        cell: Where.
        contender: Who.
        round: Counted from 0; all contenders of a round run one after the other.
        boot: Milliseconds until there is a Pyodide.
        prepare: Milliseconds until the tool itself is there.
        install: Milliseconds until everything can be imported.
        imports: Milliseconds until everything is.
        requests: What the wheels' origin was asked until then.
        bytes: What its answers carried.
        heap: Bytes of the wasm heap at the end.
        installed: Private bytes of the renderer, or of Node, after the install.
        imported: The same at the end.
        peak: Most bytes resident at any time, shared ones included.
        install_cpu: Milliseconds of processor time for the install, of all the browser's processes, or of Node's.
        total_cpu: The same from the start until everything is imported. Both say more than a clock on a busy machine.
        error: Why there are no numbers.
    """

    cell: Cell
    contender: str
    round: int
    boot: float = 0.0
    prepare: float = 0.0
    install: float = 0.0
    imports: float = 0.0
    requests: int = 0
    bytes: int = 0
    heap: int = 0
    installed: int = 0
    imported: int = 0
    peak: int = 0
    install_cpu: float = 0.0
    total_cpu: float = 0.0
    error: str | None = None

    @property
    def ready(self) -> float:
        """Milliseconds from the start until everything can be imported."""
        return self.boot + self.prepare + self.install

    @property
    def total(self) -> float:
        """Milliseconds from the start until everything is imported."""
        return self.ready + self.imports

    def to_json(self) -> dict[str, Any]:
        """A flat object."""
        table = asdict(self)
        return {**table.pop("cell"), **table}

    @classmethod
    def from_json(cls, table: dict[str, Any]) -> Sample:
        """The sample that :meth:`to_json` wrote."""
        cell = {key: table[key] for key in ("set", "place", "link", "visit")}
        return cls(cell=Cell(**cell), **{key: value for key, value in table.items() if key not in cell})


def median(samples: Iterable[Sample], value: Callable[[Sample], float]) -> float | None:
    """The median of a value over those samples that have numbers; ``None`` without any."""
    values = [value(one) for one in samples if one.error is None]
    return statistics.median(values) if values else None
