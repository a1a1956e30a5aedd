"""Right wheels that are wrong in this place: for another Python or Pyodide, or in the way of what is there."""

from __future__ import annotations

from tests.corpus.generate.wheel_case import Entries, content


@content("W33", "future-python", "METADATA requires Python 99", "EnvironmentMismatchError requires-python", by="replay")
def future_python(entries: Entries, info: str) -> None:
    entries[f"{info}/METADATA"] += b"Requires-Python: >=99\n"


@content("W52", "anothers-file", "A file that belongs to another distribution", "ConflictError owned", by="replay")
def anothers_file(entries: Entries, info: str) -> None:
    entries["neighbour.py"] = b"OWNED = False\n"


@content("W53", "standard-library", "A file of the standard library", "ConflictError protected", by="replay")
def standard_library(entries: Entries, info: str) -> None:
    entries["w53-1.0.data/data/lib/python3.14/json/__init__.py"] = b"EVIL = True\n"


@content(
    "W54",
    "another-abi",
    "A wheel for another Pyodide",
    "EnvironmentMismatchError tag-mismatch",
    by="replay",
    state="S0",
    filename="w54-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl",
)
def another_abi(entries: Entries, info: str) -> None:
    entries[f"{info}/WHEEL"] = entries[f"{info}/WHEEL"].replace(b"py3-none-any", b"cp313-cp313-pyodide_2025_0_wasm32")


@content("W74", "micropip", "A file that micropip consists of", "ConflictError protected", by="replay")
def micropip(entries: Entries, info: str) -> None:
    entries["micropip/package_index.py"] = b"EVIL = True\n"


@content("W75", "micropip-new-file", "A new file in micropip", "ConflictError protected", by="replay")
def micropip_new_file(entries: Entries, info: str) -> None:
    entries["micropip/evil.py"] = b"EVIL = True\n"


@content("W76", "micropip-lock", "A file in micropip-lock", "ConflictError protected", by="replay")
def micropip_lock(entries: Entries, info: str) -> None:
    entries["micropip_lock/evil.py"] = b"EVIL = True\n"


@content(
    "W77", "standard-library-new-file", "A new file in the standard library", "ConflictError protected", by="replay"
)
def standard_library_new_file(entries: Entries, info: str) -> None:
    entries["w77-1.0.data/data/lib/python3.14/evil.py"] = b"EVIL = True\n"


@content("W78", "same-file", "A file of another distribution, the same byte for byte", by="replay")
def same_file(entries: Entries, info: str) -> None:
    entries["shared/neighbour.py"] = b""


@content(
    "W55",
    "metadata-drift",
    "The index serves another METADATA than the wheel has",
    "WheelMetadataError metadata-drift",
    by="record",
    metadata="Metadata-Version: 2.1\nName: w55\nVersion: 1.0\nRequires-Dist: evil\n",
    note="what an installer resolves by is not what it installs",
)
def metadata_drift(entries: Entries, info: str) -> None:
    entries["more.py"] = b""


@content("W79", "future-python-spelled-oddly", "Requires-Python that cannot be parsed", "warn requires-python")
def odd_requires_python(entries: Entries, info: str) -> None:
    entries[f"{info}/METADATA"] += b"Requires-Python: >=3.6.*\n"


@content("W80", "start-up-module", "A module that each start of Python imports", "warn startup-file")
def start_up_module(entries: Entries, info: str) -> None:
    entries["sitecustomize.py"] = b"import w80\n"
