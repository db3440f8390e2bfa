"""The metric table: counted by DuckDB as by hand, whatever the events hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from shopr.analytics.alerts.series import Grid, beginning, measure, rolling
from shopr.analytics.store.rows import row_of
from shopr.data.events import Event
from tests.analytics.alerts.conftest import rule

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOSTILE = "x' OR '1'='1"


def event(minute: float, kind: str, *, user: str | None = None, session: str | None = None, **properties):
    when = START + timedelta(minutes=minute)
    return Event(type=kind, time=when, user_id=user, session_id=session, properties=properties)


def counted(store, events, *, weight=1.0, minutes=5, **parts):
    store.append([row_of(e, weight=weight) for e in events])
    begin = int(START.timestamp())
    return measure(store, rule(**parts), begin, begin + 60 * minutes)


@pytest.fixture
def store(installed):
    from shopr.analytics.store.event_store import EventStore

    return EventStore.open(installed)


def test_shares_and_weights(store):
    events = [event(m, "api_called", name="/x", value=1.0, status=s) for m, s in ((0, 200), (0.5, 503), (3, 500))]
    grid, found = counted(store, events, weight=10.0)
    assert grid == Grid(int(START.timestamp()), 60, 5)
    series = found[""]
    assert series.hits.tolist() == [10, 0, 0, 10, 0]
    assert series.total.tolist() == [20, 0, 0, 10, 0]
    assert series.seen.tolist() == [2, 0, 0, 1, 0]


def test_events_beyond_the_span_and_of_other_types_do_not_count(store):
    events = [event(m, "api_called", value=1.0, status=500) for m in (-0.1, 0, 5)] + [event(1, "page_viewed")]
    _, found = counted(store, events)
    assert found[""].hits.tolist() == [1, 0, 0, 0, 0]


def test_quantiles_count_values_above_both_bounds(store):
    events = [event(0, "api_called", value=v) for v in (5000.0, 5001.0, 4500.0, 10.0)]
    condition = {"kind": "threshold", "window": "5m", "above": 5000, "clear": 4000, "least": 1}
    _, found = counted(store, events, metric={"quantile": 0.95, "of": {"type": "api_called"}}, condition=condition)
    assert (found[""].hits[0], found[""].clears[0], found[""].total[0]) == (1, 3, 4)


def test_orders_and_sessions_are_counted_once_each(store):
    lines = [event(1, "order_completed", order_id=o, product_id="p") for o in ("a", "a", "b")]
    visits = [event(1, "page_viewed", session=s) for s in ("s", "s", "t", "u")]
    share = {"share": {"type": "order_completed", "distinct": "order_id"},
             "of": {"type": "page_viewed", "distinct": "session_id"}}  # fmt: skip
    _, found = counted(store, lines + visits, metric=share)
    assert (found[""].hits[1], found[""].total[1], found[""].seen[1]) == (2, 3, 3)


def test_series_are_told_apart_by_a_column(store):
    values = (("LCP", 2600.0), ("LCP", 2400.0), ("INP", 900.0), ("FID", 9e9))
    events = [event(0, "vital_measured", name=n, value=v) for n, v in values]
    share = {"share": {"type": "vital_measured", "vital": "not good"}, "of": {"type": "vital_measured"}}
    _, found = counted(store, events, metric=share, by="name")
    assert {k: (s.hits[0], s.total[0]) for k, s in found.items()} == {"LCP": (1, 2), "INP": (1, 1), "FID": (0, 1)}


def test_recommendations_by_source_and_decisions_by_words(store):
    events = [event(0, "product_clicked", source=s) for s in ("home", "search", HOSTILE)]
    events += [event(0, "recommendation_clicked"), event(0, "product_clicked")]
    selection = {"type": ["product_clicked", "recommendation_clicked"], "source": ["home", HOSTILE]}
    condition = {"kind": "threshold", "window": "5m", "above": 1}
    _, found = counted(store, events, metric={"count": selection}, condition=condition)
    assert found[""].hits[0] == 3
    threats = [event(1, "threat_detected", decision=d) for d in ("block", "flag", "allow")]
    selection = {"type": "threat_detected", "decision": ["block", "flag"]}
    _, found = counted(store, threats, metric={"count": selection}, condition=condition)
    assert found[""].hits[1] == 2


def test_mixes_of_prices_queries_and_categories(store):
    events = [event(0, "product_clicked", product_id=f"p{i}", price=100 * 2**i, currency="GBP") for i in range(4)]
    events += [event(0, "search_performed", query=q) for q in ("Mug", " mug ", "lamp")]
    drift = {"kind": "drift", "window": "5m", "reference": "10m"}
    clicks = {"type": "product_clicked"}
    _, found = counted(store, events, metric={"mix": "price", "of": clicks}, condition=drift)
    assert np.flatnonzero(found[""].hits[0]).tolist() == [13, 15, 17, 19]  # half octaves
    begin = int(START.timestamp())
    made = rule(metric={"mix": "query", "of": {"type": "search_performed"}}, condition=drift)
    _, found = measure(store, made, begin, begin + 300)
    assert sorted(found[""].hits[0][found[""].hits[0] > 0]) == [1, 2]
    made = rule(metric={"mix": "category", "of": clicks}, condition=drift)
    _, found = measure(store, made, begin, begin + 300, categories={"p0": "a", "p1": "a", "p2": "b"})
    assert sorted(found[""].hits[0][found[""].hits[0] > 0]) == [1, 2]
    assert measure(store, made, begin, begin + 300)[1][""].total.sum() == 0


def test_the_beginning_of_a_store(store):
    assert beginning(store) is None
    counted(store, [event(-90, "page_viewed")])
    assert beginning(store) == int(START.timestamp()) - 5400
    grid, _ = measure(store, rule(), int(START.timestamp()) - 7200, int(START.timestamp()), begins=beginning(store))
    assert grid.born == 30


def test_rolling_sums():
    np.testing.assert_array_equal(rolling(np.arange(5.0), 2), [0, 1, 3, 5, 7])
    np.testing.assert_array_equal(rolling(np.arange(5.0), 9), [0, 1, 3, 6, 10])
