"""What the gate looks at: each model's measures for the same shoppers, on data that no choice has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.clock import Clock, SystemClock
from shopr.data.interactions import Histories, Interactions
from shopr.metrics.bootstrap import interval
from shopr.metrics.ranking import evaluate
from shopr.recommend.contract.base import MAX_K, Recommender
from shopr.tracking.artifact import weight_problems

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["Evidence", "gather", "held_bytes", "summary"]

K = 10
_NEW_USER = 3
_TAIL_SHARE = 0.2
_TIMED_USERS = 200


@dataclass(frozen=True)
class Evidence:
    """One model's results on the gate's split.

    Attributes:
        model: its name.
        users: codes of the shoppers judged, the same for every model.
        metrics: measure -> one value a shopper (NaN where it does not apply).
        slices: slice -> mask over the shoppers.
        coverage: share of the products that occur in anybody's list.
        latency_ms: median time to answer one shopper, in milliseconds.
        memory_mb: megabytes of the arrays that the model holds.
        popularity_lift: mean sales of the products shown over the mean sales of those bought.
        top_share: share of the lists that the most shown product stands in.
        miscalibration: how far the categories of a list are from those of the shopper's history, 0 to 1, on average.
        problems: what is wrong with the model's files or numbers.
    """

    model: str
    users: NDArray[np.int64]
    metrics: Mapping[str, NDArray[np.float64]]
    slices: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    coverage: float = float("nan")
    latency_ms: float = float("nan")
    memory_mb: float = float("nan")
    popularity_lift: float = float("nan")
    top_share: float = float("nan")
    miscalibration: float = float("nan")
    problems: tuple[str, ...] = ()

    def mean(self, metric: str) -> float:
        """The measure averaged over the shoppers."""
        return float(np.nanmean(self.metrics[metric]))


def gather(
    model: Recommender,
    truth: Interactions,
    seen: Interactions,
    *,
    k: int = K,
    clock: Clock | None = None,
    catalog: Catalog | None = None,
    groups: Mapping[str, NDArray[np.bool_]] | None = None,
) -> Evidence:
    """Judge a fitted model on held-out interactions over the same id maps.

    Args:
        model: fitted on data from before `truth`, with any id maps.
        truth: what the shoppers went on to buy.
        seen: what is known of the shoppers when they are judged, over the id maps of `truth`.
        k: length of the lists.
        catalog: whose categories tell how far the lists are from the shoppers' histories.
        groups: further slices: name -> mask over all user codes of `truth`.
    """
    clock = clock or SystemClock()
    held = truth.binary
    users = np.flatnonzero(np.diff(held.indptr) > 0)
    histories = seen.histories(users)
    # A model fitted on another day knows other products: it answers in its own codes, and is judged in the log's.
    to_model = None if model.item_ids == seen.item_ids else model.item_ids.encode(seen.item_ids.ids)
    asked = histories if to_model is None else histories.recode(to_model, model.n_items)
    items = model.fold_in(asked, k).items
    if to_model is not None:
        to_log = seen.item_ids.encode(model.item_ids.ids)
        items = np.where(items >= 0, to_log[items], -1)
    values = evaluate(items, held[users], k)
    shown = items[items >= 0]
    purchases = np.diff(histories.matrix.indptr)
    return Evidence(
        model=model.name,
        users=users,
        metrics={f"{name}@{k}": np.asarray(v, np.float64) for name, v in values.items()},
        slices={
            "new shoppers": purchases <= _NEW_USER,
            "shoppers with a history": purchases > _NEW_USER,
            "buyers of rare products": _buys_tail(seen, held[users]),
            **{name: mask[users] for name, mask in (groups or {}).items()},
        },
        coverage=len(np.unique(shown)) / max(seen.n_items, 1),
        latency_ms=_latency(model, asked, clock),
        memory_mb=held_bytes(model) / 2**20,
        popularity_lift=_lift(seen, items, held[users]),
        top_share=float(np.bincount(shown).max() / len(users)) if len(shown) else float("nan"),
        miscalibration=float("nan") if catalog is None else _miscalibration(seen, histories, items, catalog),
        problems=tuple(weight_problems(model)),
    )


def summary(evidence: list[Evidence], metric: str, *, seed: int) -> dict[str, Any]:
    """The evidence as a document for people and pages: mean and 95 % interval of each model."""
    models = []
    for one in evidence:
        values = one.metrics[metric]
        if np.isfinite(values).sum() >= 2:
            found = interval(values, seed=seed)
            models.append({"model": one.model, "mean": found.mean, "low": found.low, "high": found.high})
    return {"metric": metric, "users": len(evidence[0].users) if evidence else 0, "models": models}


def _buys_tail(log: Interactions, held: Any) -> NDArray[np.bool_]:
    """Shoppers whose held-out purchases include a product outside the head that makes 80 % of all sales."""
    counts = np.bincount(log.items, minlength=log.n_items)
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    tail = np.zeros(log.n_items, np.float32)
    tail[order[before >= (1 - _TAIL_SHARE) * counts.sum()]] = 1.0
    return np.asarray(held @ tail) > 0


def _lift(seen: Interactions, items: NDArray[np.integer], held: Any) -> float:
    """Mean sales of the products shown over the mean sales of those that the same shoppers went on to buy."""
    sales = np.bincount(seen.items, minlength=seen.n_items).astype(np.float64)
    shown, bought = items[items >= 0], held.indices
    return float(sales[shown].mean() / max(sales[bought].mean(), 1e-12)) if len(shown) and len(bought) else float("nan")


def _miscalibration(seen: Interactions, histories: Histories, items: NDArray[np.integer], catalog: Catalog) -> float:
    """Mean total variation distance of the shares of top categories in a list and in the shopper's history.

    After Steck 2018, "Calibrated Recommendations"; a distance within [0, 1] instead of his divergence.
    """
    top = catalog.align(seen.item_ids)["category"].astype("string").str.split(" > ").str[0]
    codes, names = top.factorize()
    if not len(names):
        return float("nan")
    known = np.flatnonzero(codes >= 0)
    shape = (seen.n_items, len(names))
    one_hot = sparse.csr_matrix((np.ones(len(known)), (known, codes[known])), shape=shape)
    row, place = np.nonzero(items >= 0)
    lists = sparse.csr_matrix((np.ones(len(row)), (row, items[row, place])), shape=(len(items), seen.n_items))
    before, after = ((m @ one_hot).toarray() for m in (_ones(histories.matrix), lists))
    both = np.flatnonzero((before.sum(axis=1) > 0) & (after.sum(axis=1) > 0))
    if not len(both):
        return float("nan")
    before, after = before[both], after[both]
    gap = np.abs(before / before.sum(axis=1, keepdims=True) - after / after.sum(axis=1, keepdims=True))
    return float(gap.sum(axis=1).mean() / 2)


def _ones(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)


def held_bytes(model: Recommender) -> int:
    """Bytes of the arrays that a fitted model holds, the log that it keeps for histories included."""
    seen: set[int] = set()

    def size(value: Any) -> int:
        if id(value) in seen:
            return 0
        seen.add(id(value))
        if isinstance(value, np.ndarray):
            return int(value.nbytes)
        if sparse.issparse(value):
            return sum(size(part) for part in (value.data, value.indices, value.indptr))
        if isinstance(value, Recommender | Interactions):
            return sum(size(part) for part in vars(value).values())
        if isinstance(value, list | tuple):
            return sum(size(part) for part in value)
        return 0

    return size(model)


def _latency(model: Recommender, histories: Histories, clock: Clock) -> float:
    """Median milliseconds of a single answer, over a spread of shoppers."""
    if not len(histories):
        return float("nan")
    spent = []
    for row in np.linspace(0, len(histories) - 1, min(_TIMED_USERS, len(histories))).astype(int):
        history = histories.rows(int(row), int(row) + 1)
        start = clock.monotonic()
        model.fold_in(history, MAX_K)
        spent.append(clock.monotonic() - start)
    return float(np.median(spent) * 1000)
