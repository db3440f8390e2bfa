"""Parts that sum to the score: for every model, whatever the history, one pair at a time or many at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import shopr.recommend.contract.explain as explain
from shopr.data.interactions import Histories
from shopr.errors import InputError
from shopr.recommend.contract.explain import Parts, entries_of, gathered, read
from shopr.recommend.contract.registry import MODELS, make
from tests.recommend.shop import COLD_USER, N_ITEMS, N_USERS, small_catalog, small_interactions

SHOP, CATALOG = small_interactions(), small_catalog()
SETTINGS = {
    "ials": {"factors": 8, "nu": 1.0, "half_life_days": 20.0},
    "svd": {"factors": 5},
    "svdpp": {"factors": 5, "epochs": 5},
    "spectral": {"rank": 6},
    "edlae": {"half_life_days": 5.0},
    "item_knn": {"half_life_days": 5.0, "neighbours": 5},
    "user_knn": {"shrinkage": 2.0, "neighbours": 9},
    "stack": {"members": ({"model": "ease"}, {"model": "ials", "params": {"factors": 4}}, {"model": "spectral"})},
}
BY_HISTORY = (
    "ease edlae ease_time hybrid ials item_filter item_knn knn_baseline markov rp3beta spectral stack user_knn".split()
)
"""Models whose reasons are products of the history."""


@pytest.fixture(scope="module")
def fitted():
    made = {}

    def get(name):
        if name not in made:
            made[name] = make(name, **SETTINGS.get(name, {})).fit(SHOP, CATALOG)
        return made[name]

    return get


@st.composite
def histories(draw):
    """Random histories: weights, times and stars of one to four shoppers, some of them empty."""
    rows = draw(st.lists(st.sets(st.integers(0, N_ITEMS - 1), max_size=12), min_size=1, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    plain = Histories.of([sorted(row) for row in rows], N_ITEMS)
    n = plain.matrix.nnz
    plain.matrix.data = rng.integers(1, 9, n).astype(np.float32)
    stars = np.where(rng.random(n) < 0.2, np.nan, rng.integers(1, 6, n)).astype(np.float32)
    return Histories(plain.matrix, 1_700_000_000 + rng.integers(0, 10**7, n), None, stars)


@pytest.mark.parametrize("name", sorted(MODELS))
@settings(max_examples=25, deadline=None)
@given(given_histories=histories(), seed=st.integers(0, 2**31))
def test_contributions_sum_to_the_score(fitted, name, given_histories, seed):
    model = fitted(name)
    items = np.random.default_rng(seed).integers(0, N_ITEMS, (len(given_histories), 5))
    scores = model._score(given_histories).astype(np.float64)
    scores[np.diff(given_histories.matrix.indptr) == 0] = model.fallback
    for place, found in enumerate(model.explain_histories(given_histories, items)):
        row, column = divmod(place, 5)
        size = max(1.0, sum(abs(c.value) for c in found.contributions))
        assert found.item == items[row, column]
        assert found.score == pytest.approx(scores[row, items[row, column]], abs=1e-6 * size)
        assert sum(c.value for c in found.contributions) == pytest.approx(found.score, abs=1e-12 * size)


@pytest.mark.parametrize("name", BY_HISTORY)
def test_a_history_is_named_and_nothing_else(fitted, name):
    found = fitted(name).explain(np.array([2]), fitted(name).recommend([2], 3).items)
    own = set(SHOP.item_ids.decode(SHOP.matrix[2].indices))
    named = {c.label for one in found for c in one.contributions if c.kind == "history"}
    assert named
    assert named <= own


@pytest.mark.parametrize("name", sorted(MODELS))
def test_many_at_once_equal_one_by_one(fitted, name, monkeypatch):
    model = fitted(name)
    users = np.array([3, COLD_USER, -1, 0, 3])
    items = model.recommend(users, 4).items.astype(np.int64)
    items[0, 2:] = -1
    together = model.explain(users, items)
    pairs = [(user, item) for user, row in zip(users, items, strict=True) for item in row if item >= 0]
    assert [(one.user, one.item) for one in together] == [(int(u), int(i)) for u, i in pairs]
    monkeypatch.setattr(explain, "_BLOCK_CELLS", 60)
    for one, again in zip(together, model.explain(*map(np.array, zip(*pairs, strict=True))), strict=True):
        assert again.score == pytest.approx(one.score, abs=1e-6)
        ours, theirs = ({(c.kind, c.label): c.value for c in e.contributions} for e in (one, again))
        assert {k for k, v in ours.items() if abs(v) > 1e-9} <= set(theirs)
        for key, value in ours.items():
            assert theirs.get(key, 0.0) == pytest.approx(value, abs=1e-6)


def test_a_few_reasons_and_the_rest_as_one(fitted):
    model = fitted("ease")
    user = int(np.argmax(np.diff(SHOP.matrix.indptr)))
    items = model.recommend([user], 3).items
    for full, short in zip(model.explain([user], items), model.explain([user], items, most=2), strict=True):
        assert short.score == full.score
        assert len(short.contributions) == 3
        listed = [c for c in short.contributions if c.label != "everything else"]
        assert listed == list(full.contributions[:2])
        assert sum(c.value for c in short.contributions) == pytest.approx(full.score)
    assert model.explain([user], items, most=500) == model.explain([user], items)


def test_wrong_calls_are_refused(fitted):
    model = fitted("ease")
    for users, items, words in (
        ([N_USERS], [0], "user codes span"),
        ([0], [N_ITEMS], "item codes span"),
        ([0, 1], [0], "items of shape"),
    ):
        with pytest.raises(InputError, match=words):
            model.explain(np.array(users), np.array(items))
    with pytest.raises(InputError, match="most is 0"):
        model.explain(np.array([0]), np.array([1]), most=0)
    assert model.explain(np.array([0]), np.array([[-1, -1]])) == []
    assert model.explain_history(Histories.of([[]], N_ITEMS), [3])[0].contributions[0].kind == "popularity"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 0.6))
def test_gathering_equals_indexing(seed, density):
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((17, 23)) < density, rng.normal(size=(17, 23)), 0.0)
    rows, columns = rng.integers(0, 17, 40), rng.integers(0, 23, 40)
    matrix = sparse.csr_matrix(dense)
    shuffled = sparse.csr_matrix(dense[:, ::-1])[:, np.arange(23)[::-1]]
    for one in (dense, matrix, shuffled):
        np.testing.assert_array_equal(gathered(one, rows, columns), dense[rows, columns])
    owner, entry = entries_of(matrix, rows)
    for place, row in enumerate(rows):
        assert matrix.indices[entry[owner == place]].tolist() == np.flatnonzero(dense[row]).tolist()


def test_sums_of_the_same_source_become_one():
    one = Parts.of_items(2, np.array([0, 1]), np.array([7, 7]), [1.0, 2.0])
    other = Parts.merged(
        [Parts.of_items(2, np.array([1]), np.array([7]), [0.5]), Parts.said("context", "snow", [3.0, 0])]
    )
    both = Parts.merged([one.scaled(np.array([1.0, 10.0])), other, Parts.said("context", "snow", [1.0, 0])])
    assert both.scores().tolist() == [5.0, 20.5]
    found = read(both, np.array([0, 1]), np.array([4, 5]), SHOP.item_ids, "x")
    assert [(c.label, c.value) for c in found[0].contributions] == [("snow", 4.0), ("p7", 1.0)]
    assert [(c.label, c.value) for c in found[1].contributions] == [("p7", 20.5)]
