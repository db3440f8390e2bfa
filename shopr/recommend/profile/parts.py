"""The parts of profiles, read from sums of features for a batch of shoppers at once.

Shares are posterior means under a Dirichlet prior at the shop's average; lifts are posterior means of a Poisson rate
under a Gamma prior of mean 1 (DuMouchel, The American Statistician 53, 1999).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.recommend.profile.corrections import Correction
from shopr.recommend.profile.space import BINS, ProfileSpace

__all__ = [
    "LESS",
    "MORE",
    "affinities",
    "brand_lifts",
    "category_shares",
    "month_lifts",
    "places",
    "shop_shares",
    "stated",
    "style_shares",
    "within",
]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
MORE, LESS = float(np.log(4.0)), float(np.log(0.02))
"""Logs of lift that a shopper's own "more" and "less" stand for."""
_MAD = 1.4826  # the median absolute deviation of a normal variable, in standard deviations
_LEAST_SPREAD = 0.08
_SHOP_SPREAD = 0.3  # where nobody bought anything yet


def shop_shares(space: ProfileSpace) -> Floats:
    """Shape (categories,): shares of the shop's events; the catalogue counts as one event, so that none is 0."""
    nodes = len(space.categories)
    held = np.zeros(nodes)
    leaf = space.leaf[space.leaf >= 0]
    while len(leaf):
        held += np.bincount(leaf, minlength=nodes)
        leaf = space.parent[leaf]
        leaf = leaf[leaf >= 0]
    top = space.depth == 1
    sold = space.shop[:nodes] + held / max(held[top].sum(), 1.0)
    return np.asarray(sold / max(sold[top].sum(), 1e-12))


def category_shares(space: ProfileSpace, sums: sparse.csr_matrix, fade: float) -> Floats:
    """Shape (n, categories). Down the tree: the share of the parent, divided as the shopper did, shrunk to the shop."""
    nodes, m = len(space.categories), space.config.category_shrinkage
    found = sums[:, :nodes].toarray() * fade
    shop = shop_shares(space)
    out = np.zeros_like(found)
    for depth in range(1, int(space.depth.max(initial=0)) + 1):
        level = np.flatnonzero(space.depth == depth)
        if depth == 1:
            total = found[:, level].sum(axis=1, keepdims=True)
            out[:, level] = (found[:, level] + m * shop[level]) / (total + m)
            continue
        parent = space.parent[level]
        prior = shop[level] / shop[parent]
        out[:, level] = out[:, parent] * (found[:, level] + m * prior) / (found[:, parent] + m)
    return np.asarray(out, np.float64)


def brand_lifts(space: ProfileSpace, sums: sparse.csr_matrix, fade: float) -> Floats:
    """Shape (n, brands): bought over what the shopper's categories would give, both with the prior's events added."""
    at, m = space.layout, space.config.brand_shrinkage
    if not at.brands or not at.categories:
        return np.ones((sums.shape[0], at.brands))
    nodes, parent = sums[:, : at.categories], space.parent
    child = np.flatnonzero(parent >= 0)
    up = sparse.csr_matrix((np.ones(len(child)), (child, parent[child])), shape=(at.categories, at.categories))
    own = nodes - nodes @ up  # what fell to a category itself, not to its children
    expected = (own @ space.brand_mix).toarray()
    found = sums[:, at.brand : at.place].toarray()
    return np.asarray((found * fade + m) / (np.maximum(expected, 0.0) * fade + m))


