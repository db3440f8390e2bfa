"""The products of the simulated shop: what they are, what they cost from day to day, and what only the truth knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shopr.data.simulator.draws import Draws, settle
from shopr.data.simulator.vocabulary import BRANDS, COLOURS, DEPARTMENTS, KINDS, PATTERNS, SEASONS, SERIES, STYLES

__all__ = ["KIND_DEPARTMENT", "KIND_LASTS", "KIND_SEASON", "Products", "charm", "draw_prices", "draw_products"]

KIND_LASTS = np.array([kind.lasts for kind in KINDS])
"""Shape (kinds,): days until a good is used up; 0 for goods that last."""
KIND_SEASON = np.array([SEASONS.index(kind.season) for kind in KINDS])
KIND_DEPARTMENT = np.array([DEPARTMENTS.index(kind.department) for kind in KINDS])
_TIER_WEIGHTS = np.array([0.34, 0.36, 0.2, 0.1])
_TIER_FROM = np.array([0.0, 0.18, 0.42, 0.68])
_TIER_WIDTH = np.array([0.24, 0.28, 0.3, 0.32])
_VARIATIONS = 2
_NEW_SHARE = 0.25


@dataclass(frozen=True)
class Products:
    """Attributes of n products as arrays of codes into the vocabulary, in code order.

    Attributes:
        kind, brand, tier, colour, pattern, material, series, variation: shape (n,), codes; `material` counts within the
            kind, `variation` is the drawing's.
        style, second_style: shape (n,), the looks it has, first the stronger.
        place: shape (n,), 0 (cheapest) to 1 (dearest) within the kind's price range.
        base_price: shape (n,), pence before promotions and drift.
        quality: shape (n,), how good it is; seen by nobody before the purchase is rated.
        appeal: shape (n,), what all shoppers like about it at first sight.
        launch: shape (n,), day on which it is first sold; negative if before the first day.
        target_stock: shape (n,), pieces after a delivery.
    """

    kind: NDArray[np.int64]
    brand: NDArray[np.int64]
    tier: NDArray[np.int64]
    colour: NDArray[np.int64]
    pattern: NDArray[np.int64]
    material: NDArray[np.int64]
    series: NDArray[np.int64]
    variation: NDArray[np.int64]
    style: NDArray[np.int64]
    second_style: NDArray[np.int64]
    place: NDArray[np.float64]
    base_price: NDArray[np.int64]
    quality: NDArray[np.float64]
    appeal: NDArray[np.float64]
    launch: NDArray[np.int64]
    target_stock: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.kind)

    def place_of(self, prices: NDArray[np.integer], items: NDArray[np.integer]) -> NDArray[np.float64]:
        """Where a price lies in the range of the product's kind: 0 cheapest, 1 dearest, beyond both possible."""
        low, high = np.moveaxis(_RANGES[self.kind[items]], -1, 0)
        return settle(np.log(np.maximum(prices, 1) / low) / np.log(high / low))


_RANGES = np.array([(kind.low * 100.0, kind.high * 100.0) for kind in KINDS])


def draw_products(count: int, draws: Draws, *, days: int, demand: float) -> Products:
    """`count` products, every kind represented, some of them launched within `days`.

    Args:
        demand: pieces of an average product that are expected to be sold in a week; sets the size of deliveries.
    """
    code = np.arange(count)
    size_of_kind = 0.6 + 0.8 * draws.uniform("kind size", np.arange(len(KINDS)))
    late = draws.choice("kind", size_of_kind, code)
    kind = np.where(code < len(KINDS), code % len(KINDS), late)
    brand = _brands(kind, draws)
    tier = np.array([b.tier for b in BRANDS])[brand]
    place = settle(_TIER_FROM[tier] + _TIER_WIDTH[tier] * draws.uniform("place", code))
    low, high = _RANGES[kind].T
    home_style = np.array([STYLES.index(b.style) for b in BRANDS])[brand]
    other = draws.choice("style", np.ones(len(STYLES)), code)
    style = np.where(draws.uniform("own style", code) < 0.6, home_style, other)
    launch = np.floor(draws.uniform("launch day", code) * days * 0.9).astype(np.int64)
    launch = np.where(draws.uniform("launched late", code) < _NEW_SHARE, launch, launch - 2 * days)
    return Products(
        kind=kind,
        brand=brand,
        tier=tier,
        colour=_colours(kind, draws),
        pattern=_patterns(kind, draws),
        material=_spread(draws.uniform("material", code), np.array([len(k.materials) for k in KINDS])[kind]),
        series=draws.choice("series", np.ones(len(SERIES)), code),
        variation=draws.choice("variation", np.ones(_VARIATIONS), code),
        style=style,
        second_style=draws.choice("second style", np.ones(len(STYLES)), code),
        place=place,
        base_price=charm(low * (high / low) ** place),
        quality=settle(0.8 * draws.bell("quality", code) + 0.45 * (tier - 1.0)),
        appeal=settle(0.75 * draws.bell("appeal", code) + 0.35 * np.abs(draws.bell("hit", code)) ** 2 - 0.35),
        launch=launch,
        target_stock=np.ceil(3 + demand * (2.0 + 10.0 * draws.uniform("stock", code))).astype(np.int64),
    )


