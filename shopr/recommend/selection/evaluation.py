"""Models side by side on one split: the same shoppers, the same candidates, paired intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.clock import Clock, SystemClock
from shopr.data.interactions import Interactions
from shopr.errors import InputError
from shopr.metrics.beyond import beyond_accuracy
from shopr.metrics.bootstrap import interval, paired
from shopr.metrics.ranking import evaluate
from shopr.progress import track
from shopr.randomness import DEFAULT_SEED
from shopr.recommend.contract.base import Recommender
from shopr.recommend.contract.registry import make

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["Comparison", "Judged", "compare", "judge"]


@dataclass(frozen=True)
class Judged:
    """One model's results.

    Attributes:
        name: of the entry.
        users: codes of the shoppers with held-out purchases.
        metrics: measure -> one value a shopper.
        coverage: share of the products that occur in anybody's list.
        fit_seconds, recommend_seconds: wall time.
        items: shape (n, k), the lists themselves, one row a shopper; -1 pads.
    """

    name: str
    users: NDArray[np.int64]
    metrics: Mapping[str, NDArray[np.float64]]
    coverage: float
    fit_seconds: float
    recommend_seconds: float
    items: NDArray[np.int32]

    def mean(self, metric: str = "ndcg") -> float:
        """The measure averaged over the shoppers."""
        return float(np.nanmean(self.metrics[metric]))


@dataclass(frozen=True)
class Comparison:
    """Models judged on one split.

    Attributes:
        judged: results by entry, in the order asked.
        k: length of the lists.
        seed: of the bootstrap.
    """

    judged: Mapping[str, Judged]
    k: int
    seed: int

    def table(self, metric: str = "ndcg", reference: str | None = None) -> pd.DataFrame:
        """One row a model, best first.

        Columns: `model`, `metric` mean with `lo` and `hi` (95 %); with a reference also `gain`, `gain_lo`, `gain_hi`
        (paired, model minus reference) and `p`; then recall, hit rate, coverage and seconds.
        """
        rows: list[dict[str, Any]] = []
        against = None if reference is None else self.judged[reference]
        for name, one in self.judged.items():
            found = interval(one.metrics[metric], seed=self.seed)
            row: dict[str, Any] = {"model": name, metric: found.mean, "lo": found.low, "hi": found.high}
            if against is not None:
                gain = None if one is against else paired(one.metrics[metric], against.metrics[metric], seed=self.seed)
                row["gain"] = 0.0 if gain is None else gain.mean
                row["gain_lo"] = np.nan if gain is None else gain.low
                row["gain_hi"] = np.nan if gain is None else gain.high
                row["p"] = np.nan if gain is None else gain.p_value
            row |= {m: one.mean(m) for m in ("recall", "hit_rate") if m != metric}
            row |= {"coverage": one.coverage, "fit_s": one.fit_seconds, "recommend_s": one.recommend_seconds}
            rows.append(row)
        return pd.DataFrame(rows).sort_values(metric, ascending=False, ignore_index=True)

    def beyond(self, train: Interactions, catalog: Catalog | None = None) -> pd.DataFrame:
        """What accuracy does not show (see `shopr.metrics.beyond`): one row a model, in the order asked.

        Args:
            train: what the models were fitted on.
            catalog: for `diversity_by_label`, over the full category path; without one it is left out.
        """
        labels = None if catalog is None else pd.factorize(catalog.align(train.item_ids)["category"])[0]
        rows = [
            {"model": name, **beyond_accuracy(one.items, train.binary, labels=labels)}
            for name, one in self.judged.items()
        ]
        return pd.DataFrame(rows)

    def entries(self, metric: str = "ndcg") -> list[dict[str, Any]]:
        """`model, mean, low, high` of each entry, as plain values."""
        table = self.table(metric)
        columns = {"model": "model", metric: "mean", "lo": "low", "hi": "high"}
        rows: list[dict[str, Any]] = table[list(columns)].rename(columns=columns).to_dict("records")
        return rows


def judge(
    model: Recommender,
    train: Interactions,
    test: Interactions,
    *,
    k: int = 10,
    name: str = "",
    catalog: Catalog | None = None,
    clock: Clock | None = None,
) -> Judged:
    """Fit a model on `train` and judge its lists on `test`, over all products but those already bought.

    Raises:
        InputError: if nobody in `test` has anything held out.
    """
    clock = clock or SystemClock()
    held = test.binary
    users = np.flatnonzero(np.diff(held.indptr) > 0)
    if not len(users):
        raise InputError("the test part holds nothing to judge by", hint="Give a longer log or a larger test share")
    start = clock.monotonic()
    model.fit(train, catalog)
    fitted = clock.monotonic()
    items = model.recommend(users, k).items
    done = clock.monotonic()
    values = evaluate(items, held[users], k)
    shown = np.unique(items[items >= 0])
    return Judged(
        name or model.name,
        users,
        {metric: np.asarray(v, np.float64) for metric, v in values.items()},
        len(shown) / max(train.n_items, 1),
        fitted - start,
        done - fitted,
        items,
    )


def compare(
    models: Mapping[str, Recommender] | Sequence[str],
    train: Interactions,
    test: Interactions,
    *,
    k: int = 10,
    catalog: Catalog | None = None,
    seed: int = DEFAULT_SEED,
    clock: Clock | None = None,
) -> Comparison:
    """Fit and judge several models on one split.

    Args:
        models: unfitted models by entry name, or names from the registry with their default settings.

    Raises:
        UnknownNameError: if a name is not in the registry.
        InputError: if `test` holds nothing to judge by.
    """
    made = dict(models) if isinstance(models, Mapping) else {name: make(name) for name in models}
    judged = {
        name: judge(model, train, test, k=k, name=name, catalog=catalog, clock=clock)
        for name, model in track(list(made.items()), "Compare the models")
    }
    return Comparison(judged, k, seed)
