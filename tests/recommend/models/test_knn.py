"""Neighbour models against implicit, scikit-learn and brute force."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender
from scipy import sparse
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from shopr.recommend.arithmetic import neighbours
from shopr.recommend.arithmetic.neighbours import all_pairs, top_rows
from shopr.recommend.models.knn import ItemKNN, UserKNN
from tests.recommend.shop import N_ITEMS, small_interactions

# implicit turns its own COO into CSR and says so.
pytestmark = pytest.mark.filterwarnings("ignore::implicit.utils.ParameterWarning")
SHOP = small_interactions()
COUNTS = SHOP.matrix.astype(np.float64)


@pytest.mark.parametrize(
    ("similarity", "theirs"), [("cosine", CosineRecommender), ("tfidf", TFIDFRecommender), ("bm25", BM25Recommender)]
)
def test_item_similarities_equal_implicit(similarity, theirs):
    other = theirs(K=N_ITEMS, num_threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an item without interactions: 0 / 0 in their normalisation
        other.fit(COUNTS[:, :-1], show_progress=False)
    expected = other.similarity.toarray()
    np.fill_diagonal(expected, 0)
    bought = SHOP.take(np.ones(len(SHOP), bool))
    model = ItemKNN(similarity=similarity, neighbours=N_ITEMS, strength="raw").fit(bought)
    got = model.similarity.toarray()[:-1, :-1]
    if similarity != "cosine":  # ours knows one item more, one nobody bought, which moves idf and the mean length
        got, expected = got / got.max(), expected / expected.max()
        assert np.corrcoef(got.ravel(), expected.ravel())[0, 1] > 0.999
    else:
        np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize(("similarity", "theirs"), [("tfidf", TFIDFRecommender), ("bm25", BM25Recommender)])
def test_item_scores_equal_implicit_where_every_item_was_bought(similarity, theirs):
    from shopr.data.interactions import Interactions

    shop = Interactions.from_frame(SHOP.to_frame().drop(columns="rating"))
    other = theirs(K=N_ITEMS, num_threads=1)
    matrix = shop.matrix.astype(np.float64)
    other.fit(matrix, show_progress=False)
    model = ItemKNN(similarity=similarity, neighbours=N_ITEMS, strength="raw").fit(shop)
    similarity_matrix = other.similarity.toarray()
    np.fill_diagonal(similarity_matrix, 0)
    got = model._score(shop.histories())
    np.testing.assert_allclose(got, matrix @ similarity_matrix, rtol=1e-5)


def test_cosine_neighbours_equal_scikit_learn():
    found = all_pairs(sparse.csr_matrix(normalize(COUNTS.T.tocsr()[:-1])), 5)
    nearest = NearestNeighbors(n_neighbors=6, metric="cosine", algorithm="brute").fit(COUNTS.T.tocsr()[:-1])
    distances, _ = nearest.kneighbors()
    for item in range(N_ITEMS - 1):
        ours = np.sort(found[item].data)[::-1]
        theirs = 1 - distances[item][: len(ours)]
        np.testing.assert_allclose(ours, theirs[:5], atol=1e-6)


def test_shrinkage_by_brute_force(monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK_CELLS", 200)  # several blocks
    documents = sparse.csr_matrix(normalize(COUNTS.T.tocsr()))
    dense = documents.toarray()
    shared = (dense > 0).astype(float) @ (dense > 0).T
    expected = dense @ dense.T * shared / (shared + 3)
    np.fill_diagonal(expected, 0)
    kept = np.sort(expected, axis=1)[:, -4:]
    got = all_pairs(documents, 4, shrinkage=3).toarray()
    np.testing.assert_allclose(np.sort(got, axis=1)[:, -4:], kept, atol=1e-6)
    assert ((got == 0) | np.isclose(got, expected, atol=1e-6)).all()


@pytest.mark.parametrize("k", [1, 3, 100])
def test_top_rows_by_brute_force(k):
    matrix = sparse.random(60, 90, 0.3, format="csr", random_state=4)
    got = top_rows(matrix, k).toarray()
    for row, kept in zip(matrix.toarray(), got, strict=True):
        expected = np.where(row >= np.sort(row)[::-1][min(k, 90) - 1], row, 0)
        np.testing.assert_array_equal(kept, expected)


@pytest.mark.parametrize("similarity", ["cosine", "tfidf", "bm25"])
@pytest.mark.parametrize("shrinkage", [0.0, 5.0])
def test_user_neighbours_by_brute_force(similarity, shrinkage):
    model = UserKNN(similarity=similarity, neighbours=7, shrinkage=shrinkage, strength="raw").fit(SHOP)
    weighed = model.weighed.toarray()
    near = weighed @ weighed.T
    if shrinkage:
        shared = (weighed > 0).astype(float) @ (weighed > 0).T
        near *= shared / (shared + shrinkage)
    cut = np.sort(near, axis=1)[:, [-7]]
    expected = np.where(near >= np.maximum(cut, 1e-12), near, 0) @ COUNTS.toarray()
    got = model._score(SHOP.histories())
    ordered = np.sort(near, axis=1)
    clear = ordered[:, -7] > ordered[:, -8] + 1e-9  # no tie at the edge
    assert clear.sum() > 50
    np.testing.assert_allclose(got[clear], expected[clear], rtol=1e-4, atol=1e-6)


def test_recent_history_counts_more():
    now = SHOP.times.max()
    plain, decayed = ItemKNN(), ItemKNN(half_life_days=5)
    plain.fit(SHOP)
    decayed.fit(SHOP)
    histories = SHOP.histories(np.array([0]))
    weights = decayed._history(histories).data / plain._history(histories).data
    age = (histories.times.max() - histories.times) / 86_400
    np.testing.assert_allclose(weights, 0.5 ** (age / 5), rtol=1e-5)
    assert now >= histories.times.max()


def test_explanations_name_history_items():
    model = ItemKNN().fit(SHOP)
    best = model.recommend([0], 1).items[0, 0]
    reasons = model.explain(np.array([0]), np.array([best]))[0].contributions
    history = set(SHOP.item_ids.decode(SHOP.matrix[0].indices))
    assert reasons
    assert {r.label for r in reasons} <= history
    assert all(r.kind == "history" for r in reasons)