def _spread(uniform: NDArray[np.float64], sizes: NDArray[np.integer]) -> NDArray[np.int64]:
    return np.asarray(np.minimum((uniform * sizes).astype(np.int64), sizes - 1), dtype=np.int64)


def _brands(kind: NDArray[np.int64], draws: Draws) -> NDArray[np.int64]:
    serves = np.array([[d in b.departments for b in BRANDS] for d in DEPARTMENTS], dtype=float)
    tiers = np.array([b.tier for b in BRANDS])
    weights = serves * _TIER_WEIGHTS[tiers] * (0.5 + draws.uniform("brand size", np.arange(len(BRANDS))))
    return draws.choice("brand", weights[KIND_DEPARTMENT[kind]], np.arange(len(kind)))


def _colours(kind: NDArray[np.int64], draws: Draws) -> NDArray[np.int64]:
    allowed = np.array([[c in k.colours for c in COLOURS] for k in KINDS], dtype=float)
    return draws.choice("colour", allowed[kind], np.arange(len(kind)))


def _patterns(kind: NDArray[np.int64], draws: Draws) -> NDArray[np.int64]:
    weights = np.ones(len(PATTERNS))
    weights[0] = 3.0
    drawn = draws.choice("pattern", weights, np.arange(len(kind)))
    return np.where(np.array([k.patterned for k in KINDS])[kind], drawn, 0)


def charm(pence: ArrayLike) -> NDArray[np.int64]:
    """Prices as shops write them: 2.45, 7.99, 34.50, 219.00."""
    whole = np.round(settle(pence)).astype(np.int64)
    small = np.maximum((whole + 2) // 5 * 5, 50)
    middle = (whole + 25) // 50 * 50
    middle = np.where(middle % 100 == 0, middle - 1, middle)
    large = (whole + 50) // 100 * 100
    return np.where(whole < 400, small, np.where(whole < 10_000, middle, large)).astype(np.int64)


def draw_prices(products: Products, draws: Draws, *, days: int) -> NDArray[np.int32]:
    """Shape (days, n): the price in pence on each day: slow drift, each product's own promotions, two shop-wide sales.

    A day's price is the same however many days are asked for.
    """
    n, day = len(products), np.arange(days)[:, None]
    code = np.arange(n)
    every = 70 + np.floor(60 * draws.uniform("drift every", code)).astype(np.int64)
    period = (day + np.arange(n) % 53) // every
    drift = np.ones((days, n))
    for past in range(1, int(period.max(initial=0)) + 1):
        change = 1.0 + 0.05 * draws.bell("drift", code, past)
        drift = np.where(period >= past, drift * change, drift)
    regular = charm(products.base_price * np.clip(drift, 0.7, 1.5))
    cycle = 60 + np.floor(80 * draws.uniform("promotion cycle", code)).astype(np.int64)
    phase = np.floor(cycle * draws.uniform("promotion phase", code)).astype(np.int64)
    length = 5 + np.floor(9 * draws.uniform("promotion length", code)).astype(np.int64)
    round_of = (day + phase) // cycle
    chance = draws.uniform("promoted", np.broadcast_to(code, (days, n)), round_of)
    depth = 0.1 + 0.3 * draws.uniform("promotion depth", np.broadcast_to(code, (days, n)), round_of)
    cut = np.where(((day + phase) % cycle < length) & (chance < 0.5), depth, 0.0)
    for name, centre in (("summer sale", 185), ("black week", 331)):
        joins = draws.uniform(name, code) < 0.25
        cut = np.where((np.abs(day % 365 - centre) <= 4) & joins, np.maximum(cut, 0.25), cut)
    return np.where(cut > 0, charm(regular * (1.0 - cut)), regular).astype(np.int32)
