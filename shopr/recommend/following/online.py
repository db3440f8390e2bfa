"""Recommendations that follow the shopper: history as of the fit, live purchases, and the signals of the session.

score = model(history with live purchases) + sum over signals of weight x model(somebody who has only that product)

For models linear in the history (EASE and its relatives, KNN, transitions) a signal is thus an entry of fractional
strength. Purchases enter exactly as a fold-in would take them; see `increments` for how that costs O(items).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.clock import Clock, SystemClock
from shopr.data.interactions import Histories
from shopr.errors import InputError
from shopr.recommend.contract.base import Explanation, Parts, Recommendations, Recommender, check_weights
from shopr.recommend.contract.explain import POPULAR, asked, gathered, parts_of, read
from shopr.recommend.following.increments import Scores, follow, item_rows
from shopr.recommend.following.live import Live, LiveStore
from shopr.recommend.following.session import Prepared, SessionConfig, Signals
from shopr.recommend.topk import top_k

__all__ = ["OnlineState", "View"]

_RESPONSE_BYTES = 64 * 2**20
"""Memory for answers to one-product histories, kept for models that are not linear."""
_TIES = 1e-6
"""Share of popularity in the scores of somebody who looked at something but bought nothing."""
_NOBODY = Live.of([])


@dataclass(slots=True)
class _Kept:
    version: tuple[int, int]
    live: Live
    prepared: Prepared
    scores: Scores


@dataclass(frozen=True, slots=True)
class View:
    """One shopper at one moment: all answers rest on the same events.

    Attributes:
        history: one row, in the model's codes, with live purchases.
        signals: what the shopper looked at, faded to the moment.
    """

    history: Histories
    signals: Signals
    _online: OnlineState
    _scores: NDArray[np.floating]

    def scores(self) -> NDArray[np.floating]:
        """Fresh array (n_items,): scores of everything."""
        return self._scores.copy()

    def recommend(
        self, k: int = 10, *, candidates: NDArray[np.integer] | None = None, exclude_seen: bool = True
    ) -> Recommendations:
        """The k best items; `exclude_seen` leaves out what was bought, live purchases included.

        Raises:
            InputError: if k < 1.
        """
        if k < 1:
            raise InputError(f"k is {k}", hint="Ask for at least 1 item")
        values = self._scores
        if candidates is not None:
            chosen = np.asarray(candidates, np.int64)
            chosen = chosen[(chosen >= 0) & (chosen < len(values))]
            values = np.full_like(self._scores, -np.inf)
            values[chosen] = self._scores[chosen]
        elif exclude_seen:
            values = values.copy()
        if exclude_seen:
            values[self.history.matrix.indices] = -np.inf
        items, best = top_k(values[None, :], k)
        return Recommendations(np.array([-1], np.int32), items, best)

    def explain(self, items: NDArray[np.integer] | Sequence[int], *, most: int | None = None) -> list[Explanation]:
        """Why each item scored as it did: the model's reasons for the history, and what each signal added.

        Contributions sum to the score, up to the rounding of the increments. -1 is left out; `most` as
        `Recommender.explain`.

        Raises:
            InputError: if a code is out of range.
        """
        model, history = self._online.model, self.history
        rows, wanted = asked(np.zeros(1, np.int64), np.asarray(items, np.int64)[None, :], model.n_items)
        parts = parts_of(model, history, rows, wanted)
        if len(self.signals):
            if history.matrix.nnz == 0:
                parts = Parts.said("popularity", POPULAR, _TIES * model.fallback[wanted].astype(np.float64))
            parts = Parts.merged([parts, self._signalled(wanted)])
        return read(parts, np.full(len(wanted), -1), wanted, model.item_ids, model.name, most)

    def _signalled(self, items: NDArray[np.int64]) -> Parts:
        n, m = len(items), len(self.signals)
        looked = np.repeat(self.signals.items, n)
        added = np.repeat(self.signals.weights, n) * self._online._responses_to(looked, np.tile(items, m))
        return Parts.of_items(n, np.tile(np.arange(n), m), looked, added)


class OnlineState:
    """The live side of a fitted model. Threads may share one.

    Args:
        model: fitted.
        store: where live events are; None keeps none (histories are then all there is).
        config: how signals count.
        clock: the time at which signals are weighed.
        users: shoppers whose scores are kept in memory, the most recent ones.
    """

    def __init__(
        self,
        model: Recommender,
        store: LiveStore | None = None,
        *,
        config: SessionConfig | None = None,
        clock: Clock | None = None,
        users: int = 256,
    ) -> None:
        if users < 1:
            raise InputError(f"users is {users}", hint="Keep 1 or more")
        self.model, self.store = model, store
        self.config, self._clock, self._users = config or SessionConfig(), clock or SystemClock(), users
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._rows = item_rows(model)
        self._responses: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    def view(self, user_id: str | None, fitted: Histories) -> View:
        """One shopper now, whose history at the fit is `fitted`; the events are read from the store once.

        Raises:
            InputError: if `fitted` is not one row over the model's items, or a weight of it is not above zero.
        """
        self._check(fitted)
        kept = self._state(user_id)
        prepared = self._prepared(_NOBODY) if kept is None else kept.prepared
        history = prepared.history(fitted)
        seen = prepared.signals(self._clock.now().timestamp(), self.config)
        with self._lock:
            scores = self._scored(history, seen, follow(self.model) if kept is None else kept.scores)
        return View(history, seen, self, scores)

    def live(self, user_id: str | None) -> Live:
        """The shopper's live events, read again only when they changed in the store."""
        kept = self._state(user_id)
        return _NOBODY if kept is None else kept.live

    def history(self, user_id: str | None, fitted: Histories) -> Histories:
        """The shopper's history (one row, in the model's codes) with live purchases."""
        kept = self._state(user_id)
        return fitted if kept is None else kept.prepared.history(fitted)

    def signals(self, user_id: str | None) -> Signals:
        """What the shopper looked at, faded to now."""
        kept = self._state(user_id)
        prepared = self._prepared(_NOBODY) if kept is None else kept.prepared
        return prepared.signals(self._clock.now().timestamp(), self.config)

    def scores(self, user_id: str | None, fitted: Histories) -> NDArray[np.floating]:
        """Fresh array (n_items,): scores of everything for one shopper. Raises as `view`."""
        return self.view(user_id, fitted).scores()

    def recommend(
        self,
        user_id: str | None,
        fitted: Histories,
        k: int = 10,
        *,
        candidates: NDArray[np.integer] | None = None,
        exclude_seen: bool = True,
    ) -> Recommendations:
        """The k best items now, as `View.recommend`.

        Raises:
            InputError: if k < 1, or as `view`.
        """
        return self.view(user_id, fitted).recommend(k, candidates=candidates, exclude_seen=exclude_seen)

    def explain(
        self, user_id: str | None, fitted: Histories, items: NDArray[np.integer] | Sequence[int]
    ) -> list[Explanation]:
        """Why each item scored as it did now, as `View.explain`."""
        return self.view(user_id, fitted).explain(items)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _check(self, fitted: Histories) -> None:
        if fitted.matrix.shape != (1, self.model.n_items):
            raise InputError(
                f"a history of shape {fitted.matrix.shape}, the model wants (1, {self.model.n_items})",
                hint="Encode it with model.item_ids",
            )
        check_weights(fitted)

    def _prepared(self, live: Live) -> Prepared:
        return Prepared.of(live, self.model.item_ids, self.config)

    def _state(self, user_id: str | None) -> _Kept | None:
        """What is kept of a shopper, brought up to the store; the store is read outside the lock."""
        if user_id is None or self.store is None:
            return None
        version = self.store.version(user_id)
        with self._lock:
            kept = self._kept.get(user_id)
            if kept is not None and kept.version == version:
                self._kept.move_to_end(user_id)
                return kept
        live = self.store.of(user_id)
        fresh = _Kept(version, live, self._prepared(live), follow(self.model) if kept is None else kept.scores)
        with self._lock:
            self._kept[user_id] = fresh
            self._kept.move_to_end(user_id)
            while len(self._kept) > self._users:
                self._kept.popitem(last=False)
        return fresh

    def _scored(self, history: Histories, seen: Signals, scorer: Scores) -> NDArray[np.floating]:
        if history.matrix.nnz:
            total = np.array(scorer.at(history))
        elif len(seen):
            # Nobody's history: popularity only orders what the session says nothing about.
            total = _TIES * self.model.fallback.astype(np.float64)
        else:
            return self.model.fallback.copy()
        if self._rows is None and len(seen):
            total += seen.weights @ self._answers(seen.items)
            return total
        for item, weight in zip(seen.items.tolist(), seen.weights.tolist(), strict=True):
            self._respond(total, item, weight)
        return total

    def _respond(self, total: NDArray[np.floating], item: int, weight: float) -> None:
        """Add weight x what the model says to somebody who has only this product, in place."""
        if sparse.issparse(self._rows):
            part = slice(self._rows.indptr[item], self._rows.indptr[item + 1])
            total[self._rows.indices[part]] += weight * self._rows.data[part]
        else:
            total += weight * self._rows[item]

    def _responses_to(self, looked: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Shape (n,): what the model says of `items[i]` to somebody who has only `looked[i]`."""
        if self._rows is not None:
            return gathered(self._rows, looked, items)
        every, place = np.unique(looked, return_inverse=True)
        with self._lock:
            answers = self._answers(every)
        return answers[place, items].astype(np.float64)

    def _answers(self, looked: NDArray[np.int64]) -> NDArray[np.float32]:
        """Shape (n, n_items): what the model says to somebody who has only `looked[i]`; new ones in one batch."""
        wanted = looked.tolist()
        new = [item for item in wanted if item not in self._responses]
        if new:
            scores = self.model._score(Histories.of([[item] for item in new], self.model.n_items))
            self._responses.update(zip(new, scores.astype(np.float32), strict=True))
        for item in wanted:
            self._responses.move_to_end(item)
        found = np.stack([self._responses[item] for item in wanted])
        most = max(1, _RESPONSE_BYTES // (4 * self.model.n_items))
        while len(self._responses) > most:
            self._responses.popitem(last=False)
        return found
