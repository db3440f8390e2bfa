"""Validation splits for the choice of models, cut from training data alone.

The kind should match how the model will be judged:

    last       the last interaction of every user is held out: what comes next, where times are known
    temporal   everything after a point in time is held out: the coming weeks of the shop, where times are known
    random     a tenth of every user's items: taste as such, where no times are known; few, so that candidates are
               judged on histories as long as those they will serve
    auto       `last` where times order the histories, else `random`; `temporal` where the people to serve are mostly
               those seen lately, which is what a cut in time leaves
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.data.interactions import Interactions
from shopr.errors import InputError
from shopr.randomness import generator

__all__ = ["KINDS", "MIN_USERS", "Holdout", "Kind", "hold_out", "resolve_kind"]

Kind = Literal["auto", "last", "temporal", "random"]
KINDS: tuple[str, ...] = get_args(Kind)
MAX_USERS = 15_000
MAX_CELLS = 2e8
MIN_USERS = 2_500
"""Users on whom a candidate is judged at most: fewer where items are many, as users times items is what it costs."""


@dataclass(frozen=True, slots=True)
class Holdout:
    """A validation split.

    Attributes:
        kind: how it was cut.
        train: what candidates are fitted on; shares the id maps.
        users: shape (n,), codes of the users who are judged; each has history in `train`.
        truth: CSR (n, n_items): what they took; never an item of their history in `train`.
    """

    kind: str
    train: Interactions
    users: NDArray[np.int64]
    truth: sparse.csr_matrix


def resolve_kind(train: Interactions, kind: Kind = "auto", users: NDArray[np.integer] | None = None) -> str:
    """The kind of split that `auto` stands for on this data.

    Args:
        users: codes of the people who will be served, if known; -1 for strangers.

    Raises:
        InputError: if the kind is unknown, or needs times that the data does not have.
    """
    if kind not in KINDS:
        raise InputError(f"validation {kind!r} is not known", hint=f"Choose one of {', '.join(KINDS)}")
    ordered = train.times is not None and _ordered(train)
    if kind in ("last", "temporal") and train.times is None:
        raise InputError(f"validation {kind!r} needs timestamps", hint="Add a timestamp column, or use random")
    if kind != "auto":
        return kind
    if not ordered:
        return "random"
    return "temporal" if users is not None and _served_lately(train, users) else "last"


def hold_out(
    train: Interactions,
    kind: Kind = "auto",
    *,
    seed: int,
    users: NDArray[np.integer] | None = None,
    max_users: int | None = None,
) -> Holdout:
    """Cut a validation split from `train`.

    Args:
        kind: how; see the module's docstring.
        users: judge on these codes where at least 200 of them can be judged, else on everyone.
        max_users: a random draw of this many is judged at most; by default from 2,500 over very many items to 15,000.

    Raises:
        InputError: if no user would be left to judge, or as `resolve_kind`.
    """
    chosen = resolve_kind(train, kind, users)
    held = {"random": _random, "last": _last, "temporal": _temporal}[chosen](train, seed)
    kept, out = train.take(~held), train.take(held)
    truth = out.binary - out.binary.multiply(kept.binary)
    truth.eliminate_zeros()
    judged = np.flatnonzero((np.diff(kept.binary.indptr) > 0) & (np.diff(truth.indptr) > 0))
    if users is not None:
        wanted = np.intersect1d(judged, users)
        judged = wanted if len(wanted) >= min(200, len(judged)) else judged
    if len(judged) == 0:
        raise InputError(
            f"a {chosen} validation split of {len(train)} interactions leaves no user to judge",
            hint="Give users at least two different items each",
        )
    most = max_users or int(np.clip(MAX_CELLS / max(train.n_items, 1), MIN_USERS, MAX_USERS))
    if len(judged) > most:
        judged = np.sort(generator(seed, "validation", "users").choice(judged, most, replace=False))
    return Holdout(chosen, kept, judged.astype(np.int64), truth[judged].tocsr())


def _random(train: Interactions, seed: int, share: float = 0.1) -> NDArray[np.bool_]:
    """A tenth of each user's pairs, at least one where a user has two; repeats of a pair go together."""
    keys, inverse = np.unique(train.users.astype(np.int64) * train.n_items + train.items, return_inverse=True)
    owner = keys // max(train.n_items, 1)
    order = np.lexsort((generator(seed, "validation", "random").random(len(keys)), owner))
    counts = np.bincount(owner, minlength=train.n_users)
    place = np.empty(len(keys), np.int64)
    place[order] = np.arange(len(keys)) - np.repeat(np.cumsum(counts) - counts, counts)
    quota = np.where(counts >= 2, np.maximum(np.rint(counts * share), 1), 0)
    held: NDArray[np.bool_] = (place < quota[owner])[inverse]
    return held


def _last(train: Interactions, seed: int) -> NDArray[np.bool_]:
    """All interactions with the pair that each user touched last for the first time; ties are drawn at random."""
    assert train.times is not None
    keys, inverse = np.unique(train.users.astype(np.int64) * train.n_items + train.items, return_inverse=True)
    owner = keys // max(train.n_items, 1)
    when = np.full(len(keys), np.iinfo(np.int64).min)
    np.maximum.at(when, inverse, train.times)
    order = np.lexsort((generator(seed, "validation", "last").random(len(keys)), when, owner))
    counts = np.bincount(owner, minlength=train.n_users)
    last = order[np.cumsum(counts)[counts >= 2] - 1]
    chosen = np.zeros(len(keys), bool)
    chosen[last] = True
    held: NDArray[np.bool_] = chosen[inverse]
    return held


def _temporal(train: Interactions, seed: int, share: float = 0.15) -> NDArray[np.bool_]:
    """Everything after the time by which all but `share` of the interactions had happened."""
    assert train.times is not None
    held: NDArray[np.bool_] = train.times > np.quantile(train.times, 1.0 - share)
    return held


def _ordered(train: Interactions) -> bool:
    """Whether at least half of the users with two interactions have them at different times."""
    assert train.times is not None
    first = np.full(train.n_users, np.iinfo(np.int64).max)
    last = np.full(train.n_users, np.iinfo(np.int64).min)
    np.minimum.at(first, train.users, train.times)
    np.maximum.at(last, train.users, train.times)
    several = np.bincount(train.users, minlength=train.n_users) >= 2
    return bool(several.any() and (last > first)[several].mean() >= 0.5)


def _served_lately(train: Interactions, users: NDArray[np.integer]) -> bool:
    """Whether the people to serve are a part of the users only, and mostly from among those seen last."""
    assert train.times is not None
    known = np.unique(users[users >= 0])
    last = np.full(train.n_users, np.iinfo(np.int64).min)
    np.maximum.at(last, train.users, train.times)
    active = np.flatnonzero(np.bincount(train.users, minlength=train.n_users))
    rest = np.setdiff1d(active, known)
    if len(known) < 50 or len(rest) < 0.1 * len(active):
        return False
    late = float((last[known][:, None] > np.quantile(last[rest], [0.5])).mean())
    return late >= 0.6
