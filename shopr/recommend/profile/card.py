"""A profile that its shopper can read: what is known, how sure, and in which words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shopr.money import format_minor
from shopr.recommend.profile.corrections import Correction, Wishes
from shopr.recommend.profile.parts import shop_shares, within

if TYPE_CHECKING:
    from shopr.recommend.profile.profiles import Profiles

__all__ = ["PriceRange", "ProfileCard", "Trait", "describe"]

SEASONS = {"winter": (12, 1, 2), "spring": (3, 4, 5), "summer": (6, 7, 8), "autumn": (9, 10, 11)}
_MOST, _LEAST_LIFT, _LEAST_SHARE = 5, 1.15, 0.02
_OUTER = 1.0  # a price range shows one spread to either side


@dataclass(frozen=True, slots=True)
class Trait:
    """Something a shopper prefers.

    Attributes:
        name: what it is.
        share: of the shopper's interest; None where only the lift means something.
        lift: how much more than usual in the shop; 1 is as usual.
    """

    name: str
    share: float | None
    lift: float


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Prices a shopper usually pays in a category, minor units; `stated` where the shopper named them."""

    category: str
    low: int
    typical: int
    high: int
    currency: str
    stated: bool = False

    @property
    def words(self) -> str:
        """Such as `£5.00 to £12.50`."""
        if not self.currency:
            return f"{self.low} to {self.high}"
        return f"{format_minor(self.low, self.currency)} to {format_minor(self.high, self.currency)}"


