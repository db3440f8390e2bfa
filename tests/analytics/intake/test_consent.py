"""The choice in force: the newest row of the log, in every process, whatever is held in memory."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopr.analytics.intake.consent import PURPOSES, ConsentBook
from shopr.analytics.store.event_store import EventStore
from shopr.clock import ManualClock
from shopr.errors import InputError, UnknownNameError
from shopr.storage import Database

_TURNS = count()


@pytest.fixture
def books(store: EventStore, clock: ManualClock) -> tuple[ConsentBook, ConsentBook]:
    """The books of two processes on one log."""
    mine, theirs = (ConsentBook(store.database, clock=clock) for _ in range(2))
    return mine, theirs


def test_another_process_is_heard_within_a_second(books: tuple[ConsentBook, ConsentBook], clock: ManualClock) -> None:
    mine, theirs = books
    assert not mine.of("ann").allows("analytics")
    theirs.set("ann", ["analytics"], notice="1")
    clock.advance(1.0)
    assert mine.of("ann").words() == ("necessary", "analytics")
    theirs.set("ann", [], notice="2")
    theirs.set("bob", PURPOSES, notice="2")
    clock.advance(1.0)
    assert (mine.of("ann").words(), mine.of("ann").notice) == (("necessary",), "2")
    assert mine.of("bob").words() == PURPOSES
    assert mine.of("bob", gpc=True).words() == PURPOSES[:-1]


def test_an_erasure_is_heard_too_and_leaves_no_name(
    books: tuple[ConsentBook, ConsentBook], store: EventStore, clock: ManualClock
) -> None:
    mine, theirs = books
    for person in ("ann", "bob"):
        theirs.set(person, PURPOSES, notice="1")
    assert mine.of("bob").allows("marketing")
    assert theirs.erase("bob") == 1
    assert not theirs.of("bob").allows("marketing")
    clock.advance(1.0)
    assert not mine.of("bob").allows("marketing")
    assert mine.of("ann").allows("marketing")
    theirs.set("carl", PURPOSES, notice="1")
    clock.advance(1.0)
    assert mine.of("carl").allows("marketing")
    assert mine.history("bob") == []
    assert len(mine.history("ann")) == 1


@given(
    steps=st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["set", "none", "erase", "ask"])), max_size=20)
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_memory_that_holds_few_changes_no_answer(tmp_path: Path, steps: list[tuple[str, str]]) -> None:
    clock, turn = ManualClock(), next(_TURNS)  # the examples share a log, not persons
    with pytest.MonkeyPatch.context() as patch, Database.open(url=f"sqlite:///{tmp_path / 'c.db'}") as database:
        patch.setattr("shopr.analytics.intake.consent._CACHED", 3)
        mine, theirs = ConsentBook(database, clock=clock), ConsentBook(database, clock=clock)
        truth: dict[str, bool] = {}
        for letter, what in steps:
            person = f"{letter}{turn}"
            if what == "ask":
                mine.of(person)
            elif what == "erase":
                theirs.erase(person)
                truth.pop(person, None)
            else:
                theirs.set(person, ["analytics"] if what == "set" else [], notice="1")
                truth[person] = what == "set"
            clock.advance(1.0)
            for each in (f"{x}{turn}" for x in "abcd"):
                assert (
                    mine.of(each).allows("analytics") == theirs.of(each).allows("analytics") == truth.get(each, False)
                )


def test_what_cannot_be_written_down_is_refused(books: tuple[ConsentBook, ConsentBook]) -> None:
    with pytest.raises(UnknownNameError, match="purpose"):
        books[0].set("ann", ["everything"], notice="1")
    with pytest.raises(InputError, match="notice has 0 characters"):
        books[0].set("ann", ["analytics"], notice="")
