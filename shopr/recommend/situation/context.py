"""How circumstances change what is wanted: learnt multiplicative priors of products by hour, season, weather, device.

For each circumstance and value, the lift of a product is its sales then over what its sales and the shop's traffic
would give. Few sales say little: the lift of a department is shrunk to 1, that of a category to its department's, that
of a product to its category's, each by a Gamma-Poisson model whose strength is learnt from the data by its marginal
likelihood (Robbins 1956; DuMouchel, The American Statistician 53, 1999). How far each circumstance counts is learnt on
the last part of the data, so that one which only repeats another, or means nothing, gets a weight near 0.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from scipy.optimize import minimize
from scipy.special import gammaln

from shopr.data.catalog import Catalog
from shopr.data.events import EventType
from shopr.data.ids import IdMap
from shopr.data.times import unix_seconds
from shopr.errors import DataError, InputError, NotReadyError
from shopr.randomness import DEFAULT_SEED, generator
from shopr.recommend.contract.base import Config, Contribution, Recommendations
from shopr.recommend.situation.circumstances import DIMENSIONS, Circumstances
from shopr.recommend.situation.climate import WeatherProvider
from shopr.recommend.topk import top_k

__all__ = ["ContextConfig", "ContextPrior", "context_fallback"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
STRENGTHS = np.logspace(0.0, 5.0, 21)
"""Candidate strengths of a prior, in expected sales; the last all but ignores a product's own sales."""
_EDGES = np.concatenate([[0], np.cumsum([len(dimension) for dimension in DIMENSIONS])])
_SHOPPED = 5_000  # cases that weights are learnt from, and products each is told from
_AGAINST = 100
_GROUPS = 20_000  # products that a strength is learnt from


class ContextConfig(Config):
    """How context is learnt.

    Attributes:
        types: events that count.
        holdout: the last share of the time, from which the weight of each circumstance is learnt; 0 gives all weight 1.
        caution: pull of the weights towards 0, in log-likelihood at weight 1.
        seed: of the samples.
    """

    types: tuple[EventType, ...] = (EventType.ORDER_COMPLETED,)
    holdout: float = Field(default=0.2, ge=0, le=0.5)
    caution: float = Field(default=2.0, ge=0, allow_inf_nan=False)
    seed: int = DEFAULT_SEED


