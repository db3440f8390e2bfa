"""Weights of a stack, learned on validation users and kept only where other validation users confirm them.

A blend's best items are among the best of its members, so that only those are kept of each validation user: a few
hundred candidates instead of the whole catalogue. Thousands of users then fit into memory, and a set of weights is
judged in milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopr.metrics.ranking import hits
from shopr.recommend.contract.base import Recommender
from shopr.recommend.contract.memory import block_rows
from shopr.recommend.models.stack import unit
from shopr.recommend.selection.validation import Holdout
from shopr.recommend.topk import top_k

__all__ = ["Pool", "blended_quality", "blended_users", "learn_weights"]

GRID = (0.0, 0.03, 0.06, 0.1, 0.15, 0.22, 0.35, 0.6, 1.0, 1.7, 3.0)
"""Weights tried for each member beside the leader, whose weight is 1."""
LEAST_GAIN = 0.002
LEAST_Z = 2.5
_FEWEST = 20
_BLOCK_BYTES = 200_000_000


@dataclass(frozen=True)
class Pool:
    """The items that may be among a user's best under some blend, for n users and m members.

    Attributes:
        scores: (m, n, c) each member's score of each candidate in the member's unit; -inf in all where a row has fewer.
        hit: (n, c) whether the candidate is in the user's truth.
        relevant: (n,) size of the truth.
    """

    scores: NDArray[np.float32]
    hit: NDArray[np.bool_]
    relevant: NDArray[np.int64]

    @classmethod
    def of(cls, models: Sequence[Recommender], holdout: Holdout, k: int) -> Pool:
        """The 10 k best items (100 at least) of each member, without what a user has already seen.

        Args:
            models: fitted on `holdout.train`.
        """
        depth = min(max(10 * k, 100), holdout.train.n_items)
        units = [np.float32(unit(model, holdout.train)) for model in models]
        n, width = len(holdout.users), depth * len(models)
        scores = np.full((len(models), n, width), -np.inf, np.float32)
        codes = np.full((n, width), -1, np.int64)
        rows = block_rows(n, holdout.train.n_items * len(models), _BLOCK_BYTES)
        for start in range(0, n, rows):
            users = holdout.users[start : start + rows]
            seen = holdout.train.histories(users).matrix
            owner = np.repeat(np.arange(len(users)), np.diff(seen.indptr))
            parts = [model._score_users(users) for model in models]
            for part in parts:
                part[owner, seen.indices] = -np.inf
            best = np.sort(np.hstack([top_k(part, depth)[0] for part in parts]), axis=1)
            # In the order of codes, as ties are broken by them; what two members name is kept once.
            best[:, 1:][best[:, 1:] == best[:, :-1]] = -1
            codes[start : start + rows] = best
            for place, part in enumerate(parts):
                found = np.take_along_axis(part, np.maximum(best, 0), axis=1) / units[place]
                scores[place, start : start + rows] = np.where(best >= 0, found, -np.inf)
        hit, relevant = hits(codes, holdout.truth)
        return cls(scores, hit, relevant)

    def __len__(self) -> int:
        return len(self.relevant)

    def take(self, rows: slice) -> Pool:
        """Some of the users."""
        return Pool(self.scores[:, rows], self.hit[rows], self.relevant[rows])


def learn_weights(pool: Pool, k: int) -> list[float] | None:
    """Weights of the members (the first has 1), learned on each half of the users and judged on the other.

    Returns:
        The mean of what the halves found, without members that hardly add anything. None unless the halves that did
        not learn them gain at least .2 % nDCG with 2.5 standard errors of the paired differences: small gains are the
        luck of the split.
    """
    if len(pool) < _FEWEST:
        return None
    halves = pool.take(slice(0, None, 2)), pool.take(slice(1, None, 2))
    only = [1.0] + [0.0] * (len(pool.scores) - 1)
    alone, blended, found = [], [], []
    for learn, check in (halves, halves[::-1]):
        weights = _pruned(learn, _ascend(learn, k), k)
        found.append(weights)
        alone.append(blended_users(check, only, k))
        blended.append(blended_users(check, weights, k))
    single = np.concatenate(alone)
    gain = np.concatenate(blended) - single
    gain = gain[~np.isnan(gain)]
    error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    clear = 0 < LEAST_GAIN * float(np.nanmean(single)) <= gain.mean() and gain.mean() >= LEAST_Z * error
    weights = _pruned(pool, np.mean(found, axis=0).tolist(), k)
    return weights if clear and any(weights[1:]) else None


def _ascend(pool: Pool, k: int) -> list[float]:
    """Coordinate ascent over the grid on some of the users, until a pass changes nothing (three passes at most)."""
    weights = [1.0] + [0.0] * (len(pool.scores) - 1)
    best = float(np.nanmean(blended_users(pool, weights, k)))
    for _ in range(3):
        before = list(weights)
        for place in range(1, len(weights)):
            for candidate in GRID:
                trial = [*weights[:place], candidate, *weights[place + 1 :]]
                if trial == weights:
                    continue
                value = float(np.nanmean(blended_users(pool, trial, k)))
                if value > best + 1e-9:
                    best, weights = value, trial
        if weights == before:
            break
    return weights


def _pruned(pool: Pool, weights: list[float], k: int) -> list[float]:
    """Without the members whose loss costs less than half of the least gain: each costs time in every reply."""
    while True:
        whole = blended_quality(pool, weights, k)
        rest = [
            [*weights[:place], 0.0, *weights[place + 1 :]] for place in range(1, len(weights)) if weights[place] > 0
        ]
        values = [blended_quality(pool, trial, k) for trial in rest]
        if not rest or max(values) < (1 - LEAST_GAIN / 2) * whole:
            return weights
        weights = rest[int(np.argmax(values))]


def blended_quality(pool: Pool, weights: Sequence[float], k: int) -> float:
    """Mean nDCG@k of a weighted sum of the members' scores."""
    return float(np.nanmean(blended_users(pool, weights, k)))


def blended_users(pool: Pool, weights: Sequence[float], k: int) -> NDArray[np.float64]:
    """(n,) nDCG@k of a weighted sum of the members' scores; NaN for users without truth."""
    total = np.float32(weights[0]) * pool.scores[0]
    for weight, part in zip(weights[1:], pool.scores[1:], strict=True):
        if weight:
            total += np.float32(weight) * part
    places = top_k(total, k)[0]
    hit = np.take_along_axis(pool.hit, np.maximum(places, 0), axis=1) & (places >= 0)
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[np.nan], np.cumsum(discount)])[np.minimum(pool.relevant, k)]
    return np.asarray((hit @ discount) / ideal, np.float64)
