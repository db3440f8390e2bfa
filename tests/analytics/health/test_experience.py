"""Vitals, errors and calls in detail: quantiles against NumPy, the rest by hand."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.analytics.health.experience import (
    call_histogram,
    call_routes,
    error_course,
    error_history,
    error_samples,
    grouped_quantile,
    vital_course,
    vital_figures,
)
from shopr.analytics.health.quality import error_groups, weighted_quantile
from shopr.analytics.reading.source import EventTable, Filters, narrowed
from shopr.analytics.reading.span import Span
from shopr.errors import InputError
from tests.analytics.tables import DAY0, table

SPAN = Span(DAY0.date(), DAY0.date() + timedelta(days=1))


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.sampled_from([1.0, 10.0])), max_size=30),
    st.sampled_from([0.5, 0.75, 0.95, 1.0]),
)
def test_quantiles_of_groups_are_those_one_by_one(rows: list[tuple[int, int, float]], q: float) -> None:
    group, values, weights = (np.array(part) for part in zip(*rows, strict=True)) if rows else (np.zeros(0, int),) * 3
    found = grouped_quantile(group, values.astype(float), weights.astype(float), 3, np.full(3, q))
    for at in range(3):
        np.testing.assert_equal(found[at], weighted_quantile(values[group == at], weights[group == at], q))


@pytest.fixture
def shop() -> EventTable:
    lcp = {"type": "vital_measured", "name": "LCP", "device": "mobile", "page": "/"}
    slow = [{**lcp, "value": 1000.0 * i, "user_id": f"u{i}"} for i in range(1, 9)]
    error = {"type": "error_raised", "name": "TypeError", "fingerprint": "f1", "message": "x", "stack": "at a.js:1"}
    call = {"type": "api_called", "name": "/search"}
    return table(
        *slow,
        {"type": "vital_measured", "name": "CLS", "value": 0.3, "device": "desktop", "minute": 1500},
        {"type": "vital_measured", "name": "FID", "value": 3.0},  # no vital of ours
        {"type": "vital_measured", "name": "LCP", "value": float("nan")},
        {**error, "user_id": "ann", "release": "1.0", "weight": 2.0},
        {**error, "minute": 1500, "release": "1.1", "frames": [{"file": "a.js", "function": "f", "line": 1}]},
        {**error, "fingerprint": "f2"},
        {**call, "value": 3.0, "status": 200},
        {**call, "value": 40.0, "status": 404},
        {**call, "value": 6000.0, "status": 503, "weight": 2.0},
        {**call, "name": "/cart", "value": 20000.0, "status": 301},
    )


def test_vitals_by_hand(shop: EventTable) -> None:
    found = vital_figures(shop)
    assert found["name"].tolist() == ["LCP", "CLS"]
    first = found.iloc[0]
    assert (first["p75"], first["rating"], first["measured"], first["persons"]) == (6000.0, "poor", 8, 8)
    assert (first["good"], first["poor"]) == (0.25, 0.5)
    assert first["lo"] < first["p75"] < first["hi"]
    by = vital_figures(shop, by=("device", "page"))
    assert by[["device", "page"]].to_numpy().tolist() == [["mobile", "/"], ["desktop", ""]]
    course = vital_course(shop, SPAN)
    assert course[["name", "p75", "measured"]].to_numpy().tolist() == [["LCP", 6000.0, 8], ["CLS", 0.3, 1]]
    with pytest.raises(InputError, match="'colour'"):
        vital_figures(shop, by=("colour",))


def test_errors_over_time_and_in_detail(shop: EventTable) -> None:
    course = error_course(shop, SPAN).sort_values(["fingerprint", "start"])
    assert course["errors"].tolist() == [2.0, 1.0, 1.0]
    newest, oldest = error_samples(shop, "f1")
    assert (newest["release"], oldest["release"]) == ("1.1", "1.0")
    assert newest["frames"] == [{"file": "a.js", "function": "f", "line": 1}]
    assert oldest["stack"] == "at a.js:1"
    assert not {"user_id", "session_id"} & set(newest)
    assert error_samples(shop, "f1' OR 1=1") == []


def test_an_error_that_skipped_a_release_came_back() -> None:
    error = {"type": "error_raised", "fingerprint": "f"}
    shop = table(
        {**error, "release": "1", "minute": 0},
        {"type": "page_viewed", "release": "2", "minute": 1},  # a release without any error
        {**error, "release": "3", "minute": 2},
        {**error, "fingerprint": "g", "release": "2", "minute": 2},
        {**error, "fingerprint": "g", "release": "3", "minute": 3},
        {**error, "fingerprint": "h", "minute": 4},
    )
    known = error_history(shop).set_index("fingerprint")
    assert known["regressed"].to_dict() == {"f": True, "g": False, "h": False}
    assert known.loc["f", "releases"] == ("1", "3")
    assert known.loc["f", "last_ever"] - known.loc["f", "first_ever"] == timedelta(minutes=2)
    assert error_history(table()).empty


def test_who_logged_in_during_a_session_is_one_person_everywhere() -> None:
    error = {"type": "error_raised", "name": "E", "fingerprint": "f", "message": "x"}
    vital, call = {"type": "vital_measured", "name": "LCP"}, {"type": "api_called", "name": "/a", "status": 200}
    before, after = {"session_id": "s1"}, {"session_id": "s1", "user_id": "ann"}
    shop = table(
        *({**kind, "value": 1.0, **who} for kind in (error, vital, call) for who in (before, after)),
        *({**kind, "value": 1.0, "session_id": "s2"} for kind in (error, vital, call)),
    )
    assert error_groups(shop)["users"].tolist() == [2]  # Ann, before and after she logged in, and a visitor
    assert vital_figures(shop)["persons"].tolist() == [2]
    assert call_routes(shop)["persons"].tolist() == [2]
    known = narrowed(shop, Filters(segment="signed in"))
    assert error_groups(known)["users"].tolist() == [1]


def test_calls_by_route_and_duration(shop: EventTable) -> None:
    routes = call_routes(shop).set_index("route")
    assert routes.loc["/search", ["calls", "ok", "refused", "failed", "p50", "slow"]].tolist() == [
        4, 0.25, 0.25, 0.5, 40.0, 0.5,
    ]  # fmt: skip
    assert routes.loc["/cart", "redirected"] == 1.0
    buckets = call_histogram(shop, "/search")
    assert buckets.set_index("upper")["calls"][[5.0, 50.0, 10000.0, np.inf]].tolist() == [1, 1, 2, 0]
    assert buckets["below"].iloc[-1] == pytest.approx(1)
    assert call_histogram(shop)["calls"].sum() == 5


def test_nothing_measured_is_no_error() -> None:
    nothing = table()
    assert vital_figures(nothing).empty
    assert vital_figures(nothing, by=("page",)).empty
    assert vital_course(nothing, SPAN).empty
    assert error_course(nothing, SPAN).empty
    assert call_routes(nothing).empty
    assert call_histogram(nothing)["share"].sum() == 0
