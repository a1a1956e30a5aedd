"""The index that serves the corpus of bad wheels."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from urllib.request import urlopen

import pytest

from micropip_lock.errors import UsageError
from micropip_lock.testing import corpus_index
from tests.corpus.generate.case import all_cases
from tests.corpus.generate.writer import write

SOME = [case for case in all_cases() if case.id in {"W02", "W05"}]


def test_every_wheel_is_served(tmp_path: Path) -> None:
    """Each wheel case is a project; its page states the true digest and its address gives the bytes."""
    write(tmp_path, SOME)
    served = {}
    with corpus_index(tmp_path, formats=["json"]) as index:
        for case in SOME:
            page = json.loads(urlopen(f"{index.url}/{case.id.lower()}/").read())
            (file,) = page["files"]
            served[file["filename"]] = (urlopen(file["url"]).read(), file["hashes"]["sha256"])
    inputs = {case.facts["filename"]: case.files()["input.whl"] for case in SOME}
    expected = {filename: (data, hashlib.sha256(data).hexdigest()) for filename, data in inputs.items()}
    assert expected == served


def test_any_case_can_be_mounted(tmp_path: Path) -> None:
    """Locks and records, which are no projects, are served as the folders they are."""
    (case,) = (case for case in all_cases() if case.id == "L06")
    write(tmp_path, [case, *SOME])
    with corpus_index(tmp_path) as index:
        served = urlopen(f"{index.mount('/corpus', tmp_path)}{case.folder}/input.json").read()
    assert case.files()["input.json"] == served


def test_no_corpus(tmp_path: Path) -> None:
    """A directory without a wheel case is refused."""
    with pytest.raises(UsageError, match="no wheel case"):
        corpus_index(tmp_path)