class ContextPrior:
    """Learnt lifts of products by circumstance.

    Attributes:
        item_ids: the products.
        lifts: shape (n_items, values of all dimensions), natural logs, float32; the column of a value is contiguous, so
            that a visit reads one run of memory for each circumstance.
        weights: dimension -> how far it counts, 0 … 2.
        strengths: dimension -> strengths of the priors found, from departments down to products.
    """

    def __init__(self, config: ContextConfig | None = None) -> None:
        self.config = config or ContextConfig()
        self._lifts: NDArray[np.float32] | None = None
        self.item_ids: IdMap
        self.weights: dict[str, float] = {}
        self.strengths: dict[str, tuple[float, ...]] = {}

    @property
    def lifts(self) -> NDArray[np.float32]:
        """Shape (n_items, values of all dimensions): log lifts before weights."""
        if self._lifts is None:
            raise NotReadyError("the context prior is not fitted", hint="Call fit(events, catalog) first")
        return self._lifts

    def fit(self, events: pd.DataFrame, catalog: Catalog, *, provider: WeatherProvider | None = None) -> Self:
        """Learn from the flat event table; circumstances as `Circumstances.of_events` reads them.

        Raises:
            InputError: if no event counts.
        """
        kinds = [kind.value for kind in self.config.types]
        counts = events["type"].isin(kinds) & events["product_id"].notna()
        rows = np.flatnonzero(counts.to_numpy(dtype=bool))
        items = catalog.product_ids.encode(events["product_id"].iloc[rows]).astype(np.int64)
        rows, items = rows[items >= 0], items[items >= 0]
        if not len(rows):
            raise InputError(f"0 events of {', '.join(kinds)} with a product of the catalogue", hint="Check the data")
        found = Circumstances.of_events(events, rows, provider=provider)
        return self.fit_codes(items, found, unix_seconds(events["time"])[rows], catalog)

    def fit_codes(
        self, items: NDArray[np.integer], circumstances: Circumstances, times: NDArray[np.integer], catalog: Catalog
    ) -> Self:
        """Learn from codes of products in the catalogue, one a sale, with their circumstances and Unix seconds.

        Raises:
            InputError: if there is no sale, or the three differ in length.
        """
        if not len(items) == len(circumstances) == len(times) > 0:
            raise InputError(
                f"{len(items)} products, {len(circumstances)} circumstances and {len(times)} times",
                hint="Give one of each for every sale, and one sale at least",
            )
        self.item_ids = catalog.product_ids
        tree = _tree(catalog)
        order = np.argsort(times, kind="stable")
        items, codes, times = np.asarray(items, np.int64)[order], circumstances.codes[order], np.asarray(times)[order]
        self.weights = {dimension.name: 1.0 for dimension in DIMENSIONS}
        cut = int(np.searchsorted(times, times[0] + (1 - self.config.holdout) * (times[-1] - times[0])))
        if self.config.holdout and 0 < cut < len(items):
            early = self._learn(items[:cut], codes[:cut], times[:cut], tree, len(catalog))
            self.weights = self._weigh(early, items, codes, cut)
        self._lifts = self._learn(items, codes, times, tree, len(catalog))
        return self

    def restore(
        self,
        item_ids: IdMap,
        lifts: NDArray[np.float32],
        weights: dict[str, float],
        strengths: dict[str, tuple[float, ...]],
    ) -> None:
        """Take over what was learnt before (see `context_file`).

        Raises:
            DataError: if the lifts are not finite, or not one row a product and one column a value.
        """
        shape = (len(item_ids), int(_EDGES[-1]))
        if lifts.shape != shape or not np.isfinite(lifts).all():
            raise DataError(f"lifts of shape {lifts.shape}, not finite ones of shape {shape}", hint="Fit again")
        self.item_ids, self.weights, self.strengths = item_ids, weights, strengths
        self._lifts = np.asarray(lifts, np.float32, order="F")

    def log_boost(self, circumstances: Circumstances, items: NDArray[np.integer] | None = None) -> Floats:
        """Shape (n, items): what to add to the log of a product's popularity; 0 where nothing is known."""
        lifts = self.lifts if items is None else self.lifts[np.asarray(items)]
        out = np.zeros((len(circumstances), len(lifts)))
        for place, dimension in enumerate(DIMENSIONS):
            weight, codes = self.weights[dimension.name], circumstances.codes[:, place]
            known = codes >= 0
            if weight and known.any():
                out[known] += weight * lifts[:, _EDGES[place] + codes[known]].T
        return out

    def explain(self, circumstances: Circumstances, row: int, item: int) -> list[Contribution]:
        """What each circumstance of one visit adds to one product's log boost, largest first; they sum to it."""
        parts = []
        for place, dimension in enumerate(DIMENSIONS):
            code = int(circumstances.codes[row, place])
            value = 0.0 if code < 0 else self.weights[dimension.name] * float(self.lifts[item, _EDGES[place] + code])
            if value:
                words = f"{'more' if value > 0 else 'less'} wanted {dimension.values[code]}"
                parts.append(Contribution("context", words, value))
        return sorted(parts, key=lambda part: -abs(part.value))

    # -- learning -----------------------------------------------------------------------------------------------------

    def _learn(
        self, items: Codes, codes: Codes, times: NDArray[np.integer], tree: list[Codes], n_items: int
    ) -> NDArray[np.float32]:
        """Log lifts, down the tree; `tree` holds each product's group at every level, departments first."""
        out = np.zeros((n_items, int(_EDGES[-1])), np.float32, order="F")
        for place, dimension in enumerate(DIMENSIONS):
            known = codes[:, place] >= 0
            if len(np.unique(codes[known, place])) < 2:
                continue
            found, expected = _tallies(items[known], codes[known, place], times[known], n_items, len(dimension))
            mean = np.ones((n_items, len(dimension)))
            strengths = []
            for groups in [*tree, np.arange(n_items)]:
                n, e = _summed(groups, found), _summed(groups, expected)
                prior = _summed(groups, mean) / np.maximum(np.bincount(groups), 1)[:, None]
                strength = self._strength(n, e, prior)
                mean = ((n + strength * prior) / (e + strength))[groups]
                strengths.append(strength)
            self.strengths[dimension.name] = tuple(strengths)
            out[:, _EDGES[place] : _EDGES[place + 1]] = np.log(mean)
        return out

    def _strength(self, found: Floats, expected: Floats, prior: Floats) -> float:
        """The strength that makes the counts most likely: n ~ Poisson(e x), x ~ Gamma(strength x prior, strength)."""
        rows = np.flatnonzero(found.sum(axis=1) > 0)
        if len(rows) > _GROUPS:
            rows = generator(self.config.seed, "strength").choice(rows, _GROUPS, replace=False)
        some = expected[rows] > 0
        n, e, mean = found[rows][some], expected[rows][some], prior[rows][some]
        if not len(n):
            return float(STRENGTHS[-1])
        m, a = STRENGTHS[:, None], STRENGTHS[:, None] * mean
        total = gammaln(n + a) - gammaln(a) + a * np.log(m / (m + e)) + n * np.log(e / (m + e))
        return float(STRENGTHS[int(np.argmax(total.sum(axis=1)))])

    def _weigh(self, early: NDArray[np.float32], items: Codes, codes: Codes, cut: int) -> dict[str, float]:
        """Weights by conditional likelihood: each late sale told from products drawn by their late popularity.

        With products drawn by popularity, popularity itself cancels (Bengio & Senecal 2008), and what is left to the
        circumstances is what they say beyond the products' sales of that very time.
        """
        rng = generator(self.config.seed, "weights")
        late = np.arange(cut, len(items))
        cases = late if len(late) <= _SHOPPED else rng.choice(late, _SHOPPED, replace=False)
        others = items[rng.choice(late, (len(cases), _AGAINST))]
        shown = np.concatenate([items[cases][:, None], others], axis=1)
        features = np.zeros((*shown.shape, len(DIMENSIONS)))
        for place in range(len(DIMENSIONS)):
            code = codes[cases, place]
            known = np.flatnonzero(code >= 0)
            features[known, :, place] = early[shown[known], _EDGES[place] + code[known][:, None]]

        def loss(weights: Floats) -> tuple[float, Floats]:
            score = features @ weights
            score -= score.max(axis=1, keepdims=True)
            chance = np.exp(score)
            chance /= chance.sum(axis=1, keepdims=True)
            slope = np.einsum("ck,ckd->d", chance, features) - features[:, 0].sum(axis=0)
            pull = self.config.caution
            return float(-np.log(chance[:, 0]).sum() + pull * weights @ weights), slope + 2 * pull * weights

        start = np.full(len(DIMENSIONS), 0.5)
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, 2.0)] * len(DIMENSIONS))
        return {d.name: round(float(w), 4) for d, w in zip(DIMENSIONS, found.x, strict=True)}


