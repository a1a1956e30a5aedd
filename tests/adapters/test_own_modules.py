"""Tests of :mod:`micropip_lock.adapters.own_modules`, each in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PRELUDE = """
import sys
from micropip_lock.adapters.own_modules import OwnModules
import micropip_lock.errors, packaging.version
from packaging.version import InvalidVersion
released = OwnModules(["packaging"])
released.release()
"""


def said(code: str, site: Path) -> str:
    """What code prints that finds another ``packaging`` first once ours was released."""
    (site / "packaging").mkdir()
    (site / "packaging" / "__init__.py").write_text("__version__ = 'another'\n")
    text = f"{PRELUDE}sys.path.insert(0, {str(site)!r})\n{code}"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_others_get_what_is_installed(tmp_path: Path) -> None:
    """The next import finds what lies on the path now, also after one of ours was loaded in between."""
    code = "import packaging; import micropip_lock.core.link_pack; import packaging as again\n"
    assert "another True" == said(code + "print(packaging.__version__, packaging is again)", tmp_path)


def test_late_ones_get_ours(tmp_path: Path) -> None:
    """What of ours is loaded later has the classes that the rest of us has, whichever was imported before it."""
    code = (
        "import packaging, inspect\n"
        "early = 'micropip_lock.core.wheel_name' in sys.modules\n"
        "from micropip_lock.core import wheel_name as late\n"
        "same = not early and late.InvalidVersion is InvalidVersion\n"
        "print(same, 'def ' in inspect.getsource(late), packaging.__version__)"
    )
    assert "True True another" == said(code, tmp_path)


def test_released_again(tmp_path: Path) -> None:
    """A second replay forgets what came since, and ours stay ours."""
    code = (
        "import packaging; first = packaging; released.release(); import packaging\n"
        "import micropip_lock.core.link_pack\n"
        "print(first is packaging, len([one for one in sys.meta_path if one is released]))"
    )
    assert "False 1" == said(code, tmp_path)
