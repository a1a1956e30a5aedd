"""Tests of :mod:`micropip_lock.cli_requirements`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.cli_requirements import RequirementSet, checked_requirement, read_requirements
from micropip_lock.errors import UsageError


def read(tmp_path: Path, text: str, **environ: str) -> RequirementSet:
    path = tmp_path / "requirements.txt"
    path.write_text(text, encoding="utf-8")
    return read_requirements([], [path], environ)


def test_arguments() -> None:
    """Requirements given as arguments are kept as they are, markers and extras included."""
    texts = ["rich>=13", "a[b,c]~=1.0; python_version>'3'", "x @ https://files.example/x-1-py3-none-any.whl"]
    assert RequirementSet(requirements=texts) == read_requirements([f" {text} " for text in texts], [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rich>=",
        "rich 13",
        "./six-1.16.0-py3-none-any.whl",
        "six-1.16.0-py3-none-any.whl",
        "/srv/x",
        "https://files.example/x-1.tar.gz",
        "https:///x-1-py3-none-any.whl",
        "file:///srv/x-1-py3-none-any.whl",
        "x @ file:///srv/x-1-py3-none-any.whl",
        "git+https://files.example/x.git",
        "https://me:s3cret@files.example/x-1-py3-none-any.whl",
        "https://[::1/x.whl",
        "-e .",
    ],
)
def test_bad_requirements(text: str) -> None:
    """What micropip cannot install from the web is refused, and no password is shown."""
    with pytest.raises(UsageError) as caught:
        read_requirements([text], [])
    assert ("bad-requirement", False) == (caught.value.code, "s3cret" in str(caught.value))


def test_file(tmp_path: Path) -> None:
    """Comments, blank lines, continuations, a byte order mark and variables are read as pip reads them."""
    text = (
        "\ufeff# a comment\n\n"
        "rich>=13  # another\n"
        "six \\\n  ==1.16.0\n"
        "x @ https://files.example/x-1-py3-none-any.whl#sha256=0\n"
        "${NAME}==1\n"
        "-i https://index.example/a\n"
        "--index-url=https://index.example/${WHERE}\n"
    )
    assert RequirementSet(
        requirements=[
            "rich>=13",
            "six   ==1.16.0",
            "x @ https://files.example/x-1-py3-none-any.whl#sha256=0",
            "a-b==1",
        ],
        index_url="https://index.example/b",
    ) == read(tmp_path, text, NAME="a-b", WHERE="b")


def test_nested_files(tmp_path: Path) -> None:
    """-r and -c are followed relative to the file that names them; what a constraint file names is a constraint."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "more.txt").write_text("b\n-c limits.txt\n")
    (tmp_path / "sub" / "limits.txt").write_text("c<2\n-r deeper.txt\n")
    (tmp_path / "sub" / "deeper.txt").write_text("d<3\n")
    found = read(
        tmp_path, "a\n-r sub/more.txt\n--constraint=sub/limits.txt\n--requirement sub/deeper.txt\n-rsub/deeper.txt\n"
    )
    assert RequirementSet(requirements=["a", "b", "d<3", "d<3"], constraints=["c<2", "d<3", "c<2", "d<3"]) == found


@pytest.mark.parametrize(
    "line",
    [
        "-e .",
        "--editable .",
        "--extra-index-url https://index.example/b",
        "--find-links .",
        "--pre",
        "--no-index",
        "--hash=sha256:0",
        "-r",
        "--index-url",
        "-r https://index.example/requirements.txt",
        "-x",
        "--",
        "rich==13 --hash=sha256:00",
        "rich \\\n  --hash=sha256:00",
        "rich -e",
    ],
)
def test_other_options_are_refused(tmp_path: Path, line: str) -> None:
    """An option that is not read is refused with its file and line, never skipped."""
    with pytest.raises(UsageError) as caught:
        read(tmp_path, f"six\n{line}\n")
    assert ("bad-requirements-file", f"{tmp_path / 'requirements.txt'}, line 2") == (
        caught.value.code,
        caught.value.where,
    )


def test_bad_line_is_named(tmp_path: Path) -> None:
    """A line that is no requirement is told with its number."""
    with pytest.raises(UsageError) as caught:
        read(tmp_path, "six\n# x\nrich>=\n")
    assert f"{tmp_path / 'requirements.txt'}, line 3" == caught.value.where


def test_a_file_that_names_itself(tmp_path: Path) -> None:
    """A cycle of files is refused."""
    (tmp_path / "b.txt").write_text("-r requirements.txt\n")
    with pytest.raises(UsageError) as caught:
        read(tmp_path, "-r b.txt\n")
    assert "bad-requirements-file" == caught.value.code


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_unreadable_file(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing or not UTF-8 is told by its path."""
    path = tmp_path / "r.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_requirements([], [path], {})
    assert ("bad-requirements-file", str(path)) == (caught.value.code, caught.value.where)


@given(st.text(max_size=60))
def test_any_requirement_is_a_value_or_our_error(text: str) -> None:
    """Whatever the text, the answer is the text, stripped, or a UsageError."""
    try:
        found = checked_requirement(text, "here")
    except UsageError:
        found = text.strip()
    assert text.strip() == found


@given(st.text(max_size=120))
def test_any_file_is_a_value_or_our_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever a requirements file holds, the answer is requirements or a UsageError."""
    path = tmp_path_factory.mktemp("any") / "r.txt"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        found = read_requirements([], [path], {}).requirements
    except UsageError:
        found = []
    assert found == [one.strip() for one in found]


def test_paths_of_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that exists becomes a file: address, relative to the working directory wherever it is written (pip)."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "my_own-1.0+a-py3-none-any.whl"
    path.write_bytes(b"")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "r.txt").write_text(f"./{path.name}\nmy-own[x] @ {path.as_uri()}\n")
    texts = [path.name, f"./{path.name}", str(path), path.as_uri(), f"my-own @ {path.as_uri()}"]
    found = read_requirements(texts, [tmp_path / "sub" / "r.txt"], {}).requirements
    direct = [f"my-own @ {path.as_uri()}", f"my-own[x] @ {path.as_uri()}"]
    assert [path.as_uri()] * 4 + [direct[0], path.as_uri(), direct[1]] == found


@pytest.mark.parametrize(
    "name", ["missing-1.0-py3-none-any.whl", "not-a-wheel.whl", "a\0-1.0-py3-none-any.whl", ".whl"]
)
def test_paths_that_are_no_wheels(tmp_path: Path, name: str) -> None:
    """A path without a file, or with a name that no wheel has, is refused with the path."""
    (tmp_path / "not-a-wheel.whl").write_bytes(b"")
    with pytest.raises(UsageError) as caught:
        read_requirements([str(tmp_path / name)], [])
    assert ("bad-requirement", True) == (caught.value.code, repr(name)[1:-1] in str(caught.value))


def test_a_path_is_no_constraint(tmp_path: Path) -> None:
    """A constraint limits versions; it cannot be a file."""
    path = tmp_path / "a-1.0-py3-none-any.whl"
    path.write_bytes(b"")
    (tmp_path / "c.txt").write_text(f"{path}\n")
    with pytest.raises(UsageError) as caught:
        read(tmp_path, "-c c.txt\n")
    assert ("bad-requirements-file", True) == (caught.value.code, "c.txt, line 1" in str(caught.value))
