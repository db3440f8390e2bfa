"""Weights of a stack, learned on validation users and kept only where other validation users confirm them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.metrics.ranking import evaluate
from shopr.recommend.base import Recommender
from shopr.recommend.stack import unit
from shopr.recommend.topk import top_k
from shopr.recommend.validation import Holdout

__all__ = ["blended_quality", "learn_weights", "scores_of"]

MAX_CELLS = 1e8
"""Users times items of one member's scores that are held at once."""
GRID = (0.0, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.7)
"""Weights tried for each member beside the leader, whose weight is 1."""
LEAST_GAIN = 0.002
LEAST_Z = 2.5
_FEWEST = 20


def scores_of(model: Recommender, holdout: Holdout) -> NDArray[np.float32]:
    """(n, n_items) scores of evenly drawn validation users, so many as fit, in the model's unit; seen items at -inf."""
    users = holdout.users[judged(holdout)]
    scores = np.asarray(model._score_users(users) / np.float32(unit(model, holdout.train)), np.float32)
    seen = holdout.train.histories(users).matrix
    scores[np.repeat(np.arange(len(users)), np.diff(seen.indptr)), seen.indices] = -np.inf
    return scores


def judged(holdout: Holdout) -> NDArray[np.int64]:
    """Positions of the validation users that a blend is judged on."""
    step = max(1, int(np.ceil(len(holdout.users) * holdout.train.n_items / MAX_CELLS)))
    return np.arange(0, len(holdout.users), step)


def learn_weights(parts: Sequence[NDArray[np.float32]], holdout: Holdout, k: int) -> list[float] | None:
    """Weights of the members (the first has 1), learned on each half of the users and judged on the other.

    Returns:
        The mean of what the halves found. None unless the halves that did not learn them gain at least .2 % nDCG with
        2.5 standard errors of the paired differences: small gains are the luck of the split.
    """
    truth = holdout.truth[judged(holdout)]
    if truth.shape[0] < _FEWEST:
        return None
    halves = slice(0, None, 2), slice(1, None, 2)
    alone, blended, found = [], [], []
    for learn, check in (halves, halves[::-1]):
        weights = _ascend(parts, truth, learn, k)
        found.append(weights)
        alone.append(_quality(parts, [1.0] + [0.0] * (len(parts) - 1), truth, check, k))
        blended.append(_quality(parts, weights, truth, check, k))
    single = np.concatenate(alone)
    gain = np.concatenate(blended) - single
    gain = gain[~np.isnan(gain)]
    error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    clear = 0 < LEAST_GAIN * float(np.nanmean(single)) <= gain.mean() and gain.mean() >= LEAST_Z * error
    return np.mean(found, axis=0).tolist() if clear else None


def _ascend(parts: Sequence[NDArray[np.float32]], truth: sparse.csr_matrix, rows: slice, k: int) -> list[float]:
    """Coordinate ascent over the grid on some of the users; a second pass only where the first changed something."""
    weights = [1.0] + [0.0] * (len(parts) - 1)
    best = float(np.nanmean(_quality(parts, weights, truth, rows, k)))
    for _ in range(2):
        before = list(weights)
        for place in range(1, len(parts)):
            for candidate in GRID:
                trial = [*weights[:place], candidate, *weights[place + 1 :]]
                if trial == weights:
                    continue
                value = float(np.nanmean(_quality(parts, trial, truth, rows, k)))
                if value > best + 1e-9:
                    best, weights = value, trial
        if weights == before:
            break
    return weights


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
