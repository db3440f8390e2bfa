"""A test planned from past data by one call: how many units, how many days, and what could be found sooner."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite

import numpy as np
import pandas as pd

from shopr.abtest.design.metrics import Metric
from shopr.abtest.design.spec import Experiment
from shopr.abtest.methods.groupsequential import GroupSequential
from shopr.abtest.sizing.history import Inflow, baseline_of, inflow_of
from shopr.abtest.sizing.power import Baseline, PowerDesign, minimum_effect, sample_size, whole_arms
from shopr.errors import InputError

__all__ = ["Plan", "design_of", "plan", "plan_experiment"]

_WEEKS = (1, 2, 3, 4, 6, 8, 12)


@dataclass(frozen=True)
class Plan:
    """What a test of one metric needs.

    Attributes:
        metric: its name.
        baseline: value and variance per unit in the history (after CUPED where the metric has covariates).
        lift: the relative effect to be found, and `effect`, the same in the metric's unit.
        power, alpha: chance to find it, error of the whole test; `comparisons` share the error.
        n: units needed, all arms together; `arms`: of each arm, control first.
        days: until they have come, in whole weeks unless told otherwise; None without times in the history.
        units_a_day: rate of new units; None without times.
        found_after: weeks -> the smallest relative effect that a test of that length finds with this power.
        inflation: how many times the units of a test that is read once the planned looks ask for.
    """

    metric: str
    baseline: Baseline
    lift: float
    effect: float
    power: float
    alpha: float
    comparisons: int
    n: int
    arms: tuple[int, ...]
    days: float | None
    units_a_day: float | None
    found_after: dict[int, float]
    inflation: float = 1.0


def plan(
    history: pd.DataFrame,
    metric: Metric,
    *,
    lift: float,
    power: float = 0.8,
    design: PowerDesign | None = None,
    exposed_at: str | None = "exposed_at",
    traffic: float = 1.0,
    whole_weeks: bool = True,
) -> Plan:
    """Plan a test of `metric` from past data.

    Args:
        history: one row a unit: the metric's columns over the length of a test, covariates before it, and `exposed_at`.
        lift: the smallest relative effect worth finding, such as .02; its sign matters for one-sided tests only.
        design: how the test is split and read.
        exposed_at: column with each unit's first visit, for the duration; None, or absent from the table: no duration.
        traffic: share of the units that will take part.
        whole_weeks: round the duration up to whole weeks, so that every weekday counts alike.

    Raises:
        InputError: for a lift of 0 (without a margin), a baseline of 0, or a traffic outside 0 … 1.
        DataError: if the history does not hold what the metric needs.
    """
    way = design or PowerDesign()
    _check(lift, power, traffic, way)
    baseline = baseline_of(history, metric, exposed_at)
    effect = _effect(lift, baseline, metric)
    needed = float(sample_size(effect, baseline, way, power=power))
    if not isfinite(needed):
        raise InputError(
            f"a lift of {lift} of {metric.name!r} cannot be found against {way.alternative!r}",
            hint="Give a lift other than 0, on the side of the alternative",
        )
    arms = whole_arms(needed, way)
    days: float | None = None
    rate: float | None = None
    found: dict[int, float] = {}
    if exposed_at and exposed_at in history.columns:
        inflow = inflow_of(history, exposed_at)
        rate = inflow.rate * traffic
        days = _days(inflow, sum(arms) / traffic, whole_weeks=whole_weeks)
        found = _found_after(inflow, traffic, baseline, way, power)
    return Plan(
        metric=metric.name,
        baseline=baseline,
        lift=lift,
        effect=effect,
        power=power,
        alpha=way.alpha,
        comparisons=way.comparisons,
        n=sum(arms),
        arms=arms,
        days=days,
        units_a_day=rate,
        found_after=found,
        inflation=way.inflation,
    )


def _check(lift: float, power: float, traffic: float, design: PowerDesign) -> None:
    if not 0 < traffic <= 1:
        raise InputError(f"traffic {traffic} is outside 0 … 1", hint="Give the share of units that take part")
    if not isfinite(lift):
        raise InputError(f"lift {lift} is no finite number", hint="Give a relative effect such as 0.02")
    if not design.alpha < power < 1:
        raise InputError(
            f"power {power} is outside alpha ({design.alpha:g}) … 1",
            hint="Give the chance to find the effect, such as 0.8",
        )


def _effect(lift: float, baseline: Baseline, metric: Metric) -> float:
    """A relative effect in the metric's unit, if the metric can have it."""
    if baseline.value == 0:
        raise InputError(f"metric {metric.name!r} is 0 in the history, so no lift is relative to it", hint="Check it")
    effect = lift * abs(baseline.value)
    if baseline.binary and not 0 <= baseline.value + effect <= 1:
        raise InputError(
            f"a lift of {lift:g} takes proportion {metric.name!r} from {baseline.value:.4g} to "
            f"{baseline.value + effect:.4g}, outside 0 … 1",
            hint="Give a lift that it can have",
        )
    return effect


