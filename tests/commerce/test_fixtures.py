"""The fixtures of scripted dialogues: the documented rule is read and computed, never evaluated."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.commerce import Commerce, Price
from shopr.commerce.fixtures import Fixtures, StockRule
from shopr.errors import DataError, InputError

RULE = "stock=int(sha256(id).hexdigest()[:8],16)%20; values 0 and 1 -> 0"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_the_rule_is_the_documented_formula(product_id: str) -> None:
    stock = int(hashlib.sha256(product_id.encode()).hexdigest()[:8], 16) % 20
    assert StockRule.parse(RULE).of(product_id) == (0 if stock in (0, 1) else stock)


def test_the_shared_dialogues_are_read(shared_data: Path) -> None:
    raw = json.loads((shared_data / "chat" / "dialogues_dev.json").read_text(encoding="utf-8"))["fixtures"]
    fixtures = Fixtures.parse(raw)
    assert fixtures.rule == StockRule("sha256", 8, 20, frozenset({0, 1}))
    assert fixtures.rule.of(raw["OOS1"]["id"]) == fixtures.rule.of(raw["OOS2"]["id"]) == 0
    assert (fixtures.today, fixtures.user, fixtures.currency) == (date(2026, 11, 22), "u1", "EUR")
    assert set(fixtures.orders) == set(raw["orders"])


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("int(md5(id).hexdigest()[:4],16)%5", StockRule("md5", 4, 5)),
        (
            "stock = int(sha1(product_id).hexdigest()[:8], 16) % 7; value 0 -> 0",
            StockRule("sha1", 8, 7, frozenset({0})),
        ),
        (
            "stock=int(sha256(id).hexdigest()[:8],16)%30; values 0, 1 and 2 -> 0",
            StockRule("sha256", 8, 30, frozenset({0, 1, 2})),
        ),
    ],
)
def test_rules_of_that_shape_are_read(text: str, rule: StockRule) -> None:
    assert StockRule.parse(text) == rule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "__import__('os').system('true')",
        "stock=int(sha256(id).hexdigest()[:8],16)%0",
        "stock=int(sha256(id).hexdigest()[:0],16)%9",
        "stock=int(eval(id).hexdigest()[:8],16)%20",
        RULE + "; print(1)",
        RULE.replace("20", "20" * 500),
        " " * 100_000,
        7,
        None,
    ],
)
def test_anything_else_is_refused(text: Any) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        StockRule.parse(text)


def test_fixtures_make_the_shop_as_they_say(shop: Commerce) -> None:
    raw = {
        "stock_rule": RULE,
        "stock": {"mouse": 2, "cable": None, "not sold": 5},
        "prices": {"mouse": "12.50"},
        "today": "2026-01-01",
        "orders": {
            "A1": {"user": "u1", "status": "shipped", "eta": "2026-01-05", "items": ["mouse", "vanished"]},
            "A2": {
                "user": "u2",
                "status": "return requested",
                "delivered": "2025-12-01",
                "items": [{"id": "cable", "qty": 3}],
            },
        },
    }
    shop.carts.add("u1", "mouse")
    fixtures = Fixtures.parse(raw)
    for _ in range(2):
        fixtures.apply(shop)
        assert len(shop.carts.of("u1")) == 0
        assert (shop.stock.of("mouse"), shop.stock.of("cable")) == (2, None)
        assert shop.stock.of("lamp") == StockRule.parse(RULE).of("lamp")
        assert shop.prices.of("mouse") == Price(1250, "EUR")
        one, two = shop.orders.get("u1", "A1"), shop.orders.get("u2", "A2")
        assert one is not None
        assert two is not None
        assert (one.eta, one.total, one.product_ids) == (date(2026, 1, 5), None, ("mouse", "vanished"))
        assert (two.status, two.delivered_on, two.product_ids) == (
            "return_requested",
            date(2025, 12, 1),
            ("cable",) * 3,
        )
        assert shop.orders.get("u1", "A2") is None
    assert fixtures.noon is not None


@pytest.mark.parametrize(
    "raw",
    [
        [],
        {"orders": [1]},
        {"orders": {"A": {"user": "u"}}},
        {"orders": {"A": {"user": "u", "status": "lost"}}},
        {"orders": {"A": {"user": "u", "status": "shipped", "eta": "soon"}}},
        {"orders": {"A": {"user": "u", "status": "shipped", "items": "mouse"}}},
        {"orders": {"A": {"user": "u", "status": "shipped", "items": [{"qty": 2}]}}},
        {"orders": {"A": {"user": "u", "status": "shipped", "items": [{"id": "mouse", "qty": -2}]}}},
        {"stock": {"mouse": -1}},
        {"stock": {"mouse": True}},
        {"prices": {"mouse": "free"}},
        {"currency": "euro"},
        {"today": "tomorrow"},
    ],
)
def test_bad_fixtures_are_refused(raw: Any) -> None:
    with pytest.raises(InputError):
        Fixtures.parse(raw)
