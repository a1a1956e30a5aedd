"""The rules by which a store lets wheels go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.app.store import DEFAULT_AGE, gc, leaving, ls, used_at, verify
from micropip_lock.core.digest import Digest
from micropip_lock.ports import StoredWheel

NOW = 100_000_000.0
DAY = 86_400.0


def stored(name: str, *, days: float = 0, size: int | None = 100, extra: int = 0) -> StoredWheel:
    """A wheel that was last used so many days ago."""
    return StoredWheel(digest=Digest.of(name.encode()), size=size, extra_size=extra, used=NOW - days * DAY, title=name)


OLD, OLDER, NEW = stored("old", days=10), stored("older", days=100), stored("new", extra=50)
ALL = (NEW, OLD, OLDER)


def names(wheels: list[StoredWheel]) -> list[str]:
    return [one.title for one in wheels]


def test_rules() -> None:
    """Each rule lets go of what it says, the one used longest ago first, and of nothing that stays."""
    table: list[tuple[dict[str, object], list[str]]] = [
        ({}, ["older"]),
        ({"max_age": 5 * DAY}, ["older", "old"]),
        ({"max_age": 0}, ["older", "old"]),
        ({"max_age": 1000 * DAY}, []),
        ({"max_size": 350}, []),
        ({"max_size": 349}, ["older"]),
        ({"max_size": 249}, ["older", "old"]),
        ({"max_size": 0}, ["older", "old", "new"]),
        ({"max_size": 0, "keep": {OLDER.digest, NEW.digest}}, ["old"]),
        ({"max_age": 5 * DAY, "keep": {OLDER.digest}}, ["old"]),
        ({"max_age": 50 * DAY, "max_size": 249}, ["older", "old"]),
        ({"keep": {OLD.digest}}, ["older", "new"]),
        ({"keep": set()}, ["older", "old", "new"]),
        ({"keep": {one.digest for one in ALL}}, []),
    ]
    assert [expected for _, expected in table] == [
        names(leaving(ALL, now=NOW, **rules))  # type: ignore[arg-type]
        for rules, _ in table
    ]
    assert 90 * DAY == DEFAULT_AGE


wheels = st.lists(
    st.builds(stored, st.text("abcdef", min_size=1), days=st.floats(0, 200), size=st.none() | st.integers(0, 10**9)),
    unique_by=lambda one: one.digest,
)


@given(wheels, st.none() | st.floats(0, 200 * DAY), st.none() | st.integers(0, 10**10), st.data())
def test_any_rules(given_: list[StoredWheel], age: float | None, size: int | None, data: st.DataObject) -> None:
    """What is to stay stays; what is left is young enough and small enough, as far as what stays allows it."""
    keep = data.draw(st.none() | st.sets(st.sampled_from([one.digest for one in given_]))) if given_ else set()
    going = leaving(given_, now=NOW, max_age=age, max_size=size, keep=keep)
    left = [one for one in given_ if one not in going]
    optional = [one for one in left if one.digest not in (keep or ())]
    assert not {one.digest for one in going} & set(keep or ())
    assert age is None or all(NOW - one.used <= age for one in optional)
    assert size is None or not optional or sum(one.total for one in left) <= size


class Keeper:
    """A store in memory, in which some wheels are damaged and some cannot be removed."""

    location = "memory"

    def __init__(self, *wheels_: StoredWheel, damaged: str = "", stuck: str = "") -> None:
        self.there = {one.digest: one for one in wheels_}
        self.damaged, self.stuck = damaged, stuck
        self.parts_before: float | None = None

    async def wheels(self) -> list[StoredWheel]:
        return list(self.there.values())

    async def is_intact(self, digest: Digest) -> bool:
        return self.there[digest].title != self.damaged

    async def remove(self, digest: Digest) -> bool:
        if self.there[digest].title == self.stuck:
            return False
        del self.there[digest]
        return True

    async def remove_parts(self, before: float) -> int:
        self.parts_before = before
        return 7


async def test_gc() -> None:
    """What goes is told, with the bytes given back; what could not go is told, too."""
    keeper = Keeper(*ALL, stuck="old")
    gone = await gc(keeper, max_size=0, now=NOW)
    assert (["older", "new"], ["old"], 1, 257, NOW - 3600, ["old"]) == (
        names(list(gone.removed)),
        names(list(gone.stuck)),
        gone.left,
        gone.freed,
        keeper.parts_before,
        names(await keeper.wheels()),
    )


async def test_a_trial() -> None:
    """A trial says what would go and what that would give back, and touches nothing."""
    keeper = Keeper(*ALL)
    gone = await gc(keeper, max_size=0, now=NOW, trial=True)
    assert (3, 350, True, 3, None) == (
        len(gone.removed),
        gone.freed,
        gone.is_trial,
        len(await keeper.wheels()),
        keeper.parts_before,
    )


async def test_verify_and_ls() -> None:
    """Verify tells what is damaged and removes nothing; ls tells everything, for a page too."""
    keeper = Keeper(*ALL, damaged="old")
    found, listed = await verify(keeper), await ls(keeper)
    assert (False, 2, [OLD], 3) == (found.ok, found.intact, list(found.damaged), len(keeper.there))
    assert (350, "memory", "<td>older</td>" in listed._repr_html_(), "3 wheels, 350 bytes" in repr(listed)) == (
        listed.size,
        listed.location,
        True,
        True,
    )


def test_times() -> None:
    """Times are ISO 8601 in UTC."""
    assert "1970-01-01T00:01:40Z" == used_at(StoredWheel(digest=OLD.digest, size=1, used=100.9))
