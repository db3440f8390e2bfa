"""Thousands of simulated tests at once, with known effects: what a method's error rate and coverage are measured on.

A test has arms of equal size that grow by as many units at each look. A unit is a user: how much they spend is heavy in
the tail (log-normal, and nothing for most), sessions are nested in users, past spending was known before exposure, and
so was the stratum. Only the moments at each look are kept, which is what a reading of a real table keeps too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from shopr.abtest.methods.moments import Moments
from shopr.errors import InputError
from shopr.randomness import DEFAULT_SEED, generator

__all__ = [
    "CLICKS",
    "COLUMNS",
    "CONVERTED",
    "PAST",
    "REVENUE",
    "SESSIONS",
    "STRATA",
    "Trials",
    "draw_users",
    "simulate",
]

Floats = NDArray[np.float64]
COLUMNS = ("revenue", "converted", "sessions", "clicks", "past")
REVENUE, CONVERTED, SESSIONS, CLICKS, PAST = range(len(COLUMNS))
STRATA = 3
_CHUNK = 20
_MOST_LIFT = 0.2


@dataclass(frozen=True)
class Trials:
    """Moments of many tests.

    Attributes:
        control, treatment: shape (tests, looks), columns as in `COLUMNS`; each look holds all units so far.
        control_strata, treatment_strata: revenue at the last look, shape (tests, `STRATA`).
        lift: true relative effect on every metric but `sessions`; `shift`: what was added to each treated revenue.
        seed: of the draws.
    """

    control: Moments
    treatment: Moments
    control_strata: Moments
    treatment_strata: Moments
    lift: float
    shift: float
    seed: int

    @property
    def tests(self) -> int:
        """How many tests."""
        return int(self.control.n.shape[0])

    @property
    def looks(self) -> int:
        """How many looks each has."""
        return int(self.control.n.shape[1])

    @property
    def shares(self) -> Floats:
        """Shape (looks,): the share of all units that is in at each look."""
        return np.arange(1, self.looks + 1) / self.looks


def draw_users(
    rng: np.random.Generator, shape: tuple[int, ...], lift: float | Floats = 0.0
) -> tuple[Floats, NDArray[np.int8]]:
    """Draw users.

    Args:
        rng: the randomness.
        shape: of the users.
        lift: relative effect on conversion, and by it on revenue, and on clicks; broadcasts with `shape`.

    Returns:
        Values, shape (*shape, columns of `COLUMNS`), and strata, shape `shape`.
    """
    values = np.empty((*shape, len(COLUMNS)))
    means = rng.standard_normal(shape)
    conversion = 0.8 * expit(means) * (1 + lift)
    converted = rng.random(shape) < conversion
    values[..., CONVERTED] = converted
    values[..., REVENUE] = converted * np.exp(0.8 * means + 0.7 * rng.standard_normal(shape))
    values[..., PAST] = np.exp(0.8 * means + 0.5 * rng.standard_normal(shape))
    sessions = 1 + rng.poisson(2.0 * np.exp(0.4 * means))
    values[..., SESSIONS] = sessions
    values[..., CLICKS] = rng.binomial(sessions, 0.8 * expit(rng.standard_normal(shape) - 0.5) * (1 + lift))
    seen = means + 0.7 * rng.standard_normal(shape)
    strata = (seen > -0.5).astype(np.int8) + (seen > 1.0)
    return values, strata.astype(np.int8)


def simulate(
    tests: int, *, looks: int = 14, units: int = 200, lift: float = 0.0, shift: float = 0.0, seed: int = DEFAULT_SEED
) -> Trials:
    """Simulate tests.

    Args:
        tests: how many.
        looks: equally spaced looks of each.
        units: new units of each arm between two looks.
        lift: true relative effect on conversion, revenue and clicks; 0 makes A/A tests.
        shift: added to the revenue of every treated unit, a constant effect.
        seed: of everything random.

    Raises:
        InputError: for sizes below 1 (units below 2) or a lift outside -1 … 0.2, beyond which chances would pass 1.
    """
    for name, value, least in (("tests", tests, 1), ("looks", looks, 1), ("units", units, 2)):
        if value < least:
            raise InputError(f"{name} {value} is below {least}", hint=f"Give {least} or more")
    if not -1 <= lift <= _MOST_LIFT:
        raise InputError(f"lift {lift} is outside -1 … {_MOST_LIFT}", hint="Give a smaller effect")
    parts = []
    for number, start in enumerate(range(0, tests, _CHUNK)):
        size = min(_CHUNK, tests - start)
        parts.append(_chunk(generator(seed, "trials", number), (size, looks, units), lift, shift))
    whole, strata = (_joined([part[i] for part in parts]) for i in (0, 1))
    control, treatment = whole.take(0, axis=1), whole.take(1, axis=1)
    return Trials(control, treatment, strata.take(0, axis=1), strata.take(1, axis=1), lift, shift, seed)


def _chunk(rng: np.random.Generator, size: tuple[int, int, int], lift: float, shift: float) -> tuple[Moments, Moments]:
    """Moments at each look, shape (tests, arms, looks), and of revenue by stratum, shape (tests, arms, strata)."""
    tests, looks, units = size
    effect = np.array([0.0, lift])[None, :, None, None]
    values, strata = draw_users(rng, (tests, 2, looks, units), effect)
    values[:, 1, ..., REVENUE] += shift
    new = Moments.of(values)
    so_far = [new.take(0, axis=2)]
    for look in range(1, looks):
        so_far.append(so_far[-1] + new.take(look, axis=2))
    cumulative = Moments(*(np.stack([getattr(m, f) for m in so_far], axis=2) for f in ("n", "mean", "scatter")))
    revenue = values[..., REVENUE].reshape(tests, 2, -1)
    member = strata.reshape(tests, 2, 1, -1) == np.arange(STRATA)[:, None]
    n = member.sum(axis=-1)
    centre = revenue.mean(axis=-1)[:, :, None]
    centred = member * (revenue - centre)[:, :, None, :]
    sums, squares = centred.sum(axis=-1)[..., None], np.square(centred).sum(axis=-1)[..., None, None]
    return cumulative, Moments.from_sums(n, sums, squares, shift=centre[..., None])


def _joined(parts: list[Moments]) -> Moments:
    return Moments(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("n", "mean", "scatter")))
