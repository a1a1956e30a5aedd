"""Wheels that share directories, are alike, or get in each other's way: what programs are run on.

Left to others: how they come inside (:mod:`tests.e2e.truth.running`).
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Final

from micropip_lock.testing import BuiltWheel, wheel

_LONG: Final = "".join(f"{number * 7919 % 10007:05}\n" for number in range(20_000))
_SHARED: Final = {"shared/same.txt": "the same in each wheel\n", "shared/sub/same.txt": "too"}


def packed(built: BuiltWheel, method: int = zipfile.ZIP_DEFLATED) -> BuiltWheel:
    """The same wheel with packed files."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(built.data)) as old, zipfile.ZipFile(target, "w", method) as new:
        for one in old.infolist():
            # The entry of the old archive would bring its method along.
            entry = zipfile.ZipInfo(one.filename, one.date_time)
            entry.external_attr = one.external_attr
            new.writestr(entry, old.read(one), method)
    return built.with_data(target.getvalue())


WHEELS: Final = (
    packed(
        wheel(
            "first",
            files={
                **_SHARED,
                "shared/one.py": '"""One."""\nVALUE = 1\n',
                "shared/constructor/__init__.py": "VALUE = 'constructor'\n",
                "shared/toString": "a file",
                "plain/__init__.py": "VALUE = __path__\n",
                "plain/data.bin": bytes(range(256)) * 300,
                "plain/empty.txt": "",
                "plain/text.txt": _LONG,
                "plain/deep/__init__.py": "",
                "plain/deep/inner.py": '"""Inner."""\nfrom shared import one\nVALUE = one.VALUE\n',
                "plain/deep/er/still/last.txt": "last",
                "single.py": "VALUE = __file__\n",
            },
        )
    ),
    packed(
        wheel(
            "second",
            files={
                **_SHARED,
                "shared/two.py": "VALUE = 2\n",
                "shared/sub/two.txt": "2",
                "shared/hasOwnProperty/valueOf": "deep",
                "hasOwnProperty.py": "VALUE = 3\n",
                "7": "a number",
                "10/3": "ten",
            },
            dist_info={"entry_points.txt": "[console_scripts]\nsecond = shared.two:main\n"},
        )
    ),
    packed(wheel("third", files={"shared/one.py": "VALUE = 'another'\n", "third.py": "VALUE = 3\n"})),
    wheel(
        "stored",
        files={"plain/stored.bin": b"stored " * 9000, "stored.txt": "stored", "plain/deep/stored.py": "VALUE = 4\n"},
    ),
    packed(
        wheel(
            "schemes",
            files={"schemes.py": "VALUE = 5\n"},
            data={"data/share/schemes/a.txt": "a", "data/share/b.txt": _LONG, "scripts/run": "#!python\n"},
        )
    ),
    packed(wheel("in-the-way", files={"shared/sub": "a file where others have a directory", "plain.py": ""})),
    packed(wheel("second", "2.0", files={**_SHARED, "shared/two.py": "VALUE = 22\n", "shared/sub/new.txt": "new"})),
)


def as_json(wheels: tuple[BuiltWheel, ...] = WHEELS) -> str:
    """For :func:`tests.e2e.truth.sides.wheels_from`."""
    return json.dumps([[one.filename, base64.b64encode(one.data).decode("ascii")] for one in wheels])


def by_name(wheels: tuple[BuiltWheel, ...]) -> Mapping[str, BuiltWheel]:
    """The wheels of other tests, by the name of their project."""
    return {one.name: one for one in wheels}
