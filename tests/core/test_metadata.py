"""METADATA: the fields that a freeze reads are those that ``email.parser`` reads, whatever the text is."""

from __future__ import annotations

from email.parser import HeaderParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from micropip_lock.core.metadata import Metadata, parse_metadata

TEXT = """\
Metadata-Version: 2.5
Name: Demo.Pkg
version:1.0
Summary: a
  folded summary
    Name: not a field
Requires-Dist: six>=1 ;
\tpython_version < "4"
Requires-Dist: rich
Import-Name: demo
Import-Name: _demo ; private
Import-Namespace: ns
Provides-Extra: x

Name: of the description
Requires-Dist: nothing
"""


def by_email(text: str) -> Metadata:
    """The same by the standard library's parser, which defines what the fields are (rule 1)."""
    # A freeze has text with "\\n" alone at the ends of lines, as a file opened as text has.
    fields = HeaderParser().parsestr(text.replace("\r\n", "\n").replace("\r", "\n"))

    def all_of(name: str) -> tuple[str, ...] | None:
        values = fields.get_all(name)
        return None if values is None else tuple(str(value).strip() for value in values)

    once = {name: all_of(name) or ("",) for name in ("Metadata-Version", "Name", "Version", "Requires-Python")}
    return Metadata(
        metadata_version=once["Metadata-Version"][0],
        name=once["Name"][0],
        version=once["Version"][0],
        requires_python=once["Requires-Python"][0],
        requires=all_of("Requires-Dist") or (),
        import_names=all_of("Import-Name"),
        import_namespaces=all_of("Import-Namespace"),
        repeated=tuple(name.lower() for name, found in once.items() if len(set(found)) > 1),
    )


def test_every_field() -> None:
    """Names in any case, folded values, repeated fields and absent ones are read; the description is not."""
    expected = Metadata(
        metadata_version="2.5",
        name="Demo.Pkg",
        version="1.0",
        requires=('six>=1 ;\n\tpython_version < "4"', "rich"),
        import_names=("demo", "_demo ; private"),
        import_namespaces=("ns",),
    )
    assert expected == parse_metadata(TEXT)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends(ends: str) -> None:
    """Every way to end a line gives the same."""
    assert parse_metadata(TEXT) == parse_metadata(TEXT.replace("\n", ends))


def test_present_but_empty() -> None:
    """An empty ``Import-Name`` says that nothing can be imported; an absent one says nothing (PEP 794)."""
    found = parse_metadata("Name: x\nImport-Name:\n")
    assert (("",), None) == (found.import_names, found.import_namespaces)


names = st.sampled_from(["Name", "NAME", "version", "Requires-Dist", "Import-Name", "import-namespace", "Summary", "X"])
odd_names = st.sampled_from(["", "Na me", "Name ", "Nämé", "From", ">From", "Name\t", "Unix-From", "!", "~"])
values = st.text(st.sampled_from(" \tabé:;,.=\"'()<>\x00\x0b\x0c\x1c\x85\u2028\u200b\U0001f600"), max_size=8)
lines = st.one_of(
    st.builds("{}:{}".format, names | odd_names, values),
    st.builds("{}: {}".format, names, values),
    st.builds(" {}".format, values),
    st.builds("\t{}".format, values),
    values,
    st.sampled_from(["", "From me@example", "From: me", " ", "\t", "Name", ":", ": x"]),
)
ends = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\n\n", ""])
texts = st.lists(st.tuples(lines, ends), max_size=12).map(lambda parts: "".join(a + b for a, b in parts))


@given(texts)
@example("")
@example("\n")
@example("\nName: x")
@example(" Name: x")
@example("Name: x\n\n")
@example("Name: x\n y\n\tz\nVersion: 1")
@example("Name: x\nno field\nVersion: 1")
@example("Name: x\n:\nVersion: 1")
@example("From me\nName: x")
@example("Name: a\x0bVersion: b")
def test_as_the_standard_library_reads_it(text: str) -> None:
    """Lines of all kinds, fields or none, give what ``email.parser`` gives."""
    assert by_email(text) == parse_metadata(text)


@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    """Any text at all gives what ``email.parser`` gives."""
    assert by_email(text) == parse_metadata(text)
