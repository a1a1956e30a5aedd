"""Claims about wheels that are mounted in Pyodide's file system, with both Emscriptens, under Node."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
import pytest_asyncio

from micropip_lock.testing import BuiltWheel, wheel
from tests.e2e.kernel import Kernel, kernel
from tests.e2e.sets import PYODIDE_029, PYODIDE_314
from tests.e2e.truth.running import bring
from tests.e2e.truth.wheels import as_json, packed

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

STRANGE = ("constructor", "__proto__", "toString", "hasOwnProperty", "valueOf", "isPrototypeOf")

ALPHA = packed(
    wheel(
        "alpha", files={"space/alpha.py": "A = 1\n", "space/deep/alpha.txt": "a", "same.txt": "same", "own/x.txt": "x"}
    )
)
BETA = packed(wheel("beta", files={"space/beta.py": "B = 2\n", "space/deep/beta.txt": "b", "same.txt": "same"}))
OTHER = packed(wheel("other", files={"same.txt": "other", "space/deep/alpha.txt": "a", "new/other.txt": "o"}))
NESTED = packed(wheel("nested", files={"space/alpha.py/inner.txt": "a directory where another wheel has a file"}))
NEWER = packed(wheel("newer", files={"space/alpha.py": "A = 2\n", "space/added.py": ""}))
OWN_RECORDS = packed(wheel("own-records", files={"z.py": ""}, dist_info={"INSTALLER": "its own", "AUTHORS": "a"}))
SCHEMES = packed(wheel("schemes", files={"s.py": ""}, data={"data/share/s/a.txt": "a", "scripts/run": "#!python\n"}))
AROUND = packed(wheel("around", files={"a.py": ""}, data={"data/site/a.py": "another", "data/share/b": ""}))
STORED = wheel("stored", files={"stored.bin": b"0123456789" * 1000, "stored.txt": "text"})
_NINE_MEGABYTES = b"".join(b"%09d" % number + bytes(991) for number in range(9 << 10))
BIG = packed(wheel("big", files={f"big-{number}.bin": _NINE_MEGABYTES for number in range(2)}))
NAMES = packed(
    wheel(
        "names",
        files={
            **{f"names/{name}": name for name in STRANGE},
            **{f"folders/{name}/inner.txt": name for name in STRANGE},
            **{f"modules/{name}.py": "" for name in STRANGE},
            "modules/__proto__/deep/__proto__": "deep",
        },
    )
)
ORDER = packed(wheel("order", files={name: name for name in ("b/1", "b/2/x", "a.txt", "c.txt", "5", "b/0", "a/y")}))


def damaged(built: BuiltWheel, name: str) -> BuiltWheel:
    """The wheel with one bit of the packed bytes of one file flipped."""
    entry = zipfile.ZipFile(BytesIO(built.data)).getinfo(name)
    lengths: tuple[int, int] = struct.unpack_from("<HH", built.data, entry.header_offset + 26)
    place = entry.header_offset + 30 + sum(lengths) + entry.compress_size // 2
    return built.with_data(built.data[:place] + bytes([built.data[place] ^ 1]) + built.data[place + 1 :])


DAMAGED = damaged(
    packed(wheel("damaged", files={"bad.txt": "some longer text " * 50, "good.txt": "good", "d/good.txt": "too"})),
    "bad.txt",
)
WRONG = damaged(wheel("wrong", files={"bad.txt": "stored as it is", "good.txt": "good"}), "bad.txt")
WHEELS = (ALPHA, BETA, OTHER, NESTED, NEWER, OWN_RECORDS, SCHEMES, AROUND, STORED, BIG, NAMES, ORDER, DAMAGED, WRONG)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[PYODIDE_314, PYODIDE_029])
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Kernel]:
    """A Pyodide that holds the wheels."""
    async with kernel(request.param) as started:
        await bring(started)
        await started.ask(f"from tests.e2e.truth import claims\nclaims.hold({as_json(WHEELS)!r})\nanswer = 0")
        yield started


async def ask(running: Kernel, code: str) -> Any:
    """What code says in which ``place`` is a new directory."""
    return await running.ask(
        "import os\nfrom tests.e2e.truth.claims import *\n"
        f"place = Place(str(nodes()))\nsite = place.at('')\n{code.strip()}\n"
    )


@pytest.mark.parametrize("looked", ["pass", "os.listdir(site)", "os.stat(site / 'space')", "list(site.rglob('*'))"])
async def test_wheels_share_a_directory(running: Kernel, looked: str) -> None:
    """Files of two wheels in one directory are all there, in whatever way it was looked into in between."""
    names = await ask(
        running,
        f"""
