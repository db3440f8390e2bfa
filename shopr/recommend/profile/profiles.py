"""Profiles of shoppers: categories, brands, price ranges, styles, seasons, recency and frequency, from what they did.

All profiles come from one sparse sum over events (`build_profiles`); `update` adds one event to one row and gives what
a rebuild against the same shop averages would. What few events say is shrunk towards the shop's average, so that every
part is 1 (a lift) or the shop's own (a share, a price) for somebody new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from shopr.data.catalog import Catalog
from shopr.data.events import Event, events_frame
from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions
from shopr.recommend.profile.acts import Acts, Codes, Floats, ProfileConfig
from shopr.recommend.profile.card import ProfileCard, describe
from shopr.recommend.profile.corrections import Wishes
from shopr.recommend.profile.parts import (
    affinities,
    brand_lifts,
    category_shares,
    month_lifts,
    places,
    style_shares,
)
from shopr.recommend.profile.space import DAY, ProfileSpace

__all__ = ["ProfileConfig", "Profiles", "build_profiles"]


@dataclass(frozen=True, slots=True)
class _Row:
    """One shopper's sums after updates: a CSR row, and the Unix seconds of the first and last event."""

    columns: Codes
    values: Floats
    first: float
    last: float


class Profiles:
    """Profiles of all shoppers of a shop.

    Args:
        space: what they are measured against.
        user_ids: whose rows the sums are.
        sums: CSR (shoppers, features).
        first, last: shape (shoppers,), Unix seconds of each one's first and last event.
        now: Unix seconds as of which profiles are read; `update` moves it on.
        wishes: user id -> what the shopper said about their profile.
    """

    def __init__(
        self,
        space: ProfileSpace,
        user_ids: IdMap,
        sums: sparse.csr_matrix,
        first: Floats,
        last: Floats,
        *,
        now: float,
        wishes: Mapping[str, Wishes] | None = None,
    ) -> None:
        self.space, self.user_ids, self.now = space, user_ids, now
        self.wishes: dict[str, Wishes] = dict(wishes or {})
        self._sums, self._first, self._last = sums, first, last
        self._updated: dict[str, _Row] = {}

    def __len__(self) -> int:
        new = sum(user not in self.user_ids for user in self._updated)
        return len(self.user_ids) + new

    def __contains__(self, user: object) -> bool:
        return user in self._updated or user in self.user_ids

    # -- following what happens ---------------------------------------------------------------------------------------

    def update(self, event: Event) -> bool:
        """Take in one event; whether it said anything (type, shopper and product are known, and it is not forgotten).

        The order of events does not matter; the caller tells repeated ones apart.
        """
        acts = Acts.of(events_frame([event]), self.space.item_ids, self.space.config, now=self.now)
        acts = _remembered(acts, self.wishes)
        if not len(acts):
            return False
        user, at = str(acts.users[0]), float(acts.times[0])
        rows, columns, values = self.space.features(acts)
        held = self._row(user)
        rows = np.zeros(len(held.columns) + len(rows), np.int64)
        merged = self.space.matrix(
            rows, np.concatenate([held.columns, columns]), np.concatenate([held.values, values]), 1
        )
        first, last = np.fmin(held.first, at), np.fmax(held.last, at)
        self._updated[user] = _Row(merged.indices.astype(np.int64), merged.data, float(first), float(last))
        self.now = max(self.now, at)
        return True

    def correct(self, user: str, wishes: Wishes) -> None:
        """Let what a shopper said hold from here on (see `CorrectionStore`, which keeps it).

        A deletion that is new takes all that was learnt so far.
        """
        before = self.wishes.get(user, Wishes()).deleted_at
        if wishes.deleted_at is not None and wishes.deleted_at != before:
            self._updated[user] = _Row(np.empty(0, np.int64), np.empty(0), np.nan, np.nan)
        self.wishes[user] = wishes

    # -- reading ------------------------------------------------------------------------------------------------------

    def sums(self, users: Sequence[str]) -> sparse.csr_matrix:
        """CSR (n, features): sums of each shopper as of the space's origin; an empty row for somebody unknown."""
        codes = self.user_ids.encode(users).astype(np.int64)
        if not len(self.user_ids):
            picked = sparse.csr_matrix((len(users), self.space.layout.size))
        else:
            picked = self._sums[np.maximum(codes, 0)]
        changed = [row for row, user in enumerate(users) if user in self._updated]
        if not changed and (codes >= 0).all():
            return picked
        keep = codes >= 0
        keep[changed] = False
        kept = (sparse.diags(keep.astype(np.float64)) @ picked).tocoo()
        own = [self._updated[users[row]] for row in changed]
        rows = np.repeat(np.array(changed, np.int64), [len(row.columns) for row in own])
        return self.space.matrix(
            np.concatenate([kept.row, rows]),
            np.concatenate([kept.col, *(row.columns for row in own)]),
            np.concatenate([kept.data, *(row.values for row in own)]),
            len(users),
        )

    def seen(self, users: Sequence[str]) -> tuple[Floats, Floats]:
        """Unix seconds of the first and the last event of each shopper, NaN for somebody unknown."""
        codes = self.user_ids.encode(users).astype(np.int64)
        known = codes >= 0
        first, last = np.full(len(users), np.nan), np.full(len(users), np.nan)
        first[known], last[known] = self._first[codes[known]], self._last[codes[known]]
        for row, user in enumerate(users):
            if user in self._updated:
                first[row], last[row] = self._updated[user].first, self._updated[user].last
        return first, last

    def category_shares(self, users: Sequence[str]) -> Floats:
        """Shape (n, categories): the share of each shopper's interest; the children of a category sum to it at most."""
        return category_shares(self.space, self.sums(users), self._fade)

    def brand_lifts(self, users: Sequence[str]) -> Floats:
        """Shape (n, brands): how much more a brand is bought than the shopper's categories would give; 1 is as much."""
        return brand_lifts(self.space, self.sums(users), self._fade)

    def price_places(self, users: Sequence[str]) -> tuple[Floats, Floats]:
        """Shapes (n, categories) twice: the place in each category's price range the shopper buys at, and its spread.

        Median and median absolute deviation, so a gift at ten times the price moves little. 0 is the cheap end, 1 the
        dear end; categories without products of their own are NaN.
        """
        return places(self.space, self.sums(users), self._fade)

    def style_shares(self, users: Sequence[str]) -> Floats:
        """Shape (n, styles): shares of each shopper's style; rows sum to 1, or there are no styles."""
        return style_shares(self.space, self.sums(users), self._fade)

    def month_lifts(self, users: Sequence[str]) -> Floats:
        """Shape (n, 12): how much more than the shop's average a shopper does in each month (UTC)."""
        return month_lifts(self.space, self.sums(users))

    def orders_a_month(self, users: Sequence[str]) -> Floats:
        """Shape (n,): order lines in 30 days at the rate of late; recent ones count more."""
        days = self.space.config.half_life_days / np.log(2.0)  # what the fading weights of a steady shopper sum to
        column = self.sums(users)[:, [self.space.layout.rate]]
        return np.asarray(column.toarray()[:, 0] * (self._fade * 30.0 / days), dtype=np.float64)

    def days_since(self, users: Sequence[str]) -> Floats:
        """Shape (n,): days since each one's last event, NaN for somebody unknown."""
        return np.asarray((self.now - self.seen(users)[1]) / DAY)

    def affinity(self, users: Sequence[str], items: NDArray[np.integer] | None = None) -> dict[str, Floats]:
        """Features for search and reranking, shape (n, items) each, for catalogue codes `items` (all if None).

        `category` and `brand` and `style`: natural logs of lifts, 0 where nothing is known; `price`: 1 where the price
        is what the shopper is used to, falling to 0, 1 where unknown. What shoppers said about themselves holds.
        """
        codes = np.arange(len(self.space.item_ids)) if items is None else np.asarray(items, dtype=np.int64)
        said = [self.wishes.get(user, Wishes()).corrections for user in users]
        return affinities(self.space, self.sums(users), self._fade, codes, said)

    def describe(self, user: str, *, south: bool = False) -> ProfileCard:
        """The profile in words for people; of somebody unknown it says so.

        Args:
            user: the shopper's id.
            south: whether the shopper lives in the southern hemisphere, where June is winter.
        """
        return describe(self, user, south=south)

    @property
    def _fade(self) -> float:
        """What sums as of the origin are worth now."""
        return float(np.exp2((self.space.origin - self.now) / (DAY * self.space.config.half_life_days)))

    def _row(self, user: str) -> _Row:
        if user in self._updated:
            return self._updated[user]
        if user not in self.user_ids:
            return _Row(np.empty(0, np.int64), np.empty(0), np.nan, np.nan)
        code = int(self.user_ids.encode([user])[0])
        row = self._sums[[code]]
        return _Row(row.indices.astype(np.int64), row.data, float(self._first[code]), float(self._last[code]))


