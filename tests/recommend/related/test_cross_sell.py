"""Cross-sell: statistics by hand and by scipy, complements before substitutes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from shopr.data.catalog import Catalog
from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions
from shopr.errors import InputError, NotReadyError
from shopr.recommend.related.cross_sell import CrossSell, baskets_of
from shopr.recommend.related.significance import false_discoveries, g2

IDS = IdMap(["pasta", "sauce", "penne", "soap", "salt"])


@pytest.fixture
def catalog() -> Catalog:
    return Catalog.from_frame(
        pd.DataFrame(
            {
                "product_id": IDS.ids,
                "title": IDS.ids,
                "category": ["Pasta", "Sauces", "Pasta", "Soap", "Salt"],
                "price": [100, 200, 100, 300, 50],
                "currency": "GBP",
            }
        )
    )


@pytest.fixture
def baskets() -> sparse.csr_matrix:
    rows = [[0, 1]] * 30 + [[0, 2]] * 3 + [[2, 1]] * 20 + [[3]] * 60 + [[3, 4]] * 5 + [[4]] * 20 + [[1]] * 10
    dense = np.zeros((len(rows), 5), np.float32)
    for row, held in enumerate(rows):
        dense[row, held] = 1
    return sparse.csr_matrix(dense)


def test_g2_agrees_with_scipy():
    tables = np.array([[[10, 5], [7, 100]], [[3, 0], [9, 40]], [[1, 20], [30, 10]]])
    expected = [stats.chi2_contingency(t, correction=False, lambda_="log-likelihood").statistic for t in tables]
    joint, first, second = tables[:, 0, 0], tables[:, 0].sum(1), tables[:, :, 0].sum(1)
    totals = tables.sum((1, 2))
    got = [float(g2(joint[i : i + 1], first[i : i + 1], second[i : i + 1], int(totals[i]))[0]) for i in range(3)]
    assert got == pytest.approx(expected)


def test_false_discoveries_agree_with_scipy_and_count_the_untested():
    p = np.array([0.01, 0.04, 0.03, 0.5])
    assert false_discoveries(p) == pytest.approx(stats.false_discovery_control(p))
    padded = stats.false_discovery_control(np.concatenate([p, np.ones(6)]))[:4]
    assert false_discoveries(p, 10) == pytest.approx(padded)
    assert false_discoveries(np.empty(0)).tolist() == []


def test_the_sauce_goes_with_the_pasta_and_another_pasta_does_not(baskets, catalog):
    model = CrossSell().fit(baskets, IDS, catalog)
    assert IDS.decode(model.for_basket([0], 1).items[0])[0] == "sauce"
    ranks = model.for_basket([0], 5).items[0].tolist()
    lenient = CrossSell(substitute_penalty=0.0).fit(baskets, IDS, catalog)
    assert ranks[-1] == -1
    alone = sparse.csr_matrix(np.eye(5)[:1])
    gap = np.log(lenient.score(alone) / model.score(alone))
    assert gap[0].tolist() == pytest.approx([1, 0, 1, 0, 0])
    lifts = [CrossSell(substitute_penalty=p, evidence="lift").fit(baskets, IDS, catalog) for p in (0.0, 1.0)]
    gap = lifts[0].score(alone) - lifts[1].score(alone)
    assert gap[0].tolist() == pytest.approx([1, 0, 1, 0, 0])


def test_pairs_are_significant_and_directed(baskets, catalog):
    model = CrossSell(category_shrinkage=1e9).fit(baskets, IDS, catalog)
    table = model.pairs().set_index(["item", "with"])
    assert table.loc[("pasta", "sauce"), "confidence"] == pytest.approx(30 / 33)
    assert table.loc[("sauce", "pasta"), "confidence"] == pytest.approx(30 / 60)
    n, expected = baskets.shape[0], 33 * 60 / baskets.shape[0]
    assert table.loc[("pasta", "sauce"), "lift"] == pytest.approx((30 + 5) / (expected + 5), rel=1e-6)
    assert table.loc[("pasta", "sauce"), "g2"] == pytest.approx(float(g2(*map(np.array, (30, 33, 60)), n)))
    assert ("soap", "salt") not in table.index
    assert (table["q_value"] <= 0.05).all()


def test_chance_gives_no_pairs():
    rng = np.random.default_rng(5)
    random = sparse.csr_matrix((rng.random((3000, 60)) < 0.05).astype(np.float32))
    assert len(CrossSell().fit(random, IdMap(range(60))).pairs()) <= 2


def test_views_tell_substitutes_from_complements(baskets, catalog):
    views = sparse.csr_matrix(np.array([[1, 0, 1, 0, 0]] * 40 + [[0, 1, 0, 1, 0]] * 10, np.float32))
    model = CrossSell().fit(baskets, IDS, catalog, views=views)
    kind = model.categories
    assert model.substitute[kind[0]] > 0.9
    assert model.substitute[kind[3]] == pytest.approx(0.5)


def test_bundles_keep_budget_and_categories(baskets, catalog):
    model = CrossSell().fit(baskets, IDS, catalog)
    for bundle in model.bundles([0], 350, size=3):
        assert bundle.price == sum(model.prices[i] for i in bundle.items) <= 350
        assert len({model.categories[i] for i in bundle.items}) == len(bundle.items)
        assert 0 not in bundle.items
    assert model.bundles([0], 10) == []


def test_an_empty_or_unknown_basket_gets_the_popular(baskets):
    model = CrossSell().fit(baskets, IDS)
    assert model.for_basket([], 1).items.tolist() == model.for_basket([-1, 99], 1).items.tolist() == [[3]]


def test_baskets_are_orders_or_moments():
    frame = pd.DataFrame({"user": list("aaab"), "item": list("xyxx"), "timestamp": [5, 5, 9, 5]})
    log = Interactions.from_frame(frame)
    assert baskets_of(log).toarray().tolist() == [[1, 1], [1, 0], [1, 0]]
    assert baskets_of(log, np.array([1, 2, 1, 2])).toarray().tolist() == [[1, 0], [1, 1]]
    with pytest.raises(InputError, match="have no baskets"):
        baskets_of(Interactions.from_frame(frame.drop(columns="timestamp")))


def test_bad_calls_are_refused(baskets):
    model = CrossSell()
    with pytest.raises(NotReadyError, match="not fitted"):
        model.score(baskets)
    with pytest.raises(InputError, match="0 baskets"):
        model.fit(sparse.csr_matrix((0, 5)), IDS)
    with pytest.raises(InputError, match="span 5 items, the id map 2"):
        model.fit(baskets, IdMap("ab"))
    model.fit(baskets, IDS)
    with pytest.raises(InputError, match="k is 0"):
        model.for_basket([0], 0)
    with pytest.raises(InputError, match="budget -1"):
        model.bundles([0], -1)


def test_the_shares_of_pairs_by_hand_and_popularity_for_the_rest():
    rows = np.zeros((60, 5), np.float32)
    rows[:20, [0, 1]] = 1  # 0 and 1 always together
    rows[20:50, 2] = 1  # popular, alone
    rows[50:, 3] = 1
    model = CrossSell().fit(sparse.csr_matrix(rows), IDS)
    (score,) = model.score(sparse.csr_matrix(np.eye(5, dtype=np.float32)[:1]))
    tail = 0.03 * (np.array([20.5, 20.5, 30.5, 10.5, 0.5]) / 30.5)
    assert score == pytest.approx(tail + np.array([0, 20 / (20**0.7 * 20**0.5), 0, 0, 0]))
    assert model.for_basket([0], 4).items[0].tolist() == [1, 2, 3, 4]