place.mount("alpha")
{looked}
place.mount("beta")
answer = [sorted(os.listdir(site / "space")), sorted(os.listdir(site / "space" / "deep"))]
""",
    )

    assert [["alpha.py", "beta.py", "deep"], ["alpha.txt", "beta.txt"]] == names


async def test_mounting_makes_no_node(running: Kernel) -> None:
    """Mounting makes no node of a file or directory; looking a name up makes the nodes of its path only."""
    made = await ask(
        running,
        """
prepared = place.prepared("alpha", "beta")
before = nodes()
prepared.commit()
mounted = nodes()
os.stat(site / "space" / "deep" / "beta.txt")
answer = [mounted - before, nodes() - mounted]
""",
    )

    assert [0, 3] == made


async def test_the_same_bytes_are_no_conflict(running: Kernel) -> None:
    """A file that is there already with the same bytes, unpacked or mounted, read or not, is left alone."""
    told = await ask(
        running,
        """
(site / "same.txt").write_text("same")
os.utime(site / "same.txt", (1, 2))
place.mount("alpha")
place.mount("beta")
answer = [(site / "same.txt").read_text(), os.stat(site / "same.txt").st_mtime]
""",
    )

    assert ["same", 2] == told


@pytest.mark.parametrize(
    ("before", "names", "taken"),
    [
        ("pass", ("alpha", "other"), ["same.txt"]),
        ("place.mount('alpha')", ("other",), ["same.txt"]),
        ("place.mount('alpha'); (site / 'same.txt').read_bytes()", ("other",), ["same.txt"]),
        ("place.mount('alpha'); (site / 'same.txt').write_text('own')", ("beta",), ["same.txt"]),
        ("place.mount('alpha')", ("nested",), ["space/alpha.py/inner.txt"]),
        ("place.mount('nested')", ("alpha",), ["space/alpha.py"]),
        ("pass", ("alpha", "nested"), ["space/alpha.py"]),
        ("(site / 'space').symlink_to('elsewhere')", ("newer",), ["space/added.py"]),
        ("(site / '__proto__').write_text('x'); os.mkdir(site / 'space'); os.symlink('.', site / 'space' / 'deep')",
         ("alpha",), ["space/deep/alpha.txt"]),
    ],
)  # fmt: skip
async def test_a_place_is_taken(running: Kernel, before: str, names: tuple[str, ...], taken: list[str]) -> None:
    """A place with other bytes, a directory, a file or a link in it is told, and nothing changes."""
    told, same = await ask(
        running,
        f"""
{before}
tree = place.tree()
prepared = place.prepared(*{names!r})
prepared.undo()
answer = [[one.path for one in prepared.taken], tree == place.tree()]
""",
    )

    assert (taken, True) == (told, same)


async def test_a_data_scheme_that_leads_into_site_packages_is_told(running: Kernel) -> None:
    """Two files that come to one place by two ways are left to the installer that writes files, which refuses them."""
    told = await ask(
        running,
        """
prepared = place.prepared("around", prefix="")
answer = [[one.path for one in prepared.taken], os.listdir(site)]
""",
    )

    assert [["site/a.py"], []] == told


async def test_what_leaves_is_in_nobodys_way(running: Kernel) -> None:
    """Files that will be gone may be in the places of new ones; before they are, nothing changes."""
    told = await ask(
        running,
        """