def context_fallback(
    votes: NDArray[np.floating],
    prior: ContextPrior,
    circumstances: Circumstances,
    k: int = 10,
    *,
    candidates: NDArray[np.integer] | None = None,
) -> Recommendations:
    """Popularity times context for people without history, one row a visit.

    Args:
        votes: shape (n_items,), popularity >= 0 in the prior's codes (see `popular.Popular.votes`).
        prior: fitted.
        circumstances: of the visits.
        k: products a row.
        candidates: codes to choose from; all if None.

    Raises:
        InputError: if k < 1, or votes and prior differ in their number of products.
    """
    if k < 1:
        raise InputError(f"k is {k}", hint="Ask for at least 1 product")
    if len(votes) != len(prior.item_ids):
        raise InputError(f"{len(votes)} votes for {len(prior.item_ids)} products", hint="Use the prior's products")
    codes = np.arange(len(votes)) if candidates is None else np.asarray(candidates, dtype=np.int64)
    base = np.log(np.maximum(np.asarray(votes, np.float64)[codes], 1e-12))
    items, scores = top_k((base + prior.log_boost(circumstances, codes)).astype(np.float32), k)
    chosen = np.where(items >= 0, codes[np.maximum(items, 0)], -1) if len(codes) else items
    return Recommendations(np.full(len(circumstances), -1, np.int32), chosen.astype(np.int32), scores)


def _tallies(items: Codes, codes: Codes, times: NDArray[np.integer], n_items: int, size: int) -> tuple[Floats, Floats]:
    """Sales by product and value, and what each product's sales and the traffic since its first sale would give."""
    found = np.bincount(items * size + codes, minlength=n_items * size).reshape(n_items, size).astype(np.float64)
    first = np.full(n_items, len(items))
    np.minimum.at(first, items, np.arange(len(items)))  # rows rise in time
    first = np.searchsorted(times, times[np.minimum(first, len(items) - 1)])
    since = np.zeros((n_items, size))
    for value in range(size):  # sales of all products with this value, from the product's first on
        at = np.flatnonzero(codes == value)
        since[:, value] = len(at) - np.searchsorted(at, first)
    share = since / np.maximum(since.sum(axis=1, keepdims=True), 1.0)
    return found, found.sum(axis=1, keepdims=True) * share


def _summed(groups: Codes, values: Floats) -> Floats:
    out = np.zeros((int(groups.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(out, groups, values)
    return out


def _tree(catalog: Catalog) -> list[Codes]:
    """Each product's group at every level of the category paths that tells products apart, the highest first.

    A product whose path ends earlier stays with its last level; the shop as a whole is the root, whose lift is 1.
    """
    paths = catalog.frame["category"]
    depth = int(paths.str.count(" > ").max() or 0) + 1 if len(paths) else 0
    levels: list[Codes] = []
    for level in range(1, depth + 1):
        codes = np.asarray(pd.factorize(catalog.level(level))[0], dtype=np.int64)
        groups = int(codes.max(initial=-1)) + 1
        if groups > 1 and (not levels or groups > levels[-1].max() + 1):
            levels.append(codes)
    return levels
