"""Prices: seeded, changed on record, judged by their own past, and the lists made from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from shopr.clock import ManualClock
from shopr.commerce import Commerce, Price
from shopr.commerce.insight import ENOUGH_DAYS, judge
from shopr.errors import InputError
from shopr.storage import Database
from tests.commerce.shop import PRODUCTS, Shelf, catalog, commerce

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def history(*rows: tuple[str, float, int | None]) -> pd.DataFrame:
    frame = pd.DataFrame([(i, ago(days), price) for i, days, price in rows], columns=["product_id", "date", "price"])
    return frame.astype({"price": "Int64"})


def test_prices_are_seeded_and_changed_on_record(either: Database, clock: ManualClock) -> None:
    shop, other = commerce(either, clock), commerce(either, clock)
    expected = np.array([np.nan if price is None else price for _, price, *_ in PRODUCTS])
    np.testing.assert_array_equal(shop.prices.array(), expected)
    assert shop.prices.of("mouse") == Price(1999, "EUR")
    assert shop.prices.of("poster") is None
    assert shop.prices.of("nobody") is None
    clock.advance(60)
    assert shop.prices.set_many({"mouse": 1500, "cable": 499}) == 1
    clock.advance(60)
    shop.prices.set("mouse", 1400, "GBP")
    assert other.prices.of("mouse") == Price(1400, "GBP")
    assert [p for _, p in other.prices.history("mouse")] == [
        Price(1999, "EUR"),
        Price(1500, "EUR"),
        Price(1400, "GBP"),
    ]
    assert len(other.prices.history("cable")) == 1
    shop.prices.set("mouse", None)
    assert other.prices.of("mouse") is None
    assert other.prices.history("mouse")[-1][1] is None


@pytest.mark.parametrize(("amount", "currency"), [(-1, None), (1.5, None), ("12", None), (10**15, None), (5, "euro")])
def test_bad_prices_are_refused(shop: Commerce, amount: object, currency: str | None) -> None:
    with pytest.raises(InputError):
        shop.prices.set("mouse", amount, currency)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        shop.prices.set("nobody", 100)
    assert shop.prices.of("mouse") == Price(1999, "EUR")


def test_earlier_prices_come_along_once(either: Database, clock: ManualClock) -> None:
    past = history(("mouse", 60, 2500), ("mouse", 10, 1999), ("cable", 5, 600), ("mouse", -3, 1), ("strange", 9, 9))
    shop = commerce(either, clock, history=lambda: past)
    assert shop.prices.history("mouse") == [(ago(60), Price(2500, "EUR")), (ago(10), Price(1999, "EUR"))]
    assert shop.prices.history("cable") == [(ago(5), Price(600, "EUR")), (NOW, Price(499, "EUR"))]
    again = commerce(either, clock, history=lambda: pytest.fail("asked twice"))
    assert len(again.prices.history("mouse")) == 2


def test_a_reloaded_catalogue_changes_the_price_on_record(shop: Commerce, shelf: Shelf, clock: ManualClock) -> None:
    shop.carts.add("ann", "mouse")
    shop.prices.set("cable", 450)
    clock.advance(60)
    shelf.value = catalog([("mouse", 2200, 5, "", {}), ("cable", 499, None, "", {})])
    assert shop.prices.of("mouse") == Price(2200, "EUR")
    assert shop.prices.of("cable") == Price(450, "EUR"), "the catalogue says of it what it said before"
    assert [p.amount for _, p in shop.prices.history("mouse") if p] == [1999, 2200]
    assert shop.carts.of("ann").changed[0].price == 2200


def test_insight_states_the_facts_it_rests_on(database: Database, clock: ManualClock) -> None:
    past = history(("mouse", 89.5, 2500), ("mouse", 40.5, 2800), ("mouse", 10.5, 2400), ("mouse", 5.5, 1999))
    shop = commerce(database, clock, history=lambda: past)
    seen = shop.prices.insight("mouse")
    assert seen is not None
    assert (seen.now, seen.lowest, seen.median, seen.highest) == (1999, 1999, 2500, 2800)
    assert (seen.known_days, seen.cheaper_days, seen.dearer_days) == (90, 0, 84)
    assert (seen.since, seen.previous, seen.drop) == (ago(5.5), 2400, 401)
    assert seen.drop_percent == pytest.approx(100 * 401 / 2400)
    assert (seen.percentile, seen.judgement) == (0.0, "good")
    assert shop.prices.insight("poster") is None
    with pytest.raises(InputError):
        shop.prices.insight("mouse", 3)


@pytest.mark.parametrize(
    ("steps", "amount", "judgement"),
    [
        ([(200, 100)], 100, "steady"),
        ([(ENOUGH_DAYS - 2, 100), (5, 80)], 80, None),
        ([], 100, None),
        ([(200, 100), (5, 80)], 80, "good"),
        ([(200, 100), (5, 120)], 120, "high"),
        ([(200, 100), (60, 80), (30, 100)], 100, "usual"),
        ([(200, 80), (5, 100), (2, 80)], 80, "usual"),
        ([(200, 90), (80, 70), (70, 90), (5, 80)], 80, "good"),
    ],
)
def test_judgements(steps: list[tuple[int, int]], amount: int, judgement: str | None) -> None:
    seen = judge("p", amount, "EUR", steps=[(ago(days), price) for days, price in steps], now=NOW, days=90)
    assert seen.judgement == judgement


def test_a_price_of_some_hours_counts_for_the_bounds() -> None:
    steps = [(ago(100), 100), (ago(10.4), 10), (ago(10.2), 100)]
    seen = judge("p", 100, "EUR", steps=steps, now=NOW, days=90)
    assert (seen.lowest, seen.cheaper_days, seen.judgement) == (10, 0, "usual")


def test_a_record_that_contradicts_the_price_is_not_believed() -> None:
    seen = judge("p", 70, "EUR", steps=[(ago(100), 100), (ago(50), 90)], now=NOW, days=90)
    assert (seen.since, seen.previous, seen.judgement) == (None, None, None)


def test_only_honest_drops_are_deals(database: Database, clock: ManualClock) -> None:
    rows = {
        "honest": [(90, 1000), (3, 800)],
        "raised first": [(90, 800), (8, 1000), (3, 800)],
        "two steps": [(90, 1000), (20, 900), (3, 700)],
        "old news": [(200, 1000), (100, 500)],
        "too new": [(20, 1000), (3, 500)],
        "tiny": [(90, 1000), (3, 980)],
        "sold out": [(90, 1000), (3, 100)],
        "rose": [(90, 1000), (3, 1200)],
    }
    past = history(*[(name, days, price) for name, steps in rows.items() for days, price in steps])
    products = [(name, steps[-1][1], 0 if name == "sold out" else 5, "", {}) for name, steps in rows.items()]
    shop = commerce(database, clock, Shelf(catalog(products)), history=lambda: past)
    found = shop.prices.deals()
    assert [(d.product_id, d.reference, d.now) for d in found] == [("two steps", 900, 700), ("honest", 1000, 800)]
    assert found[0].since == ago(3)
    assert found[1].drop_percent == 20.0
    shop.prices.set("honest", 1000)
    assert [d.product_id for d in shop.prices.deals()] == ["two steps"]
    assert shop.prices.deals(0) == []
    clock.advance(86_400 * 70)
    assert shop.prices.deals() == []


def test_new_products_are_those_that_came_later(shop: Commerce, shelf: Shelf, clock: ManualClock) -> None:
    assert shop.prices.new_products() == []
    clock.advance(86_400)
    shelf.value = catalog([*PRODUCTS, ("fresh", 100, 2, "", {}), ("empty", 100, 0, "", {})])
    assert [n.product_id for n in shop.prices.new_products()] == ["fresh"]
    clock.advance(86_400 * 61)
    assert shop.prices.new_products(within_days=60) == []
    assert [n.product_id for n in shop.prices.new_products()] == ["fresh"]


def test_a_release_in_the_attributes_dates_a_product(database: Database, clock: ManualClock) -> None:
    products = [
        ("a", 100, 1, "g", {"date_released": "2025-11-01T00:00:00Z"}),
        ("b", 100, 1, "g", {"released": "2025-12-24"}),
        ("c", 100, 1, "g", {"released": "2026-12-24"}),
        ("d", 100, 1, "g", {"released": "soon"}),
    ]
    shop = commerce(database, clock, Shelf(catalog(products)))
    assert [n.product_id for n in shop.prices.new_products()] == ["b", "a"]


def test_trending_compares_with_the_pace_before(shop: Commerce) -> None:
    events = [("mouse", ago(1))] * 20 + [("mouse", ago(20))] * 20  # 5 a week before: 20 now
    events += [("cable", ago(2))] * 30 + [("cable", ago(20))] * 120  # as always
    events += [("shirt-s", ago(2))] * 4 + [("lamp", ago(2))] * 99 + [("shirt-m", ago(2))] * 2 + [("nobody", ago(1))] * 9
    found = shop.trending(events)
    assert [(t.product_id, t.recent, t.expected) for t in found] == [("mouse", 20, 5.0), ("shirt-s", 4, 0.0)]
    assert shop.trending([]) == []
