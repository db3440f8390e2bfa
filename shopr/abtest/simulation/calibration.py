"""How often each method is wrong, measured: false positives, power and coverage over simulated tests.

The methods are the functions that `analyze` reads a table with, given many tests at once. A rate is judged by the
standard error that it would have at its nominal value: it may lie three of them away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopr.abtest.methods.arms import Arm, cuped, plain
from shopr.abtest.methods.bayesian import gaussian_posterior
from shopr.abtest.methods.confseq import TUNING, confidence_sequence
from shopr.abtest.methods.counts import proportion_test
from shopr.abtest.methods.frequentist import Effect, Estimate, difference, fieller, judge, lift, log_lift
from shopr.abtest.methods.groupsequential import GroupSequential
from shopr.abtest.methods.moments import Moments
from shopr.abtest.methods.poststratification import poststratify
from shopr.abtest.simulation.trials import CLICKS, CONVERTED, PAST, REVENUE, SESSIONS, Trials

__all__ = [
    "METRICS",
    "SPENDINGS",
    "Cell",
    "arms",
    "cell",
    "coverage",
    "crossed",
    "effects",
    "false_positives",
    "p_values",
]
__all__ += ["rates_by_look", "stratified"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
METRICS = ("mean", "proportion", "ratio", "CUPED", "CUPED ratio")
"""What is read at every look: revenue, conversion, clicks a session, the first and the third with past revenue."""
SPENDINGS = ("obrien-fleming", "pocock", "classical:obrien-fleming", "classical:pocock")
_ERRORS = 3.0


@dataclass(frozen=True)
class Cell:
    """One measured rate.

    Attributes:
        method: what was measured.
        rate: share of the tests; `tests`: how many.
        nominal: what it should be; NaN for a method shown for comparison only.
        low, high: the nominal rate less and plus three standard errors.
        ok: whether the promise is kept; None without a nominal rate. Some promise one side only: a rate of false
            positives of at most 5 % over all looks, a coverage of at least 95 %.
    """

    method: str
    rate: float
    tests: int
    nominal: float = np.nan
    low: float = np.nan
    high: float = np.nan
    ok: bool | None = None

    @property
    def place(self) -> str:
        """Where the rate lies: "within" three standard errors of what is nominal, "below" or "above", or ""."""
        if self.ok is None:
            return ""
        return "below" if self.rate < self.low else "above" if self.rate > self.high else "within"


def cell(method: str, hits: Flags, nominal: float = np.nan, *, bound: str = "both") -> Cell:
    """Judge a rate.

    Args:
        method: its name.
        hits: shape (tests,).
        nominal: what the rate should be; NaN if nothing is promised.
        bound: "both"; "upper" for a rate that may be smaller, "lower" for one that may be larger.
    """
    rate, tests = float(np.mean(hits)), len(hits)
    if np.isnan(nominal):
        return Cell(method, rate, tests)
    error = _ERRORS * np.sqrt(nominal * (1 - nominal) / tests)
    low, high = float(nominal - error), float(nominal + error)
    kept = (bound == "upper" or low <= rate) and (bound == "lower" or rate <= high)
    return Cell(method, rate, tests, nominal, low, high, bool(kept))


def arms(trials: Trials, metric: str) -> tuple[Arm, Arm]:
    """Both arms of a metric of `METRICS`, shape (tests, looks)."""
    one, other = trials.control, trials.treatment
    term = (CLICKS, SESSIONS)
    if metric == "CUPED":
        return cuped(one, other, (REVENUE, PAST))[:2]
    if metric == "CUPED ratio":
        return cuped(one, other, (term, PAST))[:2]
    if metric == "proportion":
        return plain(one, CONVERTED, binary=True), plain(other, CONVERTED, binary=True)
    return (plain(one, term), plain(other, term)) if metric == "ratio" else (plain(one, REVENUE), plain(other, REVENUE))


def effects(trials: Trials, *, relative: bool = False) -> dict[str, Effect]:
    """The difference (or relative lift) of every metric at every look, arrays of shape (tests, looks)."""
    found = {}
    for metric in METRICS:
        one, other = arms(trials, metric)
        normal = metric in {"proportion", "ratio", "CUPED ratio"}
        found[metric] = (lift if relative else difference)(one, other, normal=normal)
    return found


def stratified(trials: Trials, *, relative: bool = False) -> Effect:
    """The post-stratified effect on revenue at the last look, arrays of shape (tests,)."""
    found = [
        poststratify(trials.control_strata.take(i), trials.treatment_strata.take(i), relative=relative)
        for i in range(trials.tests)
    ]
    return Effect(*(np.array([getattr(e, name) for e in found]) for name in ("estimate", "se", "df", "n")))


def p_values(trials: Trials) -> dict[str, Floats]:
    """p-values of every metric at every look, each as if it were the only one, shape (tests, looks)."""
    found = {metric: judge(effect).p for metric, effect in effects(trials).items()}
    one, other = arms(trials, "proportion")
    counts = [np.rint(x) for x in (one.value * one.n, one.n, other.value * other.n, other.n)]
    found["proportion"] = proportion_test(counts[0], counts[1], counts[2], counts[3]).p
    return found


def crossed(trials: Trials, *, alpha: float = 0.05, tuning: float = TUNING) -> dict[str, Flags]:
    """Whether each way of reading has rejected by each look, shape (tests, looks).

    Named "metric, way"; the way is "naive" (a fixed-horizon test at every look), "confidence sequence", "stitched
    sequence", or a spending function; and "read once", which has rejected or not at each look alone.
    """
    once = {metric: p <= alpha for metric, p in p_values(trials).items()}
    found = {f"{metric}, read once": hits for metric, hits in once.items()}
    found |= {f"{metric}, naive": _ever(hits) for metric, hits in once.items()}
    for metric, effect in effects(trials).items():
        for way, boundary in (("confidence sequence", "mixture"), ("stitched sequence", "stitched")):
            read = confidence_sequence(
                effect.estimate, effect.se, effect.n, alpha=alpha, tuning=tuning, boundary=boundary
            )
            found[f"{metric}, {way}"] = _ever(read.p <= alpha)
        for spending in SPENDINGS:
            design = GroupSequential(alpha, "two-sided", spending)
            looks = design.looks(effect.estimate, effect.se, trials.shares, final=True)
            found[f"{metric}, {spending}"] = looks.crossed
    mean = effects(trials)["mean"]
    chance = gaussian_posterior(mean.estimate, mean.se).chance_to_win()
    found["mean, chance to win 95 %"] = _ever((chance >= 0.95) | (chance <= 0.05))
    return found


def false_positives(trials: Trials, *, alpha: float = 0.05) -> tuple[list[Cell], list[Cell]]:
    """Rates of rejection in A/A tests: read once at the end, and over all looks.

    Read once, one cell is the trap that the delta method avoids: sessions counted as if they were independent.
    """
    once = [cell(metric, p[:, -1] <= alpha, alpha) for metric, p in p_values(trials).items()]
    once += [
        cell("relative lift, " + metric, judge(effect).p[:, -1] <= alpha, alpha)
        for metric, effect in effects(trials, relative=True).items()
    ]
    once.append(cell("post-stratified", judge(stratified(trials)).p <= alpha, alpha))
    naive = difference(*(_as_independent(m) for m in (trials.control, trials.treatment)), normal=True)
    once.append(cell("ratio, sessions as independent units", judge(naive).p <= alpha))
    looks = []
    for name, hits in crossed(trials, alpha=alpha).items():
        way = name.partition(", ")[2]
        if way == "read once":
            continue
        if way == "naive" or way.startswith("chance"):
            looks.append(cell(name, hits[:, -1]))
        else:
            looks.append(cell(name, hits[:, -1], alpha, bound="upper"))
    return once, looks


def coverage(trials: Trials, *, alpha: float = 0.05) -> list[Cell]:
    """How often intervals at 1 - alpha hold the true effect: at the end, and over all looks at once.

    The true relative lift is known. The true difference is the lift times the control's mean over all the tests, whose
    own error is a hundredth of one test's at 10,000 tests.
    """
    truth = trials.lift
    found = [
        _holds(f"relative lift, {metric}", judge(effect, alpha=alpha), truth, alpha)
        for metric, effect in effects(trials, relative=True).items()
    ]
    one, other = arms(trials, "mean")
    found += [
        _holds("relative lift, post-stratified", judge(stratified(trials, relative=True), alpha=alpha), truth, alpha),
        _holds("relative lift, mean, Fieller", fieller(one, other, alpha=alpha), truth, alpha),
        _holds("relative lift, mean, log", log_lift(one, other, alpha=alpha), truth, alpha),
    ]
    for metric, effect in effects(trials).items():
        gain = truth * _overall(trials, metric)
        found.append(_holds(f"difference, {metric}", judge(effect, alpha=alpha), gain, alpha))
        looks = GroupSequential(alpha).looks(effect.estimate, effect.se, trials.shares, final=True)
        held = np.all((looks.lo <= gain) & (gain <= looks.hi), axis=1)
        found.append(cell(f"difference, {metric}, group sequential, all looks", held, 1 - alpha, bound="lower"))
        read = confidence_sequence(effect.estimate, effect.se, effect.n, alpha=alpha)
        held = np.all((read.lo <= gain) & (gain <= read.hi), axis=1)
        found.append(cell(f"difference, {metric}, confidence sequence, all looks", held, 1 - alpha, bound="lower"))
    return found


def _holds(name: str, read: Estimate, truth: float, alpha: float) -> Cell:
    """Coverage at the last look, of arrays of shape (tests, looks) or (tests,)."""
    held = (read.lo <= truth) & (truth <= read.hi)
    return cell(name, held.reshape(len(held), -1)[:, -1], 1 - alpha)


def _overall(trials: Trials, metric: str) -> float:
    """The control's value over all tests, each as large as the others."""
    mean = trials.control.mean[:, -1].mean(axis=0)
    column = {"mean": REVENUE, "CUPED": REVENUE, "proportion": CONVERTED}.get(metric)
    return float(mean[CLICKS] / mean[SESSIONS] if column is None else mean[column])


def _as_independent(moments: Moments) -> Arm:
    """Clicks of the last look as a share of sessions, as if each session were a unit of its own."""
    last = moments.take(-1, axis=1)
    sessions = last.n * last.mean[:, SESSIONS]
    share = last.mean[:, CLICKS] / last.mean[:, SESSIONS]
    scatter = sessions * share * (1 - share)
    return plain(Moments(sessions, share[:, None], scatter[:, None, None]), binary=True)


def _ever(hits: Flags) -> Flags:
    return np.logical_or.accumulate(hits, axis=-1)


def rates_by_look(hits: Mapping[str, Flags]) -> dict[str, Floats]:
    """Share of the tests that have rejected by each look, shape (looks,)."""
    return {name: flags.mean(axis=0) for name, flags in hits.items()}
