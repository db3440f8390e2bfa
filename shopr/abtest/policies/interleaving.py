"""Interleaving: two rankers share one list, and clicks tell which of them the shopper prefers.

A shopper is compared with themselves, so far fewer are needed than for an A/B test of the same rankers (Chapelle et
al. 2012). Team draft (Radlinski et al. 2008) lets the rankers pick in turn, like captains; probabilistic interleaving
(Hofmann et al. 2011) draws each place from softened ranks, and credits a click to both rankers by the chance that
either gave the product (marginalised over all assignments that could have made the list).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shopr.abtest.checks import one_of, positive
from shopr.errors import InputError
from shopr.randomness import DEFAULT_SEED, generator

__all__ = ["SCHEMES", "Credit", "Interleaved", "Scheme", "credit", "interleave", "probabilistic", "team_draft"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Scheme = Literal["team_draft", "probabilistic"]
CreditRule = Literal["difference", "winner"]
SCHEMES: tuple[Scheme, ...] = ("team_draft", "probabilistic")
RULES: tuple[CreditRule, ...] = ("difference", "winner")


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Lists as they are shown.

    Attributes:
        items: shape (n, k), item codes in the order shown, -1 where both rankers had nothing left.
        share: shape (n, k): the chance that ranker A gave the item; 0 or 1 in a team draft, NaN where no item is.
        scheme: how the lists were made.
    """

    items: Codes
    share: Floats
    scheme: Scheme


@dataclass(frozen=True, slots=True)
class Credit:
    """What clicks say of each list.

    Attributes:
        a, b: shape (n,), clicks credited to each ranker.
        outcome: shape (n,): a - b; or, for the rule `winner`, the expected sign of it (chance that A wins less B).
    """

    a: Floats
    b: Floats
    outcome: Floats


def interleave(
    a: ArrayLike, b: ArrayLike, k: int, *, scheme: Scheme = "team_draft", seed: int = DEFAULT_SEED, stream: str = ""
) -> Interleaved:
    """Interleave by name: `team_draft` or `probabilistic`; arguments as there."""
    chosen = team_draft if one_of("scheme", scheme, SCHEMES) == "team_draft" else probabilistic
    return chosen(a, b, k, seed=seed, stream=stream)


