"""What every recommender is: fitted once, then asked in batches for users it knows or histories it has never seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from shopr.data.ids import IdMap
from shopr.data.interactions import Histories, Interactions
from shopr.errors import InputError, NotReadyError
from shopr.recommend.contract import memory
from shopr.recommend.contract.explain import POPULAR, Contribution, Explanation, Parts, asked, parts_of, read
from shopr.recommend.contract.results import Recommendations
from shopr.recommend.topk import top_k
from shopr.strict import Strict

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = [
    "BLOCK_BYTES",
    "MAX_K",
    "POPULAR",
    "Config",
    "Contribution",
    "Explanation",
    "Parts",
    "Recommendations",
    "Recommender",
    "check_weights",
    "popularity",
]

MAX_K = 20
"""How many products a shopper is shown at most by default."""
BLOCK_BYTES = 64 * 2**20
"""Memory that one block of dense scores may take at most; less where the memory budget is small."""


class Config(Strict):
    """Frozen hyperparameters of a model, checked when they are made; unknown names are refused."""


class Recommender(ABC):
    """Base of all recommenders.

    A subclass sets `name` and `config_class`, implements `_fit` and `_score`, and may override `_score_users` where it
    holds a representation of each training user, and `_parts` to explain itself.

    Cold users (no history the model knows) get the fallback: products by popularity in the training data, recent ones
    first where times are known.
    """

    name: ClassVar[str]
    config_class: ClassVar[type[Config]] = Config
    needs_catalog: ClassVar[bool] = False
    """Whether `fit` refuses to work without a catalogue."""
    needs_ratings: ClassVar[bool] = False
    """Whether `fit` refuses to work without star ratings."""

    user_ids: IdMap
    item_ids: IdMap
    fallback: NDArray[np.float32]
    """Shape (n_items,): popularity in (0, 1], served to users without a history."""

    def __init__(self, config: Config | None = None, **settings: Any) -> None:
        self.config: Any = config if config is not None else self.config_class(**settings)
        self._train: Interactions | None = None

    # -- what a subclass provides -------------------------------------------------------------------------------------

    @abstractmethod
    def _fit(self, interactions: Interactions, catalog: Catalog | None) -> None:
        """Learn; `interactions` has at least one row."""

    @abstractmethod
    def _score(self, histories: Histories) -> NDArray[np.floating]:
        """Fresh writable array (len(histories), n_items): scores of every item; higher is better."""

    def _score_users(self, users: NDArray[np.int64]) -> NDArray[np.floating]:
        """Scores for users of the training data (codes >= 0)."""
        return self._score(self.train.histories(users))

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        """Reasons for the scores of item `items[i]` given history `rows[i]`, which has an entry at least.

        By default the whole score is the model's own.
        """
        return Parts.said("model", self.name, self._score(histories)[rows, items])

    # -- what callers use ---------------------------------------------------------------------------------------------

    @property
    def train(self) -> Interactions:
        """The data the model was fitted on; it also holds the histories of known users."""
        if self._train is None:
            raise NotReadyError(f"{self.name} is not fitted", hint="Call fit(interactions) first")
        return self._train

    @property
    def n_items(self) -> int:
        """Items the model knows."""
        return self.train.n_items

    def fit(self, interactions: Interactions, catalog: Catalog | None = None) -> Self:
        """Learn from interactions, and from the catalogue where the model uses one.

        Raises:
            InputError: if there is nothing to learn from.
            CapacityError: before anything is computed, if it would take more memory than the budget.
        """
        if len(interactions) == 0:
            raise InputError(f"{self.name} was given 0 interactions", hint="Check the file and the split")
        memory.require(self, interactions)
        self.user_ids, self.item_ids = interactions.user_ids, interactions.item_ids
        self._train = interactions
        self.fallback = popularity(interactions)
        self._fit(interactions, catalog)
        return self

    def recommend(
        self,
        users: NDArray[np.integer] | Sequence[int],
        k: int = 10,
        *,
        candidates: NDArray[np.integer] | None = None,
        exclude_seen: bool = True,
    ) -> Recommendations:
        """The k best items for each user code; -1 means a user without history.

        Args:
            candidates: item codes to choose from, -1 left out; all items if None.
            exclude_seen: leave out what the user already interacted with in training.

        Raises:
            InputError: if k < 1 or a code is out of range.
        """
        train = self.train
        codes = np.asarray(users, dtype=np.int64).reshape(-1)
        if len(codes) and (codes.max() >= len(self.user_ids) or codes.min() < -1):
            raise InputError(
                f"user codes span {codes.min()} to {codes.max()}, the model knows 0 to {len(self.user_ids) - 1}",
                hint="Encode ids with model.user_ids.encode(); unknown users become -1",
            )
        counts = np.diff(train.matrix.indptr)
        cold = (codes < 0) | (counts[np.maximum(codes, 0)] == 0)

        def score(block: slice) -> NDArray[np.floating]:
            part = codes[block]
            if not cold[block].any():
                return self._score_users(part)
            warm = ~cold[block]
            scores = np.empty((len(part), self.n_items), np.float32)
            scores[~warm] = self.fallback
            if warm.any():
                scores[warm] = self._score_users(part[warm])
            return scores

        def seen(block: slice) -> Histories:
            return self.train.histories(np.where(cold[block], -1, codes[block]))

        return self._ranked(codes, k, score, seen if exclude_seen else None, candidates)

    def fold_in(
        self,
        histories: Histories,
        k: int = 10,
        *,
        candidates: NDArray[np.integer] | None = None,
        exclude_seen: bool = True,
    ) -> Recommendations:
        """The k best items for people the fit never saw, from their histories alone.

        Raises:
            InputError: if the histories are over another number of items, a weight is not above zero, or k < 1.
        """
        if histories.matrix.shape[1] != self.n_items:
            raise InputError(
                f"histories span {histories.matrix.shape[1]} items, the model knows {self.n_items}",
                hint="Encode them with model.item_ids",
            )
        check_weights(histories)
        cold = np.diff(histories.matrix.indptr) == 0

        def score(block: slice) -> NDArray[np.floating]:
            scores = self._score(histories.rows(block.start, block.stop))
            scores[cold[block]] = self.fallback
            return scores

        def seen(block: slice) -> Histories:
            return histories.rows(block.start, block.stop)

        codes = np.full(len(histories), -1, np.int64)
        return self._ranked(codes, k, score, seen if exclude_seen else None, candidates)

    def explain(
        self, users: NDArray[np.integer], items: NDArray[np.integer], *, most: int | None = None
    ) -> list[Explanation]:
        """Why products scored as they did; contributions sum to the score, largest first.

        Args:
            users: shape (n,), user codes; -1 means a user without history.
            items: shape (n,), one item a user, or (n, k), lists as `recommend` returns them; there -1 is left out.
            most: list so many reasons of each at most, and the others as one; None lists all.

        Returns:
            One explanation a pair, row after row.

        Raises:
            InputError: if a code is out of range or the shapes do not match.
        """
        codes, row = np.unique(np.asarray(users, np.int64), return_inverse=True)
        if len(codes) and (codes[-1] >= len(self.user_ids) or codes[0] < -1):
            raise InputError(
                f"user codes span {codes[0]} to {codes[-1]}, the model knows 0 to {len(self.user_ids) - 1}",
                hint="Encode ids with model.user_ids.encode(); unknown users become -1",
            )
        rows, wanted = asked(row, items, self.n_items)
        parts = parts_of(self, self.train.histories(codes), rows, wanted)
        return read(parts, codes[rows], wanted, self.item_ids, self.name, most)

    def explain_histories(
        self, histories: Histories, items: NDArray[np.integer], *, most: int | None = None
    ) -> list[Explanation]:
        """As `explain`, for histories that the fit need not have seen; `items` has one row a history."""
        check_weights(histories)
        rows, wanted = asked(np.arange(len(histories)), items, self.n_items)
        parts = parts_of(self, histories, rows, wanted)
        return read(parts, np.full(len(rows), -1), wanted, self.item_ids, self.name, most)

    def explain_history(
        self, history: Histories, items: NDArray[np.integer] | Sequence[int], *, most: int | None = None
    ) -> list[Explanation]:
        """Why each of `items` scored as it did for one history (one row) that the fit need not have seen."""
        return self.explain_histories(history, np.asarray(items, np.int64)[None, :], most=most)

    # -- shared machinery ---------------------------------------------------------------------------------------------

    def _ranked(self, codes, k, score, seen, candidates) -> Recommendations:  # type: ignore[no-untyped-def]
        if k < 1:
            raise InputError(f"k is {k}", hint="Ask for at least 1 item")
        barred = None
        if candidates is not None:
            chosen = np.asarray(candidates, dtype=np.int64)
            if len(chosen) and (chosen.max() >= self.n_items or chosen.min() < -1):
                raise InputError(
                    f"candidates span {chosen.min()} to {chosen.max()}, the model knows 0 to {self.n_items - 1}",
                    hint="Encode ids with model.item_ids.encode(); unknown items become -1 and are left out",
                )
            barred = np.ones(self.n_items, bool)
            barred[chosen[chosen >= 0]] = False
        rows = memory.block_rows(len(codes), self.n_items, BLOCK_BYTES)
        items = np.full((len(codes), k), -1, np.int32)
        scores = np.full((len(codes), k), -np.inf, np.float32)
        for start in range(0, len(codes), rows):
            block = slice(start, min(start + rows, len(codes)))
            values = score(block)
            if seen is not None:
                matrix = seen(block).matrix
                owner = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
                values[owner, matrix.indices] = -np.inf
            if barred is not None:
                values[:, barred] = -np.inf
            items[block], scores[block] = top_k(values, k)
        return Recommendations(codes.astype(np.int32), items, scores)


def check_weights(histories: Histories) -> None:
    """Refuse histories with a weight that is NaN, infinite, zero or below.

    Raises:
        InputError: naming the weight and its row.
    """
    weights = histories.matrix.data
    good = np.isfinite(weights) & (weights > 0)
    if not good.all():
        entry = int(np.argmin(good))
        row = int(np.searchsorted(histories.matrix.indptr, entry, side="right")) - 1
        raise InputError(
            f"history {row} has a weight of {weights[entry]}", hint="Weights are finite and above zero; drop the entry"
        )


def popularity(interactions: Interactions, half_life_days: float = 30.0) -> NDArray[np.float32]:
    """Shape (n_items,): distinct users of each item, a vote halving every `half_life_days`; the largest is 1."""
    matrix, last = interactions.matrix, interactions.last_times
    votes = np.ones(matrix.nnz)
    if last is not None and len(last):
        votes = np.exp2((last - last.max()) / (half_life_days * 86_400.0))
    counts = np.asarray(np.bincount(matrix.indices, weights=votes, minlength=interactions.n_items), np.float64)
    # All-time popularity, far below the recent one, orders what nobody bought lately.
    counts = counts + 1e-6 * np.bincount(matrix.indices, minlength=interactions.n_items).astype(np.float64)
    return np.asarray(counts / max(float(counts.max()), 1e-12), dtype=np.float32)
