"""From a shopper to a list: rules hold, boosts lift, paid places are labelled, reasons sum to scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.data.catalog import Catalog
from shopr.data.interactions import Histories
from shopr.errors import InputError
from shopr.recommend.contract.registry import make
from shopr.recommend.following.online import OnlineState
from shopr.recommend.lists.pipeline import Boost, Pipeline, Wanted, adjusted
from shopr.recommend.lists.rules import Merchandising
from tests.recommend.shop import KINDS, N_ITEMS, small_catalog, small_interactions

SHOP = small_interactions()
MODEL = make("ease").fit(SHOP)
KIND = np.arange(N_ITEMS) % len(KINDS)


def catalog() -> Catalog:
    """Every tenth product is sold out; prices rise with the code, product 5 has none."""
    frame = small_catalog().frame.copy()
    frame["stock"] = pd.array([0 if i % 10 == 0 else 3 for i in range(N_ITEMS)], dtype="Int64")
    frame["price"] = pd.array([None if i == 5 else 100 * (i + 1) for i in range(N_ITEMS)], dtype="Int64")
    frame["currency"] = "GBP"
    return Catalog.from_frame(frame)


def pipeline(**rules: object) -> Pipeline:
    return Pipeline(OnlineState(MODEL), catalog(), Merchandising.model_validate(rules), version="3")


def history(user: int = 2) -> Histories:
    return SHOP.histories(np.array([user]))


NOBODY = Histories.of([[]], N_ITEMS)


def test_without_rules_or_boosts_the_list_is_the_models_own():
    found = pipeline(in_stock=False).answer("u2", history(), Wanted(10))
    plain = MODEL.fold_in(history(), 10)
    assert found.impressions.items.tolist() == plain.items[0].tolist()
    np.testing.assert_allclose(found.scores, plain.scores[0], rtol=1e-5)
    assert found.impressions.model_version == "3"
    assert found.note == ""


def test_stock_category_price_and_what_was_bought_are_obeyed():
    wanted = Wanted(20, category="Home > Lamps", price=(1000, 4000))
    items = pipeline().answer("u2", history(), wanted).impressions.items
    bought = set(history().matrix.indices.tolist())
    expected = {i for i in range(N_ITEMS) if KIND[i] == 1 and (i == 5 or 9 <= i <= 39) and i % 10 and i not in bought}
    assert set(items.tolist()) == expected


def test_the_request_may_ask_for_less_than_the_rules():
    items = pipeline().answer("u2", history(), Wanted(20, exclude_seen=False, in_stock_only=False)).impressions.items
    assert {i % 10 == 0 for i in items.tolist()} == {True, False}
    assert set(items.tolist()) & set(history().matrix.indices.tolist())


def test_products_without_a_price_pass_a_price_band():
    items = pipeline().answer(None, NOBODY, Wanted(20, price=(None, 700))).impressions.items
    assert 5 in items.tolist()


def test_a_list_that_rules_leave_empty_says_why():
    found = pipeline(brands={"include": ["Brand 9"]}).answer("u2", history(), Wanted(5))
    assert len(found.impressions) == 0
    assert found.explanations == ()
    assert found.note == f"nothing left of {N_ITEMS} products: brands.include removed {N_ITEMS}"
    short = pipeline().answer("u2", history(), Wanted(20, category="Home > Nothing"))
    assert "only 'Home > Nothing' was asked for" in short.note


def test_caps_diversity_and_calibration_of_the_rules_are_kept():
    rules = {"max_per_brand": 2, "max_per_category": 3, "category_level": 2, "diversity": 0.3, "calibration": 0.2}
    items = pipeline(**rules).answer("u2", history(), Wanted(6)).impressions.items
    assert np.bincount(items % 3).max() <= 2
    assert np.bincount(KIND[items]).max() <= 3


def test_a_paid_place_is_labelled_and_has_no_score_of_its_own_unless_sold_out():
    slots = [{"position": 2, "product": "p7", "label": "Ad"}, {"position": 3, "product": "p10"}]
    found = pipeline(sponsored=slots).answer("u2", history(), Wanted(4))
    assert found.labels == ("", "Ad", "", "")
    assert found.impressions.items[1] == 7
    assert np.isnan(found.scores[1])
    assert 10 not in found.impressions.items.tolist()


def test_a_boost_lifts_and_its_part_of_the_score_is_explained():
    logs = np.where(KIND == 3, np.log(50.0), 0.0)
    found = pipeline().answer("u2", history(), Wanted(8, boosts=(Boost("for the season", logs),)))
    plain = pipeline().answer("u2", history(), Wanted(8))
    chairs = [int((KIND[a.impressions.items] == 3).sum()) for a in (found, plain)]
    assert chairs[0] > chairs[1]
    for explanation, score in zip(found.explanations, found.scores, strict=True):
        assert sum(c.value for c in explanation.contributions) == pytest.approx(score, rel=1e-5)
        kinds = {c.kind for c in explanation.contributions}
        assert ("context" in kinds) == (KIND[explanation.item] == 3)


def test_two_boosts_share_what_they_add_by_their_logs():
    boosts = (Boost("a", np.full(N_ITEMS, 0.3)), Boost("b", np.full(N_ITEMS, 0.1)))
    (first, *_) = pipeline().answer("u2", history(), Wanted(1, boosts=boosts)).explanations
    added = {c.label: c.value for c in first.contributions if c.kind == "context"}
    assert added["a"] == pytest.approx(3 * added["b"])


def test_strangers_get_what_is_popular_times_the_boost():
    logs = np.where(np.arange(N_ITEMS) == 9, 10.0, 0.0)
    found = pipeline().answer(None, NOBODY, Wanted(3, boosts=(Boost("today", logs),)))
    assert found.impressions.items[0] == 9


def test_what_is_owned_beside_the_history_is_left_out_too():
    best = pipeline().answer(None, NOBODY, Wanted(1)).impressions.items
    assert pipeline().answer(None, NOBODY, Wanted(1), owned=best).impressions.items[0] != best[0]


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=8), st.floats(-3, 3))
def test_a_boost_never_reverses_and_zero_changes_nothing(scores: list[float], log: float):
    values = np.array(scores)
    assert np.array_equal(adjusted(values, np.zeros(len(values))), values)
    more = adjusted(values, np.full(len(values), log))
    assert (np.sign(log) * (more - values) >= -1e-12).all()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Wanted(0), "k is 0"),
        (lambda: Wanted(21), "k is 21"),
        (lambda: Wanted(price=(500, 100)), "prices from 500 to 100"),
        (lambda: Wanted(price=(-1, None)), "prices from -1"),
    ],
)
def test_wrong_requests_are_refused(made, message):
    with pytest.raises(InputError, match=message):
        made()


@pytest.mark.parametrize(("logs", "message"), [(np.zeros(3), "shape"), (np.full(N_ITEMS, np.nan), "not finite")])
def test_wrong_boosts_are_refused(logs, message):
    with pytest.raises(InputError, match=message):
        pipeline().answer("u2", history(), Wanted(3, boosts=(Boost("x", logs),)))


def test_few_reasons_still_sum_to_the_score():
    found = pipeline().answer("u2", history(), Wanted(5, reasons=2))
    for explanation, score in zip(found.explanations, found.scores, strict=True):
        assert len(explanation.contributions) <= 3
        assert sum(c.value for c in explanation.contributions) == pytest.approx(score, rel=1e-5)
