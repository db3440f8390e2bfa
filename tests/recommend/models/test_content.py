"""Content vectors against scikit-learn, and what they say of products nobody bought."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from shopr.data.interactions import Histories
from shopr.errors import InputError
from shopr.recommend.models.content import Content, item_vectors
from tests.recommend.shop import COLD_ITEM, N_ITEMS, small_catalog, small_interactions

SHOP, CATALOG = small_interactions(), small_catalog()


def test_title_vectors_equal_scikit_learn():
    titles = ["Red mug, large", "red lamp", "Blue mug", ""]
    got, terms = item_vectors(pd.DataFrame({"title": titles}), {"title": 1.0})
    vectoriser = TfidfVectorizer(sublinear_tf=True)
    expected = vectoriser.fit_transform(titles).toarray()
    assert terms == [f"title: {t}" for t in vectoriser.get_feature_names_out()]
    np.testing.assert_allclose(got.toarray(), expected, atol=1e-6)


def test_field_weights_divide_the_similarity():
    frame = pd.DataFrame({"title": ["mug", "mug"], "brand": ["A", "B"], "category": ["Home > Mugs", "Home > Cups"]})
    for weights, expected in [
        ({"title": 1.0, "brand": 0.0}, 1.0),
        ({"title": 0.0, "brand": 1.0}, 0.0),
        ({"title": 3.0, "brand": 1.0}, 0.75),
    ]:
        vectors, _ = item_vectors(frame, weights)
        assert (vectors @ vectors.T)[0, 1] == pytest.approx(expected)
    vectors, terms = item_vectors(frame, {"category": 1.0})
    assert 0 < (vectors @ vectors.T)[0, 1] < 1
    assert "category: Home > Mugs" in terms


def test_a_product_nobody_bought_is_found_by_its_content():
    model = Content().fit(SHOP, CATALOG)
    chairs = [i for i in range(N_ITEMS) if i % 4 == COLD_ITEM % 4 and i != COLD_ITEM]
    found = model.fold_in(Histories.of([chairs], N_ITEMS), 1)
    assert found.items[0, 0] == COLD_ITEM


def test_reasons_are_attributes():
    model = Content().fit(SHOP, CATALOG)
    best = model.recommend([0], 1).items[:, 0]
    labels = {r.label for r in model.explain(np.array([0]), best)[0].contributions}
    assert any(label.startswith("category: ") for label in labels)
    assert any(label.startswith("colour: ") for label in labels)


def test_products_the_catalogue_does_not_know_score_nothing():
    known = CATALOG.take(np.arange(N_ITEMS) < 40)
    scores = Content().fit(SHOP, known)._score(SHOP.histories(np.arange(5)))
    assert (scores[:, 40:] == 0).all()


def test_without_catalogue_or_words():
    with pytest.raises(InputError, match="needs a catalogue"):
        Content().fit(SHOP)
    vectors, _ = item_vectors(pd.DataFrame({"title": ["", "!"]}), {"title": 1.0})
    assert vectors.nnz == 0
