"""Boundaries of group-sequential tests: how far the statistic must be at each planned or unplanned look.

From an alpha-spending function (looks at any time, unequal, more than planned), or the classical shapes for looks
planned in advance: O'Brien and Fleming 1979, Pocock 1977, Wang and Tsiatis 1987.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from shopr.abtest.checks import one_of, share
from shopr.abtest.methods.crossing import FARTHEST, Path, exit_probabilities, increasing
from shopr.abtest.methods.spending import spent
from shopr.errors import InputError

__all__ = ["SHAPES", "classical_boundaries", "spending_boundaries"]

Floats = NDArray[np.float64]
Shape = Literal["obrien-fleming", "pocock", "wang-tsiatis"]
SHAPES: tuple[Shape, ...] = ("obrien-fleming", "pocock", "wang-tsiatis")
_TINY = 1e-14  # an error below it lies where only far paths lead


def spending_boundaries(
    information: ArrayLike,
    alpha: float = 0.05,
    spending: str = "obrien-fleming",
    *,
    parameter: float | None = None,
    sides: int = 2,
    final: bool = False,
) -> Floats:
    """The boundary of the standardised statistic at each look, shape (looks,); infinite where no error is spent yet.

    A boundary depends on the looks up to its own only, so looks may be added as the test runs.

    Args:
        information: shares of the planned information at the looks so far, rising; may pass 1.
        alpha: total error; with two sides each has half.
        sides: 2 for limits at plus and minus the boundary, 1 for the upper alone.
        final: the last look given ends the test, so it spends all that is left even if its share is below 1.

    Raises:
        InputError: for shares that do not rise or bounds of `alpha` and `sides`.
    """
    shares = increasing(information)
    if sides not in (1, 2):
        raise InputError(f"{sides} sides is neither 1 nor 2", hint="Give 1 or 2")
    share("alpha", alpha)
    side = alpha / sides
    cumulated = spent(shares, side, spending, parameter)
    if final:
        cumulated[-1] = side
    return np.array(_solve(tuple(shares), tuple(cumulated), sides, far=alpha < _TINY))


@lru_cache(maxsize=1024)
def _solve(shares: tuple[float, ...], cumulated: tuple[float, ...], sides: int, *, far: bool) -> tuple[float, ...]:
    path, before, limits = Path.start(reach=FARTHEST) if far else Path.start(), 0.0, []
    for look, (here, total) in enumerate(zip(shares, cumulated, strict=True)):
        limit = _limit(path, here, total - before, 0.0 if sides == 2 else -FARTHEST)
        limits.append(limit)
        before = total
        if look + 1 < len(shares):
            path = path.step(-limit if sides == 2 else -np.inf, limit, here, shares[look + 1])
    return tuple(limits)


def _limit(path: Path, here: float, error: float, lowest: float) -> float:
    """The limit that lets just `error` of the paths out above."""
    if error <= 0 or path.above(FARTHEST, here) >= error:
        return float(np.inf)
    if path.above(lowest, here) <= error:
        return lowest

    def surplus(limit: float) -> float:
        return float(np.log(max(path.above(limit, here), 5e-324)) - np.log(error))

    return float(brentq(surplus, lowest, FARTHEST, xtol=1e-13, rtol=1e-14))


def classical_boundaries(
    information: ArrayLike,
    alpha: float = 0.05,
    shape: str = "obrien-fleming",
    *,
    delta: float | None = None,
    sides: int = 2,
) -> Floats:
    """The boundary at each look of a classical design, shape (looks,): c * t**(delta - 1/2), with t the share.

    Args:
        information: at all planned looks, rising, in any unit; the last one is the planned end.
        shape: "obrien-fleming" is delta 0, "pocock" delta 1/2, "wang-tsiatis" takes `delta` (0 … 1/2).

    Raises:
        InputError: for information that does not rise, or a `delta` missing or outside its bounds.
    """
    at = increasing(information)
    kind = one_of("shape of boundary", shape, SHAPES)
    if sides not in (1, 2):
        raise InputError(f"{sides} sides is neither 1 nor 2", hint="Give 1 or 2")
    share("alpha", alpha)
    exponent = {"obrien-fleming": 0.0, "pocock": 0.5}.get(kind, delta)
    if exponent is None or not -1 <= exponent <= 0.5:
        raise InputError(f"delta {delta} is outside -1 … 0.5", hint="Give delta, such as 0.25")
    form = (at / at[-1]) ** (exponent - 0.5)
    lower = -1.0 if sides == 2 else -np.inf

    def surplus(constant: float) -> float:
        limits = constant * form
        _, above = exit_probabilities(at, lower * limits if sides == 2 else np.full(len(at), -np.inf), limits)
        return float(above.sum() * sides - alpha)

    least = max(float(-ndtri(alpha / sides)), 1e-3)
    constant = float(brentq(surplus, 0.999 * least, 3 * least + 3, xtol=1e-13, rtol=1e-14)) if len(at) > 1 else least
    return np.asarray(constant * form, dtype=np.float64)
