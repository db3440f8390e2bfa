"""tea-tasting 1.14: aggregates become moments; proportions, ranks, resampling, power and corrections are ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from shopr.abtest.methods.arms import Arm, Term, cuped, plain
from shopr.abtest.methods.counts import proportion_test
from shopr.abtest.methods.frequentist import difference, judge, log_lift
from shopr.abtest.methods.moments import Moments
from shopr.abtest.methods.multiplicity import adjust
from shopr.abtest.methods.rank import rank_test
from shopr.abtest.methods.resampling import bootstrap
from shopr.abtest.methods.srm import sample_ratio
from shopr.abtest.sizing.power import Baseline, PowerDesign, minimum_effect, sample_size
from tests.abtest.vectors import Case, Uncovered

NAME = ("tea-tasting", "tea_tasting")
KINDS = ("Mean.analyze_aggregates", "RatioOfMeans.analyze_aggregates", "Proportion.analyze_aggregates")
FLOOR = 0.9
RECORDED = (28, 30)
NAN = float("nan")


def cases(document: Mapping[str, Any]) -> Iterator[Case]:
    for body in document["cases"]:
        yield Case(body["class"], body["test"], body)


def run(case: Case) -> tuple[Any, Any]:
    metric, given, output = case.body.get("metric") or {}, case.body["input"], case.body["output"]
    kind = case.kind.partition(".")[0] if not case.kind.endswith("aggregates") else case.kind
    play = {
        "Mean.analyze_aggregates": _means,
        "RatioOfMeans.analyze_aggregates": _means,
        "RatioOfMeans.solve_power_from_aggregates": _power,
        "Mean.solve_power_from_aggregates": _power,
        "Proportion.analyze_aggregates": _proportion,
        "MannWhitneyU": _ranks,
        "SampleRatio": _sample_ratio,
        "Bootstrap": _bootstrap,
        "Quantile": _bootstrap,
        "fn:adjust_fdr": _correction,
        "fn:adjust_fwer": _correction,
    }.get(kind)
    if play is None:
        raise Uncovered(f"no counterpart of {case.kind}")
    if play is _correction:
        return _correction(case.kind, given), _plain(output)
    if metric.get("method") == "auto" and output.get("pvalue") == 0.1:
        raise Uncovered("recorded while Barnard's test was replaced by a constant; ours gives its true p")
    return play(metric, given), _plain(output)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items() if key != "_type"}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return float(value) if value in ("inf", "-inf", "nan") else value


# --- means and ratios -------------------------------------------------------------------------------------------------


def _columns(metric: Mapping[str, Any]) -> tuple[list[str], tuple[Term, ...]]:
    names: list[str] = []
    terms: list[Term] = []
    for above, below in (("numer", "denom"), ("numer_covariate", "denom_covariate")):
        if metric[above] is None:
            continue
        names.append(metric[above])
        if metric[below] is None:
            terms.append(len(names) - 1)
        else:
            names.append(metric[below])
            terms.append((len(names) - 2, len(names) - 1))
    return names, tuple(terms)


def _aggregates(data: Mapping[str, Any], names: list[str]) -> Moments:
    d, n = len(names), data["count"]
    covariance = np.empty((d, d))
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            if one == other:
                covariance[i, j] = data["var"][one]
            else:
                covariance[i, j] = data["cov"].get(f"{one}|{other}", data["cov"].get(f"{other}|{one}"))
    mean = np.array([data["mean"][name] for name in names])
    return Moments(np.asarray(float(n)), mean, covariance * (n - 1))


def _pair(metric: Mapping[str, Any], given: Any) -> tuple[Arm, Arm]:
    names, terms = _columns(metric)
    control, treatment = (_aggregates(given[1][arm], names) for arm in ("control", "treatment"))
    if len(terms) == 1:
        return plain(control, terms[0]), plain(treatment, terms[0])
    one, other, _ = cuped(control, treatment, terms, adjusted_base=True)
    return one, other


def _means(metric: Mapping[str, Any], given: Any) -> dict[str, Any]:
    control, treatment = _pair(metric, given)
    alpha, side = 1 - metric["confidence_level"], metric["alternative"]
    options = {"equal_variance": metric["equal_var"], "normal": not metric["use_t"]}
    gap = judge(difference(control, treatment, **options), side=side, alpha=alpha)
    share = log_lift(control, treatment, side=side, alpha=alpha, **options)
    return {
        "control": float(control.value),
        "treatment": float(treatment.value),
        "effect_size": float(gap.estimate),
        "effect_size_ci_lower": float(gap.lo),
        "effect_size_ci_upper": float(gap.hi),
        "rel_effect_size": float(share.estimate),
        "rel_effect_size_ci_lower": float(share.lo),
        "rel_effect_size_ci_upper": float(share.hi),
        "pvalue": float(gap.p),
        "statistic": float(gap.statistic),
    }


def _power(metric: Mapping[str, Any], given: Any) -> dict[str, Any]:
    parameter, data = given[1]["parameter"], given[1]["data"]
    names, terms = _columns(metric)
    moments = _aggregates(data, names)
    if len(terms) > 1:
        half = Moments(moments.n / 2, moments.mean, moments.scatter / 2)
        arm = cuped(half, half, terms, adjusted_base=True)[0]
    else:
        arm = plain(moments, terms[0])
    value, variance = float(arm.value), float(arm.variance)
    baseline = Baseline(value, variance)
    design = PowerDesign(
        alpha=metric["alpha"],
        alternative=metric["alternative"],
        shares=(1.0, float(metric["ratio"])),
        student=metric["use_t"],
        both_tails=True,
    )
    if parameter == "effect_size" or parameter == "rel_effect_size":
        n = metric["n_obs"]
        effect = float(minimum_effect(n, baseline, design, power=metric["power"]))
        row = {"power": metric["power"], "effect_size": effect, "rel_effect_size": effect / value, "n_obs": n}
    elif parameter == "n_obs":
        effect = metric["effect_size"] if metric["effect_size"] is not None else metric["rel_effect_size"] * value
        n = int(np.ceil(sample_size(effect, baseline, design, power=metric["power"])))
        row = {"power": metric["power"], "effect_size": effect, "rel_effect_size": effect / value, "n_obs": n}
    else:
        raise Uncovered(f"solving for {parameter} is recorded nowhere else")
    return {"data": [row]}


# --- proportions, ranks, resampling -----------------------------------------------------------------------------------


def _proportion(metric: Mapping[str, Any], given: Any) -> dict[str, Any]:
    control, treatment = given[1]["control"], given[1]["treatment"]
    name = metric["column"]
    counts = []
    for arm in (control, treatment):
        counts += [round(arm["count"] * arm["mean"][name]), arm["count"]]
    method = {"norm": "z", "log-likelihood": "g"}.get(metric["method"], metric["method"])
    found = proportion_test(
        *counts,
        method=method,
        side=metric["alternative"],
        alpha=1 - metric["confidence_level"],
        pooled=metric["equal_var"],
        continuity=metric["correction"],
    )
    return {
        "control": float(found.control),
        "treatment": float(found.treatment),
        "effect_size": float(found.estimate),
        "effect_size_ci_lower": float(found.lo),
        "effect_size_ci_upper": float(found.hi),
        "rel_effect_size": float(found.lift),
        "rel_effect_size_ci_lower": float(found.lift_lo),
        "rel_effect_size_ci_upper": float(found.lift_hi),
        "pvalue": float(found.p),
    }


def _values(metric: Mapping[str, Any], frame: Mapping[str, Any]) -> np.ndarray:
    name = metric.get("column") or metric["columns"]
    values = np.array([float(v) if v is not None else NAN for v in frame["_frame"][name]])
    return values[~np.isnan(values)] if metric["nan_policy"] == "omit" else values


def _ranks(metric: Mapping[str, Any], given: Any) -> dict[str, Any]:
    control, treatment = (_values(metric, given[1][arm]) for arm in ("control", "treatment"))
    found = rank_test(
        control, treatment, side=metric["alternative"], method=metric["method"], continuity=metric["correction"]
    )
    return {
        "control": found.control,
        "treatment": found.treatment,
        "effect_size": found.estimate,
        "pvalue": found.p,
        "statistic": found.statistic,
    }


class _Legacy:
    """The generator that the recorded resamples were drawn from."""

    def __init__(self, seed: int) -> None:
        self._state = np.random.RandomState(seed)

    def integers(self, low: int, high: int, size: tuple[int, int]) -> np.ndarray:
        return self._state.randint(low, high, size)


def _bootstrap(metric: Mapping[str, Any], given: Any) -> dict[str, Any]:
    statistic: Any = metric["statistic"]
    if metric["_type"] == "Quantile":
        q = metric["q"]

        def statistic(values: np.ndarray, axis: int) -> np.ndarray:
            return np.quantile(values, q, axis=axis)

    elif "median" in str(statistic):
        statistic = np.median
    elif "mean" in str(statistic):
        statistic = "mean"
    else:
        raise Uncovered("a statistic that was not recorded")
    control, treatment = (_values(metric, given[1][arm]) for arm in ("control", "treatment"))
    options = {
        "resamples": metric["n_resamples"],
        "method": metric["method"],
        "side": metric["alternative"],
        "alpha": 1 - metric["confidence_level"],
    }
    gap = bootstrap(control, treatment, statistic, seed=_Legacy(metric["rng"]), **options)
    share = bootstrap(control, treatment, statistic, relative=True, seed=_Legacy(metric["rng"]), **options)
    return {
        "control": gap.control,
        "treatment": gap.treatment,
        "effect_size": gap.estimate,
        "effect_size_ci_lower": gap.lo,
        "effect_size_ci_upper": gap.hi,
        "rel_effect_size": share.estimate,
        "rel_effect_size_ci_lower": share.lo,
        "rel_effect_size_ci_upper": share.hi,
    }


def _sample_ratio(metric: Mapping[str, Any], given: Any) -> dict[str, Any]:
    arms, control, treatment = given[0][:3]
    counts = [arms[str(arm)]["count"] for arm in (control, treatment)]
    if metric["method"] == "norm" and metric["correction"]:
        raise Uncovered("a continuity correction of the sample ratio's z: the exact test serves small counts")
    method = "exact" if metric["method"] == "binom" else "chi-square"
    weights = [1.0, float(metric["ratio"])]
    return {
        "control": counts[0],
        "treatment": counts[1],
        "pvalue": sample_ratio(counts, weights, method=method).p,
    }


# --- corrections ------------------------------------------------------------------------------------------------------


def _correction(kind: str, given: Any) -> dict[str, Any]:
    (experiments, *rest), options = given
    wanted = rest[0] if rest else None
    wanted = [wanted] if isinstance(wanted, str) else wanted
    keys, p = [], []
    for pair, result in experiments.items():
        for name, row in result["data"].items():
            if wanted is None or name in wanted:
                keys.append((pair, name))
                p.append(row["pvalue"])
    method = _method(kind, options)
    alpha = options.get("alpha", 0.05)
    values = np.array(p)
    adjusted = adjust(values, method)
    rejected = adjusted <= alpha
    levels = _levels(values, adjusted, rejected, alpha, stepping_up=kind == "fn:adjust_fdr")
    found: dict[str, Any] = {pair: {"data": {}} for pair in experiments}
    for i, (pair, name) in enumerate(keys):
        found[pair]["data"][name] = {
            "pvalue": p[i],
            "pvalue_adj": float(adjusted[i]),
            "alpha_adj": float(levels[i]),
            "null_rejected": int(rejected[i]),
        }
    return {"data": found}


def _method(kind: str, options: Mapping[str, Any]) -> str:
    dependent = options.get("arbitrary_dependence", True)
    if kind == "fn:adjust_fdr":
        return "benjamini-yekutieli" if dependent else "benjamini-hochberg"
    if options.get("method", "bonferroni") == "sidak":
        raise Uncovered("a step-up procedure with Sidak's levels has no proof behind it")
    return "holm" if dependent else "hochberg"


def _levels(
    p: np.ndarray, adjusted: np.ndarray, rejected: np.ndarray, alpha: float, *, stepping_up: bool
) -> np.ndarray:
    """The level at which each p-value was tested, from what the correction multiplied it with.

    A step-up procedure tests all rejected ones at the level of the largest; a step-down one stops at the first that is
    not rejected, and the rest share its level.
    """
    levels = alpha * p / adjusted
    order = np.argsort(p, kind="stable")
    if stepping_up:
        if rejected.any():
            levels[rejected] = levels[order[int(rejected.sum()) - 1]]
    elif not rejected.all():
        first = order[int(rejected.sum())]
        levels[~rejected] = levels[first]
    return levels
