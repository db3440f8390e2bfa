"""How far live answers drift from those of a refit: what a shop loses by fitting nightly and following clicks between.

The log is cut at T0 (the last fit) and T1 (now). For shoppers who bought between them, three answers at T1
are compared:

    stale   the model fitted until T0, with histories until T0: nothing live
    live    the model fitted until T0, with histories until T1: what increments answer, which equal this fold-in
    refit   the model fitted until T1, with histories until T1: what the next nightly fit will answer

Live and refit lists are compared by overlap, rank-biased overlap (Webber, Moffat & Zobel 2010) and the correlation of
their scores over what the shopper has not bought; all three by nDCG on what the shoppers bought after T1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.interactions import Histories, Interactions
from shopr.errors import InputError
from shopr.metrics.bootstrap import interval
from shopr.metrics.ranking import evaluate
from shopr.randomness import DEFAULT_SEED
from shopr.recommend.contract.base import BLOCK_BYTES, Recommender
from shopr.recommend.topk import top_k

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["RefitDrift", "rank_biased_overlap", "refit_drift"]

_DAY = 86_400.0
_AFTER_DAYS = 7.0


@dataclass(frozen=True)
class RefitDrift:
    """The drift of one model over one span.

    Attributes:
        name: of the model.
        since, now: T0 and T1.
        users: codes of the shoppers who bought between them.
        k: length of the lists.
        values: measure -> one value a shopper, NaN where there is none: overlap, rbo, correlation (live against refit),
            ndcg_stale, ndcg_live, ndcg_refit, and the paired differences live_gain (live - stale) and refit_gain
            (refit - live).
        seed: of the intervals.
    """

    name: str
    since: datetime
    now: datetime
    users: NDArray[np.int64]
    k: int
    values: Mapping[str, NDArray[np.float64]]
    seed: int

    def table(self) -> pd.DataFrame:
        """One row a measure: `model`, `measure`, `mean`, `lo`, `hi` (95 %), `n` shoppers with a value.

        The interval is NaN below two shoppers.
        """
        rows = []
        for measure, values in self.values.items():
            n = int((~np.isnan(values)).sum())
            found = interval(values, seed=self.seed) if n > 1 else None
            mean = found.mean if found else (float(np.nanmean(values)) if n else np.nan)
            low, high = (found.low, found.high) if found else (np.nan, np.nan)
            rows.append({"model": self.name, "measure": measure, "mean": mean, "lo": low, "hi": high, "n": n})
        return pd.DataFrame(rows)


def refit_drift(
    live: Recommender,
    refit: Recommender,
    log: Interactions,
    *,
    live_days: float = 1.0,
    after_days: float = _AFTER_DAYS,
    k: int = 10,
    catalog: Catalog | None = None,
    seed: int = DEFAULT_SEED,
) -> RefitDrift:
    """Fit both models on their spans of the log and compare their answers.

    Args:
        live, refit: two unfitted models of the same settings.
        log: with times.
        live_days: from T0 to T1.
        after_days: from T1 to the end of the log.
        k: length of the lists.

    Raises:
        InputError: if the log has no times, a span is empty, or a number is out of bounds.
    """
    if min(live_days, after_days) <= 0 or not np.isfinite([live_days, after_days]).all():
        raise InputError(f"spans of {live_days:g} and {after_days:g} days", hint="Give days above 0")
    if log.times is None or not len(log):
        raise InputError("drift needs a log with times", hint="Import a timestamp column")
    if k < 1:
        raise InputError(f"k is {k}", hint="Ask for at least 1 item")
    now = int(log.times.max() - after_days * _DAY)
    since = int(now - live_days * _DAY)
    before, upto, after = log.take(log.times <= since), log.take(log.times <= now), log.take(log.times > now)
    users = np.unique(log.users[(log.times > since) & (log.times <= now)]).astype(np.int64)
    if not len(before) or not len(users) or not len(after):
        counts = f"{len(before)} purchases before, {len(users)} shoppers within, {len(after)} purchases after"
        raise InputError(f"the live span leaves nothing to compare: {counts}", hint="Give more days, or a longer log")
    live.fit(before, catalog)
    refit.fit(upto, catalog)
    old, new = before.histories(users, now=since), upto.histories(users, now=now)
    lists, correlation = _answers(live, refit, old, new, k)
    truth = after.binary[users]
    quality = {name: evaluate(items, truth, k)["ndcg"] for name, items in lists.items()}
    values = {
        "overlap": _shared(lists["live"], lists["refit"])[:, -1] / k,
        "rbo": rank_biased_overlap(lists["live"], lists["refit"]),
        "correlation": correlation,
        **{f"ndcg_{name}": found for name, found in quality.items()},
        "live_gain": quality["live"] - quality["stale"],
        "refit_gain": quality["refit"] - quality["live"],
    }
    return RefitDrift(
        live.name, datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(now, UTC), users, k, values, seed
    )


def rank_biased_overlap(
    first: NDArray[np.integer], second: NDArray[np.integer], persistence: float = 0.9
) -> NDArray[np.float64]:
    """Extrapolated rank-biased overlap of each row's two lists (Webber, Moffat & Zobel 2010, eq. 32).

    Args:
        first, second: shape (n, k), item codes, best first, each once; -1 pads at the end, and agrees with -1.
        persistence: the chance that a reader goes on to the next place, within (0, 1).

    Returns:
        Shape (n,), 0 for lists that share nothing, 1 for equal ones.

    Raises:
        InputError: if the shapes differ or the persistence is out of bounds.
    """
    if first.shape != second.shape or first.ndim != 2 or not first.shape[1]:
        raise InputError(f"lists of shapes {first.shape} and {second.shape}", hint="Compare lists of one length")
    if not 0 < persistence < 1:
        raise InputError(f"persistence {persistence} is not within (0, 1)", hint="Use .9")
    depth = np.arange(1, first.shape[1] + 1)
    agreement = _shared(first, second) / depth
    weights = persistence**depth
    found: NDArray[np.float64] = (1 / persistence - 1) * (agreement @ weights) + agreement[:, -1] * weights[-1]
    return found


def _shared(first: NDArray[np.integer], second: NDArray[np.integer]) -> NDArray[np.float64]:
    """Shape (n, k): how many items the first d places of both lists share, for d = 1 … k."""
    k = first.shape[1]
    place = np.arange(k)
    # Padding agrees with padding at its own place only.
    ours, theirs = (np.where(items < 0, -1 - place, items) for items in (first, second))
    deepest = np.maximum(place[:, None], place[None, :])
    row, i, j = np.nonzero(ours[:, :, None] == theirs[:, None, :])
    counts = np.bincount(row * k + deepest[i, j], minlength=len(first) * k).reshape(len(first), k)
    return np.cumsum(counts, axis=1).astype(np.float64)


def _answers(
    live: Recommender, refit: Recommender, old: Histories, new: Histories, k: int
) -> tuple[dict[str, NDArray[np.int32]], NDArray[np.float64]]:
    """The lists of the three, without anything bought until T1, and the correlation of live and refit scores."""
    n, step = len(new), max(1, BLOCK_BYTES // (8 * live.n_items))
    lists = {name: np.full((n, k), -1, np.int32) for name in ("stale", "live", "refit")}
    correlation = np.empty(n)
    for start in range(0, n, step):
        block = slice(start, min(start + step, n))
        before, known = old.rows(block.start, block.stop), new.rows(block.start, block.stop)
        seen = known.matrix.toarray() > 0
        scores = {"stale": _scores(live, before), "live": _scores(live, known), "refit": _scores(refit, known)}
        correlation[block] = _correlation(scores["live"], scores["refit"], ~seen)
        for name, values in scores.items():
            values[seen] = -np.inf
            lists[name][block] = top_k(values, k)[0]
    return lists, correlation


def _scores(model: Recommender, histories: Histories) -> NDArray[np.float64]:
    scores = model._score(histories).astype(np.float64)
    scores[np.diff(histories.matrix.indptr) == 0] = model.fallback
    return scores


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64], among: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Shape (n,): Pearson's correlation of each row's values `among`; NaN where one of them does not vary."""
    count = np.maximum(among.sum(axis=1, keepdims=True), 1)
    centred = [np.where(among, x - (x * among).sum(axis=1, keepdims=True) / count, 0.0) for x in (a, b)]
    cross = np.einsum("ni,ni->n", *centred)
    norm = np.sqrt(np.einsum("ni,ni->n", centred[0], centred[0]) * np.einsum("ni,ni->n", centred[1], centred[1]))
    found: NDArray[np.float64] = np.divide(cross, norm, out=np.full(len(a), np.nan), where=norm > 0)
    return found
