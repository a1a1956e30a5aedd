"""What micropip-lock takes, it installs as pip, uv and installer do: the same files with the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from micropip_lock.testing import wheel
from tests.adapters.others import OTHERS, installed_by
from tests.corpus.generate.case import all_cases

SCHEMES = wheel(
    "spread",
    files={"spread/__init__.py": "", "spread/a b.txt": "x", "spread/é.txt": "y", 'spread/q,"q.txt': "z"},
    data={
        "purelib/pure.py": "p",
        "platlib/plat.py": "q",
        "scripts/run": "#!/bin/sh\n",
        "data/share/x": "s",
        "data/etc/deep/y": "t",
    },
    dist_info={"licenses/LICENSE": "l", "top_level.txt": "spread\n", "sboms/x.json": "{}"},
)
ODD = wheel("Odd.Name", "1!2.0.post1+local.1", build="1", files={"odd/name.py": "", "odd/data.bin": b"\0\xff\r\n"})
TAKEN = {
    **{built.filename: built.data for built in (SCHEMES, ODD)},
    # Without W42, whose 20 000 files take long, and W79, whose Requires-Python the others cannot parse either.
    **{
        case.facts["filename"]: case.files()["input.whl"]
        for case in all_cases()
        if case.group == "wheels" and case.verdict != "reject" and case.id not in {"W42", "W79"}
    },
}


@pytest.mark.parametrize("filename", sorted(TAKEN))
def test_the_same_files(filename: str, tmp_path: Path) -> None:
    """The installed files and their digests equal those of every other installer."""
    path = tmp_path / filename
    path.write_bytes(TAKEN[filename])
    ours = installed_by("micropip-lock", path, tmp_path / "ours")
    assert dict.fromkeys(OTHERS, ours) == {who: installed_by(who, path, tmp_path / who) for who in OTHERS}
