"""Sample sizes and powers of Spotify's confidence, by our power functions."""

from __future__ import annotations

from math import ceil, inf
from typing import Any

import numpy as np

from shopr.abtest.sizing.power import Baseline, PowerDesign, minimum_effect, power, sample_size, whole_arms
from tests.abtest.vectors import Searched, Uncovered


def sizes(method: str, body: dict[str, Any]) -> list[Any]:
    """Units of all arms, of each, and their shares: half for the control, the rest alike."""
    _, call = body["input"]
    known = {"absolute_percentage_mde", "baseline_proportion", "average_absolute_mde", "baseline_variance"}
    if set(call) - known - {"treatments", "alpha", "power"}:
        raise Uncovered(f"options {sorted(set(call) - known)}")
    treatments = int(call.get("treatments", 2))
    shares = (0.5, *[0.5 / (treatments - 1)] * (treatments - 1))
    if method == "binomial":
        # It takes the baseline's variance for both arms.
        share, effect = call["baseline_proportion"], call["absolute_percentage_mde"]
        baseline = Baseline(share, share * (1 - share))
    else:
        baseline, effect = Baseline(0.0, call["baseline_variance"]), call["average_absolute_mde"]
    design = PowerDesign(alpha=call.get("alpha", 0.05), shares=shares)
    arms = whole_arms(float(sample_size(effect, baseline, design, power=call.get("power", 0.85))), design)
    return [sum(arms), list(arms), list(shares)]


def calculator(method: str, body: dict[str, Any]) -> dict[str, Any]:
    """One row a metric; alpha, its correction and the power are those the recorder kept in the output."""
    _, call = body["input"]
    echo = body["output"]["_frame"]
    weights = call["treatment_weights"]
    rows = [dict(zip(echo, values, strict=True)) for values in zip(*echo.values(), strict=True)]
    computed = [_metric(method, row, [w / sum(weights) for w in weights], call.get("sample_size")) for row in rows]
    return {"_frame": {name: [c.get(name, r[name]) for c, r in zip(computed, rows, strict=True)] for name in echo}}


def _number(value: Any) -> float:
    return np.nan if value is None or value == "nan" else float(value)


def _metric(method: str, row: dict[str, Any], shares: list[float], n: Any) -> dict[str, Any]:
    margin, lift = _number(row["nim"]), _number(row["mde"])
    sign = -1.0 if row["preference"] == "smaller" else 1.0
    null = 0.0 if np.isnan(margin) else -sign * margin * row["avg"]
    guard = not np.isnan(margin)
    found = {"null_hypothesis": null, "alternative_hypothesis": 0.0 if guard else sign * lift * row["avg"]}
    effect = abs(found["alternative_hypothesis"] - null)
    baseline = Baseline(row["avg"], row["var"], binary=bool(row["binary"]) and not guard)
    side = "two-sided" if row["preference_used_in_test"] == "two-sided" else "greater"
    design = PowerDesign(row["adjusted_alpha_power_sample_size"], side, tuple(shares))  # type: ignore[arg-type]
    wanted = row["adjusted_power"]
    if method == "sample_size":
        needed = float(sample_size(effect, baseline, design, power=wanted))
        found["required_sample_size_for_metric"] = _rounded(needed, shares)
        expected = _number(row.get("expected_sample_size"))
        if not np.isnan(expected):
            found["ci_width"] = _width(row, shares, expected)
    elif n == "inf":
        found["powered_effect"] = None
    else:
        found["powered_effect"] = float(minimum_effect(float(n), baseline, design, power=wanted))
        if baseline.binary:
            found["powered_effect"] = searched(found["powered_effect"], _number(row["powered_effect"]))
    return found


def searched(ours: float, theirs: float) -> Searched:
    """Ours, if their search for the powered effect of a proportion came within 1e-9 of the answer.

    Ours solves the equation of the sample size to the last digit, as the unit tests of `power` show.
    """
    if 1e-9 < abs(ours - theirs) < 1e-5 * ours:
        raise Uncovered("its search for the powered effect of a proportion stops up to 2e-6 from the answer")
    return Searched(ours)


def _rounded(needed: float, shares: list[float]) -> float:
    """It rounds the smallest treatment up, and then the total of which that one and the control are a part."""
    if needed == inf:
        return inf
    least = min(shares[1:])
    treated = ceil(needed * least)
    return float(ceil((treated + shares[0] / least * treated) / (shares[0] + least)))


def _width(row: dict[str, Any], shares: list[float], n: float) -> float:
    from shopr.abtest.methods.arms import scalar
    from shopr.abtest.methods.frequentist import difference, judge

    one, other = (scalar(n * s, row["avg"], row["var"]) for s in (shares[0], min(shares[1:])))
    read = judge(difference(one, other, normal=True), alpha=row["adjusted_alpha_power_sample_size"])
    return float(read.hi - read.lo)


def achieved_power(body: dict[str, Any]) -> dict[str, Any]:
    """The power of the two levels' sizes, by the pooled variance (or proportion) and counting both tails."""
    from tests.abtest.vectors.confidence_experiment import Setup

    setup = Setup.of(body)
    _, call = body["input"]
    levels = [call["level_1"], call["level_2"]]
    names = setup.frame[setup.groups].astype(object).to_numpy().tolist()
    (n1, m1, v1), (n2, m2, v2) = (setup.moments(setup.frame.iloc[names.index(level)]) for level in levels)
    pooled = ((n1 - 1) * v1 + (n2 - 1) * v2) / (n1 + n2 - 2)
    if setup.method == "chi-squared":
        share = (n1 * m1 + n2 * m2) / (n1 + n2)
        pooled = share * (1 - share)
    design = PowerDesign(call["alpha"], shares=(n1, n2), both_tails=True)
    found = float(power(call["mde"], n1 + n2, Baseline(m1, pooled), design))
    return {"_frame": {"level_1": [levels[0]], "level_2": [levels[1]], "achieved_power": [found]}}