def team_draft(a: ArrayLike, b: ArrayLike, k: int, *, seed: int = DEFAULT_SEED, stream: str = "") -> Interleaved:
    """Team-draft interleaving of many pairs of lists at once.

    In each round both rankers pick once, a fair coin says who first; each picks its best item that is not yet shown.
    A ranker with nothing left passes.

    Args:
        a, b: shape (n, length) each, item codes, best first, -1 for none; lengths may differ. A repeat is left out.
        k: length of the lists shown, >= 1.
        seed, stream: the same give the same coins.

    Raises:
        InputError: if the lists are not two-dimensional of the same n, or k < 1.
    """
    one, two = _lists(a, b, k)
    n = len(one)
    coins = generator(seed, "team_draft", stream).random((n, k // 2 + 1)) < 0.5
    items, share = np.full((n, k), -1, np.int64), np.full((n, k), np.nan)
    free = [one >= 0, two >= 0]
    rows = np.arange(n)
    first = coins[:, 0]
    for place in range(k):
        if place % 2 == 0:
            first = coins[:, place // 2]
        turn_a = first if place % 2 == 0 else ~first
        left = free[0].any(axis=1), free[1].any(axis=1)
        from_a = np.where(turn_a, left[0], ~left[1])
        some = left[0] | left[1]
        pick = np.where(from_a, one[rows, free[0].argmax(axis=1)], two[rows, free[1].argmax(axis=1)])
        items[:, place] = np.where(some, pick, -1)
        share[:, place] = np.where(some, from_a, np.nan)
        free[0] &= one != items[:, place, None]
        free[1] &= two != items[:, place, None]
    return Interleaved(items, share, "team_draft")


def probabilistic(
    a: ArrayLike, b: ArrayLike, k: int, *, tau: float = 3.0, seed: int = DEFAULT_SEED, stream: str = ""
) -> Interleaved:
    """Probabilistic interleaving of many pairs of lists at once.

    For each place a fair coin chooses the ranker, which draws an item not yet shown with chance proportional to
    rank ** -tau. `share` is then the chance that ranker A was the one that gave the item, given the list.

    Args:
        tau: softness, > 0; 3 in the paper. The smaller, the more the list explores.
        a, b, k, seed, stream: as in `team_draft`.

    Raises:
        InputError: as `team_draft`, or if tau is not above 0.
    """
    one, two = _lists(a, b, k)
    positive("tau", tau)
    n, rows = len(one), np.arange(len(one))
    draws = generator(seed, "probabilistic", stream).random((k, 2, n))
    weight = [np.where(x >= 0, np.arange(1.0, x.shape[1] + 1) ** -tau, 0.0) for x in (one, two)]
    items, share = np.full((n, k), -1, np.int64), np.full((n, k), np.nan)
    for place in range(k):
        total = [w.sum(axis=1) for w in weight]
        left = [t > 0 for t in total]
        from_a = np.where(draws[place, 0] < 0.5, left[0], ~left[1])
        some = left[0] | left[1]
        pick = np.where(
            from_a, one[rows, _drawn(weight[0], draws[place, 1])], two[rows, _drawn(weight[1], draws[place, 1])]
        )
        chance = [
            (w * (x == pick[:, None])).sum(axis=1) / np.where(t > 0, t, 1.0)
            for w, x, t in zip(weight, (one, two), total, strict=True)
        ]
        both = chance[0] + chance[1]
        items[:, place] = np.where(some, pick, -1)
        share[:, place] = np.where(some, chance[0] / np.where(both > 0, both, 1.0), np.nan)
        weight = [np.where(x == items[:, place, None], 0.0, w) for w, x in zip(weight, (one, two), strict=True)]
    return Interleaved(items, share, "probabilistic")


def credit(shown: Interleaved, clicks: ArrayLike, *, rule: CreditRule = "difference") -> Credit:
    """Credit clicks to the rankers, marginalised over assignments.

    Args:
        clicks: shape (n, k): how often each place was clicked, whole numbers of 0 or more; a bool counts once.
        rule: `difference`, clicks credited to A less those to B; `winner`, the paper's outcome: who has more, a tie
            counts 0, each click of a place counted once.

    Raises:
        InputError: if the shape differs, a value is negative or not whole, or an empty place was clicked.
    """
    one_of("rule", rule, RULES)
    counts = np.asarray(clicks, np.float64)
    if counts.shape != shown.items.shape:
        raise InputError(f"clicks of shape {counts.shape}", hint=f"Give {shown.items.shape}, one a place shown")
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.floor(counts)).any():
        raise InputError("clicks hold a value that is no count", hint="Give whole numbers of 0 or more")
    if (counts[shown.items < 0] > 0).any():
        raise InputError("an empty place was clicked", hint="Match clicks to the lists that were shown")
    share = np.nan_to_num(shown.share)
    a = (counts * share).sum(axis=1)
    b = (counts * np.where(shown.items >= 0, 1 - share, 0.0)).sum(axis=1)
    if rule == "difference":
        return Credit(a, b, a - b)
    return Credit(a, b, _winner(counts > 0, share))


def _winner(clicked: NDArray[np.bool_], share: Floats) -> Floats:
    """P(A has more clicks) - P(B has more), places assigned independently: a convolution over places."""
    n, k = clicked.shape
    chance = np.zeros((n, 2 * k + 1))
    chance[:, k] = 1.0
    for place in range(k):
        hit = np.where(clicked[:, place], share[:, place], 0.0)[:, None]
        miss = np.where(clicked[:, place], 1 - share[:, place], 0.0)[:, None]
        moved = chance * (~clicked[:, place, None])
        moved[:, 1:] += chance[:, :-1] * hit
        moved[:, :-1] += chance[:, 1:] * miss
        chance = moved
    found: Floats = chance[:, k + 1 :].sum(axis=1) - chance[:, :k].sum(axis=1)
    return found


def _drawn(weight: Floats, draw: Floats) -> Codes:
    heights = np.cumsum(weight, axis=1)
    index = (draw[:, None] * heights[:, -1:] >= heights).sum(axis=1)
    return np.asarray(np.minimum(index, weight.shape[1] - 1), np.int64)


def _lists(a: ArrayLike, b: ArrayLike, k: int) -> tuple[Codes, Codes]:
    one, two = np.asarray(a, np.int64), np.asarray(b, np.int64)
    if one.ndim != 2 or two.ndim != 2 or len(one) != len(two) or not one.shape[1] or not two.shape[1]:
        raise InputError(
            f"lists of shapes {one.shape} and {two.shape}", hint="Give (n, length) for the same n requests"
        )
    if k < 1:
        raise InputError(f"k is {k}", hint="Show at least 1 item")
    return _once(one), _once(two)


def _once(lists: Codes) -> Codes:
    """The lists with later repeats of an item taken out (-1)."""
    order = np.argsort(lists, axis=1, kind="stable")
    ordered = np.take_along_axis(lists, order, axis=1)
    again = np.zeros(lists.shape, bool)
    np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return np.where(again, -1, lists)
