"""The measures against numbers worked out by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from shopr.errors import DataError
from shopr.search import ProductSearch
from shopr.search.measures.evaluation import evaluate, ndcg, read_ratings
from tests.search.shelf import catalog


def test_ndcg_by_hand():
    grades = {"a": 3.0, "b": 1.0}
    assert ndcg(["a", "b"], grades) == pytest.approx(1.0)
    assert ndcg(["x", "a"], grades) == pytest.approx((3 / 1.5849625) / (3 + 1 / 1.5849625))
    assert ndcg(["x", "a", "b"], grades, condensed=True) == pytest.approx(1.0)
    assert ndcg([], grades) == 0.0


def test_evaluation_of_a_shop_that_answers_right():
    ratings = {"mouse": {"m1": 3, "m2": 3, "m3": 3}, "flying carpet": {"m1": 0}}
    result = evaluate(ProductSearch.build(catalog()), ratings)
    assert result.queries == result.unanswerable == 1
    assert result.condensed == pytest.approx(1.0)
    assert (result.abstained, result.refused) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"query": ["a"], "rating": [1]}), "docid"),
        (pd.DataFrame({"query": ["a"], "docid": ["b"], "rating": ["good"]}), "no grade"),
        (pd.DataFrame({"query": ["a"], "docid": ["b"], "rating": [-1]}), "no grade"),
        (pd.DataFrame({"query": [], "docid": [], "rating": []}), "no rating"),
    ],
)
def test_bad_ratings_are_named(frame, words):
    with pytest.raises(DataError, match=words):
        read_ratings(frame)
