"""What a shopper's latest events say: purchases join the history, views and clicks count as fading shares of one.

A session ends after a pause, or where the client names another one. Within the current session a signal halves every
few minutes; what is left of earlier sessions is worth a share of it and halves every few days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from scipy import sparse

from shopr.data.events import EventType
from shopr.data.ids import IdMap
from shopr.data.interactions import Histories
from shopr.recommend.contract.base import Config
from shopr.recommend.following.live import Live

__all__ = ["Prepared", "SessionConfig", "Signals", "current_session", "purchases", "signals", "with_purchases"]

_DAY = 86_400.0


class SessionConfig(Config):
    """How live events count.

    Attributes:
        viewed, clicked, carted: what a fresh signal is worth, in purchases.
        half_life_minutes: of a signal within the current session.
        pause_minutes: a longer pause ends a session.
        carried: what a signal is worth once its session ended, as a share.
        half_life_days: of a signal whose session ended.
        most: bound of what all signals about one product are worth together, in purchases.
    """

    viewed: float = Field(default=0.15, ge=0, le=10, allow_inf_nan=False)
    clicked: float = Field(default=0.3, ge=0, le=10, allow_inf_nan=False)
    carted: float = Field(default=0.7, ge=0, le=10, allow_inf_nan=False)
    half_life_minutes: float = Field(default=20.0, gt=0, allow_inf_nan=False)
    pause_minutes: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    carried: float = Field(default=0.3, ge=0, le=1)
    half_life_days: float = Field(default=7.0, gt=0, allow_inf_nan=False)
    most: float = Field(default=1.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.viewed <= self.clicked <= self.carted:
            raise ValueError("a click must count at least as much as a view, and a cart as much as a click")
        return self

    def worth(self) -> dict[str, float]:
        """Event type -> worth of a fresh signal."""
        return {
            EventType.PRODUCT_VIEWED.value: self.viewed,
            EventType.PRODUCT_CLICKED.value: self.clicked,
            EventType.RECOMMENDATION_CLICKED.value: self.clicked,
            EventType.CART_ITEM_ADDED.value: self.carted,
        }


@dataclass(frozen=True, slots=True)
class Signals:
    """What a shopper looked at, in a model's codes: `items` (m,) distinct and rising, `weights` (m,) in purchases."""

    items: NDArray[np.int64]
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.items)


def current_session(live: Live, now: float, config: SessionConfig) -> NDArray[np.bool_]:
    """Shape (n,): whether each event belongs to the session that is going on at `now` (Unix seconds)."""
    n = len(live)
    if n == 0:
        return np.zeros(0, bool)
    longest = np.maximum(_pauses(live), now - live.times[-1])
    current: NDArray[np.bool_] = longest <= 60.0 * config.pause_minutes
    return current


def _standing(live: Live, added: EventType, taken: EventType) -> NDArray[np.bool_]:
    """Shape (n,): events of type `added` that no later event of type `taken` about the same product undid."""
    gave = live.types == added.value
    took = live.types == taken.value
    if not took.any():
        return np.asarray(gave, bool)
    places = np.flatnonzero(took)
    last = dict(zip(live.products[places], places, strict=True))
    undone = np.array([last.get(product, -1) for product in live.products], np.int64)
    standing: NDArray[np.bool_] = gave & (np.arange(len(live)) > undone)
    return standing


