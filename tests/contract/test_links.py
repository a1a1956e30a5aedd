"""Links in Python and in TypeScript: what one writes the other reads, whatever the lock is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from micropip_lock.adapters.runtimes import find_node
from micropip_lock.core.formats.pyodide_lock import lock_to_dict
from micropip_lock.core.link import ShortLink, decode_link, encode_link
from micropip_lock.core.model import Lock, canonical_json
from tests.contract.plain_wheels import bundled
from tests.core.link_vectors import said
from tests.strategies import locks

pytestmark = pytest.mark.node

type Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """TypeScript's side, in one Node for all questions."""
    program = bundled("link.test-judge.ts", tmp_path_factory.mktemp("link"))
    command = [str(find_node()), str(program), "--answer"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdin
        assert node.stdout

        def asked(**question: Any) -> Any:
            assert node.stdin
            assert node.stdout
            node.stdin.write(json.dumps(question) + "\n")
            node.stdin.flush()
            return json.loads(node.stdout.readline())

        yield asked
        node.stdin.close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lock=locks(), short=st.booleans(), with_runtime=st.booleans())
def test_each_reads_the_other(ask: Ask, lock: Lock, short: bool, with_runtime: bool) -> None:
    """Any lock goes through Python, TypeScript and Python again, and comes back as it was; short forms too."""
    text = canonical_json(lock_to_dict(lock.without_upload_times())).decode()
    packages = {name: {**one, "imports": ["a"]} for name, one in json.loads(text)["packages"].items()}
    base = packages if with_runtime else None
    runtime_lock = json.dumps({"packages": packages}) if with_runtime else None
    ours = encode_link(lock, short=short, base=base)
    told = ask(link=ours, runtimeLock=runtime_lock)
    theirs = ask(lock=lock.to_json(), options={"short": short, **({"runtimeLock": runtime_lock} if base else {})})

    for link in (ours, theirs):
        found = decode_link(link, find_base=lambda digest: base)
        if short:
            assert isinstance(found, ShortLink)
            entries = [[one.name, one.version, one.file, one.index, bool(one.digest)] for one in found.outline.entries]
            assert {"form": "short", "id": lock.id, "entries": entries} == told
        else:
            assert lock == found
            assert {"form": "full", "id": lock.id, "lock": text} == {key: told[key] for key in ("form", "id", "lock")}


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lock=locks(), data=st.data())
def test_both_refuse_alike(ask: Ask, lock: Lock, data: st.DataObject) -> None:
    """A link that was cut, lengthened or altered somewhere has one code in both languages."""
    link = encode_link(lock)
    at = data.draw(st.integers(0, len(link)))
    altered = link[:at] + data.draw(st.text("#lock-url=1.;&?%ABCz09_+/ é", max_size=3))
    altered += link[at + data.draw(st.integers(0, 3)) :] if data.draw(st.booleans()) else ""
    ours, theirs = said(altered, None), ask(link=altered)

    assert ours.get("code") == theirs.get("code")
    assert ours.get("form") == theirs.get("form")