place.mount("alpha")
leaving = ["space/alpha.py"]
prepared = place.prepared("newer", leaving=leaving)
before = (site / "space/alpha.py").read_text()
os.rename(site / "space/alpha.py", place.root / "gone")
prepared.commit()
answer = [prepared.taken.length, before, (site / "space/alpha.py").read_text(), (place.root / "gone").read_text()]
""",
    )

    assert [0, "A = 1\n", "A = 2\n", "A = 1\n"] == told


async def test_undo_before_commit_takes_nothing_away(running: Kernel) -> None:
    """What is to be replaced is still there when a replay fails before it mounts anything."""
    told = await ask(
        running,
        """
place.mount("alpha")
tree = place.tree()
place.prepared("newer", leaving=["space/alpha.py"]).undo()
answer = tree == place.tree()
""",
    )

    assert told is True


@pytest.mark.parametrize("looked", ["pass", "os.listdir(site / 'space')", "(site / 'space/alpha.py').read_text()"])
async def test_undo_leaves_what_was_there(running: Kernel, looked: str) -> None:
    """After an undo all files and directories are as before, the empty ones too; what others put there stays."""
    told = await ask(
        running,
        f"""
for folder in ("space", "own", "empty/deep"):
    os.makedirs(site / folder)
(site / "space" / "mine.txt").write_text("mine")
place.mount("beta")
before = place.tree()
prepared = place.mount("alpha", "schemes")
{looked}
(site / "schemes-1.0.dist-info" / "theirs.txt").write_text("theirs")
prepared.undo()
answer = [sorted(place.tree().keys() - before.keys()), before.items() <= place.tree().items()]
""",
    )

    assert [["site/schemes-1.0.dist-info", "site/schemes-1.0.dist-info/theirs.txt"], True] == told


async def test_records_replace_the_wheels_own(running: Kernel) -> None:
    """What the installer writes is there instead of the wheel's file of that name; others stay."""
    told = await ask(
        running,
        """
look_into_by_hand("own_records")
place.prepared("own_records", records={"INSTALLER": "ours", "direct_url.json": "{}"}).commit()
info = site / "own_records-1.0.dist-info"
answer = [(info / name).read_text() for name in ("INSTALLER", "direct_url.json", "AUTHORS")]
""",
    )

    assert ["ours", "{}", "a"] == told


async def test_the_data_scheme_is_there_twice(running: Kernel) -> None:
    """Files of the data scheme are in the `.data` directory and below the prefix, and are two files each."""
    told = await ask(
        running,
        """
place.mount("schemes")
twin = site / "schemes-1.0.data/data/share/s/a.txt"
(place.root / "prefix/share/s/a.txt").write_text("changed")
answer = [twin.read_text(), os.listdir(place.root / "prefix"), (site / "schemes-1.0.data/scripts/run").exists()]
""",
    )

    assert ["a", ["share"], True] == told


@pytest.mark.parametrize(("name", "code"), [("damaged", "bad-zip|crc|size-mismatch"), ("wrong", "crc")])
async def test_a_damaged_file_is_an_input_output_error(running: Kernel, name: str, code: str) -> None:
    """What is not what RECORD lists is never served, however often it is asked for, and found once; the rest is."""
    outcomes, found, size, rest = await ask(
        running,
        f"""
place.mount({name!r})
bad = site / "bad.txt"
writes = [lambda: bad.open("r+b", 0).write(b"x"), lambda: os.truncate(bad, 3)]
outcomes = [outcome(call) for call in (bad.read_bytes, *writes, bad.read_text, bad.read_bytes)]
answer = [outcomes, findings({name!r}), os.stat(bad).st_size > 3, (site / "good.txt").read_text()]
""",
    )

    assert ["OSError I/O error"] * 5 == outcomes
    assert [["bad.txt", True]] == [[path, found_code in code.split("|")] for path, found_code in found]
    assert (True, "good") == (size, rest)


async def test_a_damaged_file_can_be_written_anew(running: Kernel) -> None:
    """A file that cannot be read can be replaced by its owner."""
    told = await ask(
        running,
        """
place.mount("damaged")
(site / "bad.txt").write_text("new")
(site / "d/good.txt").unlink()
answer = [(site / "bad.txt").read_text(), os.listdir(site / "d")]
""",
    )

    assert ["new", []] == told