@dataclass(frozen=True, slots=True)
class Prepared:
    """A shopper's live events in a model's codes: what can be known of them before the time of a reply.

    Attributes:
        items: shape (m,), codes of the signals, distinct and rising.
        place: shape (n,), the position in `items` of each event that is a signal.
        fresh: shape (n,), what it was worth when it happened.
        times: shape (n,), Unix seconds.
        gap: shape (n,), the longest pause (seconds) from it to the latest event of all; inf where a session between
            them ended by name.
        latest: Unix seconds of the latest event of any kind.
        bought, bought_times, bought_counts: item codes, distinct and rising, when each was bought last, and how often.
    """

    items: NDArray[np.int64]
    place: NDArray[np.int64]
    fresh: NDArray[np.float64]
    times: NDArray[np.float64]
    gap: NDArray[np.float64]
    latest: float
    bought: NDArray[np.int64]
    bought_times: NDArray[np.int64]
    bought_counts: NDArray[np.float32]

    @classmethod
    def of(cls, live: Live, item_ids: IdMap, config: SessionConfig) -> Self:
        """From live events; products that the model does not know are left out."""
        bought, bought_times, counts = purchases(live, item_ids)
        worth = config.worth()
        fresh = np.array([worth.get(kind, 0.0) for kind in live.types], np.float64)
        if fresh.any():
            carted = live.types == EventType.CART_ITEM_ADDED.value
            fresh[carted & ~_standing(live, EventType.CART_ITEM_ADDED, EventType.CART_ITEM_REMOVED)] = 0.0
        kept = np.flatnonzero(fresh)
        codes = item_ids.encode(live.products[kept]) if len(kept) else np.empty(0, np.int32)
        kept, codes = kept[codes >= 0], codes[codes >= 0]
        items, place = np.unique(codes, return_inverse=True)
        latest = float(live.times[-1]) if len(live) else -np.inf
        pauses = _pauses(live)[kept] if len(kept) else np.empty(0)
        return cls(
            items.astype(np.int64), place, fresh[kept], live.times[kept], pauses, latest, bought, bought_times, counts
        )

    def signals(self, now: float, config: SessionConfig) -> Signals:
        """What the signals are worth at `now` (Unix seconds)."""
        if len(self.items) == 0:
            return Signals(self.items, np.empty(0))
        age = np.maximum(now - self.times, 0.0)
        current = np.maximum(self.gap, now - self.latest) <= 60.0 * config.pause_minutes
        days = np.where(current, config.half_life_minutes / 1440.0, config.half_life_days)
        value = self.fresh * np.where(current, 1.0, config.carried) * np.exp2(-age / (days * _DAY))
        total = np.minimum(np.bincount(self.place, weights=value, minlength=len(self.items)), config.most)
        some = total > 0
        return Signals(self.items[some], total[some])

    def history(self, fitted: Histories) -> Histories:
        """As `with_purchases`."""
        return fitted if len(self.bought) == 0 else _added(fitted, self.bought, self.bought_times, self.bought_counts)


def _pauses(live: Live) -> NDArray[np.float64]:
    """Shape (n,): the longest pause from each event to the last one, inf where a session ended by name between them."""
    gaps = np.diff(live.times)
    known = live.sessions != ""
    gaps[known[:-1] & known[1:] & (live.sessions[:-1] != live.sessions[1:])] = np.inf
    longest = np.zeros(len(live))
    longest[:-1] = np.maximum.accumulate(gaps[::-1])[::-1]
    return longest


def signals(live: Live, item_ids: IdMap, now: float, config: SessionConfig) -> Signals:
    """The fading signals of a shopper at `now` (Unix seconds); products that the model does not know are left out."""
    return Prepared.of(live, item_ids, config).signals(now, config)


def purchases(live: Live, item_ids: IdMap) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """(item codes, Unix seconds of the last purchase, how often) of live orders that were not sent back."""
    bought = _standing(live, EventType.ORDER_COMPLETED, EventType.ORDER_RETURNED)
    if not bought.any():
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    codes = item_ids.encode(live.products[bought])
    times = live.times[bought][codes >= 0]
    items, place = np.unique(codes[codes >= 0], return_inverse=True)
    last = np.full(len(items), -np.inf)
    np.maximum.at(last, place, times)
    return items.astype(np.int64), last.astype(np.int64), np.bincount(place, minlength=len(items)).astype(np.float32)


def with_purchases(history: Histories, live: Live, item_ids: IdMap) -> Histories:
    """The history (one row) with live orders added that it does not hold yet: weights sum, the later time stands."""
    items, times, counts = purchases(live, item_ids)
    return history if len(items) == 0 else _added(history, items, times, counts)


def _added(
    history: Histories, items: NDArray[np.int64], times: NDArray[np.int64], counts: NDArray[np.float32]
) -> Histories:
    old = history.matrix.indices.astype(np.int64)
    if history.times is not None and len(old):
        # An order that the log holds as well must not count twice.
        place = np.minimum(np.searchsorted(old, items), len(old) - 1)
        fresh = (old[place] != items) | (history.times[place] < times)
        if not fresh.any():
            return history
        items, times, counts = items[fresh], times[fresh], counts[fresh]
    every, place = np.unique(np.concatenate([old, items]), return_inverse=True)
    weights = np.bincount(place, weights=np.concatenate([history.matrix.data, counts]), minlength=len(every))
    indptr = np.array([0, len(every)], np.int32)
    matrix = sparse.csr_matrix(
        (weights.astype(np.float32), every.astype(np.int32), indptr), shape=(1, history.matrix.shape[1])
    )
    last = None
    if history.times is not None or len(old) == 0:
        known = history.times if history.times is not None else np.empty(0, np.int64)
        last = np.full(len(every), np.iinfo(np.int64).min)
        np.maximum.at(last, place, np.concatenate([known, times]))
    ratings = None
    if history.ratings is not None:
        ratings = np.full(len(every), np.nan, np.float32)
        ratings[place[: len(old)]] = history.ratings
    return Histories(matrix, last, history.now, ratings)
