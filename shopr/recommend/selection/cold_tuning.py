"""The choice of how cold products are filled in, on products made cold within the training data.

A validation split is cut as for any model (see `validation`), and then a random tenth of the products is taken out of
what candidates learn from. The base model is fitted once; candidates are judged twice:

    cold     products made cold ranked among themselves: settles how they are told from known ones
    all      the held-out truth ranked among all products: settles how far cold ones are trusted among known ones
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from shopr.data.cold_items import cold_items
from shopr.data.interactions import Interactions
from shopr.errors import InputError
from shopr.metrics.ranking import evaluate
from shopr.randomness import DEFAULT_SEED, generator
from shopr.recommend.contract.registry import make
from shopr.recommend.models.cold import Cold, ColdConfig, content_vectors
from shopr.recommend.models.itemweights import ItemWeights
from shopr.recommend.selection.validation import hold_out

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["MAPS", "TRUST", "ColdTuning", "quality", "tune_cold"]

MAPS: tuple[dict[str, Any], ...] = (
    *({"kind": "neighbours", "neighbours": n, "sharpness": s} for n in (10, 50, 200) for s in (1.0, 3.0)),
    *({"kind": "ridge", "neighbours": 200, "rank": r, "ridge": g} for r in (64, 256) for g in (0.1, 1.0)),
)
"""Candidate maps, judged on cold products alone."""
LIKENESS = (0.0, 0.3, 3.0)
"""Further candidates beside 1, for the best map."""
TRUST = (0.5, 0.7, 1.5, 2.0, 3.0)
"""Further candidates beside 1, judged among all products."""


@dataclass(frozen=True)
class ColdTuning:
    """What a search found.

    Attributes:
        config: of `Cold`, the best on validation.
        leaderboard: one row a candidate in the order tried: its settings, `ranked` (cold or all) and `ndcg`.
    """

    config: ColdConfig
    leaderboard: pd.DataFrame


def tune_cold(
    train: Interactions,
    catalog: Catalog,
    *,
    base: str = "item_filter",
    base_settings: dict[str, Any] | None = None,
    share: float = 0.1,
    seed: int = DEFAULT_SEED,
    k: int = 10,
    max_users: int = 3_000,
) -> ColdTuning:
    """Choose the settings of `Cold` over a base model whose own are given.

    Args:
        train: all that may be looked at.
        share: of the products that are made cold.
        max_users: people on whom candidates are judged at most.

    Raises:
        InputError: if the base has no item-to-item weights, or nobody is left to judge.
    """
    start = ColdConfig(base=base, base_settings=base_settings or {}, seed=seed)
    held = hold_out(train, "auto", seed=seed, max_users=max_users)
    split = cold_items(held.train, share, seed)
    model = make(base, **start.base_settings)
    if not isinstance(model, ItemWeights):
        raise InputError(f"{base!r} has no item-to-item weights", hint="Use item_filter, edlae, ease or markov")
    model.fit(split.train, catalog)
    cold = np.unique(split.test.items)
    users, truth = _judged(split.train, split.test.binary, max_users, seed)
    rows: list[dict[str, Any]] = []
    vectors: dict[tuple[str, int], Any] = {}

    def judge(config: ColdConfig, ranked: str) -> float:
        key = (config.kind, config.rank if config.kind == "ridge" else 0)
        if key not in vectors:
            vectors[key] = content_vectors(catalog, split.train, config)
        made = Cold.upon(model, catalog, config, vectors=vectors[key])
        asked = (users, truth, k, cold) if ranked == "cold" else (held.users, held.truth, k)
        value = quality(made, *asked)
        told = ("kind", "neighbours", "sharpness", "rank", "ridge", "likeness", "trust")
        rows.append({**{name: getattr(config, name) for name in told}, "ranked": ranked, "ndcg": value})
        return value

    best = _best(start, list(MAPS), lambda c: judge(c, "cold"))
    best = _best(best, [{}, *({"likeness": v} for v in LIKENESS)], lambda c: judge(c, "cold"))
    best = _best(best, [{}, *({"trust": v} for v in TRUST)], lambda c: judge(c, "all"))
    return ColdTuning(best, pd.DataFrame(rows))


def quality(
    model: Cold, users: NDArray[np.int64], truth: sparse.csr_matrix, k: int, among: NDArray[np.integer] | None = None
) -> float:
    """Mean nDCG@k of some users, whose truth is aligned with them, ranking `among` these products."""
    found = model.recommend(users, k, candidates=among)
    return float(np.nanmean(evaluate(found.items, truth, k)["ndcg"]))


def _judged(
    train: Interactions, truth: sparse.csr_matrix, most: int, seed: int
) -> tuple[NDArray[np.int64], sparse.csr_matrix]:
    users = np.flatnonzero((np.diff(train.binary.indptr) > 0) & (np.diff(truth.indptr) > 0))
    if not len(users):
        raise InputError("no shopper of a cold product has bought another", hint="Give more interactions")
    if len(users) > most:
        users = np.sort(generator(seed, "cold", "users").choice(users, most, replace=False))
    return users, truth[users].tocsr()


def _best(start: ColdConfig, changes: list[dict[str, Any]], judge: Any) -> ColdConfig:
    """The best of some changes to a config; the first of equals."""
    configs = [start.model_copy(update=change) for change in changes]
    values = [judge(config) for config in configs]
    return configs[int(np.argmax(values))]
