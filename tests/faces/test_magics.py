"""Tests of :mod:`micropip_lock.magics` in a real IPython; in Pyodide: ``tests/e2e/test_node_magics.py``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

import micropip_lock
from micropip_lock import api, links, magic_verbs, magics
from micropip_lock.core.compare import LockDiff
from micropip_lock.core.model import Lock
from micropip_lock.core.needed import Tree, Why
from micropip_lock.errors import MicropipLockError, OutcomeError
from tests.core.test_needed import RICH
from tests.core.test_notebook import NOTEBOOK, written

OTHER = replace(RICH, packages={name: package for name, package in RICH.packages.items() if name != "alone"})


class Shell:
    """An IPython that keeps what it showed."""

    def __init__(self, ip: Any) -> None:
        self.ip = ip
        self.shown: list[str] = []
        ip._showtraceback = lambda kind, error, lines: self.shown.extend(lines)

    def __call__(self, cell: str) -> Any:
        """Run a cell as IPython does; the value of its last line."""
        self.shown.clear()
        return self.ip.run_cell(cell).result

    def names(self, text: str) -> list[str]:
        """What may come at the end of a text."""
        with provisionalcompleter():
            return [one.text for one in self.ip.Completer.completions(text, len(text))]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setattr(magic_verbs, "_last", None)

    async def freeze(**options: Any) -> Lock:
        if options.get("roots") == ["bad"]:
            raise OutcomeError("cannot be", code="of-a-test", hint="none")
        return OTHER

    monkeypatch.setattr(api, "freeze", freeze)
    InteractiveShell.clear_instance()
    ip: Any = InteractiveShell.instance()
    ip.history_manager.enabled = False
    ip.run_line_magic("load_ext", "micropip_lock")
    (tmp_path / "rich.json").write_text(RICH.to_json())
    (tmp_path / "b.ipynb").write_text(written(NOTEBOOK))
    yield Shell(ip)
    InteractiveShell.clear_instance()


def test_a_line_is_awaited(shell: Shell) -> None:
    """The value of a line is the verb's, also assigned, among other code and in a branch."""
    assert OTHER == shell("%lock freeze")
    shell("a = 1\nlock = %lock freeze\nif True:\n    here = %lock freeze\n")
    assert (OTHER, OTHER) == (shell.ip.user_ns["lock"], shell.ip.user_ns["here"])


@pytest.mark.parametrize(
    "code", ["def f():\n    %lock why mdurl rich.json\n    return 1\nf()", "x = '''\n%lock freeze\n'''\n1"]
)
def test_where_nothing_is_awaited(shell: Shell, code: str) -> None:
    """In a function the line stays a call, which works where there is nothing to wait for; in a string it is text."""
    assert 1 == shell(code)


def test_in_a_running_loop(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a function of a kernel whose loop runs, what has to wait is refused, and what has not is done."""

    async def waits(**options: Any) -> Lock:
        await asyncio.sleep(0)
        return OTHER

    monkeypatch.setattr(api, "freeze", waits)
    shell("import asyncio\ndef f(line):\n    return get_ipython().run_line_magic('lock', line)")
    assert isinstance(shell("await asyncio.sleep(0); f('why mdurl rich.json')"), Why)
    assert None is shell("await asyncio.sleep(0); f('freeze')")
    assert shell.shown[0].startswith("needs-await: ")
    assert OTHER == shell("f('freeze')")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("why mdurl rich.json", Why),
        ("why mdurl", Why),
        ("tree", Tree),
        ("tree rich.json", Tree),
        ("diff rich.json", LockDiff),
        ("diff rich.json here", LockDiff),
        ("show rich.json", Lock),
        ("show $name", Lock),
        ("show {name}", Lock),
        ("show mine", Lock),
        ("freeze rich -o out.json", Lock),
        ("freeze -o b.ipynb", Lock),
        ("", str),
        ("help", str),
    ],
)
def test_verbs(shell: Shell, line: str, kind: type) -> None:
    """Each verb takes a path, a variable, the environment or what was there last, and gives its value."""
    shell.ip.user_ns |= {"name": "rich.json", "mine": RICH}
    assert isinstance(shell(f"%lock {line}"), kind), shell.shown


def test_the_last_lock_is_the_next_one(shell: Shell) -> None:
    """A lock that was opened last is meant when none is named; the environment is when there was none."""
    assert OTHER.id == shell("%lock show").id
    assert None is magic_verbs._last
    shell("%lock tree rich.json")
    assert (RICH.id, OTHER.id, RICH.id) == (shell("%lock show").id, shell("%lock show here").id, shell("%lock show").id)


def test_files(shell: Shell) -> None:
    """-o writes a lock, or puts it into a notebook."""
    shell("%lock freeze -o out.json")
    shell("%lock freeze -o b.ipynb")
    assert (OTHER, OTHER) == (
        Lock.from_json(Path("out.json").read_text()),
        micropip_lock.extract(Path("b.ipynb").read_text()),
    )


def test_a_link(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verb gives what micropip_lock.share gives."""
    monkeypatch.setattr(links, "share", lambda lock, base, form: f"{base}#{lock.id}{form}")
    assert f"https://x.example/#{RICH.id}short" == shell("%lock share rich.json --base https://x.example/ --short")


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("nobody", "usage: "),
        ("freeze --nobody", "usage: "),
        ("why", "usage: "),
        ("why mdurl 'x", "usage: "),
        ("why nobody rich.json", "unknown-package: "),
        ("show nobody.json", "no-lock: "),
        ("freeze bad", "of-a-test: cannot be"),
        ("replay rich.json", "no-pyodide: "),
        ("record", "no-pyodide: "),
    ],
)
def test_errors_are_messages(shell: Shell, line: str, first: str) -> None:
    """An error is our text, with its hint and without a traceback, and it stops the cell."""
    assert None is shell(f"%lock {line}\nreached = 1")
    assert shell.shown[0].startswith(first)
    assert (True, False) == ("hint: " in shell.shown[-1], "reached" in shell.ip.user_ns)
    assert not any("Traceback" in one or "File " in one for one in shell.shown)


