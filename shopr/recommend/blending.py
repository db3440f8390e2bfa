"""Weights of a stack, learned on validation users and kept only where other validation users confirm them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.metrics.ranking import evaluate
from shopr.recommend.base import Recommender
from shopr.recommend.stack import standardise
from shopr.recommend.topk import top_k
from shopr.recommend.validation import Holdout

__all__ = ["blended_quality", "learn_weights", "scores_of"]

MAX_CELLS = 1e8
"""Users times items of one member's scores that are held at once."""
GRID = (0.0, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.7)
"""Weights tried for each member beside the leader, whose weight is 1."""
LEAST_GAIN = 0.002
LEAST_Z = 3.0


def scores_of(model: Recommender, holdout: Holdout) -> NDArray[np.float32]:
    """(n, n_items) standardised scores of evenly drawn validation users, so many as fit; seen items at -inf."""
    users = holdout.users[judged(holdout)]
    scores = standardise(model._score_users(users))
    seen = holdout.train.histories(users).matrix
    scores[np.repeat(np.arange(len(users)), np.diff(seen.indptr)), seen.indices] = -np.inf
    return scores


def judged(holdout: Holdout) -> NDArray[np.int64]:
    """Positions of the validation users that a blend is judged on."""
    step = max(1, int(np.ceil(len(holdout.users) * holdout.train.n_items / MAX_CELLS)))
    return np.arange(0, len(holdout.users), step)


def learn_weights(parts: Sequence[NDArray[np.float32]], holdout: Holdout, k: int) -> list[float] | None:
    """Weights of the members (the first has 1) by coordinate ascent on every other user.

    Returns:
        None unless the other half of the users gains at least .2 % nDCG with 3 standard errors of the paired
        differences: small gains are the luck of the split.
    """
    truth = holdout.truth[judged(holdout)]

    def quality(weights: Sequence[float], rows: slice) -> NDArray[np.float64]:
        return _quality(parts, weights, truth, rows, k)

    learn, check = slice(0, None, 2), slice(1, None, 2)
    weights = [1.0] + [0.0] * (len(parts) - 1)
    best = float(np.nanmean(quality(weights, learn)))
    for _ in range(2):
        for place in range(1, len(parts)):
            for candidate in GRID:
                trial = [*weights[:place], candidate, *weights[place + 1 :]]
                if trial != weights and (value := float(np.nanmean(quality(trial, learn)))) > best + 1e-9:
                    best, weights = value, trial
    if not any(weights[1:]) or truth.shape[0] < 20:
        return None
    alone, blended = quality([1.0] + [0.0] * (len(parts) - 1), check), quality(weights, check)
    gain = (blended - alone)[~np.isnan(alone)]
    error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    clear = gain.mean() >= LEAST_GAIN * float(np.nanmean(alone)) and gain.mean() >= LEAST_Z * error
    return weights if clear else None


def blended_quality(parts: Sequence[NDArray[np.float32]], weights: Sequence[float], holdout: Holdout, k: int) -> float:
    """Mean nDCG@k of a weighted sum of `scores_of` several models."""
    return float(np.nanmean(_quality(parts, weights, holdout.truth[judged(holdout)], slice(None), k)))


def _quality(
    parts: Sequence[NDArray[np.float32]], weights: Sequence[float], truth: sparse.csr_matrix, rows: slice, k: int
) -> NDArray[np.float64]:
    total = np.float32(weights[0]) * parts[0][rows]
    for weight, part in zip(weights[1:], parts[1:], strict=True):
        if weight:
            total += np.float32(weight) * part[rows]
    return evaluate(top_k(total, k)[0], truth[rows], k)["ndcg"]
