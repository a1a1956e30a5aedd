"""The sets of real packages that the end-to-end tests install, and the runtimes each can be installed in.

Rule: a set names roots only; what they need is decided by the installer, from the wheels pinned in ``wheels/*.txt``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

PYODIDE_314: Final = "314.0.7"
PYODIDE_029: Final = "0.29.5"


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageSet:
    """One set.

    Attributes:
        name: For test ids.
        roots: Requirements as a person writes them.
        runtimes: Pyodide versions that have wheels for all of it.
        size: How many distributions each runtime's lock has, roots included.
        use: Python code that uses the roots and assigns ``answer``.
        answer: What ``use`` must give.
        unimportable: Import names that cannot be imported under Pyodide, and why.
    """

    name: str
    roots: tuple[str, ...]
    runtimes: tuple[str, ...] = (PYODIDE_314, PYODIDE_029)
    size: int
    use: str
    answer: object
    unimportable: Mapping[str, str] = field(default_factory=dict)


SETS: Final = (
    PackageSet(
        name="ipywidgets",
        roots=("ipywidgets",),
        size=17,
        use="import ipywidgets; answer = ipywidgets.IntSlider(value=3).value",
        answer=3,
        unimportable={"matplotlib_inline": "ModuleNotFoundError(\"No module named 'matplotlib'\")"},
    ),
    PackageSet(
        name="rich-pydantic",
        roots=("rich", "pydantic"),
        runtimes=(PYODIDE_314,),
        size=9,
        use="""
from pydantic import BaseModel
from rich.text import Text
class Point(BaseModel):
    x: int
answer = [Point(x="4").x, Text.from_markup("[bold]hi[/]").plain]
""",
        answer=[4, "hi"],
    ),
    PackageSet(
        name="rich",
        roots=("rich",),
        runtimes=(PYODIDE_029,),
        size=4,
        use="from rich.text import Text; answer = Text.from_markup('[bold]hi[/]').plain",
        answer="hi",
    ),
    PackageSet(
        name="msgpack-jiter",
        roots=("msgpack", "jiter"),
        runtimes=(PYODIDE_314,),
        size=2,
        use="import jiter, msgpack; answer = [msgpack.unpackb(msgpack.packb([1, 2])), jiter.from_json(b'[3]')]",
        answer=[[1, 2], [3]],
    ),
    PackageSet(
        name="msgpack",
        roots=("msgpack",),
        runtimes=(PYODIDE_029,),
        size=1,
        use="import msgpack; from msgpack import _cmsgpack; answer = msgpack.unpackb(msgpack.packb([1, 2]))",
        answer=[1, 2],
    ),
    PackageSet(
        name="plotly",
        roots=("plotly",),
        size=3,
        use="import plotly.graph_objects as go; answer = list(go.Figure(go.Bar(y=[2, 1])).data[0].y)",
        answer=[2, 1],
    ),
    PackageSet(
        name="sphinx",
        roots=("sphinx",),
        size=22,
        use="""
import docutils.core, sphinx
answer = [sphinx.version_info[0], "<em>hi</em>" in docutils.core.publish_string("*hi*", writer="html").decode()]
""",
        answer=[9, True],
    ),
)

CASES: Final = tuple((one, version) for one in SETS for version in one.runtimes)
"""Every set in every runtime that can hold it."""


def case_id(case: object) -> str:
    """The id of a parameter of :data:`CASES`."""
    return case.name if isinstance(case, PackageSet) else str(case)
