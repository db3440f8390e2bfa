"""A ranker learnt from clicks, switched on only where it beats the default order on queries that it never saw.

It adds a weighted sum of features to the default score. The weights minimise a pairwise logistic loss in which each
click counts by the inverse of how likely its place is looked at (Joachims, Swaminathan & Schnabel 2017), so that what
stood on top anyway does not count as better for it. Without clicks all weights are 0, which is the default order.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shopr.data.folders import replaced_file
from shopr.errors import DataError, InputError
from shopr.randomness import DEFAULT_SEED, generator
from shopr.search.learnt.clicks import ClickLog, examination

__all__ = ["Decision", "LearnedRanker", "gain", "train"]

VERSION = 1
_HELD_OUT = 0.4
_FOLDS = 4
_RIDGES = (1.0, 10.0, 100.0, 1000.0)
"""Strengths of the pull towards the default order, in units of one click; chosen on the training queries."""
LEAST_QUERIES = 30
"""Held-out queries with a click, below which nothing is switched on."""
_MOST_WEIGHT = 20.0
"""The inverse probability of a click counts at most so much: few clicks far below must not decide (clipping)."""


@dataclass(frozen=True)
class Decision:
    """Whether the ranker is switched on, and why.

    Attributes:
        on: the whole interval lies above 0. gain: mean over held-out queries of the change in the discounted,
            debiased number of clicks. low, high: its interval at `level`. queries: held out, with a click.
    """

    on: bool
    gain: float
    low: float
    high: float
    queries: int
    level: float
    reason: str


@dataclass(frozen=True)
class LearnedRanker:
    """Weights of features, added to the default score.

    Attributes:
        names: of the features. weights: of each. scale: of the default score, what one of it counts.
        decision: what the held-out queries said.
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    scale: float = 1.0
    decision: Decision | None = None

    @property
    def on(self) -> bool:
        """Whether it may change the order."""
        return self.decision is not None and self.decision.on

    def score(self, base: NDArray[np.floating], features: NDArray[np.floating]) -> NDArray[np.float64]:
        """The scores to order by.

        Raises:
            InputError: if the features are not those that were learnt.
        """
        if features.shape != (len(base), len(self.names)):
            raise InputError(
                f"features of shape {features.shape} for {len(base)} products", hint=f"Give {', '.join(self.names)}"
            )
        scores: NDArray[np.float64] = self.scale * base + features @ np.array(self.weights)
        return scores

    def order(self, base: NDArray[np.floating], features: NDArray[np.floating]) -> NDArray[np.int64]:
        """Positions, best first; the default order where the ranker is not switched on."""
        scores = self.score(base, features) if self.on else np.asarray(base, np.float64)
        return np.argsort(-scores, kind="stable")

    def save(self, path: Path | str) -> Path:
        """Write it as JSON, whole or not at all.

        Raises:
            StorageError: if it cannot be written.
        """
        path = Path(path)
        with replaced_file(path) as fresh:
            fresh.write_text(json.dumps({"version": VERSION, **asdict(self)}), encoding="utf-8")
        return path

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what `save` wrote.

        Raises:
            DataError: if there is none, or one of another version.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content.pop("version") != VERSION:
                raise ValueError("it is of another version")
            decision = content.pop("decision")
            ranker = cls(
                tuple(map(str, content["names"])),
                tuple(map(float, content["weights"])),
                float(content["scale"]),
                None if decision is None else Decision(**decision),
            )
            if len(ranker.names) != len(ranker.weights) or not np.isfinite([*ranker.weights, ranker.scale]).all():
                raise ValueError("names and weights do not fit")
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise DataError(f"no learnt ranker in {path}: {error}", hint="Train it again") from error
        return ranker


def train(
    log: ClickLog,
    *,
    level: float = 0.95,
    seed: int = DEFAULT_SEED,
    most: float | None = None,
    least: int = LEAST_QUERIES,
) -> LearnedRanker:
    """Learn from clicks, and decide on held-out queries whether the result is switched on.

    Args:
        most: how far two products' features may part their scores, in units of the default score, where every feature
            lies between 0 and 1; None for no bound.
        least: held-out queries with a click, below which nothing is switched on.

    Propensities and weights come from the training queries alone; the pull towards the default is chosen by
    cross-validation among them.

    Raises:
        NotReadyError: if the effect of the place cannot be told (`shopr.search.learnt.clicks.examination`).
        InputError: if the level is none.
    """
    if not 0.5 <= level < 1:
        raise InputError(f"level is {level:g}", hint="Give a confidence level such as 0.95")
    fold = _folds(log.query, seed)
    held = fold < 0
    own, other = log.take(~held), log.take(held)
    looked = examination(own)
    ridge = _chosen(own, looked, fold[~held], most)
    ranker = _bounded(fit(own, looked, ridge), most)
    changes = gain(ranker, other, looked)
    return LearnedRanker(ranker.names, ranker.weights, ranker.scale, _decide(changes, level, least))