def build_profiles(
    source: pd.DataFrame | Interactions,
    catalog: Catalog,
    now: datetime,
    *,
    config: ProfileConfig | None = None,
    space: ProfileSpace | None = None,
    wishes: Mapping[str, Wishes] | None = None,
) -> Profiles:
    """The profiles of all shoppers, in one pass over their events.

    Args:
        source: the flat event table, or interactions, which count as orders.
        catalog: the products.
        now: the moment as of which profiles are read.
        config: how they are learnt.
        space: averages of the shop to measure against; learnt from `source` if None.
        wishes: what shoppers said about their profiles; events before a deletion are left out.

    Raises:
        DataError: if the catalogue is empty.
    """
    moment = now.timestamp()
    space = space or ProfileSpace(catalog, source, now=moment, config=config or ProfileConfig())
    acts = _remembered(Acts.of(source, space.item_ids, space.config, now=moment), wishes or {})
    user_ids, users = IdMap.from_values(acts.users)
    event, columns, values = space.features(acts)
    sums = space.matrix(users[event].astype(np.int64), columns, values, len(user_ids))
    first, last = np.full(len(user_ids), np.inf), np.full(len(user_ids), -np.inf)
    np.minimum.at(first, users, acts.times)
    np.maximum.at(last, users, acts.times)
    return Profiles(space, user_ids, sums, first, last, now=moment, wishes=wishes)


def _remembered(acts: Acts, wishes: Mapping[str, Wishes]) -> Acts:
    """Without what happened before a shopper's profile was deleted."""
    gone = {user: said.deleted_at.timestamp() for user, said in wishes.items() if said.deleted_at is not None}
    if not gone:
        return acts
    since = pd.Series(acts.users).map(gone).fillna(-np.inf).to_numpy(dtype=np.float64)
    keep = acts.times > since
    return replace(acts, **{name: getattr(acts, name)[keep] for name in acts.__dataclass_fields__})
