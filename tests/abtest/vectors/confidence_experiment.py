"""Experiments of Spotify's confidence, played by our tests, corrections and power functions."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from shopr.abtest.methods.arms import scalar
from shopr.abtest.methods.counts import proportion_test
from shopr.abtest.methods.frequentist import Effect, difference, judge
from shopr.abtest.methods.multiplicity import adjust, interval_levels
from shopr.abtest.methods.srm import sample_ratio
from shopr.abtest.sizing.power import Baseline, PowerDesign, minimum_effect, sample_size, whole_arms
from tests.abtest.vectors import Searched, Uncovered, differences

POSITIONAL = {
    "difference": ("level_1", "level_2", "absolute", "groupby", "non_inferiority_margins", "final"),
    "differences": ("levels", "absolute", "groupby", "non_inferiority_margins", "final"),
    "multiple_difference": ("level", "absolute", "groupby", "level_as_reference", "non_inferiority_margins", "final"),
    "sample_ratio_test": ("expected",),
}
CORRECTIONS = {"bonferroni": "bonferroni", "spot-1-bonferroni": "bonferroni"}
SIDES = {"increase": "greater", "decrease": "less"}
NAMES = {"two-sided": "two-sided", "greater": "larger", "less": "smaller"}


def listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


def missing(value: Any) -> bool:
    return value is None or value == "nan" or (isinstance(value, float) and np.isnan(value))


@dataclass
class Setup:
    """A recorded experiment: its table and settings."""

    frame: pd.DataFrame
    columns: dict[str, Any]
    method: str
    size: float = 0.95

    @classmethod
    def of(cls, body: dict[str, Any]) -> Setup:
        positional, keywords = body["init"]
        raw = positional[0] if positional else keywords["data_frame"]
        frame, settings = pd.DataFrame(raw["_frame"]), {k: v for k, v in keywords.items() if k != "data_frame"}
        column = settings.get("method_column")
        squares = settings.get("numerator_sum_squares_column")
        if column is not None:
            method = str(frame[column].iloc[0])
        elif squares is None:
            method = "chi-squared"
        elif squares == settings["numerator_column"] or "ztest.py" in body["test"]:
            method = "z-test"
        else:
            method = "t-test"
        if method not in ("z-test", "t-test", "chi-squared") or settings.get("feature_column"):
            raise Uncovered(f"method {method!r}" if not settings.get("feature_column") else "feature columns")
        return cls(frame, settings, method, float(settings.get("interval_size", 0.95)))

    @property
    def groups(self) -> list[str]:
        """The columns whose values name a row: categories, treatment, then the ordinal one."""
        found = listed(self.columns.get("categorical_group_columns"))
        treatment = self.columns.get("treatment_column")
        found += [treatment] if treatment and treatment not in found else []
        return found + listed(self.columns.get("ordinal_group_column"))

    @property
    def alpha(self) -> float:
        return float(1 - self.size)

    @property
    def sums(self) -> tuple[str, str, str | None]:
        c = self.columns
        return c["numerator_column"], c["denominator_column"], c.get("numerator_sum_squares_column")

    def moments(self, row: pd.Series) -> tuple[float, float, float]:
        """Units, mean and variance of one row."""
        above, below, squares = self.sums
        n, mean = float(row[below]), float(row[above]) / float(row[below])
        if self.method == "chi-squared":
            return n, mean, mean * (1 - mean)
        if self.method == "z-test" and row[above] == row[squares]:
            return n, mean, mean * (1 - mean)  # it knows a proportion by its squares
        return n, mean, (float(row[squares]) / n - mean**2) * n / (n - 1)

    def own(self, row: pd.Series) -> tuple[float, float, float]:
        """Mean and interval of one row."""
        n, mean, variance = self.moments(row)
        df = n - 1 if self.method == "t-test" else np.inf
        effect = Effect(np.array(mean), np.array((variance / n) ** 0.5), np.array(df), np.array(n))
        read = judge(effect, alpha=self.alpha)
        return mean, float(read.lo), float(read.hi)


def play(method: str, body: dict[str, Any]) -> Any:
    """The answer to a call of `method`."""
    setup = Setup.of(body)
    positional, keywords = body["input"]
    names = POSITIONAL.get(method, ())
    call = {**dict(zip(names, positional, strict=False)), **keywords}
    if method == "summary":
        return {"_frame": _summary(setup)}
    if method == "sample_ratio_test":
        return _ratio(setup, call["expected"])
    if not missing(call.get("final", call.get("final_expected_sample_size_column"))):
        raise Uncovered("its sequential bounds come from a coarser grid than 1e-9")
    if "with_interval_sizes" in body["test"]:
        return _sized(setup, method, call, body)
    return _differences(setup, method, call, body)


def _sized(setup: Setup, method: str, call: dict[str, Any], body: dict[str, Any]) -> Any:
    """That test sets the interval size behind the recorder's back, to one of these: the one that fits is taken."""
    tried = [_differences(replace(setup, size=size), method, call, body) for size in (0.99, 0.999)]
    return next((one for one in tried if not list(differences(one, body["output"]))), tried[0])