async def test_the_rest_is_compared(running: Kernel) -> None:
    """The check of what nobody has read finds what is damaged, once."""
    told = await ask(
        running,
        """
from micropip_lock.adapters.engine import engine
place.mount("damaged")
await engine().settle()
await engine().settle()
answer = [path for path, _ in findings("damaged")]
""",
    )

    assert ["bad.txt"] == told


async def test_writing_never_changes_the_wheel(running: Kernel) -> None:
    """Writing to a file, whichever way, leaves the bytes of the wheel and the other mounts of it as they were."""
    told = await ask(
        running,
        """
import mmap
from tests.e2e.truth import claims
handle = claims._held["stored"].handle
before = hashlib.sha256(handle.bytes().to_bytes()).hexdigest()
place.mount("stored")
with open(site / "stored.bin", "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
    file.write(b"written")
    mapped[100:106] = b"mapped"
    mapped.flush()
os.truncate(site / "stored.txt", 2)
with open(site / "stored.txt", "a") as file:
    file.write("added")
again = Place(str(nodes()))
again.mount("stored")
answer = [
    before == hashlib.sha256(handle.bytes().to_bytes()).hexdigest(), (site / "stored.txt").read_text(),
    again.at("stored.txt").read_text(), again.at("stored.bin").read_bytes() == b"0123456789" * 1000,
]
""",
    )

    assert [True, "teadded", "text", True] == told


async def test_what_was_written_through_a_map_stays(running: Kernel) -> None:
    """Bytes written through a map are still there after other files were read, which push out what was inflated."""
    told = await ask(
        running,
        """
import mmap
place.mount("alpha", "big")
with open(site / "own/x.txt", "r+b") as file:
    mapped = mmap.mmap(file.fileno(), 0)
    mapped[0:1] = b"m"
    mapped.flush()
    mapped.close()
for number in (0, 1):
    (site / f"big-{number}.bin").read_bytes()
answer = (site / "own/x.txt").read_text()
""",
    )

    assert "m" == told


async def test_names_of_javascript_are_only_names(running: Kernel) -> None:
    """Files and directories that are called like what every object has behave as if they were unpacked."""
    mounted, unpacked = await running.ask(f"""
from tests.e2e.truth.sides import Pair, wheels_from
paths = [*(f"names/{{name}}" for name in {STRANGE!r}), *(f"folders/{{name}}/inner.txt" for name in {STRANGE!r}),
         "modules/__proto__/deep/__proto__", "modules/__proto__.py", "names/isPrototype", "propertyIsEnumerable"]
looks = [["read", f"site/{{path}}"] for path in paths]
lists = [["listdir", f"site/{{path}}"] for path in ("names", "folders", "modules", "modules/__proto__/deep")]
removals = [["unlink", f"site/{{path}}"] for path in paths]
folders = [["rmdir", f"site/folders/{{name}}"] for name in {STRANGE!r}]
again = [["write", f"site/{{path}}", "x", "new"] for path in paths]
answer = Pair(wheels_from({as_json((NAMES,))!r})).run(
    [["put", [0], [], False], *looks, *lists, *removals, *lists, *folders, *again, *looks, ["put", [0], [], False]]
)
""")

    assert unpacked == mounted


@pytest.mark.parametrize("looked", ["pass", "os.stat(site / 'c.txt'); os.stat(site / 'b/0')", "os.listdir(site / 'a')"])
async def test_names_are_listed_in_the_order_of_the_archive(running: Kernel, looked: str) -> None:
    """A directory lists its names as if they had been unpacked, whichever was looked up first."""
    told = await ask(
        running,
        f"""
(site / "first.txt").touch()
place.mount("order")
{looked}
answer = [[name for name in os.listdir(site) if "." not in name or "txt" in name], os.listdir(site / "b")]
""",
    )
    archive = zipfile.ZipFile(BytesIO(ORDER.data)).namelist()
    tops = [*dict.fromkeys(name.partition("/")[0] for name in archive if "dist-info" not in name)]

    # A name that is a number comes first in any directory of Emscripten's.
    assert [["5", "first.txt", *(name for name in tops if name != "5")], ["0", "1", "2"]] == told
