"""Recommendations that follow the shopper: history as of the fit, live purchases, and the signals of the session.

score = model(history with live purchases) + sum over signals of weight x model(somebody who has only that product)

For models linear in the history (EASE and its relatives, KNN, transitions) a signal is thus an entry of fractional
strength. Purchases enter exactly as a fold-in would take them; see `increments` for how that costs O(items).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.clock import Clock, SystemClock
from shopr.data.interactions import Histories
from shopr.errors import InputError
from shopr.recommend.base import Contribution, Explanation, Recommendations, Recommender
from shopr.recommend.increments import Scores, follow, item_rows
from shopr.recommend.live import Live, LiveStore
from shopr.recommend.session import SessionConfig, Signals, signals, with_purchases
from shopr.recommend.topk import top_k

__all__ = ["OnlineState"]

_RESPONSES = 256
"""Answers to one-product histories that are kept for models that are not linear."""
_TIES = 1e-6
"""Share of popularity in the scores of somebody who looked at something but bought nothing."""
_NOTHING = Signals(np.empty(0, np.int64), np.empty(0))


@dataclass(slots=True)
class _Kept:
    version: tuple[int, int]
    live: Live
    scores: Scores


class OnlineState:
    """The live side of a fitted model.

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

    def live(self, user_id: str | None) -> Live:
        """The shopper's live events, read again only when they changed in the store."""
        state = self._state(user_id)
        return Live.of([]) if state is None else state.live

    def history(self, user_id: str | None, fitted: Histories) -> Histories:
        """The shopper's history (one row, in the model's codes) with live purchases."""
        return with_purchases(fitted, self.live(user_id), self.model.item_ids)

    def signals(self, user_id: str | None) -> Signals:
        """What the shopper looked at, faded to now."""
        return self._signals(self.live(user_id))

    def scores(self, user_id: str | None, fitted: Histories) -> NDArray[np.floating]:
        """Fresh array (n_items,): scores of everything for one shopper, whose history at the fit is `fitted`.

        Raises:
            InputError: if `fitted` is not one row over the model's items.
        """
        return self._scored(user_id, fitted)[1]

    def _scored(self, user_id: str | None, fitted: Histories) -> tuple[Histories, NDArray[np.floating]]:
        if fitted.matrix.shape != (1, self.model.n_items):
            raise InputError(
                f"a history of shape {fitted.matrix.shape}, the model wants (1, {self.model.n_items})",
                hint="Encode it with model.item_ids",
            )
        state = self._state(user_id)
        if state is None:
            seen, history, scorer = _NOTHING, fitted, follow(self.model)
        else:
            seen, scorer = self._signals(state.live), state.scores
            history = with_purchases(fitted, state.live, self.model.item_ids)
        if history.matrix.nnz:
            total = np.array(scorer.at(history))
        elif len(seen):
            # Nobody's history: popularity only orders what the session says nothing about.
            total = _TIES * self.model.fallback.astype(np.float64)
        else:
            return history, self.model.fallback.copy()
        for item, weight in zip(seen.items, seen.weights, strict=True):
            self._respond(total, int(item), float(weight))
        return history, total

    def recommend(
        self,
        user_id: str | None,
        fitted: Histories,
        k: int = 10,
        *,
        candidates: NDArray[np.integer] | None = None,
        exclude_seen: bool = True,
    ) -> Recommendations:
        """The k best items now; `exclude_seen` leaves out what was bought, live purchases included.

        Raises:
            InputError: if k < 1, or as `scores`.
        """
        if k < 1:
            raise InputError(f"k is {k}", hint="Ask for at least 1 item")
        history, values = self._scored(user_id, fitted)
        if exclude_seen:
            values[history.matrix.indices] = -np.inf
        if candidates is not None:
            chosen = np.asarray(candidates, np.int64)
            barred = np.ones(len(values), bool)
            barred[chosen[(chosen >= 0) & (chosen < len(values))]] = False
            values[barred] = -np.inf
        items, best = top_k(values[None, :], k)
        return Recommendations(np.array([-1], np.int32), items, best)

    def explain(self, user_id: str | None, fitted: Histories, items: NDArray[np.integer]) -> list[Explanation]:
        """Why each item scored as it did: the model's reasons for the history, and what each signal added.

        Contributions sum to the score, up to the rounding of the increments.
        """
        history, seen = self.history(user_id, fitted), self.signals(user_id)
        if len(seen) == 0:
            return self.model.explain_history(history, items)
        added = np.zeros((len(seen), len(items)))
        for row, (item, weight) in enumerate(zip(seen.items, seen.weights, strict=True)):
            one = np.zeros(self.model.n_items)
            self._respond(one, int(item), float(weight))
            added[row] = one[items]
        labels = [str(label) for label in self.model.item_ids.decode(seen.items)]
        found = []
        for column, item in enumerate(np.asarray(items)):
            parts: dict[tuple[str, str], float] = {}
            if history.matrix.nnz:
                for part in self.model._contributions(history, int(item)):
                    parts[part.kind, part.label] = parts.get((part.kind, part.label), 0.0) + part.value
            else:
                parts["popularity", "popular with other shoppers"] = _TIES * float(self.model.fallback[item])
            for label, value in zip(labels, added[:, column], strict=True):
                parts["history", label] = parts.get(("history", label), 0.0) + float(value)
            reasons = [Contribution(kind, label, value) for (kind, label), value in parts.items()]  # type: ignore[arg-type]
            reasons.sort(key=lambda reason: -abs(reason.value))
            found.append(Explanation(-1, int(item), sum(r.value for r in reasons), tuple(reasons)))
        return found

    def _signals(self, live: Live) -> Signals:
        return signals(live, self.model.item_ids, self._clock.now().timestamp(), self.config)

    def _state(self, user_id: str | None) -> _Kept | None:
        if user_id is None or self.store is None:
            return None
        version = self.store.version(user_id)
        kept = self._kept.get(user_id)
        if kept is None:
            kept = self._kept[user_id] = _Kept(version, self.store.of(user_id), follow(self.model))
        elif kept.version != version:
            kept.version, kept.live = version, self.store.of(user_id)
        self._kept.move_to_end(user_id)
        while len(self._kept) > self._users:
            self._kept.popitem(last=False)
        return kept

    def _respond(self, total: NDArray[np.floating], item: int, weight: float) -> None:
        """Add weight x what the model says to somebody who has only this product, in place."""
        if self._rows is None:
            total += weight * self._response(item)
        elif sparse.issparse(self._rows):
            part = slice(self._rows.indptr[item], self._rows.indptr[item + 1])
            total[self._rows.indices[part]] += weight * self._rows.data[part]
        else:
            total += weight * self._rows[item]

    def _response(self, item: int) -> NDArray[np.float32]:
        if item not in self._responses:
            alone = Histories.of([[item]], self.model.n_items)
            self._responses[item] = self.model._score(alone)[0].astype(np.float32)
            if len(self._responses) > _RESPONSES:
                self._responses.popitem(last=False)
        return self._responses[item]