def test_another_error_is_a_traceback(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug is not dressed up as a message."""

    async def broken(**options: Any) -> Lock:
        raise ZeroDivisionError

    monkeypatch.setattr(api, "freeze", broken)
    shell("%lock freeze")
    assert "ZeroDivisionError" in "\n".join(shell.shown)


def test_completion(shell: Shell) -> None:
    """Verbs, options, files, variables and packages are offered where they may stand."""
    shell.ip.user_ns["mine"] = RICH
    assert {*magic_verbs.verbs()} <= {*shell.names("%lock ")}
    assert "freeze" == shell.names("%lock fr")[0]
    assert {"--no-strict", "--output", "-o"} <= {*shell.names("%lock freeze -")}
    assert {"rich.json", "b.ipynb", "here", "mine"} <= {*shell.names("%lock show ")}
    shell("%lock show rich.json")
    assert {"mdurl", "pygments"} <= {*shell.names("%lock why ")}
    assert "rich.json" in shell.names("%lock freeze -o ri")
    assert [] == [one for one in shell.names("%lock show nobody/") if "nobody/" in one]


def test_every_verb_is_in_the_help(shell: Shell) -> None:
    """%lock? and %lock alone show each verb."""
    shown = shell.ip.object_inspect_text("%lock")
    for verb in magic_verbs.verbs():
        assert f"%lock {verb}" in magics.HELP
        assert f"%lock {verb}" in shown
        assert magic_verbs.options_of(verb) == [
            one for one in magic_verbs.options_of(verb) if one in magics.HELP or one in ("--output", "--pre")
        ]


def test_loading_twice_and_unloading(shell: Shell) -> None:
    """Loading again changes nothing, and unloading takes everything away."""
    magics.load_ipython_extension(shell.ip)
    assert 1 == shell.ip.input_transformers_post.count(magics._transform)
    shell.ip.run_line_magic("unload_ext", "micropip_lock")
    assert (0, False) == (len(shell.ip.input_transformers_post), "lock" in shell.ip.magics_manager.magics["line"])


def test_loading_is_cheap() -> None:
    """The extension loads no verb until one is used."""
    import subprocess

    program = (
        "import sys, micropip_lock\n"
        "class Shell:\n"
        "    input_transformers_post = []\n"
        "    def register_magic_function(self, *args, **names): pass\n"
        "    def set_hook(self, *args, **names): pass\n"
        "micropip_lock.load_ipython_extension(Shell())\n"
        "print([name for name in sys.modules if name.startswith('micropip_lock')])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert "['micropip_lock', 'micropip_lock.magics']\n" == done.stdout


def test_errors_of_the_tree_stay_what_they_are() -> None:
    """Marking an error for IPython changes no class: others are shown as ever."""
    assert not hasattr(MicropipLockError, "_render_traceback_")
