"""Sample ratio mismatch: whether the arms have the sizes that the weights promised.

A mismatch means that assignment, exposure or logging lost units of one arm, so nothing else of the test can be trusted.
Pearson's chi-square for a single look, the exact multinomial test for tiny counts, and the always-valid test of Lindon
and Malek 2022 ("Anytime-valid inference for multinomial count data") for looks at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, gammaln, xlogy

from shopr.abtest.checks import floats, one_of, positive
from shopr.errors import InputError

__all__ = ["RatioCheck", "SequentialRatioCheck", "sample_ratio", "sequential_sample_ratio"]

Floats = NDArray[np.float64]
METHODS = ("auto", "chi-square", "exact")
_SMALL_EXPECTED = 5.0
_MOST_OUTCOMES = 200_000


@dataclass(frozen=True)
class RatioCheck:
    """One look at the sizes of the arms.

    Attributes:
        p: p-value; below .001 is usually taken as a broken test.
        statistic: Pearson's chi-square; `method`: "chi-square" or "exact".
        observed, expected: units of each arm, shape (arms,).
        empty: indices of arms that should have units and have none.
    """

    p: float
    statistic: float
    method: str
    observed: Floats
    expected: Floats
    empty: tuple[int, ...]


@dataclass(frozen=True)
class SequentialRatioCheck:
    """Every look at the sizes of the arms, shape (looks,).

    Attributes:
        p: always-valid p-value, the smallest so far; may be acted on at any look.
        log_e: logarithm of the evidence against the weights at each look.
    """

    p: Floats
    log_e: Floats


def sample_ratio(counts: ArrayLike, weights: ArrayLike | None = None, *, method: str = "auto") -> RatioCheck:
    """Test whether units fell into the arms as the weights say.

    Args:
        counts: units of each arm, shape (arms,), whole numbers of 0 or more.
        weights: share of each arm, in any unit; equal if None. An arm of weight 0 must be empty, or p is 0.
        method: "chi-square", "exact" (multinomial, by enumeration), or "auto": exact where an arm expects fewer than 5.

    Raises:
        InputError: for fewer than two arms, a negative or missing count or weight, or too many outcomes to enumerate.
    """
    one_of("method", method, METHODS)
    observed, shares = _counts(counts), _shares(weights, np.shape(counts)[-1])
    if observed.ndim != 1:
        raise InputError(f"counts have {observed.ndim} dimensions", hint="Give one count an arm")
    total = float(observed.sum())
    expected = shares * total
    used = shares > 0
    empty = tuple(int(i) for i in np.flatnonzero(used & (observed == 0)))
    if np.any(observed[~used] > 0):
        return RatioCheck(0.0, np.inf, "chi-square", observed, expected, empty)
    if total == 0:
        return RatioCheck(1.0, 0.0, "chi-square", observed, expected, empty)
    statistic = float(np.sum((observed[used] - expected[used]) ** 2 / expected[used]))
    arms = int(used.sum())
    outcomes = comb(int(total) + arms - 1, arms - 1)
    if method == "auto":
        exact = expected[used].min() < _SMALL_EXPECTED and outcomes <= _MOST_OUTCOMES
        method = "exact" if exact else "chi-square"
    if method == "exact":
        if outcomes > _MOST_OUTCOMES:
            raise InputError(f"{outcomes} outcomes are more than {_MOST_OUTCOMES}", hint="Use method 'chi-square'")
        p = _exact(observed[used].astype(np.int64), shares[used])
    else:
        p = float(chdtrc(arms - 1, statistic)) if arms > 1 else 1.0
    return RatioCheck(p, statistic, method, observed, expected, empty)


def sequential_sample_ratio(
    counts: ArrayLike, weights: ArrayLike | None = None, *, concentration: float = 10_000.0
) -> SequentialRatioCheck:
    """Test the sizes of the arms at every look, valid however often one looks.

    Args:
        counts: units of each arm so far, shape (looks, arms), never falling from look to look.
        weights: share of each arm; equal if None.
        concentration: of the Dirichlet prior around the weights: high for small mismatches, low for large ones early.

    Raises:
        InputError: as `sample_ratio`, or if a count falls.
    """
    observed = np.atleast_2d(_counts(counts))
    shares = _shares(weights, observed.shape[-1])
    positive("concentration", concentration)
    falling = np.diff(observed, axis=0) < 0
    if falling.any():
        look, arm = np.argwhere(falling)[0]
        raise InputError(
            f"the count of arm {arm} falls at look {look + 1}", hint="Give counts so far, in order of time"
        )
    used = shares > 0
    prior, seen = concentration * shares[used], observed[:, used]
    total = seen.sum(axis=1)
    log_e = gammaln(concentration) - gammaln(concentration + total)
    log_e = log_e + (gammaln(prior + seen) - gammaln(prior) - xlogy(seen, shares[used])).sum(axis=1)
    log_e = np.where(observed[:, ~used].sum(axis=1) > 0, np.inf, log_e)
    return SequentialRatioCheck(np.exp(-np.maximum(np.maximum.accumulate(log_e), 0.0)), log_e)


def _counts(counts: ArrayLike) -> Floats:
    observed = floats("counts", counts)
    if observed.ndim == 0 or observed.shape[-1] < 2:
        raise InputError(f"counts {observed.tolist()} are of fewer than two arms", hint="Give one count an arm")
    if not np.all((observed >= 0) & np.isfinite(observed)):
        raise InputError(f"counts {observed.tolist()} hold a negative or missing one", hint="Give whole numbers")
    if np.any(observed != np.floor(observed)):
        raise InputError(f"counts {observed.tolist()} are not whole", hint="Give the number of units of each arm")
    return observed


def _shares(weights: ArrayLike | None, arms: int) -> Floats:
    if weights is None:
        return np.full(arms, 1 / arms)
    values = floats("weights", weights)
    if values.shape != (arms,):
        raise InputError(f"{values.size} weights for {arms} arms", hint="Give one weight an arm")
    if not np.all((values >= 0) & np.isfinite(values)) or not values.sum() > 0:
        raise InputError(f"weights {values.tolist()} hold a negative or missing one", hint="Give weights above 0")
    return np.asarray(values / values.sum(), dtype=np.float64)


def _exact(observed: NDArray[np.int64], shares: Floats) -> float:
    """The chance of an outcome at most as likely as the one seen."""
    outcomes = _outcomes(int(observed.sum()), len(observed))
    log_p = (xlogy(outcomes, shares) - gammaln(outcomes + 1)).sum(axis=1)
    seen = float((xlogy(observed, shares) - gammaln(observed + 1)).sum())
    mass = np.exp(log_p - log_p.max())
    return float(min(1.0, mass[log_p <= seen + 1e-9].sum() / mass.sum()))


def _outcomes(total: int, arms: int) -> NDArray[np.int64]:
    """All ways to split `total` units among the arms, shape (ways, arms)."""
    rows = np.arange(total + 1, dtype=np.int64)[:, None] if arms > 1 else np.zeros((1, 0), dtype=np.int64)
    for _ in range(arms - 2):
        left = total - rows.sum(axis=1)
        repeated = np.repeat(rows, left + 1, axis=0)
        starts = np.cumsum(left + 1) - (left + 1)
        following = np.arange(len(repeated)) - np.repeat(starts, left + 1)
        rows = np.column_stack((repeated, following))
    return np.column_stack((rows, total - rows.sum(axis=1)))