def _differences(setup: Setup, method: str, call: dict[str, Any], body: dict[str, Any]) -> Any:
    correction = setup.columns.get("correction_method", "bonferroni")
    if correction not in CORRECTIONS:
        raise Uncovered(f"intervals under the correction {correction!r} are defined otherwise")
    rows = _rows(setup, method, call)
    _test(setup, rows, call, correction)
    recorded = body["output"]["_frame"]
    return {"_frame": _align(rows, recorded, setup, listed(call.get("groupby")))}


def _summary(setup: Setup) -> dict[str, list[Any]]:
    found = [setup.own(row) for _, row in setup.frame.iterrows()]
    names = ("point_estimate", "ci_lower", "ci_upper")
    return {**setup.frame.to_dict("list"), **{n: [f[i] for f in found] for i, n in enumerate(names)}}


def _ratio(setup: Setup, expected: dict[str, float]) -> list[Any]:
    keys = [str(tuple(row)) for row in setup.frame[setup.groups].astype(object).to_numpy().tolist()]
    weights = np.array([expected[key] for key in keys])
    counts = setup.frame[setup.sums[1]].to_numpy()
    observed = counts / counts.sum()
    frame = {
        **setup.frame.to_dict("list"),
        "observed_proportion": observed.tolist(),
        "expected_proportion": weights.tolist(),
        "difference": (observed - weights).tolist(),
    }
    return [sample_ratio(counts, weights, method="chi-square").p, {"_frame": frame}]


def _rows(setup: Setup, method: str, call: dict[str, Any]) -> list[dict[str, Any]]:
    by = listed(call.get("groupby"))
    rest = [c for c in setup.groups if c not in by]
    rows: list[dict[str, Any]] = []
    for key, group in setup.frame.groupby(by, sort=True) if by else [((), setup.frame)]:
        values = [list(v) if len(rest) > 1 else v[0] for v in group[rest].astype(object).to_numpy().tolist()]
        for one, other in _pairs(method, call, values):
            first, second = group.iloc[values.index(one)], group.iloc[values.index(other)]
            total = float(group[setup.sums[1]].sum())
            rows.append(
                {
                    "key": dict(zip(by, key, strict=True)),
                    "one": first,
                    "other": second,
                    "total": total,
                    "level_1": one,
                    "level_2": other,
                }
            )
    return rows


def _pairs(method: str, call: dict[str, Any], values: list[Any]) -> list[tuple[Any, Any]]:
    if method == "difference":
        return [(call["level_1"], call["level_2"])]
    if method == "differences":
        return [(one, other) for one, other in call["levels"]]
    level = call["level"]
    others = [v for v in values if v != level]
    return [(level, o) if call.get("level_as_reference", False) else (o, level) for o in others]


def _margin(setup: Setup, row: dict[str, Any], call: dict[str, Any]) -> tuple[float | None, str]:
    """The margin of a row, NaN if there is none, None if margins are not in play; and its preferred direction."""
    given = call.get("non_inferiority_margins")
    if given is True:
        return float(row["one"]["non_inferiority_margin"]), str(row["one"]["preferred_direction"])
    if given is False:
        return np.nan, "two-sided"
    if isinstance(given, dict):
        key = tuple(row["key"].values())
        found = {ast.literal_eval(k) if k.startswith("(") else k: v for k, v in given.items()}
        given = found[key if len(key) > 1 else key[0]]
    if given is None:
        return None, "two-sided"
    margin, direction = given
    return (np.nan if missing(margin) else float(margin)), direction or "two-sided"


def _test(setup: Setup, rows: list[dict[str, Any]], call: dict[str, Any], correction: str) -> None:
    """Everything of every row, written into it."""
    spot = correction.startswith("spot-1")
    for row in rows:
        row["margin"], row["preference"] = _margin(setup, row, call)
    guards = sum(row["margin"] is not None and not np.isnan(row["margin"]) for row in rows)
    counted = (len(rows) - guards or 1) if spot else len(rows)
    power = float(setup.columns.get("power", 0.8))
    power = 1 - (1 - power) / (guards + 1) if spot else power
    for row in rows:
        _row(setup, row, call, spot=spot, counted=counted, power=power)