@dataclass(frozen=True, slots=True)
class ProfileCard:
    """One shopper's profile. Whatever is not known is empty or None; what the shopper said is already in it.

    Attributes:
        user_id: whose it is.
        known: whether any event or statement stands behind it.
        categories, brands, styles: what is preferred beyond the usual, strongest first.
        prices: usual price ranges of the categories bought most.
        seasons: seasons with more than the usual activity.
        days_since: days since the last event.
        orders_a_month: order lines in 30 days at the rate of late.
        corrections: what the shopper said.
    """

    user_id: str
    known: bool
    categories: tuple[Trait, ...] = ()
    brands: tuple[Trait, ...] = ()
    styles: tuple[Trait, ...] = ()
    prices: tuple[PriceRange, ...] = ()
    seasons: tuple[Trait, ...] = ()
    days_since: float | None = None
    orders_a_month: float = 0.0
    corrections: tuple[Correction, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Sentences to the shopper, in English."""
        if not self.known:
            return ("We know nothing about you yet.",)
        out = []
        if self.categories:
            out.append(
                f"You mostly look for {_listed([f'{_short(t.name)} ({t.share:.0%})' for t in self.categories])}."
            )
        if self.brands:
            out.append(f"You choose {_listed([t.name for t in self.brands])} more often than others do.")
        out += [
            f"{'You said you' if p.stated else 'You usually'} pay {p.words} for {_short(p.category)}."
            for p in self.prices
        ]
        if self.styles:
            out.append(f"Your style: {'; '.join(t.name for t in self.styles)}.")
        if self.seasons:
            out.append(f"You shop more than others in {_listed([t.name for t in self.seasons])}.")
        if self.days_since is not None:
            out.append(f"You were last here {_ago(self.days_since)}, and buy {_often(self.orders_a_month)}.")
        out += [f"You asked for {c.wish} of {c.name}." for c in self.corrections if c.kind != "price"]
        return tuple(out)


def describe(profiles: Profiles, user: str, *, south: bool = False) -> ProfileCard:
    """The card of one shopper (see `Profiles.describe`)."""
    space, said = profiles.space, profiles.wishes.get(user, Wishes()).corrections
    found = profiles.sums([user])
    if not found.nnz:
        return ProfileCard(user, bool(said), prices=_stated(profiles, said), corrections=said)
    days = float(profiles.days_since([user])[0])
    return ProfileCard(
        user,
        True,
        categories=_categories(profiles, user, said),
        brands=_preferred(space.brands.ids, profiles.brand_lifts([user])[0], None, said, "brand"),
        styles=_styles(profiles, user, said),
        prices=_stated(profiles, said) + _prices(profiles, user, said),
        seasons=_seasons(profiles, user, south),
        days_since=max(days, 0.0),
        orders_a_month=float(profiles.orders_a_month([user])[0]),
        corrections=said,
    )


def _preferred(
    names: NDArray[np.object_] | tuple[str, ...],
    lifts: NDArray[np.float64],
    shares: NDArray[np.float64] | None,
    said: tuple[Correction, ...],
    kind: str,
) -> tuple[Trait, ...]:
    unwanted = {c.name for c in said if c.kind == kind and c.wish == "less"}
    order = np.argsort(-(lifts if shares is None else shares), kind="stable")
    chosen = [
        Trait(str(names[code]), None if shares is None else float(shares[code]), float(lifts[code]))
        for code in order
        if lifts[code] >= _LEAST_LIFT and (shares is None or shares[code] >= _LEAST_SHARE)
    ]
    return tuple(trait for trait in chosen if trait.name not in unwanted)[:_MOST]


def _categories(profiles: Profiles, user: str, said: tuple[Correction, ...]) -> tuple[Trait, ...]:
    """Of the lowest level; those that the shopper wants less of are left out, with all below them."""
    space = profiles.space
    if not len(space.categories):
        return ()
    shares = profiles.category_shares([user])[0]
    lifts = shares / shop_shares(space)
    shown = np.zeros(len(shares), bool)
    shown[np.unique(space.leaf[space.leaf >= 0])] = True
    for correction in sorted((c for c in said if c.kind == "category"), key=lambda c: len(c.name)):
        shown[within(space, correction.name)] &= correction.wish != "less"
    return _preferred(space.categories.ids, np.where(shown, lifts, 0.0), shares, (), "category")


def _styles(profiles: Profiles, user: str, said: tuple[Correction, ...]) -> tuple[Trait, ...]:
    space = profiles.space
    if not len(space.styles):
        return ()
    shares = profiles.style_shares([user])[0]
    at = space.layout
    shop = space.shop[at.style : at.month] / max(space.shop[at.style : at.month].sum(), 1e-12)
    return _preferred(space.styles.names, shares / np.maximum(shop, 1e-9), shares, said, "style")[:3]


def _stated(profiles: Profiles, said: tuple[Correction, ...]) -> tuple[PriceRange, ...]:
    bands = [(c.name, c.low, c.high) for c in said if c.kind == "price" and c.low is not None and c.high is not None]
    currency = profiles.space.currency
    return tuple(PriceRange(name, low, (low + high) // 2, high, currency, True) for name, low, high in bands)


def _prices(profiles: Profiles, user: str, said: tuple[Correction, ...]) -> tuple[PriceRange, ...]:
    """The ranges of the categories bought from most, but for those the shopper named."""
    space = profiles.space
    if not len(space.categories):
        return ()
    centre, spread = (part[0] for part in profiles.price_places([user]))
    at = space.layout
    weight = profiles.sums([user])[:, at.place : at.style].toarray().reshape(at.categories, -1).sum(axis=1)
    named = np.zeros(at.categories, bool)
    for correction in said:
        if correction.kind == "price":
            named |= within(space, correction.name)
    weight = np.where(named | np.isnan(centre), 0.0, weight)
    out = []
    for code in np.argsort(-weight, kind="stable")[:3]:
        if weight[code] > 0:
            at_place = centre[code] + spread[code] * np.array([-_OUTER, 0.0, _OUTER])
            low, typical, high = (round(float(p)) for p in np.exp(space.low[code] + at_place * space.width[code]))
            out.append(PriceRange(str(space.categories.ids[code]), low, typical, high, space.currency))
    return tuple(out)


def _seasons(profiles: Profiles, user: str, south: bool) -> tuple[Trait, ...]:
    """Lifts of whole seasons; the Gamma prior shrinks each as it does a month."""
    space = profiles.space
    at, m = space.layout, space.config.season_shrinkage
    shop = space.shop[at.month : at.rate]
    found = profiles.sums([user])[:, at.month : at.rate].toarray()[0]
    expected = found.sum() * shop / max(shop.sum(), 1e-12)
    names = dict(zip(SEASONS, ("summer", "autumn", "winter", "spring"), strict=True)) if south else {}
    lifts = {}
    for season, months in SEASONS.items():
        which = np.array(months) - 1
        if shop[which].sum() > 0:
            lifts[names.get(season, season)] = float((found[which].sum() + m) / (expected[which].sum() + m))
    ordered = sorted(lifts.items(), key=lambda pair: -pair[1])
    return tuple(Trait(name, None, lift) for name, lift in ordered if lift >= _LEAST_LIFT)


def _short(path: str) -> str:
    """A category in a sentence: its own name without those above it."""
    return path.rpartition(" > ")[2]


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _ago(days: float) -> str:
    whole = int(days)
    return "today" if whole == 0 else "a day ago" if whole == 1 else f"{whole} days ago"


def _often(orders: float) -> str:
    if orders < 0.05:
        return "very seldom of late"
    return f"about {orders:.1f} products a month"
