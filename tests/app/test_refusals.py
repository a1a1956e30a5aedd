"""Tests of :mod:`micropip_lock.app.refusals`: reasons as people read them."""

from __future__ import annotations

import pytest

from micropip_lock.app.refusals import dirty_items, item_of, stray_error, twice
from micropip_lock.core.dirty import Dirt
from micropip_lock.errors import RecordError, Unlockable
from micropip_lock.ports import Stray


def test_an_error_as_an_item() -> None:
    """The item has the error's code and hint, and its reason says what was found."""
    error = RecordError("it is odd", code="odd", got="this", hint="do that")
    assert Unlockable(name="a", version="1", code="odd", reason="it is odd (this)", hint="do that") == item_of(
        "a", "1", error
    )


def test_an_error_without_details() -> None:
    """Where nothing was found, the reason is the message alone."""
    assert "it is odd" == item_of("a", "1", RecordError("it is odd", code="odd")).reason


def test_dirt() -> None:
    """Each way in which files differ is one item that names the first five of them."""
    dirt = Dirt(changed=tuple(f"p/{number}.py" for number in range(7)), missing=("p/x.py",))
    changed, missing = dirty_items("p", "1", dirt)
    assert ("dirty-changed", "dirty-missing") == (changed.code, missing.code)
    assert "files that it installed are gone: p/x.py" == missing.reason
    assert changed.reason.endswith(": p/0.py, p/1.py, p/2.py, p/3.py, p/4.py and 2 more")


def test_files_that_were_added_are_deleted_by_hand() -> None:
    """Uninstalling leaves files alone that nobody installed, so that this is no advice for them."""
    (item,) = dirty_items("p", "1", Dirt(extra=("p/x.py",)))
    assert ("dirty-extra", True, False) == (item.code, "delete them" in item.hint, "uninstall" in item.hint)


def test_no_dirt() -> None:
    """Clean files are no item."""
    assert [] == dirty_items("p", "1", Dirt())


@pytest.mark.parametrize(
    ("stray", "code"),
    [
        (Stray(name="a", version="1", kind="egg-info", place="/x"), "egg-info"),
        (Stray(name="a", version="1", kind="egg-link", place="/x"), "editable"),
        (Stray(name="a", version="1", kind="link", place="/x"), "linked"),
        (Stray(name="a", version="1", kind="path-file", place="/x"), "path-entry"),
        (Stray(name="a", version="1", kind="path-entry", place="/x"), "path-entry"),
    ],
)
def test_strays(stray: Stray, code: str) -> None:
    """What lies elsewhere has a reason, the place, and what to do."""
    error = stray_error(stray)
    assert (code, "/x", True) == (error.code, error.got, "install it from there" in error.hint)


def test_twice() -> None:
    """Two dist-info directories of one name are a reason of their own."""
    assert "duplicate" == twice().code
