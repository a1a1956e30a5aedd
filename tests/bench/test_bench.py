"""Tests of :mod:`bench`: its sets are pinned, its server is honest, its tables say what was measured."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from bench import node, table, targets
from bench.plan import PLAN, QUICK, legs
from bench.run import takes_part
from bench.samples import Cell, Sample
from bench.stand import HERE, serve
from bench.wheelsets import SETS, pinned, read_set
from tools.slow_link import SlowLink

CELL = Cell(set="S", place="worker", link="loopback", visit="cold")
FACTS = {"wheels": 2, "files": 30, "size": 6_250_000, "imports": 2}
LABELS = {"limit": "the limit", "boot": "Pyodide", "load-package": "loadPackage", "ours": "micropip-lock"}


def sample(contender: str, number: int = 0, cell: Cell = CELL, **numbers: Any) -> Sample:
    return Sample(cell=cell, contender=contender, round=number, **numbers)


SAMPLES = [
    *(sample("limit", number, install=took) for number, took in enumerate([9.0, 10.0, 30.0])),
    sample("boot", boot=1000.0, imported=50_000_000),
    sample("load-package", boot=1000.0, install=100.0, imports=900.0, imported=150_000_000),
    *(
        sample("ours", number, boot=500.0, prepare=100.0, install=took, imports=300.0, imported=90_000_000)
        for number, took in enumerate([10.0, 20.0, 12.5])
    ),
]


@pytest.mark.parametrize("name", SETS)
def test_every_wheel_of_a_set_is_pinned_and_says_what_is_imported(name: str) -> None:
    """Each line has a version, a hash and a module or a reason; no project comes twice, and most can be imported."""
    wheels = pinned(name)
    imported = [one.imports for one in wheels if one.imports is not None]

    assert len(wheels) == len({one.name for one in wheels})
    assert len(imported) == len(set(imported)) > 0.8 * len(wheels)


def test_the_sets_are_as_large_as_they_are_meant_to_be() -> None:
    """About ten, forty-five, twenty-five, seven and a hundred and fifty wheels."""
    assert {"S": 11, "K": 10, "M": 45, "B": 25, "X": 7, "L": 157} == {name: len(pinned(name)) for name in SETS}


@pytest.mark.parametrize(
    "line",
    [
        "six==1.17.0",
        "six==1.17.0  # import six",
        f"six>=1 --hash=sha256:{'0' * 64}  # import six",
        f"six==1 --hash=sha256:{'0' * 63}  # import six",
        f"six==1 --hash=sha256:{'0' * 64}",
        f"six @ https://files.example/six.whl --hash=sha256:{'0' * 64}  # import six",
        f"--index-url x\nsix==1 --hash=sha256:{'0' * 64}  # import six",
    ],
)
def test_a_loose_line_is_refused(line: str) -> None:
    """A line without a version, a whole hash or a word on its import is none, and neither is an option of pip."""
    with pytest.raises(ValueError, match=re.escape(line.splitlines()[0])):
        read_set(line)


def test_bench_only_packages_are_pinned_and_name_no_address() -> None:
    """The npm lock of the bench has a sha512 for each package and says of none where it came from."""
    text = (HERE / "package-lock.json").read_text("utf-8")
    packages = {path: one for path, one in json.loads(text)["packages"].items() if path}
    loose = [path for path, one in packages.items() if not one.get("integrity", "").startswith("sha512-")]
    assert ([], False, True) == (loose, "://" in text, bool(packages))


def test_npm_packages_of_the_bench_are_exact() -> None:
    """package.json names exact versions, and only for development."""
    package = json.loads((HERE / "package.json").read_text("utf-8"))
    versions = package["devDependencies"].values()
    assert (True, None) == (all(re.fullmatch(r"\d+\.\d+\.\d+", one) for one in versions), package.get("dependencies"))


# --- the server


@pytest.fixture
def origins(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A server with a file of 200,000 bytes and a page of an index."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.whl").write_bytes(bytes(range(200)) * 1000)
    (tmp_path / "a.json").write_text('{"url": "{origin}/data/a.whl"}')
    (tmp_path / "secret").write_text("not served")
    with serve(
        tmp_path / "map.json", {"/data/": str(tmp_path / "data")}, {"/simple/a/": str(tmp_path / "a.json")}
    ) as served:
        yield served


def ask(url: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = Request(url, method=method, headers=headers)
    # No proxy of this machine between the two.
    with build_opener(ProxyHandler({})).open(request, timeout=20) as answer:
        return answer.status, dict(answer.headers), answer.read()


@pytest.mark.node
@pytest.mark.parametrize(
    ("header", "first", "end"),
    [("bytes=0-9", 0, 10), ("bytes=199990-", 199_990, 200_000), ("bytes=-7", 199_993, 200_000)],
)
def test_ranges_are_answered(origins: tuple[str, str], header: str, first: int, end: int) -> None:
    """A range of bytes comes as 206 with just these bytes and with their place."""
    status, headers, data = ask(f"{origins[1]}/data/a.whl", Range=header)
    expected = (206, f"bytes {first}-{end - 1}/200000", (bytes(range(200)) * 1000)[first:end])
    assert expected == (status, headers["Content-Range"], data)


@pytest.mark.node
def test_other_origins_may_read_and_see_every_header(origins: tuple[str, str]) -> None:
    """Answers permit any origin and expose all headers; a head has the length and no body."""
    status, headers, data = ask(f"{origins[1]}/data/a.whl", method="HEAD")
    seen = [
        headers[name] for name in ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Content-Length")
    ]
    assert (200, ["*", "*", "200000"], b"") == (status, seen, data)


@pytest.mark.node
def test_an_index_names_the_origin_that_was_asked(origins: tuple[str, str]) -> None:
    """A page of the index leads to files over the same link, so that no byte goes around it."""
    with SlowLink(origins[1], round_trip=0.0, megabits=100.0) as link:
        _, headers, data = ask(f"{link.origin}/simple/a/")
        expected = ("application/vnd.pypi.simple.v1+json", {"url": f"{link.origin}/data/a.whl"})
        assert expected == (headers["Content-Type"], json.loads(data))


@pytest.mark.node
def test_requests_and_bytes_of_the_wheels_are_counted(origins: tuple[str, str]) -> None:
    """What the second origin was asked is counted since the last look; what the page's origin was asked is not."""
    page, wheels = origins
    for url in (f"{page}/data/a.whl", f"{wheels}/data/a.whl"):
        ask(url)
    ask(f"{wheels}/data/a.whl", Range="bytes=0-9")
    counts = [json.loads(ask(f"{page}/_counts")[2]) for _ in range(2)]
    assert [{"requests": 2, "bytes": 200_010}, {"requests": 0, "bytes": 0}] == counts


