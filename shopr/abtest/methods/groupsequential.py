"""Group-sequential tests: a few looks, planned or not, with the error held over all of them.

Jennison and Turnbull 2000: boundaries (chapters 2, 3, 7), repeated confidence intervals (9), stage-wise ordering of
what was seen (8.4, 8.5; Tsiatis, Rosner and Mehta 1984), and the price of looking in sample size (2.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from shopr.abtest.checks import Alternative, alternative, floats, share, sides
from shopr.abtest.methods.boundaries import SHAPES, classical_boundaries, spending_boundaries
from shopr.abtest.methods.crossing import Path, exit_probabilities, increasing
from shopr.errors import InputError

__all__ = ["Adjusted", "GroupSequential", "Looks"]

Floats = NDArray[np.float64]
_LEAST = 1e-300  # p-values below it are given as this


@dataclass(frozen=True)
class Looks:
    """What each look said, arrays of shape (..., looks).

    Attributes:
        z: standardised statistic of each look.
        boundary: how large it must be, shape (looks,).
        crossed: whether the test has rejected at this look or before.
        lo, hi: repeated confidence interval, valid at every look whatever was decided at it.
    """

    z: Floats
    boundary: Floats
    crossed: NDArray[np.bool_]
    lo: Floats
    hi: Floats


@dataclass(frozen=True)
class Adjusted:
    """The result of a test that ended, with the earlier looks accounted for by the stage-wise ordering.

    Attributes:
        look: the look at which it ended, from 0.
        p: p-value; `estimate`: median-unbiased; `lo`, `hi`: confidence interval.
        repeated_p: the smallest level at which the look's own boundary was reached, valid even if the test runs on.
    """

    look: int
    p: float
    estimate: float
    lo: float
    hi: float
    repeated_p: float


@dataclass(frozen=True)
class GroupSequential:
    """A group-sequential design.

    Attributes:
        alpha: total error over all looks.
        alternative: "two-sided" (symmetric limits), "greater" or "less".
        spending: an alpha-spending function of `spending.SPENDING`; "classical:obrien-fleming", "classical:pocock" or
            "classical:wang-tsiatis" for looks that are all planned in advance.
        parameter: of the spending function, or delta of Wang and Tsiatis.
    """

    alpha: float = 0.05
    alternative: Alternative = "two-sided"
    spending: str = "obrien-fleming"
    parameter: float | None = None

    def __post_init__(self) -> None:
        share("alpha", self.alpha)
        alternative(self.alternative)
        self.boundaries([1.0])

    @property
    def sides(self) -> int:
        """2 for the two-sided test, else 1."""
        return sides(self.alternative)

    def boundaries(self, information: ArrayLike, *, final: bool = False, alpha: float | None = None) -> Floats:
        """The boundary of each look, shape (looks,), above 0 as a distance from no effect.

        Args:
            information: shares of the planned information at the looks; a classical design wants all planned looks.
            final: the last look ends the test, whatever its share.
            alpha: another level than the design's.
        """
        level = self.alpha if alpha is None else alpha
        kind, _, shape = self.spending.partition(":")
        if kind == "classical" and shape in SHAPES:
            return classical_boundaries(information, level, shape, delta=self.parameter, sides=self.sides)
        return spending_boundaries(
            information, level, self.spending, parameter=self.parameter, sides=self.sides, final=final
        )

    def looks(
        self, effect: ArrayLike, standard_error: ArrayLike, information: ArrayLike, *, final: bool = False
    ) -> Looks:
        """Read the looks so far, of one test or of many with the same schedule.

        Args:
            effect, standard_error: shape (..., looks).
            information: shares of the planned information, shape (looks,).

        Raises:
            InputError: for shapes that do not fit.
        """
        effects, errors = np.broadcast_arrays(floats("effect", effect), floats("standard error", standard_error))
        boundary = self.boundaries(information, final=final)
        if effects.ndim == 0 or effects.shape[-1] != len(boundary):
            raise InputError(
                f"effects of shape {effects.shape} for {len(boundary)} looks", hint="Put the looks on the last axis"
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            z = effects / errors
            radius = boundary * errors
        distance = {"two-sided": np.abs(z), "greater": z, "less": -z}[self.alternative]
        crossed = np.logical_or.accumulate(distance >= boundary, axis=-1)
        lo = effects - radius if self.alternative != "less" else np.full(effects.shape, -np.inf)
        hi = effects + radius if self.alternative != "greater" else np.full(effects.shape, np.inf)
        return Looks(z, boundary, crossed, lo, hi)

    def adjusted(
        self, effect: ArrayLike, standard_error: ArrayLike, information: ArrayLike, *, final: bool = True
    ) -> Adjusted:
        """The result of one test, at the first look that crossed, else at the last one given.

        Args:
            effect, standard_error, information: shape (looks,), as in `looks`.

        Raises:
            InputError: for an effect or standard error that is missing or has no error.
        """
        effects, errors = (
            np.atleast_1d(floats("effect", effect)),
            np.atleast_1d(floats("standard error", standard_error)),
        )
        if not (np.all(np.isfinite(effects)) and np.all(np.isfinite(errors)) and np.all(errors > 0)):
            raise InputError(
                f"effects {effects.tolist()} with standard errors {errors.tolist()} are not all finite and above 0",
                hint="Leave out looks without both arms",
            )
        read = self.looks(effects, errors, information, final=final)
        end = int(np.argmax(read.crossed)) if read.crossed.any() else len(effects) - 1
        shares = increasing(information)[: end + 1]
        sign = -1.0 if self.alternative == "less" else 1.0
        z, scale = float(sign * read.z[end]), float(errors[end])
        seen = _Ordering(shares, read.boundary[: end + 1], z, self.sides)
        above = seen.more_extreme(0.0)
        p = min(1.0, 2 * min(above, seen.less_extreme(0.0))) if self.sides == 2 else above
        tail = self.alpha / self.sides
        # Drift is the mean per root of information; at the last look the estimate is drift * root * standard error.
        unit = scale * np.sqrt(shares[-1])
        low, middle, high = (unit * seen.drift_at(level) for level in (tail, 0.5, 1 - tail))
        if self.sides == 1:
            high = np.inf
        if sign < 0:
            low, middle, high = -high, -middle, -low
        return Adjusted(end, float(p), float(middle), float(low), float(high), self._repeated_p(shares, z, final))

    def _repeated_p(self, shares: Floats, z: float, final: bool) -> float:
        distance = abs(z) if self.sides == 2 else z

        def surplus(log_level: float) -> float:
            level = float(np.exp(log_level))
            return float(min(self.boundaries(shares, final=final, alpha=level)[-1], 40.0) - distance)

        low, high = np.log(1e-14), np.log(1 - 1e-9)
        if surplus(low) <= 0:
            if self.spending.startswith("classical:"):  # their constant is solved to 1e-14 of the error, not less
                return 1e-14
            low, high = np.log(_LEAST), low
            return _LEAST if surplus(low) <= 0 else float(np.exp(brentq(surplus, low, high, xtol=1e-10)))
        return 1.0 if surplus(high) >= 0 else float(np.exp(brentq(surplus, low, high, xtol=1e-10)))

    def power(self, drift: float, information: ArrayLike) -> float:
        """The chance to reject by the last look.

        Args:
            drift: mean of the statistic at the planned end (effect over its standard error at information 1).
            information: shares at the planned looks.
        """
        shares = increasing(information)
        boundary = self.boundaries(shares)
        lower = -boundary if self.sides == 2 else np.full(len(boundary), -np.inf)
        below, above = exit_probabilities(shares, lower, boundary, -drift if self.alternative == "less" else drift)
        return float(above.sum() + (below.sum() if self.sides == 2 else 0.0))

    def inflation(self, information: ArrayLike, power: float = 0.8) -> float:
        """How many times the sample of a test with one look the planned end needs for the same power.

        Raises:
            InputError: for a power that is not between the level and 1.
        """
        share("power", power)
        if power <= self.alpha:
            raise InputError(f"power {power} is not above alpha {self.alpha}", hint="Ask for more power than error")
        sign = -1.0 if self.alternative == "less" else 1.0
        fixed = float(-ndtri(self.alpha / self.sides) + ndtri(power))
        if self.sides == 2:
            fixed = float(brentq(lambda d: GroupSequential(self.alpha).power(d, [1.0]) - power, 1e-6, 20, xtol=1e-12))
        needed = float(brentq(lambda d: self.power(sign * d, information) - power, 1e-6, 3 * fixed + 10, xtol=1e-12))
        return (needed / fixed) ** 2


@dataclass(frozen=True)
class _Ordering:
    """Outcomes in stage-wise order: earlier exits above come first, then larger statistics of later looks."""

    shares: Floats
    boundary: Floats
    z: float
    sides: int

    def more_extreme(self, drift: float) -> float:
        """The chance of an outcome as high as the one seen, or higher in the order."""
        path, chance = self._until_end(drift)
        return chance[1] + path.above(self.z, float(self.shares[-1]))

    def less_extreme(self, drift: float) -> float:
        path, chance = self._until_end(drift)
        return chance[0] + path.below(self.z, float(self.shares[-1]))

    def _until_end(self, drift: float) -> tuple[Path, tuple[float, float]]:
        path, below, above = Path.start(drift), 0.0, 0.0
        for look in range(len(self.shares) - 1):
            limit, here = float(self.boundary[look]), float(self.shares[look])
            lower = -limit if self.sides == 2 else -np.inf
            below, above = below + path.below(lower, here), above + path.above(limit, here)
            path = path.step(lower, limit, here, float(self.shares[look + 1]))
        return path, (below, above)

    def drift_at(self, level: float) -> float:
        """The drift under which an outcome as high as the one seen has chance `level`."""
        centre = self.z / float(np.sqrt(self.shares[-1]))
        width = 2.0 / float(np.sqrt(self.shares[0]))
        low, high = centre - width, centre + width
        for _ in range(40):
            if self.more_extreme(low) > level:
                low -= width
            elif self.more_extreme(high) < level:
                high += width
            else:
                break
            width *= 1.5
        return float(brentq(lambda drift: self.more_extreme(drift) - level, low, high, xtol=1e-11))
