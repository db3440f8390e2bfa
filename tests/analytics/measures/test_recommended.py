"""Recommendations online: by hand, by brute force, and their nDCG against the house's own metric."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopr.analytics.measures.recommended import quality, quality_course, read_impressions
from shopr.analytics.reading.source import EventTable
from shopr.analytics.reading.span import Span
from shopr.errors import InputError
from tests.analytics.tables import DAY0, table

ANN = {"user_id": "ann", "session_id": "s1"}


def shown(i: str, position: int, product: str, **more: Any) -> dict[str, Any]:
    base = {"type": "product_shown", "source": "home", "impression_id": i, "policy": "ease", "model_version": "3"}
    return {**ANN, **base, "position": position, "product_id": product, **more}


@pytest.fixture
def shop() -> EventTable:
    return table(
        shown("i1", 1, "p1"),
        shown("i2", 2, "p2"),
        shown("i3", 3, "p3"),
        shown("i4", 1, "p2", minute=60, policy="popular"),
        shown("i5", 1, "p9", minute=61, source="search"),  # no recommendation
        {**ANN, "type": "product_clicked", "impression_id": "i2", "product_id": "p2", "minute": 1},
        {**ANN, "type": "cart_item_added", "impression_id": "i2", "product_id": "p2", "minute": 2},
        {**ANN, "type": "product_clicked", "impression_id": "i4", "product_id": "p2", "minute": 65},
        {**ANN, "type": "order_completed", "product_id": "p2", "price": 500, "quantity": 2, "minute": 70},
        {**ANN, "type": "recommendation_shown", "impression_id": "i6", "product_id": "p4", "position": 1, "minute": 80},
    )


def test_by_hand_and_a_purchase_is_the_last_clicks(shop: EventTable) -> None:
    found = read_impressions(shop)
    assert found["impression"].tolist() == ["i1", "i2", "i3", "i4", "i6"]
    assert found.set_index("impression")["bought"].tolist() == [False, False, False, True, False]
    assert found["revenue"].tolist() == [0, 0, 0, 1000, 0]
    table = quality(found, ("policy",)).set_index("policy")
    assert table.loc["ease", ["impressions", "clicks", "ctr", "cart_rate", "conversion"]].tolist() == pytest.approx(
        [3, 1, 1 / 3, 1 / 3, 0]
    )
    assert table.loc["ease", "ndcg"] == pytest.approx(1 / np.log2(3))
    assert table.loc["popular", ["ctr", "conversion", "ndcg"]].tolist() == [1, 1, 1]
    assert table.loc["", "lists"] == 0
    whole = quality(found, ())
    assert len(whole) == 1
    assert whole["impressions"][0] == 5
    places = quality(found, ("position",))
    assert places["position"].tolist() == [1, 2, 3]
    assert np.isnan(places["ndcg"]).all()


@settings(max_examples=15)
@given(st.lists(st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=6), min_size=1, max_size=5), st.data())
def test_ndcg_of_lists_is_that_counted_one_by_one(lists: list[list[int]], data: st.DataObject) -> None:
    rows = []
    for number, gains in enumerate(lists):
        who = {"user_id": data.draw(st.sampled_from("ab")), "session_id": f"s{number}"}
        for place, gain in enumerate(gains, 1):
            name = f"i{number}-{place}"
            rows.append({**shown(name, place, name), **who, "minute": number})
            rows += [{**who, "type": "product_clicked", "impression_id": name, "minute": number + 0.1}] * (gain > 0)
            rows += [{**who, "type": "cart_item_added", "impression_id": name, "minute": number + 0.2}] * (gain > 1)
    known = []
    for gains in lists:
        best = sum(g / np.log2(p + 1) for p, g in enumerate(sorted(gains, reverse=True), 1))
        if best:
            known.append(sum(g / np.log2(p + 1) for p, g in enumerate(gains, 1)) / best)
    found = quality(read_impressions(table(*rows)), ())
    assert found["lists"][0] == len(known)
    assert found["ndcg"][0] == pytest.approx(np.mean(known)) if known else np.isnan(found["ndcg"][0])


def test_days_and_weights(shop: EventTable) -> None:
    span = Span(DAY0.date(), DAY0.date())
    assert quality_course(read_impressions(shop), span)["impressions"].tolist() == [5]
    weighed = read_impressions(table(shown("i1", 1, "p1", weight=4.0), shown("i2", 2, "p2", user_id="bo")))
    assert quality(weighed, ())["impressions"][0] == 5.0


def test_nothing_shown_and_bad_questions() -> None:
    nothing = read_impressions(table())
    assert quality(nothing, ("source",)).empty
    assert quality(nothing, ()).empty
    with pytest.raises(InputError, match="'colour'"):
        quality(nothing, ("colour",))


def test_an_event_that_is_told_twice_counts_once(shop: EventTable) -> None:
    twice = read_impressions(table(shown("i1", 1, "p1"), shown("i1", 1, "p1", minute=1)))
    assert quality(twice, ())["impressions"][0] == 1