@pytest.mark.node
def test_nothing_beside_a_mounted_directory_is_served(origins: tuple[str, str]) -> None:
    """No way of writing a path leads out of a directory that is served."""
    opener = build_opener(ProxyHandler({}))
    for path in ("/data/../secret", "/data/%2e%2e/secret", "/data/..%2fsecret", "/secret"):
        with pytest.raises(OSError, match="404"):
            opener.open(f"{origins[0]}{path}", timeout=20)


@pytest.mark.node
def test_the_slow_link_is_as_slow_as_it_says(origins: tuple[str, str]) -> None:
    """200,000 bytes through 8 Mbit/s take no less than their length of time and two round trips."""
    with SlowLink(origins[1], round_trip=0.05, megabits=8.0) as link:
        began = time.perf_counter()
        ask(f"{link.origin}/data/a.whl")
        seconds = time.perf_counter() - began
    assert seconds * 1e3 >= table.floor(200_000, round_trip=0.05, megabits=8.0) == 300.0


# --- contenders and plan


@pytest.mark.node
def test_every_contender_says_what_it_is() -> None:
    """Each file in bench/contenders has a label of its own, and names only places, visits and links that there are."""
    told = node.describe(node.contenders())
    odd = [
        one["name"]
        for one in told
        if set(one["places"]) - {"worker", "page", "node"}
        or set(one["visits"]) - {"cold", "warm"}
        or set(one["links"]) - {"loopback", "slow"}
    ]
    assert ([], len(told)) == (odd, len({one["label"] for one in told}))


def test_a_contender_stays_away_from_what_it_does_not_name() -> None:
    """Place, visit and link must all be its own."""
    contender = {"places": ["worker"], "visits": ["cold"], "links": ["loopback"]}
    other = [
        Cell(set="S", place=place, link=link, visit=visit)
        for place, link, visit in [
            ("node", "loopback", "cold"),
            ("worker", "slow", "cold"),
            ("worker", "loopback", "warm"),
        ]
    ]
    assert [True, False, False, False] == [takes_part(contender, cell) for cell in [CELL, *other]]


def test_the_plan_can_be_narrowed_and_widened() -> None:
    """Sets and rounds narrow the plan; all four together add what it does not have."""
    narrowed = legs(PLAN, sets=("S",), places=None, links=None, visits=None, rounds=7)
    added = legs(QUICK, sets=("X",), places=("page",), links=("slow",), visits=("warm",), rounds=None)
    assert ({"S"}, {7}) == ({leg.cell.set for leg in narrowed}, {leg.rounds for leg in narrowed})
    assert [Cell(set="X", place="page", link="slow", visit="warm")] == [leg.cell for leg in added]


# --- tables


def row(lines: list[str], label: str) -> list[str]:
    (found,) = (line for line in lines if line.startswith(f"| {label} |"))
    return [one.strip() for one in found.strip("|").split("|")]