def _row(setup: Setup, row: dict[str, Any], call: dict[str, Any], *, spot: bool, counted: int, power: float) -> None:
    (n1, mean1, var1), (n2, mean2, var2) = setup.moments(row["one"]), setup.moments(row["other"])
    directed = row["preference"] in SIDES
    # With its spot corrections a preferred direction doubles the error of a two-sided test instead of taking one side.
    alpha = setup.alpha * 2 if spot and directed else setup.alpha
    side = SIDES[row["preference"]] if directed and not spot else "two-sided"
    margin = row["margin"]
    guard = margin is not None and not np.isnan(margin)
    null = (-1 if row["preference"] == "increase" else 1) * margin * mean1 if guard else 0.0
    effect = difference(scalar(n1, mean1, var1), scalar(n2, mean2, var2), normal=setup.method != "t-test")
    read = judge(effect, null=null, side=side, alpha=alpha)
    p = float(read.p)
    if setup.method == "chi-squared":
        if guard or directed:
            raise Uncovered("one-sided chi-squared tests")
        p = float(proportion_test(mean1 * n1, n1, mean2 * n2, n2, method="z").p)
    level = float(interval_levels([p] * counted, "bonferroni", alpha)[0])
    wide = judge(effect, side=side, alpha=level)
    scale = 1.0 if call.get("absolute", True) else mean1
    adjusted = float(adjust([p] + [1.0] * (counted - 1), "bonferroni")[0])
    row |= {
        "difference": float(read.estimate) / scale,
        "std_err": float(effect.se),
        "p-value": p,
        "ci_lower": float(read.lo) / scale,
        "ci_upper": float(read.hi) / scale,
        "adjusted ci_lower": float(wide.lo) / scale,
        "adjusted ci_upper": float(wide.hi) / scale,
        "adjusted p-value": adjusted,
        "is_significant": adjusted < alpha,
        "absolute_difference": call.get("absolute", True),
        "alpha": alpha,
        "adjusted_alpha": level,
        "adjusted_alpha_power_sample_size": level,
        "power": setup.columns.get("power", 0.8),
        "adjusted_power": power,
        "null_hypothesis": null,
        "preference_used_in_test": NAMES[side],
        "alternative_hypothesis": 0.0 if guard else None,
        "powered_effect": None,
        "required_sample_size": None,
    }
    if setup.method == "z-test":
        design = PowerDesign(level, "greater" if side != "two-sided" else side, (n1, n2))  # type: ignore[arg-type]
        binary = var1 == mean1 * (1 - mean1) and not guard
        found = float(minimum_effect(n1 + n2, Baseline(mean1, var1, binary), design, power=power)) / scale
        row["powered_effect"] = Searched(found) if binary else found
        if guard:
            needed = float(sample_size(abs(null), Baseline(mean1, var1), design, power=power))
            row["required_sample_size"] = float(sum(whole_arms(needed, design)))
    row["required_sample_size_for_metric"] = row["required_sample_size"]


def _align(rows: list[dict[str, Any]], recorded: dict[str, list[Any]], setup: Setup, by: list[str]) -> dict[str, Any]:
    """Our rows in the recorded order, with the recorded columns."""
    count = len(recorded["level_1"])
    if count != len(rows):
        raise AssertionError(f"{len(rows)} rows instead of {count}")
    order = []
    for i in range(count):
        same = [
            row
            for row in rows
            if all(row["key"][c] == recorded[c][i] for c in by)
            and (row["level_1"], row["level_2"]) == (recorded["level_1"][i], recorded["level_2"][i])
        ]
        if len(same) != 1:
            raise AssertionError(f"row {i} is not found once")
        order.append(same[0])
    return {name: [_cell(row, name, setup) for row in order] for name in recorded}


def _cell(row: dict[str, Any], name: str, setup: Setup) -> Any:
    above = {"non-inferiority margin": "margin"}.get(name, name)
    if above in row:
        return row[above]
    if name in row["key"]:
        return row["key"][name]
    if name.startswith("current_total_"):
        return row["total"]
    if name == setup.columns.get("method_column") or name.startswith("method_column_name"):
        return setup.method
    stem, _, number = name.rpartition("_")
    source = row[{"1": "one", "2": "other"}[number]]
    own = dict(zip(("point_estimate", "ci_lower", "ci_upper"), setup.own(source), strict=True))
    own |= {"original_point_estimate": own["point_estimate"]}
    own |= dict.fromkeys(("variance", "original_variance"), setup.moments(source)[2])
    own |= {"non_inferiority_margin": row["margin"], "preferred_direction": _direction(row)}
    return own[stem] if stem in own else source[stem]


def _direction(row: dict[str, Any]) -> str | None:
    return row["preference"] if row["preference"] in SIDES else None
