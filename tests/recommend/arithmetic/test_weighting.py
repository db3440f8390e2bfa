"""Strengths, recency and the weighting schemes by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from shopr.data.interactions import Histories
from shopr.recommend.arithmetic.weighting import Terms, history_strengths, normalise_rows, recency, strengths

DAY = 86_400


@pytest.mark.parametrize(("kind", "expected"), [("binary", [1, 1, 1]), ("log", [1, 2, 3]), ("raw", [1, 3, 7])])
def test_strengths(kind, expected):
    np.testing.assert_allclose(strengths(np.array([1.0, 3.0, 7.0]), kind), expected)


def test_recency_counts_from_each_users_own_last_interaction():
    matrix = sparse.csr_matrix((np.ones(3, np.float32), np.array([0, 2, 1]), np.array([0, 2, 2, 3])), shape=(3, 3))
    histories = Histories(matrix, np.array([0, 10 * DAY, 3 * DAY]))
    np.testing.assert_allclose(recency(histories, 5.0), [0.25, 1, 1])
    np.testing.assert_allclose(recency(histories, None), 1)
    np.testing.assert_allclose(recency(Histories(matrix), 5.0), 1)
    np.testing.assert_allclose(history_strengths(histories, "raw", 10.0).toarray()[0], [0.5, 0, 1])
    empty = Histories(sparse.csr_matrix((2, 3), dtype=np.float32), np.empty(0, np.int64))
    assert len(recency(empty, 5.0)) == 0


def test_bm25_by_hand():
    documents = sparse.csr_matrix(np.array([[2.0, 0, 1], [0, 1, 0], [0, 1, 0], [1, 0, 0]]))
    terms = Terms.learn(documents, "bm25", k1=1.5, b=0.5)
    got = terms.weigh(documents).toarray()
    length = 1 - 0.5 + 0.5 * 3 / 1.5
    assert got[0, 0] == pytest.approx(2 * 2.5 / (1.5 * length + 2) * np.log(4 / 3))
    assert got[0, 2] == pytest.approx(1 * 2.5 / (1.5 * length + 1) * np.log(4 / 2))


def test_tfidf_rows_have_unit_length_and_a_term_of_all_never_counts_against():
    documents = sparse.csr_matrix(np.array([[4.0, 1.0], [1.0, 0.0]]))
    terms = Terms.learn(documents, "tfidf")
    assert (terms.idf > 0).all()
    weighed = terms.weigh(documents)
    np.testing.assert_allclose(np.asarray(weighed.multiply(weighed).sum(axis=1)).ravel(), 1)


def test_empty_rows_stay_empty():
    got = normalise_rows(sparse.csr_matrix(np.array([[3.0, 4.0], [0, 0]])))
    np.testing.assert_allclose(got.toarray(), [[0.6, 0.8], [0, 0]])
