"""Power as planned against power as measured, on tests of the planned size with the planned effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from shopr.abtest.methods.arms import cuped, plain
from shopr.abtest.methods.groupsequential import GroupSequential
from shopr.abtest.methods.moments import Moments
from shopr.abtest.simulation.calibration import Cell, cell, crossed
from shopr.abtest.simulation.trials import CONVERTED, PAST, REVENUE, draw_users, simulate
from shopr.abtest.sizing.power import Baseline, minimum_effect
from shopr.randomness import DEFAULT_SEED, generator

__all__ = ["Measured", "baselines", "measured_power"]

_DESIGNS = ("obrien-fleming", "pocock", "confidence sequence")


@dataclass(frozen=True)
class Measured:
    """Power of one metric at the effect that its plan finds with chance `planned`.

    Attributes:
        metric: mean, proportion or CUPED.
        effect: absolute; `lift`: as a share of the control's value.
        units: of both arms at the last look.
        fixed: power of one reading at the end, which should be at least the planned one.
        sequential: power over all looks, by way of reading; of group-sequential ones nominal is the power computed for
            a normal statistic.
        seed: of the tests.
    """

    metric: str
    effect: float
    lift: float
    units: int
    fixed: Cell
    sequential: tuple[Cell, ...]
    seed: int


def baselines(users: int = 2_000_000, *, seed: int = DEFAULT_SEED) -> dict[str, Baseline]:
    """What a plan would take from a long history of the simulated users: mean, proportion, and the mean with CUPED."""
    values, _ = draw_users(generator(seed, "history"), (users,))
    past = Moments.of(values)
    spend, share = plain(past, REVENUE), plain(past, CONVERTED, binary=True)
    adjusted, _, _ = cuped(past, past, (REVENUE, PAST))
    return {
        "mean": Baseline(float(spend.value), float(spend.variance)),
        "proportion": Baseline.proportion(float(share.value)),
        "CUPED": Baseline(float(spend.value), float(adjusted.variance)),
    }


def measured_power(
    metric: str,
    baseline: Baseline,
    *,
    tests: int,
    looks: int = 14,
    units: int = 200,
    planned: float = 0.8,
    seed: int = DEFAULT_SEED,
) -> Measured:
    """Simulate tests with the smallest effect that a plan promises to find.

    The effect on revenue is a constant sum for every user, so that the variance is the plan's; that on conversion
    multiplies everybody's chance.

    Args:
        metric: "mean", "proportion" or "CUPED".
        baseline: of the metric.
        tests, looks, units: as in `trials.simulate`.
        planned: power of the plan.
        seed: of the tests.
    """
    n = 2 * looks * units
    effect = float(minimum_effect(n, baseline, power=planned))
    lift = effect / baseline.value
    how = {"lift": lift} if metric == "proportion" else {"shift": effect}
    hits = crossed(simulate(tests, looks=looks, units=units, seed=seed, **how))
    fixed = cell("read once", hits[f"{metric}, read once"][:, -1], planned, bound="lower")
    drift = float(-ndtri(0.025) + ndtri(planned))
    shares = np.arange(1, looks + 1) / looks
    computed = {way: GroupSequential(spending=way).power(drift, shares) for way in _DESIGNS[:2]}
    ways = [cell(way, hits[f"{metric}, {way}"][:, -1], computed.get(way, np.nan), bound="lower") for way in _DESIGNS]
    return Measured(metric, effect, lift, n, fixed, tuple(ways), seed)
