"""What a policy would have earned, from the log of another.

Each impression i contributes a term; a method's value is a mean of terms, or a ratio of two means. With weights
w = pi(a|x) / p(a|x), rewards r and a reward model q:

- `ips`: w r (Horvitz & Thompson 1952); unbiased where the logging policy could have done all that the new one does
- `clipped`: min(w, clip) r (Ionides 2008); less variance, biased towards 0
- `snips`: sum w r / sum w (Swaminathan & Joachims 2015); invariant to a shift of the rewards
- `dm`: sum_a pi(a|x) q(x, a), the model alone; as good as the model
- `dr`: dm + w (r - q) (Dudik et al. 2011); right if either weights or model are
- `switch_dr`: dm + w (r - q) [w <= tau] (Wang et al. 2017), tau given or chosen by SLOPE (Su et al. 2020)

A slate is evaluated slot by slot: each row is one slot, and the clicks of slots are taken to be independent given
what stands there (the model of the Open Bandit data, Saito et al. 2021); rows of one user are kept together in errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from shopr.abtest.checks import one_of, positive, share
from shopr.abtest.counterfactual.logged import Logged
from shopr.errors import InputError
from shopr.metrics.bootstrap import replicates
from shopr.randomness import DEFAULT_SEED

__all__ = ["INTERVALS", "METHODS", "Estimate", "estimate", "slope_tau", "table", "weights"]

Floats = NDArray[np.float64]
Method = Literal["ips", "clipped", "snips", "dm", "dr", "switch_dr"]
Interval = Literal["normal", "bootstrap", "bernstein"]
METHODS: tuple[Method, ...] = ("ips", "clipped", "snips", "dm", "dr", "switch_dr")
INTERVALS: tuple[Interval, ...] = ("normal", "bootstrap", "bernstein")
_MODEL_METHODS = {"dm", "dr", "switch_dr"}
_BIASED = {"clipped", "dm", "switch_dr"}
_KEPT_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """One method's answer.

    Attributes:
        method: its name.
        value: expected reward an impression under the new policy.
        se: standard error over users (over rows where the log names none).
        lo, hi: interval at `level`.
        interval: how it was made.
        level: such as .95.
        n, units: rows, and users.
        bound: the clip or tau used; inf where weights were not bounded.
        biased: whether the method trades bias for variance (clipped, dm, switch_dr). Its own spread says nothing of
            the bias, so its interval is stretched to hold that of its unbiased counterpart as well (ips for clipped, dr
            for the others): what the log cannot rule out.
    """

    method: Method
    value: float
    se: float
    lo: float
    hi: float
    interval: Interval
    level: float
    n: int
    units: int
    bound: float
    biased: bool


def weights(log: Logged, policy: ArrayLike) -> Floats:
    """Shape (n,): how much likelier the new policy was to do what was logged (importance weights).

    Raises:
        InputError: if the policy is no policy for this log (see `Logged.policy`), or never does what was logged.
    """
    chances = log.policy(policy)
    found: Floats = chances[np.arange(len(log)), log.actions] / log.propensities
    if not (found > 0).any():
        raise InputError(
            "no overlap: the policy gives probability 0 to every logged action",
            hint="Evaluate a policy that does some of what was logged, or log with exploration",
        )
    return found


def estimate(
    log: Logged, policy: ArrayLike, method: Method = "snips", *, q: ArrayLike | None = None, clip: float | None = None,
    tau: float | Literal["slope"] = "slope", interval: Interval = "normal", level: float = 0.95, resamples: int = 2000,
    weight_bound: float | None = None, reward_range: tuple[float, float] = (0.0, 1.0), seed: int = DEFAULT_SEED,
) -> Estimate:  # fmt: skip
    """The value of a policy from a log.

    Args:
        log: the impressions.
        policy: see `Logged.policy`.
        method: see the module.
        q: shape (n, n_actions), expected rewards, cross-fitted (`shopr.abtest.counterfactual.rewardmodel.cross_fit`);
            for `dm`, `dr` and `switch_dr`.
        clip: largest weight of `clipped`; by default the square root of n.
        tau: threshold of `switch_dr`.
        interval: `normal`; `bootstrap` over users, percentile; `bernstein`, empirical Bernstein (Maurer & Pontil
            2009), for ips, clipped and dr: it holds at any n for rewards in `reward_range`. With `clipped` it holds for
            the mean of the clipped terms, which bounds the value from below where rewards are 0 or more; the others
            need `weight_bound`.
        weight_bound: the largest weight possible, known from both policies.

    Raises:
        InputError: if an argument is out of bounds, a method lacks q, or the policy has no overlap with the log.
    """
    one_of("method", method, METHODS)
    one_of("interval", interval, INTERVALS)
    share("level", level)
    w = weights(log, policy)
    bound = np.inf
    if method == "clipped":
        bound = positive("clip", np.sqrt(len(log)) if clip is None else clip)
    model = _model(log, policy, q) if method in _MODEL_METHODS else None
    if method == "switch_dr" and model is not None:
        bound = slope_tau(log, w, *model) if tau == "slope" else positive("tau", tau)
    terms, base = _terms(log, w, method, model, bound)
    sums = _by_user(log, terms, base)
    value = float(sums[:, 0].sum() / sums[:, 1].sum())
    se = _spread(sums, value)
    if interval == "bernstein":
        most = bound if method == "clipped" else weight_bound
        lo, hi = _bernstein(log, sums, value, method=method, most=most, rewards=reward_range, level=level)
    else:
        ends = [_ends(sums, interval, level, resamples, seed)]
        if method in _BIASED:
            terms, base = _terms(log, w, "ips" if model is None else "dr", model, np.inf)
            ends.append(_ends(_by_user(log, terms, base), interval, level, resamples, seed))
        lo, hi = min(end[0] for end in ends), max(end[1] for end in ends)
    return Estimate(method, value, se, lo, hi, interval, level, len(log), len(sums), float(bound), method in _BIASED)


def table(estimates: Sequence[Estimate]) -> pd.DataFrame:
    """Estimates as a table: method, value, se, lo, hi, interval, level, n, units, bound, biased."""
    return pd.DataFrame([{name: getattr(one, name) for name in Estimate.__slots__} for one in estimates])


def slope_tau(log: Logged, w: Floats, direct: Floats, predicted: Floats, *, candidates: int = 16) -> float:
    """Threshold of switch-DR by SLOPE: the smallest whose estimate agrees with those of all larger ones.

    The larger tau, the less bias and the more variance. From the largest on, a step down is taken while the new
    estimate lies within its own error plus (sqrt 6 - 1) times the other's (95 % normal) of each estimate before.

    Args:
        w: shape (n,), weights.
        direct: shape (n,), the model's value of the policy in each row.
        predicted: shape (n,), the model's reward of the logged action.
        candidates: thresholds tried, evenly spaced on the log scale between the largest weight and the 95 % quantile
            of those above 0, so that the model alone answers for few rows.
    """
    grid = np.geomspace(float(w.max()), float(np.quantile(w[w > 0], _KEPT_SHARE)), candidates)
    found: list[tuple[float, float]] = []
    chosen = float(grid[0])
    for tau in grid:
        sums = _by_user(log, direct + w * (log.rewards - predicted) * (w <= tau * (1 + 1e-12)), np.ones(len(log)))
        value = float(sums[:, 0].sum() / sums[:, 1].sum())
        width = 1.96 * _spread(sums, value)
        if any(abs(value - v) > width + (np.sqrt(6) - 1) * wide for v, wide in found):
            break
        found.append((value, width))
        chosen = float(tau)
    return chosen


def _model(log: Logged, policy: ArrayLike, q: ArrayLike | None) -> tuple[Floats, Floats]:
    """The model's value of the policy in each row, and its reward of the logged action."""
    if q is None:
        raise InputError("this method needs q, the expected rewards", hint="Make it with cross_fit(log)")
    rewards = np.asarray(q, np.float64)
    if rewards.shape != (len(log), log.n_actions) or not np.isfinite(rewards).all():
        raise InputError(f"q of shape {rewards.shape}, or not finite", hint=f"Give ({len(log)}, {log.n_actions})")
    direct = np.einsum("na,na->n", log.policy(policy), rewards)
    return direct, rewards[np.arange(len(log)), log.actions]


