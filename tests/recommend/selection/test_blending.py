"""Weights of a stack: candidates instead of the catalogue, honest confirmation, no idle members."""

import numpy as np
import pytest
from scipy import sparse

from shopr.metrics.ranking import evaluate
from shopr.recommend.contract.registry import make
from shopr.recommend.models.stack import unit
from shopr.recommend.selection.blending import Pool, blended_quality, learn_weights
from shopr.recommend.selection.validation import Holdout, hold_out
from shopr.recommend.topk import top_k
from tests.recommend.models.test_linear import log, shop


class Fixed:
    """A model that scores as it was told."""

    def __init__(self, scores):
        self.scores = scores

    def _score_users(self, users):
        return self.scores[users].copy()


def split_of(truth):
    x = log(np.ones((len(truth), truth.shape[1])))
    nobody = x.take(np.zeros(len(x), bool))
    return Holdout("random", nobody, np.arange(len(truth)), sparse.csr_matrix(truth))


def worlds(n=400, m=50):
    rng = np.random.default_rng(0)
    truth = (rng.random((n, m)) < 0.05).astype(np.float32)
    truth[:, 0] = 1
    taste = rng.normal(size=truth.shape).astype(np.float32)
    half = taste + 2 * truth * (rng.random(truth.shape) < 0.5)
    other = rng.normal(size=truth.shape).astype(np.float32) + 3 * truth
    noise = rng.normal(size=truth.shape).astype(np.float32)
    return truth, half, other, noise


def test_a_member_that_knows_more_gets_weight_and_noise_gets_none():
    truth, half, other, noise = worlds()
    split = split_of(truth)
    pool = Pool.of([Fixed(half), Fixed(other)], split, 5)
    weights = learn_weights(pool, 5)
    assert weights is not None
    assert weights[1] >= 0.6
    assert blended_quality(pool, weights, 5) > blended_quality(pool, [1.0, 0.0], 5)
    assert learn_weights(Pool.of([Fixed(other), Fixed(noise)], split, 5), 5) is None
    assert learn_weights(pool.take(slice(0, 10)), 5) is None


def test_a_member_that_adds_nothing_beside_the_others_is_left_out():
    truth, half, other, noise = worlds()
    weights = learn_weights(Pool.of([Fixed(half), Fixed(other), Fixed(noise)], split_of(truth), 5), 5)
    assert weights is not None
    assert weights[1] > 0
    assert weights[2] == 0


@pytest.mark.parametrize("weights", [[1.0, 0.0], [1.0, 0.6], [1.0, 3.0]])
def test_the_pool_judges_as_the_whole_catalogue_would(weights):
    x = log(shop(3, users=300, items=400))
    holdout = hold_out(x, "random", seed=1)
    models = [make("ease", lam=20).fit(holdout.train), make("item_knn").fit(holdout.train)]
    whole = sum(
        np.float32(w) * (m._score_users(holdout.users) / np.float32(unit(m, holdout.train)))
        for w, m in zip(weights, models, strict=True)
    )
    seen = holdout.train.histories(holdout.users).matrix
    whole[np.repeat(np.arange(len(holdout.users)), np.diff(seen.indptr)), seen.indices] = -np.inf
    expected = evaluate(top_k(whole, 10)[0], holdout.truth, 10)["ndcg"].mean()
    assert blended_quality(Pool.of(models, holdout, 10), weights, 10) == pytest.approx(expected, rel=1e-3)
