"""Splits of an interaction log: what a model may learn from, and what it is judged by.

Every part shares the id maps of the whole. The headline split is by time (`temporal`): the others answer narrower
questions. With `new_pairs_only` (the default) the held-out truth keeps only user-item pairs that the training part does
not hold, since recommenders leave out seen items; the rows so removed are counted in `dropped`, and
rows of train + rows of test + dropped = rows given, always.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shopr.data.interactions import Interactions
from shopr.data.pairs import pair_keys, tail_of_groups, unique_pairs
from shopr.errors import InputError, UnknownNameError
from shopr.randomness import DEFAULT_SEED, generator

__all__ = [
    "SPLITS",
    "FourWay",
    "Split",
    "cold_users",
    "four_way",
    "last_basket",
    "leave_last_out",
    "make",
    "per_user",
    "temporal",
    "unique_pairs",
]

DAY = 86_400
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Split:
    """Train and test over the same id maps.

    Attributes:
        train: what a model may see.
        test: held-out truth.
        dropped: rows in neither part, because their pair is in train (`new_pairs_only`).
        cut: Unix seconds from which on rows are test, where the split is by time.
        history: of cold users, what may be folded in before they are judged; None for other splits.
    """

    train: Interactions
    test: Interactions
    dropped: int = 0
    cut: int | None = None
    history: Interactions | None = None

    def __iter__(self) -> Iterator[Interactions]:
        return iter((self.train, self.test))


@dataclass(frozen=True)
class FourWay:
    """Four consecutive spans of time: train, validation (all choices), gate (promotion only), test (reported once).

    The held-out parts hold new pairs only, if so asked. To refit on everything before a part, use `before_gate` and
    `before_test`, which keep the repeated purchases too.

    Attributes:
        cuts: Unix seconds at which validation, gate and test begin.
        dropped: rows in none of the parts, because their pair occurred in an earlier span.
    """

    train: Interactions
    validation: Interactions
    gate: Interactions
    test: Interactions
    before_gate: Interactions
    before_test: Interactions
    cuts: tuple[int, int, int]
    dropped: int = 0

    def __iter__(self) -> Iterator[Interactions]:
        return iter((self.train, self.validation, self.gate, self.test))


def temporal(interactions: Interactions, test: float = 0.2, *, new_pairs_only: bool = True) -> Split:
    """Everything before a moment is train, everything from it on is test; the moment leaves about `test` of the rows.

    Rows of one second are never parted, so the share may differ from the one asked for.

    Raises:
        InputError: if `test` is not within 0 to 1, there are no times, or all rows have the same time.
    """
    _check_share("test", test)
    times = _times(interactions, "temporal")
    (cut,) = _cuts(times, (1 - test,))
    return _parted(interactions, times >= cut, new_pairs_only, cut=cut)


def leave_last_out(interactions: Interactions, *, new_pairs_only: bool = True) -> Split:
    """The last interaction of every user with at least two; the later in the log, where two share a time.

    With repeated purchases, apply `unique_pairs` first to hold out each user's last *product*: otherwise a user whose
    last interaction repeats an earlier one has no truth.

    Raises:
        InputError: if there are no times.
    """
    times = _times(interactions, "leave_last_out")
    order = np.lexsort((np.arange(len(times)), times, interactions.users))
    users = interactions.users[order]
    last = np.ones(len(users), bool)
    last[:-1] = users[1:] != users[:-1]
    counts = np.bincount(interactions.users, minlength=interactions.n_users)
    held = np.zeros(len(users), bool)
    held[order[last & (counts[users] >= 2)]] = True
    return _parted(interactions, held, new_pairs_only)


def per_user(interactions: Interactions, test: float = 0.2, seed: int = DEFAULT_SEED) -> Split:
    """A random share of every user's distinct items; all rows of a pair go to the same side.

    Of n distinct items `round(test * n)` are held out, at least one and at most n - 1 where n >= 2, none where n is 1.
    It shares baskets and seasons between train and test and so flatters co-purchase models:
    report `temporal` beside it.

    Raises:
        InputError: if `test` is not within 0 to 1.
    """
    _check_share("test", test)
    keys, inverse = pair_keys(interactions)
    users = keys // max(interactions.n_items, 1)
    shuffled = generator(seed, "split", "per_user").random(len(keys))
    held = tail_of_groups(users, shuffled, test, keep_one=True)
    return _parted(interactions, held[inverse], new_pairs_only=False)


def cold_users(interactions: Interactions, test: float = 0.2, seed: int = DEFAULT_SEED, *, given: float = 0.8) -> Split:
    """A random share of the users is unknown to the model: none of their rows is in train.

    The first `given` of each cold user's distinct items (by time of their last interaction, at random where there are
    no times) become `Split.history`, to be folded in; the others are the truth. With `given=0` the history is empty.

    Raises:
        InputError: if `test` is not within 0 to 1, or `given` not within 0 to below 1.
    """
    _check_share("test", test)
    if not 0 <= given < 1:
        raise InputError(f"given is {given}, not within 0 to below 1", hint="Give the share of items to fold in")
    rng = generator(seed, "split", "cold_users")
    active = np.unique(interactions.users)
    if len(active) < 2:
        raise InputError(f"cold_users needs 2 users, found {len(active)}", hint="Use temporal")
    n_cold = min(max(round(test * len(active)), 1), len(active) - 1)
    cold = np.zeros(interactions.n_users, bool)
    cold[rng.choice(active, n_cold, replace=False)] = True
    keys, inverse = pair_keys(interactions)
    owner = keys // max(interactions.n_items, 1)
    shuffled = rng.random(len(keys))
    last = interactions.last_times
    held_pairs = tail_of_groups(owner, shuffled if last is None else last, 1 - given, tie=shuffled)
    is_cold, held = cold[interactions.users], held_pairs[inverse]
    return Split(
        interactions.take(~is_cold),
        interactions.take(is_cold & held),
        history=interactions.take(is_cold & ~held),
    )


def last_basket(
    interactions: Interactions, *, by: Literal["time", "day"] = "time", new_pairs_only: bool = True
) -> Split:
    """The whole last basket of every user with at least two: no part of it leaks into train.

    A basket is what a user bought in the same second (`by="time"`), or on the same UTC day (`by="day"`).

    Raises:
        InputError: if there are no times, or `by` is neither.
    """
    times = _times(interactions, "last_basket")
    if by not in ("time", "day"):
        raise UnknownNameError("basket", by, ("time", "day"))
    baskets = times if by == "time" else times // DAY
    last = np.full(interactions.n_users, np.iinfo(np.int64).min)
    first = np.full(interactions.n_users, np.iinfo(np.int64).max)
    np.maximum.at(last, interactions.users, baskets)
    np.minimum.at(first, interactions.users, baskets)
    held = (baskets == last[interactions.users]) & (first < last)[interactions.users]
    return _parted(interactions, held, new_pairs_only)


def four_way(
    interactions: Interactions,
    validation: float = 0.1,
    gate: float = 0.1,
    test: float = 0.1,
    *,
    new_pairs_only: bool = True,
) -> FourWay:
    """Train, validation, gate and test as consecutive spans of time; the shares are of rows, about.

    Validation is for every choice, the gate for promotion only, the test is reported once.

    Raises:
        InputError: if a share is not within 0 to 1, nothing is left to train on, or there are fewer than four times.
    """
    for name, share in (("validation", validation), ("gate", gate), ("test", test)):
        _check_share(name, share)
    train = 1 - validation - gate - test
    if train <= 0:
        raise InputError(
            f"validation, gate and test take {validation + gate + test:.0%}", hint="Leave a share for training"
        )
    times = _times(interactions, "four_way")
    cuts = _cuts(times, (train, train + validation, train + validation + gate))
    span = np.searchsorted(np.asarray(cuts), times, side="right")
    _, inverse = pair_keys(interactions)
    first = np.full(int(inverse.max()) + 1, 4)
    np.minimum.at(first, inverse, span)
    counts = (span == first[inverse]) if new_pairs_only else np.ones(len(span), bool)
    train_part, valid_part, gate_part, test_part = (interactions.take((span == i) & counts) for i in range(4))
    return FourWay(
        train_part,
        valid_part,
        gate_part,
        test_part,
        before_gate=interactions.take(span < 2),
        before_test=interactions.take(span < 3),
        cuts=(cuts[0], cuts[1], cuts[2]),
        dropped=int((~counts).sum()),
    )


SPLITS = {
    "temporal": temporal,
    "leave_last_out": leave_last_out,
    "per_user": per_user,
    "cold_users": cold_users,
    "last_basket": last_basket,
}
"""The two-way splits by name, as specs and commands give them."""


def make(name: str, interactions: Interactions, **options: object) -> Split:
    """The split called `name`, with its own options.

    Raises:
        UnknownNameError: if there is no such split.
        InputError: if it has no such option, or refuses its value.
    """
    if name not in SPLITS:
        raise UnknownNameError("split", name, SPLITS)
    try:
        split: Split = SPLITS[name](interactions, **options)  # type: ignore[operator]
    except TypeError as error:
        raise InputError(f"split {name!r}: {error}") from error
    return split


def _check_share(name: str, share: float) -> None:
    if not 0 < share < 1:
        raise InputError(f"{name} is {share}, not a share between 0 and 1", hint="Give a share such as 0.2")


def _times(interactions: Interactions, split: str) -> NDArray[np.int64]:
    if interactions.times is None:
        raise InputError(f"{split} needs times, and these interactions have none", hint="Use the split per_user")
    if not len(interactions):
        raise InputError(f"{split} was given 0 interactions", hint="Check the file")
    return interactions.times


def _cuts(times: NDArray[np.int64], shares: tuple[float, ...]) -> list[int]:
    """Rising moments such that about `shares` of the rows lie before each; every span has rows."""
    moments, counts = np.unique(times, return_counts=True)
    if len(moments) <= len(shares):
        raise InputError(
            f"{len(shares) + 1} spans of time cannot be cut from {len(moments)} distinct times",
            hint="Use the split per_user",
        )
    before = np.concatenate([[0], np.cumsum(counts)[:-1]]) / len(times)
    cuts, low = [], 1
    for left, share in zip(range(len(shares) - 1, -1, -1), shares, strict=True):
        high = len(moments) - left
        at = low + int(np.argmin(np.abs(before[low:high] - share)))
        cuts.append(int(moments[at]))
        low = at + 1
    return cuts


def _parted(interactions: Interactions, held: Mask, new_pairs_only: bool, cut: int | None = None) -> Split:
    test = held
    if new_pairs_only:
        keys, inverse = pair_keys(interactions)
        seen = np.zeros(len(keys), bool)
        seen[inverse[~held]] = True
        test = held & ~seen[inverse]
    return Split(interactions.take(~held), interactions.take(test), int(held.sum() - test.sum()), cut)
