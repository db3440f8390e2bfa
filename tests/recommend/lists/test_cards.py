"""Cards state the catalogue's facts and nothing else."""

from __future__ import annotations

import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.recommend.contract.base import Contribution, Explanation
from shopr.recommend.lists.cards import CardMaker, Reason


@pytest.fixture
def maker(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"png")
    frame = pd.DataFrame(
        {
            "product_id": ["a", "b"],
            "title": ["Blue mug", "Bare"],
            "category": ["Home > Mugs", ""],
            "brand": ["Pico", ""],
            "price": pd.array([1250, None], dtype="Int64"),
            "currency": ["GBP", ""],
            "stock": pd.array([0, None], dtype="Int64"),
            "image": ["images/a.png", "images/gone.png"],
        }
    )
    return CardMaker(Catalog.from_frame(frame), tmp_path, "EUR")


def test_a_card_has_what_the_catalogue_says(maker, tmp_path):
    card = maker.card("a", score=0.5, position=2, label="Sponsored")
    assert (card.title, card.brand, card.category) == ("Blue mug", "Pico", "Home > Mugs")
    assert (card.price, card.price_minor, card.currency) == ("£12.50", 1250, "GBP")
    assert (card.stock, card.in_stock, card.image) == (0, False, tmp_path / "images" / "a.png")
    assert (card.score, card.position, card.label) == (0.5, 2, "Sponsored")


def test_what_is_not_known_is_none_and_never_made_up(maker):
    for product_id, title in (("b", "Bare"), ("gone", "gone")):
        card = maker.card(product_id)
        assert (card.title, card.price, card.price_minor, card.stock, card.image) == (title, None, None, None, None)
        assert card.currency == "EUR"
        assert card.in_stock


def test_a_click_carries_what_learning_needs(maker):
    card = maker.card("a", impression_id="i-1", position=1, propensity=0.25, policy="p", model_version="7")
    assert card.shown == {
        "product_id": "a",
        "impression_id": "i-1",
        "position": 1,
        "propensity": 0.25,
        "policy": "p",
        "model_version": "7",
    }


def test_reasons_tell_bought_from_seen_and_share_the_score(maker):
    parts = (
        Contribution("history", "a", 0.6),
        Contribution("history", "b", -0.3),  # speaks against it
        Contribution("context", "more wanted in rain", 0.1),
        Contribution("model", "ease", 0.0),
    )
    assert maker.reasons(Explanation(0, 0, 0.4, parts), {"a"}) == (
        Reason("you bought Blue mug", pytest.approx(0.6), "a"),
        Reason("more wanted in rain", pytest.approx(0.1)),
    )
    against = Explanation(0, 0, -0.3, parts[1:2])
    assert maker.reasons(against, set()) == (Reason("you looked at Bare", 1.0, "b"),)
    assert maker.reasons(Explanation(0, 0, 0.0, ()), set()) == ()