def places(space: ProfileSpace, sums: sparse.csr_matrix, fade: float) -> tuple[Floats, Floats]:
    """Centre and spread by category, each shrunk to the shopper's over all categories, and that to the shop's."""
    at, m = space.layout, space.config.price_shrinkage
    block = sums[:, at.place : at.style].tocoo()
    weight, n = block.data * fade, sums.shape[0]
    leaf, step = np.divmod(block.col.astype(np.int64), BINS)
    shop = space.shop[at.place : at.style].reshape(-1, BINS).sum(axis=0)
    shop_centre, shop_spread = 0.5, _SHOP_SPREAD
    if shop.sum() > 0:
        centre, spread, _ = _robust(np.zeros(BINS, np.int64), np.arange(BINS), shop, 1)
        shop_centre, shop_spread = float(centre[0]), float(spread[0])
    centre, spread, total = _robust(block.row.astype(np.int64), step, weight, n)
    own_centre = _mixed(centre, shop_centre, total, m)
    own_spread = _mixed(spread, shop_spread, total, m)
    cells = block.row.astype(np.int64) * at.categories + leaf
    centre, spread, total = (part.reshape(n, -1) for part in _robust(cells, step, weight, n * at.categories))
    out = _mixed(centre, own_centre[:, None], total, m), _mixed(spread, own_spread[:, None], total, m)
    for part in out:
        part[:, np.isnan(space.low[:-1])] = np.nan
    return out


def _mixed(value: Floats, prior: Floats | float, total: Floats, m: float) -> Floats:
    return np.asarray((np.nan_to_num(value) * total + m * prior) / (total + m))


def _robust(group: Codes, step: Codes, weight: Floats, n: int) -> tuple[Floats, Floats, Floats]:
    """Weighted median, spread (from the median absolute deviation) and weight of the bins of each of n groups."""
    total: Floats = np.asarray(np.bincount(group, weights=weight, minlength=n), np.float64)
    value = step / 20.0 - 0.5
    centre = _median(group, value, weight, total)
    away = np.abs(value - centre[group])
    spread: Floats = np.maximum(_MAD * _median(group, away, weight, total), _LEAST_SPREAD)
    return centre, spread, total


def _median(group: Codes, value: Floats, weight: Floats, total: Floats) -> Floats:
    """Weighted median of each group; the mean of both neighbours where the weights fall apart evenly."""
    order = np.lexsort((value, group))
    group, value, weight = group[order], value[order], weight[order]
    before = np.concatenate([[0.0], np.cumsum(total)])[group]
    reached = np.cumsum(weight) - before
    half, slack = total[group] / 2.0, 1e-9 * total[group]
    middle = np.full((2, len(total)), np.nan)
    for turn, bar in enumerate((half - slack, half + slack)):
        at = np.flatnonzero(reached >= bar)[::-1]
        middle[turn, group[at]] = value[at]  # the first of each group is written last
    return np.asarray(middle.mean(axis=0))


def style_shares(space: ProfileSpace, sums: sparse.csr_matrix, fade: float) -> Floats:
    """Shape (n, styles)."""
    at, m = space.layout, space.config.style_shrinkage
    found = sums[:, at.style : at.month].toarray() * fade
    return np.asarray((found + m * _shop_styles(space)) / (found.sum(axis=1, keepdims=True) + m))


def _shop_styles(space: ProfileSpace) -> Floats:
    shop = space.shop[space.layout.style : space.layout.month] + 1e-6
    return np.asarray(shop / max(shop.sum(), 1e-12))


def month_lifts(space: ProfileSpace, sums: sparse.csr_matrix) -> Floats:
    """Shape (n, 12); months in which the shop has no events say nothing and are 1."""
    at, m = space.layout, space.config.season_shrinkage
    shop = space.shop[at.month : at.rate]
    found = sums[:, at.month : at.rate].toarray()
    expected = found.sum(axis=1, keepdims=True) * shop / max(shop.sum(), 1e-12)
    return np.asarray(np.where(shop > 0, (found + m) / (expected + m), 1.0))


def within(space: ProfileSpace, path: str) -> NDArray[np.bool_]:
    """Shape (categories,): the category of that path and all below it."""
    return np.array([node == path or str(node).startswith(f"{path} > ") for node in space.categories.ids], bool)