def _days(inflow: Inflow, units: float, *, whole_weeks: bool) -> float:
    """Days until so many units have come; infinite where they never do."""
    days = inflow.days_for(units)
    return 7.0 * ceil(days / 7 - 1e-9) if whole_weeks and isfinite(days) else days


def _found_after(
    inflow: Inflow, traffic: float, baseline: Baseline, design: PowerDesign, power: float
) -> dict[int, float]:
    found: dict[int, float] = {}
    for weeks in _WEEKS:
        units = inflow.units_after(7 * weeks) * traffic
        if units >= 2:
            found[weeks] = float(minimum_effect(units, baseline, design, power=power) / abs(baseline.value))
    return found


def design_of(experiment: Experiment, *, power: float = 0.8) -> PowerDesign:
    """The power design of an experiment's spec: its arms, level, side, correction and way of reading.

    Holm, Hochberg and Benjamini-Hochberg are planned by Bonferroni's level, which is enough for each.
    """
    many = len(experiment.primary or (experiment.metrics[0].name,)) * len(experiment.treatments)
    comparisons = 1 if experiment.correction == "none" else many
    arms = (experiment.arms[experiment.baseline], *(experiment.arms[arm] for arm in experiment.treatments))
    inflation, tuning = 1.0, None
    reading = experiment.design
    if reading.type == "group_sequential":
        looks = np.arange(1, reading.looks + 1) / reading.looks
        way = GroupSequential(
            experiment.alpha / comparisons, experiment.alternative, reading.spending.replace("_", "-")
        )
        inflation = max(1.0, way.inflation(looks, power))
    elif reading.type == "sequential":
        tuning = reading.tuning
    return PowerDesign(
        alpha=experiment.alpha,
        alternative=experiment.alternative,
        shares=arms,
        comparisons=comparisons,
        inflation=inflation,
        tuning=tuning,
    )


def plan_experiment(
    history: pd.DataFrame,
    experiment: Experiment,
    *,
    lift: float,
    power: float = 0.8,
    traffic: float = 1.0,
    whole_weeks: bool = True,
) -> list[Plan]:
    """Plan every primary metric of an experiment, and its guardrails as non-inferiority tests at their margins.

    The test needs the largest of the plans.
    """
    design = design_of(experiment, power=power)
    options = {"power": power, "exposed_at": experiment.exposed_at or None, "traffic": traffic}
    names = experiment.primary or (experiment.metrics[0].name,)
    plans = [
        plan(history, experiment.metric(name), lift=lift, design=design, whole_weeks=whole_weeks, **options)  # type: ignore[arg-type]
        for name in names
    ]
    for guard in experiment.guardrails:
        metric = experiment.metric(guard.metric)
        scale = 1.0 if guard.absolute else abs(baseline_of(history, metric, experiment.exposed_at).value)
        bad = PowerDesign(
            alpha=experiment.alpha,
            alternative="greater" if metric.direction == "increase" else "less",
            shares=design.shares,
            margin=guard.margin * scale,
            inflation=design.inflation,
            tuning=design.tuning,
        )
        plans.append(plan(history, metric, lift=0.0, design=bad, whole_weeks=whole_weeks, **options))  # type: ignore[arg-type]
    return plans
