"""The profiles of a shop at work: learnt from its data, kept up with what happens, and obedient to its shoppers.

What was learnt can be had again from the data and the live events at any time, so only what shoppers said is stored;
a restart forgets nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from shopr.clock import Clock
from shopr.data.dataset import Dataset
from shopr.data.events import Event, EventType
from shopr.data.ids import IdMap
from shopr.errors import InputError
from shopr.recommend.following.live import Live, LiveStore
from shopr.recommend.profile.card import ProfileCard
from shopr.recommend.profile.corrections import Correction, CorrectionStore, Kind, Wishes
from shopr.recommend.profile.parts import stated
from shopr.recommend.profile.profiles import Profiles, build_profiles

__all__ = ["ProfileBook"]


class ProfileBook:
    """Profiles of one shop; they are built when the first one is asked for.

    Args:
        data: gives the shop's data.
        live: what happened since.
        corrections: what shoppers said.
        clock: the moment as of which profiles are read.
    """

    def __init__(
        self, data: Callable[[], Dataset], live: LiveStore, corrections: CorrectionStore, *, clock: Clock
    ) -> None:
        self._data, self._live, self._corrections, self._clock = data, live, corrections, clock
        self._profiles: Profiles | None = None
        self._until = -np.inf
        self._taken: dict[str, tuple[tuple[int, int], frozenset[tuple[str, str, float]]]] = {}
        self._codes: tuple[IdMap, NDArray[np.int64]] | None = None

    @property
    def profiles(self) -> Profiles:
        """All profiles; what the live store says of a shopper is in them once that shopper was asked for.

        Raises:
            DataError: if the catalogue is empty.
        """
        if self._profiles is None:
            data = self._data()
            now = self._clock.now()
            wishes = self._corrections.of_many()
            self._profiles = build_profiles(data.events, data.catalog, now, wishes=wishes)
            if len(data.events):
                self._until = data.events["time"].max().timestamp()
        return self._profiles

    def card(self, user_id: str, *, south: bool = False) -> ProfileCard:
        """One shopper's profile, as of now, in words and figures."""
        self._follow(user_id)
        return self.profiles.describe(user_id, south=south)

    def affinity(self, user_id: str, item_ids: IdMap) -> dict[str, NDArray[np.float64]]:
        """`Profiles.affinity` of one shopper as of now, shape (n_items,) each; neutral for products without a profile.

        Empty for somebody of whom nothing is known.
        """
        self._follow(user_id)
        if np.isnan(self.profiles.seen([user_id])[1][0]) and not self.said(user_id).corrections:
            return {}
        codes = self.profiles.space.item_ids.encode(item_ids.ids).astype(np.int64)
        found = {}
        for name, values in self.profiles.affinity([user_id], np.maximum(codes, 0)).items():
            found[name] = np.where(codes >= 0, values[0], 1.0 if name == "price" else 0.0)
        return found

    def correct(self, user_id: str, correction: Correction) -> None:
        """Store what the shopper says; from now on it holds.

        Raises:
            InputError: if the shop has no such category, brand or style, or the shopper said too much already.
        """
        self._known(correction)
        self._corrections.put(user_id, correction)
        self.profiles.correct(user_id, self._corrections.of(user_id))

    def take_back(self, user_id: str, kind: Kind, name: str) -> bool:
        """Remove a correction; whether there was one."""
        found = self._corrections.take_back(user_id, kind, name)
        self.profiles.correct(user_id, self._corrections.of(user_id))
        return found

    def delete(self, user_id: str) -> None:
        """Forget what was learnt and said so far; orders stay in the shop's data, as records of sale."""
        self._corrections.delete_profile(user_id)
        self._live.forget_shopper(user_id)
        self.profiles.correct(user_id, self._corrections.of(user_id))
        self._taken.pop(user_id, None)

    def said(self, user_id: str) -> Wishes:
        """What the shopper said, and when the profile was deleted, if it was."""
        return self._corrections.of(user_id)

    def wishes(self, said: Wishes, item_ids: IdMap) -> NDArray[np.float64]:
        """Shape (n_items,): log boosts that follow from what a shopper said; 0 where nothing was said."""
        out = np.zeros(len(item_ids))
        if not said.corrections:
            return out
        space = self.profiles.space
        if self._codes is None or self._codes[0] is not item_ids:
            self._codes = item_ids, space.item_ids.encode(item_ids.ids).astype(np.int64)
        codes = self._codes[1]
        known = np.flatnonzero(codes >= 0)
        out[known] = stated(space, codes[known], said.corrections)
        return out

    def choices(self) -> dict[Kind, tuple[str, ...]]:
        """What may be corrected: category paths, brands, styles; price bands are by category."""
        space = self.profiles.space
        paths = tuple(sorted(map(str, space.categories.ids)))
        return {
            "category": paths,
            "brand": tuple(sorted(str(b) for b in space.brands.ids if b)),
            "style": tuple(space.styles.names),
            "price": paths,
        }

    def _known(self, correction: Correction) -> None:
        choices = self.choices()[correction.kind]
        if correction.name not in choices:
            what = "category" if correction.kind == "price" else correction.kind
            near = get_close_matches(correction.name, choices, n=1, cutoff=0.4)
            raise InputError(
                f"the shop has no {what} {correction.name!r}",
                hint=f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(choices[:5]) or 'none'}",
            )

    def _follow(self, user_id: str) -> None:
        """Bring in the shopper's live events that are not in the profile yet."""
        profiles = self.profiles
        profiles.correct(user_id, self._corrections.of(user_id))  # another process may have heard the shopper
        version = self._live.version(user_id)
        held, taken = self._taken.get(user_id, ((-1, -1), frozenset()))
        if held == version:
            return
        live = self._live.of(user_id)
        fresh = [row for row in _rows(live) if row[2] > self._until and row not in taken]
        for product, kind, seconds in fresh:
            profiles.update(_event(user_id, product, kind, seconds))
        self._taken[user_id] = version, taken | frozenset(fresh)
        profiles.now = max(profiles.now, self._clock.now().timestamp())


def _rows(live: Live) -> list[tuple[str, str, float]]:
    return [(str(p), str(t), float(s)) for p, t, s in zip(live.products, live.types, live.times, strict=True)]


def _event(user_id: str, product: str, kind: str, seconds: float) -> Event:
    when = datetime.fromtimestamp(seconds, UTC)
    return Event(type=EventType(kind), time=when, user_id=user_id, properties={"product_id": product})