def _terms(
    log: Logged, w: Floats, method: Method, model: tuple[Floats, Floats] | None, bound: float
) -> tuple[Floats, Floats]:
    """Numerators and denominators; the value is the ratio of their sums."""
    ones = np.ones(len(log))
    if model is None:
        if method == "snips":
            return w * log.rewards, w
        return np.minimum(w, bound) * log.rewards, ones
    direct, predicted = model
    if method == "dm":
        return direct, ones
    used = np.where(w <= bound * (1 + 1e-12), w, 0.0)
    return direct + used * (log.rewards - predicted), ones


def _by_user(log: Logged, terms: Floats, base: Floats) -> Floats:
    """Shape (units, 2): sums of both over each user's rows."""
    if log.users is None:
        return np.column_stack([terms, base])
    _, codes = np.unique(log.users, return_inverse=True)
    found = np.column_stack([np.bincount(codes, terms), np.bincount(codes, base)]).astype(np.float64)
    if len(found) < 2:
        raise InputError("the log holds one user", hint="Name two users at least, or none: then each row is alone")
    return found


def _spread(sums: Floats, value: float) -> float:
    """The ratio's standard error, by the delta method over units."""
    rest = sums[:, 0] - value * sums[:, 1]
    units = len(sums)
    return float(np.sqrt(units / (units - 1) * (rest**2).sum()) / sums[:, 1].sum())


