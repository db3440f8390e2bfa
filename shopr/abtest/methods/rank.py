"""Mann and Whitney's rank test: whether units of one arm tend to larger values, whatever the scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from shopr.abtest.checks import Alternative, alternative, one_of

__all__ = ["RankTest", "rank_test"]


@dataclass(frozen=True)
class RankTest:
    """Mann and Whitney's test.

    Attributes:
        control, treatment: chance that a unit of the arm is above one of the other arm, ties counting half.
        estimate: their difference, -1 … 1; `statistic`: U of the treatment; `p`: p-value.
    """

    control: float
    treatment: float
    estimate: float
    statistic: float
    p: float


def rank_test(
    control: ArrayLike,
    treatment: ArrayLike,
    *,
    side: Alternative | str = "two-sided",
    method: str = "auto",
    continuity: bool = True,
) -> RankTest:
    """Mann and Whitney's test that neither arm tends to larger values; NaN if an arm is empty or a value missing.

    `method` is "exact" (no ties), "asymptotic" or "auto".
    """
    from scipy import stats

    chosen = alternative(side)
    one_of("method of the rank test", method, ("auto", "exact", "asymptotic"))
    a, b = np.asarray(control, dtype=np.float64), np.asarray(treatment, dtype=np.float64)
    if not len(a) or not len(b) or np.isnan(a).any() or np.isnan(b).any():
        return RankTest(*[np.nan] * 5)
    found = stats.mannwhitneyu(b, a, alternative=chosen, method=method, use_continuity=continuity)
    won = float(found.statistic) / (len(a) * len(b))
    return RankTest(1 - won, won, 2 * won - 1, float(found.statistic), float(found.pvalue))
