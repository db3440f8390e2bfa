"""Which ranker shoppers prefer, from the credits of interleaved lists, and what an A/B test would have needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

from shopr.abtest.checks import share
from shopr.errors import InputError
from shopr.metrics.bootstrap import interval
from shopr.randomness import DEFAULT_SEED

__all__ = ["Preference", "preference", "relative_sensitivity"]


@dataclass(frozen=True, slots=True)
class Preference:
    """The verdict of an interleaved test.

    Attributes:
        estimate: mean outcome a user, above 0 if A is preferred.
        lo, hi: BCa bootstrap interval over users.
        p: two-sided, of the paired t test over users; 1 where all users agree on 0.
        z: estimate / standard error, the evidence.
        wins_a, wins_b, ties: users whose sum of outcomes is above, below or at 0.
        users: how many.
    """

    estimate: float
    lo: float
    hi: float
    p: float
    z: float
    wins_a: int
    wins_b: int
    ties: int
    users: int


def preference(
    outcomes: ArrayLike, users: ArrayLike | None = None, *, level: float = 0.95, resamples: int = 2000,
    seed: int = DEFAULT_SEED,
) -> Preference:  # fmt: skip
    """Test whether one ranker is preferred.

    Args:
        outcomes: shape (n,), of requests (`Credit.outcome`).
        users: shape (n,), codes or ids; a user's outcomes are summed, as requests of one are not independent. None:
            each request is a user.

    Raises:
        InputError: if an outcome is not finite, lengths differ, or there are fewer than two users.
    """
    share("level", level)
    values = np.asarray(outcomes, np.float64).reshape(-1)
    if not np.isfinite(values).all():
        raise InputError("an outcome is not finite", hint="Leave out requests that were not shown")
    if users is not None:
        who = np.asarray(users).reshape(-1)
        if len(who) != len(values):
            raise InputError(f"{len(values)} outcomes and {len(who)} users", hint="Give one user a request")
        values = np.bincount(np.unique(who, return_inverse=True)[1], values).astype(np.float64)
    if len(values) < 2:
        raise InputError(f"{len(values)} users", hint="A test needs two at least")
    n, mean = len(values), float(values.mean())
    se = float(values.std(ddof=1)) / np.sqrt(n)
    z = mean / se if se > 0 else float(np.copysign(np.inf, mean)) if mean else 0.0
    p = float(2 * stdtr(n - 1, -abs(z))) if np.isfinite(z) else 0.0
    found = interval(values, level=level, resamples=resamples, seed=seed)
    # Credits are sums of fractions: what is zero up to rounding is a tie.
    sign: NDArray[np.float64] = np.where(np.abs(values) < 1e-12, 0.0, np.sign(values))
    wins_a, wins_b = int((sign > 0).sum()), int((sign < 0).sum())
    return Preference(mean, found.low, found.high, p, float(z), wins_a, wins_b, n - wins_a - wins_b, n)


def relative_sensitivity(z: float, users: int, other_z: float, other_users: int) -> float:
    """How many users the other test needs for each user of this one, at the same evidence: (z^2 / n) / (z'^2 / n').

    From one run of each it is a rough figure: the standard error of log z^2 is about 2 / |z|.

    Raises:
        InputError: if a count is not above 0, or the other test shows nothing at all (z = 0).
    """
    if users < 1 or other_users < 1:
        raise InputError(f"{users} and {other_users} users", hint="Give counts above 0")
    if other_z == 0:
        raise InputError("the other test's z is 0", hint="The ratio is infinite: the other test saw no difference")
    return (z**2 / users) / (other_z**2 / other_users)
