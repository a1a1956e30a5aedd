"""Names that are allowed and that a person should know of."""

from __future__ import annotations

import pytest

from micropip_lock.core.wheel_warnings import path_warnings


@pytest.mark.parametrize(
    ("path", "codes"),
    [
        ("six.py", []),
        ("six.pth", ["pth-file"]),
        ("six-1.0.data/purelib/six.pth", ["pth-file"]),
        ("six-1.0.data/platlib/six.pth", ["pth-file"]),
        ("six-1.0.data/data/lib/python3.14/site-packages/six.pth", ["pth-file"]),
        ("six-1.0.data/data/share/six.pth", []),
        ("six-1.0.data/scripts/six.pth", []),
        ("six-1.0.data/scripts/lib/python3.14/site-packages/six.pth", []),
        ("six-1.0.data/aaa/lib/python3.14/site-packages/six.pth", []),
        ("pkg/six.pth", []),
        ("sitecustomize.py", ["startup-file"]),
        ("usercustomize/__init__.py", ["startup-file"]),
        ("six-1.0.data/purelib/sitecustomize.cpython-314.so", ["startup-file"]),
        ("pkg/sitecustomize.py", []),
        ("aux.py", ["reserved-name"]),
        ("pkg/NUL", ["reserved-name"]),
        ("pkg/Con/x.py", ["reserved-name"]),
        ("com1.tar.gz", ["reserved-name"]),
        ("com.py", []),
        ("auxiliary.py", []),
        ("lpt9.pth", ["pth-file", "reserved-name"]),
    ],
)
def test_names(path: str, codes: list[str]) -> None:
    """What runs at each start, and what Windows cannot unpack; not what only looks like it."""
    found = list(path_warnings(("good.py", "six-1.0.data/scripts/run", path), "six-1.0.data"))
    assert ([(code, path) for code in codes], True) == (
        [(one.code, one.where) for one in found],
        all(one.code in str(one) for one in found),
    )
