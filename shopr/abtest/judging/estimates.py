"""From an arm's moments to effects: which estimators a metric has, and which of them decides.

A metric has its plain estimator; with covariates CUPED, with strata post-stratification, with an adjustment the
cross-fitted regression. The last of these that was declared decides, because it was declared before the data were seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopr.abtest.design.metrics import Mean, Proportion, Quantile, Ratio
from shopr.abtest.design.spec import Experiment
from shopr.abtest.methods.adjustment import cross_fitted
from shopr.abtest.methods.arms import Arm, cuped, plain
from shopr.abtest.methods.counts import proportion_test
from shopr.abtest.methods.frequentist import Effect, Estimate, difference, fieller, judge, lift, log_lift
from shopr.abtest.methods.moments import Moments
from shopr.abtest.methods.poststratification import merge_thin_strata, poststratify
from shopr.abtest.methods.quantiles import cluster_inflation, quantile_arm, ranks
from shopr.abtest.tables.sums import Sums, terms_of
from shopr.abtest.tables.table import Table, quoted
from shopr.errors import DataError

__all__ = [
    "Estimator",
    "adjusted_estimator",
    "adjusted_moments",
    "estimators",
    "quantile_arms",
    "quantile_estimator",
    "stratified_estimator",
]

AnyMetric = Mean | Proportion | Ratio | Quantile


@dataclass(frozen=True)
class Estimator:
    """One way to estimate a metric's effect.

    Attributes:
        method: its name.
        effect: difference with its error.
        share: relative lift with its error.
        fixed: difference as read once (its own test, where that is not t or z of `effect`).
        fixed_share: lift as read once.
        control: value in the control; `treatment`: in the treatment.
    """

    method: str
    effect: Effect
    share: Effect
    fixed: Estimate
    fixed_share: Estimate
    control: float
    treatment: float


def estimators(metric: AnyMetric, sums: Sums, spec: Experiment, arm: str, *, group: int = 0) -> list[Estimator]:
    """The estimators of a mean, proportion or ratio in one arm that the sums can give, the deciding one last."""
    assert not isinstance(metric, Quantile)
    control, treatment = sums.arm(metric.name, spec.baseline, group), sums.arm(metric.name, arm, group)
    terms, binary = terms_of(metric), isinstance(metric, Proportion)
    one, other = plain(control, terms[0], binary=binary), plain(treatment, terms[0], binary=binary)
    name = {"mean": "welch", "ratio": "delta", "proportion": getattr(metric, "test", "z")}[metric.type]
    found = [_estimator(name, metric, spec, one, other, exact=binary)]
    if metric.covariates:
        one, other, _ = cuped(control, treatment, terms, binary=binary)
        found.append(_estimator("cuped", metric, spec, one, other))
    return found


def stratified_estimator(metric: AnyMetric, sums: Sums, spec: Experiment, arm: str) -> Estimator:
    """Post-stratification of a mean, proportion or ratio, from sums grouped by stratum."""
    assert not isinstance(metric, Quantile)
    place = {name: i for i, name in enumerate(sums.arms)}
    whole = sums.moments[metric.name]
    parts = [Moments(whole.n[:, i], whole.mean[:, i], whole.scatter[:, i]) for i in (place[spec.baseline], place[arm])]
    outcomes = 2 if isinstance(metric, Ratio) else 1
    least = 3 * outcomes + 1 if metric.covariates else 2
    control, treatment = merge_thin_strata(parts[0], parts[1], least=least)
    if isinstance(metric, Ratio) and any("/" not in c for c in metric.covariates):
        control, treatment = control.columns(range(outcomes)), treatment.columns(range(outcomes))
    effects = [poststratify(control, treatment, outcomes=outcomes, relative=r) for r in (False, True)]
    values = [float(plain(m.pooled(), terms_of(metric)[0]).value) for m in (control, treatment)]
    tested = [judge(e, side=spec.alternative, alpha=spec.alpha) for e in effects]
    return Estimator("poststratified", effects[0], effects[1], tested[0], tested[1], values[0], values[1])


def adjusted_moments(metric: AnyMetric, table: Table, spec: Experiment) -> dict[str, Moments]:
    """Moments of a mean or proportion and its cross-fitted prediction in every arm; empty where none was asked for."""
    wanted = spec.adjustment
    if wanted is None or not isinstance(metric, Mean | Proportion):
        return {}
    value = table.value(metric.value, metric)
    columns = ", ".join(quoted(c) for c in wanted.columns)
    order = f"ORDER BY {quoted(spec.unit)}"
    frame = table.connection.execute(
        f"SELECT CAST({quoted(spec.variant)} AS VARCHAR) AS arm_of_unit, {value} AS value_of_unit, {columns} "
        f"FROM {table.source} WHERE {value} IS NOT NULL AND NOT isnan({value}) {order}"
    ).df()
    y = frame["value_of_unit"].to_numpy(dtype=np.float64)
    predicted = cross_fitted(frame[list(wanted.columns)], y, model=wanted.model, folds=wanted.folds, seed=wanted.seed)
    arms = frame["arm_of_unit"].to_numpy()
    both = np.stack([y, predicted], axis=1)
    return {arm: Moments.of(both[arms == arm]) for arm in spec.arms}


def adjusted_estimator(metric: AnyMetric, moments: dict[str, Moments], spec: Experiment, arm: str) -> Estimator:
    """The cross-fitted regression from `adjusted_moments`."""
    one, other, _ = cuped(moments[spec.baseline], moments[arm], (0, 1))
    return _estimator("regression", metric, spec, one, other)


def quantile_arms(metric: Quantile, table: Table, spec: Experiment) -> dict[str, Arm]:
    """A quantile in every arm."""
    value, variant = table.value(metric.value, metric), f"CAST({quoted(spec.variant)} AS VARCHAR)"
    kept = f"{value} IS NOT NULL AND NOT isnan({value})" + (f" AND {value} <> 0" if metric.ignore_zeros else "")
    rows = f"(SELECT {variant} AS arm, {value} AS v{_cluster(metric)} FROM {table.source} WHERE {kept})"
    counts: dict[str, int] = {str(a): n for a, n in table.query(f"SELECT arm, count(*) FROM {rows} GROUP BY arm")}
    found = {}
    for arm in spec.arms:
        n = counts.get(arm, 0)
        if not n:
            raise DataError(
                f"metric {metric.name!r} has no values in arm {arm!r}", hint="Fill its column, or leave it out"
            )
        low, high = (float(x) for x in ranks(n, metric.q))
        name = arm.replace("'", "''")
        (levels,) = table.query(
            f"SELECT quantile_cont(v, [{metric.q!r}, {low!r}, {high!r}]) FROM {rows} WHERE arm = '{name}'"
        )[0]
        if not np.isfinite(levels).all():
            raise DataError(
                f"metric {metric.name!r}: its quantile {metric.q:g} in arm {arm!r} is infinite", hint="Mend its column"
            )
        inflation: float | NDArray[np.float64] = 1.0
        if metric.cluster:
            inflation = _inflation(table, rows, name, float(levels[0]), metric.q)
        found[arm] = quantile_arm(n, metric.q, levels[0], levels[1], levels[2], inflation=inflation)
    return found


def quantile_estimator(metric: Quantile, spec: Experiment, control: Arm, treatment: Arm) -> Estimator:
    """The difference of two quantiles."""
    return _estimator("quantile", metric, spec, control, treatment)


def _cluster(metric: Quantile) -> str:
    return f", {quoted(metric.cluster)} AS c" if metric.cluster else ""


def _inflation(table: Table, rows: str, arm: str, level: float, q: float) -> NDArray[np.float64]:
    sums = table.query(
        f"SELECT count(*), sum(below), sum(n), sum(below * below), sum(below * n), sum(n * n) FROM (SELECT "
        f"count(*) FILTER (WHERE v <= {level!r}) AS below, count(*) AS n FROM {rows} WHERE arm = '{arm}' GROUP BY c)"
    )[0]
    clusters, below, n, bb, bn, nn = (float(x) for x in sums)
    return cluster_inflation(Moments.from_sums(clusters, [below, n], [[bb, bn], [bn, nn]]), q)


def _estimator(
    method: str, metric: AnyMetric, spec: Experiment, one: Arm, other: Arm, *, exact: bool = False
) -> Estimator:
    side, alpha = spec.alternative, spec.alpha
    normal = method in {"z", "delta", "quantile"} or isinstance(metric, Ratio | Quantile)
    effect, share = difference(one, other, normal=normal), lift(one, other, normal=normal)
    fixed = judge(effect, side=side, alpha=alpha)
    relative = {
        "delta": lambda: judge(share, side=side, alpha=alpha),
        "fieller": lambda: fieller(one, other, side=side, alpha=alpha, normal=normal),
        "log": lambda: log_lift(one, other, side=side, alpha=alpha, normal=normal),
    }[metric.lift]()
    if exact and isinstance(metric, Proportion) and metric.test != "welch":
        counts = (one.value * one.n, one.n, other.value * other.n, other.n)
        rounded = [float(np.rint(x)) for x in counts]
        p = proportion_test(*rounded, method=metric.test, side=side, alpha=alpha).p
        fixed = _with_p(fixed, p)
        # A lift is zero exactly where the difference is: one hypothesis, one p-value.
        relative = _with_p(relative, p)
    return Estimator(method, effect, share, fixed, relative, float(one.value), float(other.value))


def _with_p(estimate: Estimate, p: NDArray[np.float64]) -> Estimate:
    return Estimate(estimate.estimate, estimate.se, estimate.df, estimate.lo, estimate.hi, p, estimate.statistic)