def test_a_row_has_medians_and_ratios() -> None:
    """Install 12.5 ms is 1.25 × the limit of 10 and 8 × faster than 100; memory is above the empty runtime's."""
    lines = table.table(SAMPLES, LABELS)
    columns = row(lines, "")
    ours = dict(zip(columns, row(lines, "micropip-lock"), strict=True))
    wanted = ("boot", "tool", "install", "× limit", "ready", "import", "total", "imported +MB", "samples")

    assert ["500", "100", "12", "1.25", "612", "300", "912", "40", "3"] == [ours[name] for name in wanted]
    assert ["8.00", "2.19"] == [
        value for name, value in zip(columns, row(lines, "micropip-lock"), strict=True) if name.startswith("faster")
    ]


def test_what_failed_says_why_and_has_no_numbers() -> None:
    """A contender without numbers has its reason in the table, and no ratio."""
    lines = table.table([*SAMPLES, sample("broken", error="it | fell\nover")], LABELS)
    assert ["broken", r"failed: it \| fell over"] == [
        one.strip() for one in re.split(r"(?<!\\)\|", next(line for line in lines if "broken" in line))[1:3]
    ]


def test_failed_samples_do_not_count() -> None:
    """Where some samples failed, the medians are of the others, and the row says of how many."""
    lines = table.table([*SAMPLES, sample("ours", 3, error="no")], LABELS)
    assert ("912", "3 of 4") == (row(lines, "micropip-lock")[8], row(lines, "micropip-lock")[-1])


def test_a_second_visit_is_compared_with_the_first() -> None:
    """The limit and loadPackage of a second visit are those of the first one where it has none."""
    again = Cell(set="S", place="worker", link="loopback", visit="warm")
    lines = table.table([sample("ours", cell=again, boot=300.0, install=5.0)], LABELS, reference=SAMPLES)
    assert ["0.50", "20.00"] == row(lines, "micropip-lock")[4:6]


def test_the_floor_is_the_bytes_and_two_round_trips() -> None:
    """6.25 MB at 50 Mbit/s take a second, and 30 ms to connect and to ask each."""
    assert 1060.0 == table.floor(6_250_000, round_trip=0.03, megabits=50.0)


def test_the_page_has_a_table_for_each_cell_and_does_not_depend_on_the_run() -> None:
    """Samples that went through JSON give the same page: a heading and a table for each cell, the floor above it."""
    slow = Cell(set="S", place="worker", link="slow", visit="cold")
    samples = [*SAMPLES, sample("ours", cell=slow, boot=1.0, install=2000.0)]

    def page(given: list[Sample]) -> str:
        return table.document(
            given,
            LABELS,
            facts={"commit": "abc"},
            sets={"S": FACTS},
            freeze={"ours": 0.01, "theirs": 0.1, "packages": 45},
            round_trip=0.03,
            megabits=50.0,
        )

    text = page(samples)
    assert text == page([Sample.from_json(json.loads(json.dumps(one.to_json()))) for one in samples])
    assert ["The sets", "What is promised", table.title(CELL), table.title(slow), "Freeze"] == re.findall(
        r"^## (.*)", text, re.MULTILINE
    )
    assert "The bytes alone take 1,060 ms over this link." in text
    assert "install 10 ms with whole wheels from the network; total 1,000 ms" in text


def test_a_promise_is_kept_broken_or_not_measured() -> None:
    """Each promise is judged by its bound; without samples of its contender it is not judged."""
    cell = Cell(set="M", place="worker", link="loopback", visit="cold")
    samples = [
        sample("limit", cell=cell, install=100.0),
        sample("load-package", cell=cell, boot=1000.0, install=600.0),
        sample("micropip-names", cell=cell, install=600.0),
        sample("ours-python", cell=cell, install=110.0),
    ]
    told = targets.lines(targets.Measured(samples=samples, wheels={"M": 45}, floors={"M": 1000.0}))[2:]
    ends = [[cell.strip() for cell in line.strip("|").split("|")][1:] for line in told]

    assert [["≤ 1.15", "1.10", "kept"], ["≥ 5", "5.45", "kept"], ["≥ 6.5", "5.45", "not kept"]] == ends[:3]
    assert {"not measured"} == {end[-1] for end in ends[4:]}
    assert len(targets.TARGETS) == len(told)


def test_a_contender_that_shows_it_best_goes_first() -> None:
    """The engine's own samples count where there are any, and those of a call in a kernel elsewhere."""
    cell = Cell(set="M", place="worker", link="loopback", visit="cold")
    samples = [sample("ours-python", cell=cell, install=20.0), sample("ours-engine", cell=cell, install=10.0)]
    seen = targets.Measured(samples=samples, wheels={}, floors={})
    assert [10.0, 20.0] == [
        seen.of(names, "install", "M") for names in (["ours-engine", "ours-python"], ["ours-python"])
    ]
