"""Events become searches with what was shown and clicked for each."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from shopr.data.events import EVENT_COLUMNS
from shopr.errors import DataError
from shopr.search.learnt.journal import SearchJournal

START = pd.Timestamp("2026-03-01 10:00", tz="UTC")


def table(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """(second, type, session, {column: value}) as the flat table."""
    lines = [
        {"event_id": f"e{i}", "type": kind, "session_id": session, "time": START + pd.Timedelta(seconds=second),
         "properties": "{}", **more}
        for i, (second, kind, session, more) in enumerate(rows)
    ]  # fmt: skip
    frame = pd.DataFrame(lines, columns=list(EVENT_COLUMNS))
    frame["time"] = pd.to_datetime(frame["time"], utc=True).astype("datetime64[us, UTC]")
    return frame


def search(second: int, session: str, query: str, **more: Any) -> tuple[Any, ...]:
    return second, "search_performed", session, {"query": query, **more}


def shown(second: int, session: str, product: str, position: int, **more: Any) -> tuple[Any, ...]:
    line = {"product_id": product, "position": position, "source": "search", **more}
    return second, "product_shown", session, line


def clicked(second: int, session: str, product: str, **more: Any) -> tuple[Any, ...]:
    return second, "product_clicked", session, {"product_id": product, "source": "search", **more}


def clicks(journal: SearchJournal) -> list[tuple[str, str, bool]]:
    columns = (journal.click_search, journal.click_product, journal.click_own)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return sorted((journal.queries[a], journal.products[b], own) for a, b, own in rows)


def test_what_is_shown_and_clicked_belongs_to_the_search_before_it() -> None:
    journal = SearchJournal.of(
        table(
            search(0, "a", "Red  MUG"),
            shown(0, "a", "p1", 1),
            shown(0, "a", "p2", 2),
            clicked(9, "a", "p2"),
            search(1, "b", "lamp"),
            shown(1, "b", "p3", 1),
            clicked(5, "b", "p3"),
            clicked(6, "b", "p3"),
            search(60, "a", "lamp"),
            shown(60, "a", "p3", 1),
        )
    )
    assert sorted(journal.queries) == ["lamp", "lamp", "red mug"]
    assert clicks(journal) == [("lamp", "p3", True), ("red mug", "p2", True)]
    rows = zip(journal.shown_search, journal.shown_product, journal.shown_place, journal.shown_clicked, strict=True)
    told = sorted((journal.queries[a], journal.products[b], int(c), bool(d)) for a, b, c, d in rows)
    assert told == [
        ("lamp", "p3", 0, False), ("lamp", "p3", 0, True), ("red mug", "p1", 0, False), ("red mug", "p2", 1, True)
    ]  # fmt: skip


def test_a_click_long_after_or_elsewhere_belongs_to_no_search() -> None:
    journal = SearchJournal.of(
        table(
            search(0, "a", "mug"),
            clicked(1801, "a", "p1"),
            clicked(3, "b", "p1"),
            clicked(4, "a", "p2", source="home"),
            search(
                5,
                "c",
                "",
            ),
            clicked(6, "c", "p1"),
        )
    )
    assert journal.queries == ("mug",)
    assert clicks(journal) == []


def test_a_click_that_names_its_query_needs_no_search_event() -> None:
    journal = SearchJournal.of(table(clicked(3, "a", "p1", query="Mug"), clicked(4, "a", "p2", query="mug")))
    assert journal.queries == ("mug",)
    assert clicks(journal) == [("mug", "p1", True), ("mug", "p2", True)]


def test_what_is_clicked_after_other_words_answers_the_first_ones_too() -> None:
    journal = SearchJournal.of(
        table(
            search(0, "a", "settee"),
            search(30, "a", "sofa"),
            clicked(40, "a", "p1"),
            search(0, "b", "settee"),
            search(301, "b", "sofa"),
            clicked(310, "b", "p1"),
            search(0, "c", "mug"),
            clicked(2, "c", "p2"),
            search(9, "c", "sofa"),
            clicked(12, "c", "p1"),
        )
    )
    told = clicks(journal)
    assert ("settee", "p1", False) in told
    assert sum(query == "settee" for query, _, _ in told) == 1, "not the one that came five minutes later"
    assert ("mug", "p1", False) not in told, "who clicked something was answered"


def test_searches_under_filters_are_left_out() -> None:
    filtered = json.dumps({"filters": {"brands": ["x"]}}, separators=(",", ":"))
    journal = SearchJournal.of(table(search(0, "a", "mug", properties=filtered), clicked(3, "a", "p1")))
    assert len(journal) == 0


def test_no_events_are_no_searches_and_a_lacking_column_is_told() -> None:
    assert len(SearchJournal.of(table())) == 0
    assert len(SearchJournal.of(table(search(0, "a", "mug")))) == 1
    with pytest.raises(DataError, match="no column query"):
        SearchJournal.of(table().drop(columns="query"))
