"""The chance that a path of test statistics leaves its limits at each look: recursive numerical integration.

Armitage, McPherson and Rowe 1969; Jennison and Turnbull 2000, chapter 19. The standardised statistics Z_1 … Z_K of a
test with information I_1 < … < I_K are those of a Brownian motion with drift, so the density of Z_k among paths still
inside follows from that of Z_{k-1} by one integral, made here by Gauss-Legendre panels as narrow as the next step needs
(errors near 1e-14; 1e-6 for boundaries beyond 9 standard errors, which nothing reaches).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from shopr.abtest.checks import floats
from shopr.errors import InputError

__all__ = ["FARTHEST", "Path", "exit_probabilities", "increasing"]

Floats = NDArray[np.float64]
_REACH = 9.0  # beyond this many standard errors nothing is left to integrate, unless the chances sought are tiny
FARTHEST = 38.0
"""Standard errors beyond which the normal tail is below every float."""
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_PANEL = 3.0  # a panel's width in units of the narrowest feature
_NARROWEST = 2e-4
_ROWS = 256
_LEAST_GAIN = 1e-7  # share of the information that a look must add


@dataclass(frozen=True)
class Path:
    """All paths still inside the limits: where they are, with what weight, and how much information they saw.

    Attributes:
        at: values of the standardised statistic, shape (points,).
        weight: probability of each, shape (points,).
        information: the information at this look, 0 before the first.
        drift: mean of the statistic per root of information.
        reach: standard errors up to which paths are followed; `FARTHEST` for chances below 1e-14.
    """

    at: Floats
    weight: Floats
    information: float
    drift: float
    reach: float = _REACH

    @classmethod
    def start(cls, drift: float = 0.0, reach: float = _REACH) -> Path:
        """Before the first look: every path at 0."""
        return cls(np.zeros(1), np.ones(1), 0.0, drift, reach)

    def above(self, limit: float, information: float) -> float:
        """The chance to be above `limit` at the look with `information`."""
        return float(self.weight @ ndtr(-self._distance(limit, information)))

    def below(self, limit: float, information: float) -> float:
        """The chance to be below `limit` at that look."""
        return float(self.weight @ ndtr(self._distance(limit, information)))

    def step(self, lower: float, upper: float, information: float, following: float | None) -> Path:
        """The paths within (lower, upper) at the look with `information`.

        Args:
            following: information of the look after it, which decides how fine the points must be; None for the last.
        """
        gain = information - self.information
        middle = self.drift * np.sqrt(information)
        low, high = max(lower, middle - self.reach), min(upper, middle + self.reach)
        if high <= low:
            return Path(np.zeros(0), np.zeros(0), information, self.drift, self.reach)
        narrow = np.sqrt(min(gain, (following or np.inf) - information) / information)
        at, weights = _quadrature(low, high, max(min(narrow, 1.0), _NARROWEST))
        root = np.sqrt(gain / information)
        density = np.empty(len(at))
        mean = self._mean(information)
        for part in range(0, len(at), _ROWS):
            rows = slice(part, part + _ROWS)
            # Points rise, so what can reach these rows is one run of columns.
            ends = at[rows][[0, -1]] + root * np.array([-self.reach, self.reach])
            near = slice(*np.searchsorted(mean, ends))
            z = (at[rows, None] - mean[near]) / root
            density[rows] = np.exp(-0.5 * z * z) @ self.weight[near]
        return Path(at, weights * density / (root * np.sqrt(2 * np.pi)), information, self.drift, self.reach)

    def _mean(self, information: float) -> Floats:
        gain = information - self.information
        mean: Floats = (self.at * np.sqrt(self.information) + self.drift * gain) / np.sqrt(information)
        return mean

    def _distance(self, limit: float, information: float) -> Floats:
        root = np.sqrt((information - self.information) / information)
        return np.asarray((limit - self._mean(information)) / root, dtype=np.float64)


def _quadrature(low: float, high: float, scale: float) -> tuple[Floats, Floats]:
    panels = max(int(np.ceil((high - low) / (_PANEL * scale))), 1)
    edges = np.linspace(low, high, panels + 1)
    half = (high - low) / panels / 2
    at = (edges[:-1, None] + half * (1 + _POINTS)).ravel()
    return at, np.tile(_WEIGHTS * half, panels)


def increasing(information: ArrayLike) -> Floats:
    """Information at the looks as an array.

    Raises:
        InputError: if there is none, or a look adds nothing to the one before it.
    """
    values = np.atleast_1d(floats("information", information))
    if (
        values.ndim != 1
        or not len(values)
        or not np.all(np.isfinite(values))
        or not np.all(np.diff(values, prepend=0) > 0)
    ):
        raise InputError(
            f"information {values.tolist()} does not rise from look to look",
            hint="Give each look's information once, in order of time, all above 0",
        )
    if np.any(np.diff(values) < _LEAST_GAIN * values[1:]):
        raise InputError(
            f"information {values.tolist()} hardly rises between two looks", hint="Join looks that see the same units"
        )
    return values


def exit_probabilities(
    information: ArrayLike, lower: ArrayLike, upper: ArrayLike, drift: float = 0.0
) -> tuple[Floats, Floats]:
    """The chance to leave first at each look, below and above.

    Args:
        information: at each look, rising, in any unit; shape (looks,).
        lower, upper: limits on the standardised statistic; infinite where there is none.
        drift: mean of the statistic per root of information (0 under the null hypothesis).

    Returns:
        below, above: each of shape (looks,).
    """
    at = increasing(information)
    lows, highs = (np.broadcast_to(floats("limits", x), at.shape) for x in (lower, upper))
    path, below, above = Path.start(drift), np.empty(len(at)), np.empty(len(at))
    for look, here in enumerate(at):
        below[look] = path.below(lows[look], here)
        above[look] = path.above(highs[look], here)
        if look + 1 < len(at):
            path = path.step(lows[look], highs[look], here, at[look + 1])
    return below, above
