"""Likeness to the latest products by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.data.interactions import Interactions
from shopr.recommend.models.likeness import Likeness

SETTINGS = {"title": 0.0, "brand": 1.0, "category": 0.0, "attributes": 0.0}


def shop() -> tuple[Interactions, Catalog]:
    rows = [("u", "a1", 0), ("u", "b1", 1), ("v", "b2", 0), ("v", "a2", 1), ("w", "a2", 0), ("w", "b1", 1)]
    log = Interactions.from_frame(pd.DataFrame(rows, columns=["user", "item", "timestamp"]))
    names = list(map(str, log.item_ids.ids))
    brands = [name[0] for name in names]
    return log, Catalog.from_frame(pd.DataFrame({"product_id": names, "title": names, "brand": brands}))


def test_the_latest_product_says_most_and_popularity_multiplies():
    log, catalog = shop()
    model = Likeness(half_life=1.0, popularity=1.0, **SETTINGS).fit(log, catalog)
    score = dict(zip(log.item_ids.ids, model._score(log.histories(np.array([0])))[0], strict=True))
    # u took a1 a step before b1: the profile is (a, b) = (1/2, 1) / |.|, and a2 and b1 have two users each.
    length = np.hypot(0.5, 1.0)
    assert score["b2"] == pytest.approx(1.0 / length, rel=1e-5)
    assert score["a2"] == pytest.approx(2 * 0.5 / length, rel=1e-5)
    assert score["b1"] == pytest.approx(2 * 1.0 / length, rel=1e-5)


def test_sharpness_keeps_close_likeness_only():
    log, catalog = shop()
    plain, sharp = (
        Likeness(half_life=1.0, popularity=0.0, sharpness=s, **SETTINGS).fit(log, catalog)._score(log.histories())
        for s in (1.0, 3.0)
    )
    np.testing.assert_allclose(sharp, plain**3, rtol=1e-5)


@pytest.mark.parametrize("sharpness", [1.0, 2.0])
def test_the_reasons_sum_to_the_score(sharpness):
    log, catalog = shop()
    model = Likeness(sharpness=sharpness, **SETTINGS).fit(log, catalog)
    for reason in model.explain(np.arange(3), np.array([[0, 1], [2, 3], [1, 2]])):
        code = reason.item
        assert reason.score == pytest.approx(float(model._score_users(np.array([reason.user]))[0, code]), rel=1e-5)
