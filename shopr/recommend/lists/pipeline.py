"""From a shopper to the list that is shown: live scores, rules, context, wishes, arrangement, impressions, reasons.

    scores of everything (live history and session)
      x context and the shopper's stated wishes, as multiplicative priors
      -> what the rules and the request allow, without what was bought
      -> five times the length of the list -> caps, diversity, calibration, paid places -> impressions -> reasons

One pipeline belongs to one fitted model, one catalogue and one set of rules; whatever does not depend on the shopper
is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.data.catalog import Catalog
from shopr.data.interactions import Histories
from shopr.errors import InputError
from shopr.recommend.contract.base import MAX_K, Contribution, Explanation
from shopr.recommend.following.online import OnlineState
from shopr.recommend.lists.impressions import Impressions, impress
from shopr.recommend.lists.listing import Shelf, arrange
from shopr.recommend.lists.rules import Merchandising, apply
from shopr.recommend.models.content import item_vectors
from shopr.recommend.topk import top_k

__all__ = ["Answer", "Boost", "Pipeline", "Wanted", "adjusted"]

_POOL = 5
"""Candidates for each place of the list: enough for caps and diversity to choose from."""
_MANY = 50
"""At least so many candidates, that a short list can be diverse too."""
_KINSHIP = {"category": 1.0, "brand": 0.5, "attributes": 0.5}
"""What makes two products alike to a diverse list."""


@dataclass(frozen=True, slots=True)
class Boost:
    """A multiplicative prior on products.

    Attributes:
        label: what it is, in words for a shopper, where it lifts a product.
        logs: shape (n_items,), natural logs; 0 says nothing.
        lowers: the words where it lowers one; `label` if empty.
    """

    label: str
    logs: NDArray[np.floating]
    lowers: str = ""

    def words(self, log: float) -> str:
        """The label for a product with this log."""
        return self.lowers if log < 0 and self.lowers else self.label


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page asks for.

    Attributes:
        k: products, 1 … 20.
        exclude_seen, in_stock_only: None lets the rules decide.
        category: a category path; what lies below it counts.
        price: lowest and highest price in minor units, both included; None for no bound. Products without a price pass.
        boosts: context and wishes.
        explain: whether reasons are wanted.
        reasons: list the so many strongest of the model's, and what the others add as one; None lists all.
        explore: chance that the last place is drawn.
    """

    k: int = 10
    exclude_seen: bool | None = None
    in_stock_only: bool | None = None
    category: str | None = None
    price: tuple[int | None, int | None] = (None, None)
    boosts: Sequence[Boost] = ()
    explain: bool = True
    reasons: int | None = None
    explore: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.k <= MAX_K:
            raise InputError(f"k is {self.k}", hint=f"Ask for 1 to {MAX_K} products")
        low, high = self.price
        if (low is not None and low < 0) or (low is not None and high is not None and low > high):
            raise InputError(f"prices from {low} to {high}", hint="Give 0 <= lowest <= highest, in minor units")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is shown.

    Attributes:
        impressions: the list, with ids, positions and propensities.
        scores: shape (n,), the adjusted scores; NaN for a paid place.
        labels: shape (n,), "" or the label of a paid place.
        explanations: one a product, or none if no reasons were wanted. Contributions sum to the score.
        note: why the list is shorter than asked for; "" where it is not.
    """

    impressions: Impressions
    scores: NDArray[np.float64]
    labels: tuple[str, ...]
    explanations: tuple[Explanation, ...]
    note: str


class Pipeline:
    """The way from a shopper to a list.

    Args:
        online: the live side of the fitted model.
        catalog: the products.
        rules: what may be recommended.
        version: of the model, for the impressions.
    """

    def __init__(
        self, online: OnlineState, catalog: Catalog, rules: Merchandising | None = None, *, version: str = ""
    ) -> None:
        self.online, self.rules, self.version = online, rules or Merchandising(), version
        model = online.model
        self.products = catalog.align(model.item_ids)
        self._shelf = Shelf(self.rules, self.products)
        self._in_stock = ~(self.products["stock"] <= 0).to_numpy(dtype=bool, na_value=False)
        # Stock is asked for by the request or the rules, so it stays apart from what the rules alone decide.
        self._filtered = apply(self.rules.model_copy(update={"in_stock": False}), self.products)
        self._paths = self.products["category"].fillna("").astype(str).to_numpy(dtype=object)
        self._prices = self.products["price"].to_numpy(dtype=np.float64, na_value=np.nan)
        self._within: dict[str, NDArray[np.bool_]] = {}
        self._vectors: Any = None
        if self.rules.diversity:
            self._vectors = item_vectors(self.products, _KINSHIP)[0]

    def answer(
        self, user_id: str | None, fitted: Histories, wanted: Wanted, *, owned: NDArray[np.integer] | None = None
    ) -> Answer:
        """The list for one shopper whose history at the fit is `fitted` (one row, in the model's codes).

        Args:
            owned: codes of further products that count as bought, though nothing is learnt from them.

        Raises:
            InputError: if `fitted` is not one row over the model's items.
        """
        rules, view = self.rules, self.online.view(user_id, fitted)
        raw, history = view.scores(), view.history
        logs = _total(wanted.boosts, len(raw))
        values = raw if logs is None else adjusted(raw, logs)
        mask, allowed_stock = self._allowed(wanted)
        hide = rules.exclude_seen if wanted.exclude_seen is None else wanted.exclude_seen
        bought = history.matrix.indices if owned is None else np.union1d(history.matrix.indices, owned)
        seen = int(mask[bought].sum()) if hide else 0
        if hide and len(bought):
            mask = mask.copy()
            mask[bought] = False
        ranked = np.where(mask, values, -np.inf)
        left = int(mask.sum())
        k = min(wanted.k, rules.most)
        items, scores = top_k(ranked[None, :], min(max(_POOL * k, _MANY), len(values)))
        listing = arrange(
            rules,
            items,
            scores,
            self._shelf,
            k,
            vectors=self._vectors,
            histories=history.matrix if rules.calibration else None,
            barred=None if allowed_stock is None else ~allowed_stock,
        )
        shown = listing.items[0]
        labels = [str(label) for label, item in zip(listing.labels[0], shown, strict=True) if item >= 0]
        impressions = impress(shown, items[0], model_version=self.version, explore=wanted.explore)
        found = np.where([bool(label) for label in labels], np.nan, values[impressions.items].astype(np.float64))
        reasons: tuple[Explanation, ...] = ()
        if wanted.explain and len(impressions):
            plain = view.explain(impressions.items, most=wanted.reasons)
            reasons = tuple(_boosted(e, wanted.boosts, logs) for e in plain)
        note = "" if len(impressions) >= min(wanted.k, rules.most) else self._why(wanted, left, seen)
        return Answer(impressions, found, tuple(labels), reasons, note)

    def _allowed(self, wanted: Wanted) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
        """What rules and request allow, and what is in stock where that matters."""
        in_stock = self.rules.in_stock if wanted.in_stock_only is None else wanted.in_stock_only
        mask = self._filtered.mask & self._in_stock if in_stock else self._filtered.mask
        if wanted.category is not None:
            mask = mask & self._below(wanted.category)
        low, high = wanted.price
        if low is not None:
            mask = mask & ~(self._prices < low)
        if high is not None:
            mask = mask & ~(self._prices > high)
        return mask, self._in_stock if in_stock else None

    def _below(self, category: str) -> NDArray[np.bool_]:
        if category not in self._within:
            if len(self._within) >= 512:
                self._within.clear()
            inside = [path == category or path.startswith(f"{category} > ") for path in self._paths]
            self._within[category] = np.array(inside, bool)
        return self._within[category]

    def _why(self, wanted: Wanted, left: int, seen: int) -> str:
        parts = [f"{rule} removed {count}" for rule, count in self._filtered.removed.items() if count]
        in_stock = self.rules.in_stock if wanted.in_stock_only is None else wanted.in_stock_only
        gone = int((self._filtered.mask & ~self._in_stock).sum()) if in_stock else 0
        if gone:
            parts.append(f"in_stock removed {gone}")
        if wanted.category is not None:
            parts.append(f"only {wanted.category!r} was asked for")
        if wanted.price != (None, None):
            parts.append("a price band was asked for")
        if seen:
            parts.append(f"already_bought removed {seen}")
        start = f"{left or 'nothing'} left of {len(self._prices)} products"
        return f"{start}: {', '.join(parts)}" if parts else start


def adjusted(scores: NDArray[np.floating], logs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scores times exp(logs), so that a boost always lifts: a score below 0 is divided instead."""
    return np.asarray(scores * np.exp(np.where(scores >= 0, logs, -logs)), np.float64)


def _total(boosts: Sequence[Boost], n: int) -> NDArray[np.float64] | None:
    if not boosts:
        return None
    total = np.zeros(n)
    for boost in boosts:
        if boost.logs.shape != (n,):
            raise InputError(f"boost {boost.label!r} of shape {boost.logs.shape}, the model has {n} products")
        if not np.isfinite(boost.logs).all():
            raise InputError(f"boost {boost.label!r} is not finite", hint="Give logs of positive factors")
        total += boost.logs
    return total


def _boosted(plain: Explanation, boosts: Sequence[Boost], logs: NDArray[np.float64] | None) -> Explanation:
    """With what the boosts added, split in proportion to their logs."""
    if logs is None or not logs[plain.item]:
        return plain
    total = float(logs[plain.item])
    score = float(adjusted(np.array([plain.score]), np.array([total]))[0])
    added = [
        Contribution(
            "context",
            boost.words(float(boost.logs[plain.item])),
            (score - plain.score) * float(boost.logs[plain.item]) / total,
        )
        for boost in boosts
        if boost.logs[plain.item]
    ]
    parts = sorted((*plain.contributions, *added), key=lambda part: -abs(part.value))
    return Explanation(plain.user, plain.item, score, tuple(parts))
