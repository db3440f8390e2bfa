"""Searches and what follows them, by hand."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from shopr.analytics.measures.searches import by_query, read_searches, search_course, search_success
from shopr.analytics.reading.source import EventTable
from shopr.analytics.reading.span import Span
from tests.analytics.tables import DAY0, table

ANN = {"user_id": "ann", "session_id": "s1"}
BO = {"user_id": "bo", "session_id": "s2"}
SHOWN = {"type": "product_shown", "source": "search"}


@pytest.fixture
def shop() -> EventTable:
    return table(
        {**ANN, "type": "search_performed", "query": " Red  mug".replace("  ", " "), "event_id": "q1"},
        {**ANN, **SHOWN, "product_id": "p1", "position": 1, "minute": 0.1},
        {**ANN, "type": "search_performed", "query": "red mug", "minute": 2, "event_id": "q2"},
        {**ANN, **SHOWN, "product_id": "p2", "position": 3, "minute": 2.1},
        {**ANN, "type": "product_clicked", "source": "search", "product_id": "p2", "position": 3, "minute": 3},
        {**ANN, "type": "cart_item_added", "source": "search", "product_id": "p2", "minute": 4},
        {**ANN, "type": "order_completed", "product_id": "p2", "minute": 9},
        {**BO, "type": "search_performed", "query": "unicorn", "minute": 1, "results": 0, "event_id": "q3"},
        {**BO, "type": "product_clicked", "source": "home", "product_id": "p9", "minute": 2},
        {**BO, "type": "search_performed", "query": "lamp", "minute": 100, "event_id": "q4"},
        {**BO, **SHOWN, "product_id": "p3", "position": 1, "minute": 100},
        {**BO, "type": "product_clicked", "source": "search", "product_id": "p3", "minute": 131},  # after half an hour
        {**BO, "type": "order_completed", "product_id": "p3", "minute": 132},
    )


def test_what_follows_a_search_by_hand(shop: EventTable) -> None:
    found = read_searches(shop).set_index("event_id")
    assert found["query"].tolist() == ["red mug", "unicorn", "red mug", "lamp"]
    told = found[["clicked", "carted", "bought", "empty", "refined"]].astype(float)
    assert told.loc["q1"].tolist() == [0, 0, 0, 0, 1]
    assert told.loc["q2"].tolist() == [1, 1, 1, 0, 0]
    assert told.loc["q3"].tolist() == [0, 0, 0, 1, 0]
    assert told.loc["q4"].tolist() == [0, 0, 0, 0, 0]
    assert found.loc["q2", "position"] == 3


def test_shares_queries_and_days(shop: EventTable) -> None:
    table = read_searches(shop)
    success = search_success(table)
    assert (success.searches, success.persons) == (4.0, 2)
    assert (success.clicked.value, success.empty.value, success.refined.value) == (0.25, 0.25, 0.25)
    assert success.clicked.lo < 0.25 < success.clicked.hi
    asked = by_query(table).set_index("query")
    assert asked.loc["red mug", ["searches", "persons", "clicked", "bought"]].tolist() == [2, 1, 0.5, 0.5]
    span = Span(DAY0.date(), DAY0.date() + timedelta(days=1))
    course = search_course(table, span)
    assert course["searches"].tolist() == [4, 0]
    assert np.isnan(course["clicked"][1])


def test_where_nothing_tells_what_was_found_no_search_is_called_empty() -> None:
    table_of = read_searches(table({**ANN, "type": "search_performed", "query": "x"}))
    assert np.isnan(table_of["empty"]).all()
    assert np.isnan(search_success(table_of).empty.value)


def test_sampled_searches_weigh_as_many() -> None:
    found = read_searches(
        table(
            {**ANN, "type": "search_performed", "query": "x", "weight": 20.0},
            {**ANN, "type": "product_clicked", "source": "search", "minute": 1},
            {**BO, "type": "search_performed", "query": "y", "weight": 5.0},
        )
    )
    success = search_success(found)
    assert success.searches == 25.0
    assert success.clicked.value == pytest.approx(0.8)


def test_no_search_is_no_error() -> None:
    nothing = read_searches(table())
    assert np.isnan(search_success(nothing).clicked.value)
    assert by_query(nothing).empty
