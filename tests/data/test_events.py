"""The vocabulary, the envelope, the flat table and what becomes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from shopr.data.events import (
    BEHAVIOUR,
    DIAGNOSTICS,
    EVENT_COLUMNS,
    FACTS,
    Event,
    EventType,
    empty_events,
    events_frame,
    interactions_from_events,
    ratings_from_events,
)
from shopr.data.ids import IdMap
from shopr.errors import DataError, UnknownNameError

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def table(*rows: dict[str, object]) -> pd.DataFrame:
    base = {"time": NOON, "type": "order_completed", "quantity": 1, "order_id": "o"}
    return events_frame(pd.DataFrame([{"event_id": str(i), **base, **row} for i, row in enumerate(rows)]))


def test_every_type_has_one_class():
    assert len(EventType) == 26
    assert set(EventType) == FACTS | DIAGNOSTICS | BEHAVIOUR
    assert len(FACTS) + len(DIAGNOSTICS) + len(BEHAVIOUR) == 26
    for fact in ("order_completed", "product_shown", "product_clicked", "experiment_exposed", "consent_changed"):
        assert fact in FACTS
    assert all(kind.value == kind.value.lower() and "_" in kind.value for kind in EventType)


def test_an_event_survives_the_flat_table():
    event = Event(
        type="product_clicked",
        time=datetime(2024, 5, 1, 14, tzinfo=timezone(timedelta(hours=2))),
        user_id="007",
        properties={"product_id": "p", "position": 3, "rating": 4.5, "impression_id": "i", "propensity": 0.25},
        consent=("analytics",),
    )
    assert event.time == NOON
    frame = events_frame([event])
    assert list(frame.columns) == list(EVENT_COLUMNS)
    assert frame["properties"][0] == '{"_consent":["analytics"],"impression_id":"i","propensity":0.25}'
    assert Event.from_row(frame.iloc[0].to_dict()) == event


def test_event_ids_differ_and_are_made():
    ids = {Event(type="page_viewed", time=NOON).event_id for _ in range(100)}
    assert len(ids) == 100


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "bought"},
        {"time": datetime(2024, 1, 1)},
        {"user_id": ""},
        {"version": 2},
        {"colour": "red"},
        {"event_id": "x" * 300},
    ],
)
def test_a_wrong_envelope_is_refused(wrong):
    with pytest.raises(ValidationError):
        Event(**{"type": "page_viewed", "time": NOON, **wrong})


def test_the_table_has_its_types_even_when_empty():
    full, empty = table({"user_id": "u"}), empty_events()
    assert len(empty) == 0
    assert full.dtypes.astype(str).to_dict() == empty.dtypes.astype(str).to_dict()
    assert full["time"].dtype == "datetime64[us, UTC]"
    assert full["properties"][0] == "{}"
    with pytest.raises(DataError, match="'colour' is not known"):
        events_frame({"colour": ["red"]})


def test_interactions_take_the_named_types_in_order_of_time():
    events = table(
        {"user_id": "b", "product_id": "2", "time": NOON + timedelta(days=2)},
        {"user_id": "a", "product_id": "1"},
        {"user_id": None, "product_id": "1"},
        {"user_id": "a", "product_id": None, "type": "page_viewed"},
        {"user_id": "a", "product_id": "3", "type": "product_clicked"},
    )
    log = interactions_from_events(events)
    assert log.to_frame()[["user", "item"]].to_numpy().tolist() == [["a", "1"], ["b", "2"]]
    assert log.times.tolist() == [1714564800, 1714564800 + 2 * 86400]
    assert log.ratings is None
    both = interactions_from_events(
        events, ("order_completed", "product_clicked"), weights={"product_clicked": 0.5}, timed=False
    )
    assert both.weights.tolist() == [1.0, 0.5, 1.0]
    assert both.times is None


def test_interactions_may_use_other_id_maps():
    events = table({"user_id": "a", "product_id": "1"}, {"user_id": "z", "product_id": "2"})
    log = interactions_from_events(events, user_ids=IdMap(["z", "y"]), item_ids=IdMap(["2"]))
    assert (log.users.tolist(), log.items.tolist(), log.n_users) == ([0], [0], 2)


def test_unknown_types_and_weights_are_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'order_completed'"):
        interactions_from_events(empty_events(), ("order_complete",))
    with pytest.raises(DataError, match="not above zero"):
        interactions_from_events(table({"user_id": "a", "product_id": "1"}), weights={"order_completed": 0.0})


def test_ratings_come_from_feedback():
    events = table(
        {"user_id": "a", "product_id": "1", "type": "feedback_given", "rating": 4.0},
        {"user_id": "a", "product_id": "2", "type": "feedback_given"},
        {"user_id": "a", "product_id": "1"},
    )
    ratings = ratings_from_events(events)
    assert ratings.ratings.tolist() == [4.0]
    assert ratings_from_events(events[2:]) is None
    mixed = interactions_from_events(events, ("feedback_given", "order_completed"))
    assert np.isnan(mixed.ratings).tolist() == [False, True, True]