def affinities(
    space: ProfileSpace,
    sums: sparse.csr_matrix,
    fade: float,
    items: Codes,
    said: Sequence[Sequence[Correction]],
) -> dict[str, Floats]:
    """Features (n, items), with what each shopper said applied last."""
    n = sums.shape[0]
    leaf, brand = space.leaf[items], space.brand[items]
    if len(space.categories):
        logs = np.log(category_shares(space, sums, fade) / shop_shares(space))
        centre, spread = places(space, sums, fade)
    else:
        logs = centre = spread = np.zeros((n, 1))
    brands = np.log(brand_lifts(space, sums, fade)) if len(space.brands) else np.zeros((n, 1))
    styles = np.log(style_shares(space, sums, fade) / _shop_styles(space)) if len(space.styles) else np.zeros((n, 0))
    for row, corrections in enumerate(said):
        _obey(space, corrections, logs[row], brands[row], styles[row])
    away = (space.place(items) - centre[:, leaf]) / spread[:, leaf]
    price = np.where(np.isnan(away), 1.0, np.exp(-0.5 * np.nan_to_num(away) ** 2))
    for row, corrections in enumerate(said):
        _band(space, corrections, items, price[row])
    style = np.zeros((n, len(items)))
    if len(space.styles):
        for turn in range(space.styles.codes.shape[1]):
            style += space.styles.weights[items, turn] * styles[:, space.styles.codes[items, turn]]
    return {
        "category": np.where(leaf >= 0, logs[:, leaf], 0.0),
        "brand": np.where(brand >= 0, brands[:, brand], 0.0),
        "price": price,
        "style": style,
    }


def stated(space: ProfileSpace, items: Codes, said: Sequence[Correction]) -> Floats:
    """Shape (items,): log boosts that follow from what a shopper said alone; 0 where nothing was said.

    Below 0 a product is wanted less, or its price lies outside the band that was named.
    """
    out = np.zeros(len(items))
    if not said:
        return out
    logs, brands = np.zeros(max(len(space.categories), 1)), np.zeros(max(len(space.brands), 1))
    styles = np.zeros(len(space.styles))
    _obey(space, said, logs, brands, styles)
    price = np.ones(len(items))
    _band(space, said, items, price)
    leaf, brand = space.leaf[items], space.brand[items]
    out += np.where(leaf >= 0, logs[leaf], 0.0) + np.where(brand >= 0, brands[brand], 0.0)
    for turn in range(space.styles.codes.shape[1] if len(space.styles) else 0):
        out += space.styles.weights[items, turn] * styles[space.styles.codes[items, turn]]
    return out + np.maximum(np.log(np.maximum(price, 1e-12)), LESS)


def _obey(space: ProfileSpace, corrections: Sequence[Correction], logs: Floats, brands: Floats, styles: Floats) -> None:
    # Shorter paths first, so that "less of Toys, more of Toys > Puzzles" means what it says.
    for said in sorted(corrections, key=lambda c: len(c.name)):
        value = MORE if said.wish == "more" else LESS
        if said.kind == "category":
            mine = within(space, said.name)
            logs[mine] = np.maximum(logs[mine], value) if said.wish == "more" else value
        elif said.kind == "brand" and said.name in space.brands:
            code = int(space.brands.encode([said.name])[0])
            brands[code] = max(brands[code], value) if said.wish == "more" else value
        elif said.kind == "style" and said.name in space.styles.names:
            code = space.styles.names.index(said.name)
            styles[code] = max(styles[code], value) if said.wish == "more" else value


def _band(space: ProfileSpace, corrections: Sequence[Correction], items: Codes, price: Floats) -> None:
    """Within a band that was named a price fits wholly; outside, the fit falls with the log distance from its end."""
    for said in sorted((c for c in corrections if c.kind == "price"), key=lambda c: len(c.name)):
        mine = np.isin(space.leaf[items], np.flatnonzero(within(space, said.name)))
        value = space.log_price[items]
        low, high = np.log(max(said.low or 0, 1)), np.log(max(said.high or 0, 1))
        away = np.maximum(np.maximum(low - value, value - high), 0.0) / 0.1
        price[mine] = np.where(np.isnan(value), 1.0, np.exp(-0.5 * np.nan_to_num(away) ** 2))[mine]
