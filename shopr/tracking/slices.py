"""Is any group of shoppers left behind? The gate's check of its slices, and what it can get wrong.

Where a slice is large enough that a candidate equal to its rival would pass four times in five, the candidate must
prove that it loses no more than the margin (non-inferiority): a loss as large as the margin passes with probability
`slice_alpha` at most. All slices must pass, so that no correction for their number is needed (intersection-union test,
Berger 1982). A smaller slice could prove that of nobody: there a candidate is refused when it is shown to be worse,
one-sided; `harm_alpha` is the risk that an equal candidate is refused for any of those slices (Sidak), and the reason
says how likely a loss as large as the margin goes unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from shopr.tracking.rules import Rules

__all__ = ["SliceTest", "judge_slices"]

_POWER = 0.8


@dataclass(frozen=True, slots=True)
class SliceTest:
    """What one slice says.

    Attributes:
        kind: "non-inferiority", "harm", or "unjudged" where the shoppers are too few for either.
        shoppers: with a value for both models.
        mean, error: of the paired differences, and its standard error.
        margin: the largest loss allowed, in the measure's unit.
        low, high: ends of the one-sided intervals that decide.
        passed: whether the check held.
        misses: probability that a true loss as large as the margin passes.
        refuses_equal: probability that a candidate equal to its rival is refused here.
    """

    kind: str
    shoppers: int
    mean: float
    error: float
    margin: float
    low: float
    high: float
    passed: bool
    misses: float
    refuses_equal: float

    def words(self, least: int) -> str:
        """The check in one sentence; `least` shoppers are wanted in a slice."""
        if self.kind == "unjudged":
            return f"only {self.shoppers} shoppers, {least} are needed to judge"
        told = f"difference {self.mean:+.4f} over {self.shoppers:,} shoppers"
        if self.kind == "harm":
            shown = "none is" if self.passed else "one is"
            unseen = f"such a loss goes unseen in {self.misses:.0%} of cases"
            return f"{told}; too few to rule out a loss of {self.margin:.4f}, and {shown} shown ({unseen})"
        return (
            f"{told}, no less than {self.low:+.4f} where {-self.margin:+.4f} is allowed "
            f"(an equal model is refused in {self.refuses_equal:.0%} of cases)"
        )


def judge_slices(
    gain: NDArray[np.floating], rival: NDArray[np.floating], slices: Mapping[str, NDArray[np.bool_]], rules: Rules
) -> dict[str, SliceTest]:
    """Judge every slice.

    Args:
        gain: (n,) candidate's measure less the rival's; NaN where it does not apply.
        rival: (n,) the rival's measure.
        slices: name -> mask (n,).
    """
    told = {name: _Told.of(gain[mask], rival[mask], rules) for name, mask in slices.items()}
    small = sum(one.large is False for one in told.values())
    share = 1 - (1 - rules.harm_alpha) ** (1 / max(small, 1))
    return {name: one.judged(rules, share) for name, one in told.items()}


@dataclass(frozen=True, slots=True)
class _Told:
    """What a slice's differences say before it is known how many slices are small."""

    shoppers: int
    mean: float
    error: float
    margin: float
    large: bool | None
    """Whether non-inferiority can be asked for; None where nothing can be judged."""

    @classmethod
    def of(cls, gain: NDArray[np.floating], rival: NDArray[np.floating], rules: Rules) -> _Told:
        known = np.isfinite(gain)
        gain, n = gain[known], int(known.sum())
        margin = rules.slice_margin * float(np.mean(rival[known])) if n else float("nan")
        if n < rules.slice_users:
            return cls(n, float("nan"), float("nan"), margin, None)
        error = float(gain.std(ddof=1) / np.sqrt(n))
        distance = margin / error if error > 0 else np.inf
        return cls(n, float(gain.mean()), error, margin, bool(ndtr(distance + ndtri(rules.slice_alpha)) >= _POWER))

    def judged(self, rules: Rules, harm_alpha: float) -> SliceTest:
        known = self.shoppers, self.mean, self.error, self.margin
        if self.large is None:
            return SliceTest("unjudged", *known, float("nan"), float("nan"), True, 1.0, 0.0)
        z, harm = float(-ndtri(rules.slice_alpha)), float(-ndtri(harm_alpha))
        distance = self.margin / self.error if self.error > 0 else np.inf
        low, high = self.mean - z * self.error, self.mean + harm * self.error
        if self.large:
            equal = float(ndtr(z - distance))
            return SliceTest("non-inferiority", *known, low, high, bool(low >= -self.margin), rules.slice_alpha, equal)
        return SliceTest("harm", *known, low, high, bool(high >= 0), float(ndtr(harm - distance)), harm_alpha)
