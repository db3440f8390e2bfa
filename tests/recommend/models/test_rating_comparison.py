"""Rating models side by side, by RMSE, beside the plain mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.data.interactions import Interactions
from shopr.data.splitting import per_user
from shopr.errors import InputError, UnknownNameError
from shopr.recommend.models.explicit import compare_ratings
from shopr.recommend.models.explicit.comparison import MEAN


def rated(n_users: int = 60, n_items: int = 30, seed: int = 3) -> Interactions:
    """Stars that follow from how good an item is and how mild a user is, with a little noise."""
    rng = np.random.default_rng(seed)
    user, item = np.nonzero(rng.random((n_users, n_items)) < 0.5)
    stars = 3 + rng.normal(0, 1, n_items)[item] + rng.normal(0, 0.5, n_users)[user] + rng.normal(0, 0.2, len(user))
    frame = pd.DataFrame({"user": user.astype(str), "item": item.astype(str), "rating": np.clip(stars.round(), 1, 5)})
    return Interactions.from_frame(frame)


def test_models_that_learn_beat_the_mean_with_an_interval() -> None:
    ratings = rated()
    table = compare_ratings(ratings, ["svd", "knn_baseline"], seed=5).set_index("model")
    assert list(table["rmse"]) == sorted(table["rmse"])
    assert (table.loc[["svd", "knn_baseline"], "gain_lo"] > 0).all()
    split = per_user(ratings, 0.2, 5)
    errors = split.test.ratings - split.train.ratings.mean()
    assert table.loc[MEAN, "rmse"] == pytest.approx(float(np.sqrt((errors**2).mean())), rel=1e-6)
    assert table.loc["svd", "gain"] == pytest.approx(table.loc[MEAN, "rmse"] ** 2 - table.loc["svd", "rmse"] ** 2)
    assert set(table["n"]) == {len(split.test)}


def test_it_refuses_what_it_cannot_compare() -> None:
    with pytest.raises(InputError, match="no star ratings"):
        compare_ratings(Interactions.from_frame(pd.DataFrame({"user": ["a", "b"], "item": ["x", "y"]})))
    with pytest.raises(InputError, match="ease does not predict ratings"):
        compare_ratings(rated(10, 10), ["ease"])
    with pytest.raises(UnknownNameError, match="svd"):
        compare_ratings(rated(10, 10), ["sdv"])