def _ends(sums: Floats, interval: Interval, level: float, resamples: int, seed: int) -> tuple[float, float]:
    """The interval of a ratio of sums over units: normal, or bootstrap by percentiles."""
    if interval == "normal":
        value = float(sums[:, 0].sum() / sums[:, 1].sum())
        half = float(ndtri((1 + level) / 2)) * _spread(sums, value)
        return value - half, value + half
    if resamples < 100:
        raise InputError(f"{resamples} resamples are too few for an interval", hint="Use 1000 or more")
    means = replicates(sums, resamples=resamples, seed=seed)
    ratios = np.divide(means[:, 0], means[:, 1], out=np.full(len(means), np.nan), where=means[:, 1] > 0)
    lo, hi = np.nanquantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    return float(lo), float(hi)


def _bernstein(
    log: Logged, sums: Floats, value: float, *, method: Method, most: float | None, rewards: tuple[float, float],
    level: float,
) -> tuple[float, float]:  # fmt: skip
    """Maurer & Pontil's theorem 4, both sides, for rows that stand alone or users' sums of bounded size."""
    if method == "snips":
        raise InputError("empirical Bernstein holds for means, snips is a ratio", hint="Use ips, clipped or dr")
    if method in {"dm", "switch_dr"}:
        raise InputError(f"empirical Bernstein knows nothing of the bias of {method}", hint="Use ips, clipped or dr")
    if most is None:
        raise InputError(
            "empirical Bernstein needs weight_bound", hint="Give the largest weight possible, or use clipped"
        )
    low, high = rewards
    if not low < high or log.rewards.min() < low or log.rewards.max() > high:
        raise InputError(f"rewards leave the range {low:g} … {high:g}", hint="Give reward_range as (low, high)")
    plain = method in {"ips", "clipped"}
    width = most * (max(high, 0.0) - min(low, 0.0)) if plain else (1 + 2 * most) * (high - low)
    units = len(sums)
    # Users' sums are scaled so that their mean is the value; the longest user bounds their range.
    scaled = sums[:, 0] * units / sums[:, 1].sum()
    width *= float(sums[:, 1].max()) * units / float(sums[:, 1].sum())
    reach = np.log(4 / (1 - level))
    half = float(np.sqrt(2 * scaled.var(ddof=1) * reach / units) + 7 * width * reach / (3 * (units - 1)))
    return value - half, value + half