def fit(log: ClickLog, looked: NDArray[np.float64] | None, ridge: float) -> LearnedRanker:
    """The weights; without `looked` clicks count as they are, which is the naive way."""
    from scipy.optimize import minimize  # heavy, and a ranker at work does without it
    from scipy.special import expit

    better, worse, weight = _pairs(log, looked)
    spread = log.features.std(axis=0) + 1e-9
    size = float(log.base.std()) + 1e-9
    columns = np.column_stack([log.base / size, log.features / spread])
    difference = columns[better] - columns[worse]
    start = np.zeros(columns.shape[1])
    start[0] = 1.0

    def loss(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = difference @ x
        away = x - start
        value = float(weight @ np.logaddexp(0.0, -margin)) + 0.5 * ridge * float(away @ away)
        return value, -(weight * expit(-margin)) @ difference + ridge * away

    found = minimize(loss, start, jac=True, method="L-BFGS-B").x if len(better) else start
    return LearnedRanker(log.names, tuple((found[1:] / spread).tolist()), float(found[0] / size))


def _pairs(
    log: ClickLog, looked: NDArray[np.float64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """(clicked, another result of the same list, weight), each clicked one against all others."""
    order = np.argsort(log.session, kind="stable")
    session, clicked = log.session[order], log.clicked[order]
    first, counts = np.unique(session, return_index=True, return_counts=True)[1:]
    at = np.flatnonzero(clicked)
    of = np.searchsorted(first, at, side="right") - 1
    lengths = counts[of]
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    better, worse = np.repeat(at, lengths), np.repeat(first[of], lengths) + within
    kept = ~clicked[worse]
    better, worse = order[better[kept]], order[worse[kept]]
    return better, worse, _inverse(log.place[better], looked)


def _inverse(place: NDArray[np.int64], looked: NDArray[np.float64] | None) -> NDArray[np.float64]:
    if looked is None:
        return np.ones(len(place))
    weights: NDArray[np.float64] = np.minimum(1.0 / looked[np.minimum(place, len(looked) - 1)], _MOST_WEIGHT)
    return weights


def gain(ranker: LearnedRanker, log: ClickLog, looked: NDArray[np.float64]) -> NDArray[np.float64]:
    """By query with a click: the change in its debiased discounted clicks a list, learnt order against default."""
    worth = np.where(log.clicked, _inverse(log.place, looked), 0.0)
    new = ranker.score(log.base, log.features)
    change = worth * (1 / np.log2(_places(log.session, new) + 2) - 1 / np.log2(_places(log.session, log.base) + 2))
    queries, code = np.unique(log.query, return_inverse=True)
    lists = np.bincount(np.unique(np.stack([code, log.session]), axis=1)[0], minlength=len(queries))
    has = np.bincount(code, log.clicked, len(queries)) > 0
    result: NDArray[np.float64] = (np.bincount(code, change, len(queries)) / np.maximum(lists, 1))[has]
    return result


def _places(session: NDArray[np.int64], scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """The place of each result, from 0, when its list is ordered by scores."""
    order = np.lexsort((-scores, session))
    place = np.empty(len(order), np.int64)
    starts = np.r_[True, np.diff(session[order]) != 0]
    first = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
    place[order] = np.arange(len(order)) - first
    return place


def _folds(query: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """-1 for held-out queries, else the training fold, by query."""
    queries, code = np.unique(query, return_inverse=True)
    place = generator(seed, "search-ranker").permutation(len(queries))
    held = place < round(_HELD_OUT * len(queries))
    folds: NDArray[np.int64] = np.where(held, -1, place % _FOLDS)[code]
    return folds


def _bounded(ranker: LearnedRanker, most: float | None) -> LearnedRanker:
    """The same direction, no longer than `most`: a list that was never clicked in must not be turned over."""
    if most is None:
        return ranker
    reach = sum(map(abs, ranker.weights))
    allowed = most * max(ranker.scale, 0.0)
    share = min(1.0, allowed / reach) if reach > 0 else 1.0
    scale = ranker.scale if ranker.scale > 0 else 1.0
    return replace(ranker, weights=tuple(share * weight for weight in ranker.weights), scale=scale)


def _chosen(log: ClickLog, looked: NDArray[np.float64], fold: NDArray[np.int64], most: float | None) -> float:
    totals = []
    for ridge in _RIDGES:
        changes = [
            gain(_bounded(fit(log.take(fold != k), looked, ridge), most), log.take(fold == k), looked)
            for k in np.unique(fold)
        ]
        totals.append(float(np.concatenate(changes).sum()))
    return _RIDGES[int(np.argmax(totals))]


def _decide(changes: NDArray[np.float64], level: float, least: int) -> Decision:
    from scipy.stats import t as student

    count = len(changes)
    if count < 2:
        return Decision(False, 0.0, 0.0, 0.0, count, level, f"{count} held-out queries with a click")
    mean, error = float(changes.mean()), float(changes.std(ddof=1) / np.sqrt(count))
    reach = float(student.ppf(0.5 + level / 2, count - 1)) * error
    low, high = mean - reach, mean + reach
    enough = count >= least
    on = enough and low > 0
    reason = f"gain {mean:+.4f} [{low:+.4f}, {high:+.4f}] over {count} held-out queries"
    if not enough:
        reason += f"; at least {least} are needed"
    return Decision(on, mean, low, high, count, level, reason)
