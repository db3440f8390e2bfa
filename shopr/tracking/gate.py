"""The promotion gate: a pure function from evidence to a decision with its reasons.

A candidate passes when the paired interval of its gain over the champion lies above zero, no slice of shoppers is left
behind (see `slices`), and breadth, bias, speed, size, files and data are within bounds. The first champion must beat
popularity in the same way. Every look at the gate's split counts. How many there will be nobody knows, so the risk is
spent (alpha spending): look i may promote a candidate that is no better with probability alpha / (i (i + 1)), which
sums to alpha, however many looks there are. The first look is an ordinary interval at level 1 - alpha.

A decision states what it may get wrong both ways: how likely a candidate that is no better passes, and how likely one
that is better by so much is refused.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from shopr.errors import InputError
from shopr.metrics.bootstrap import paired
from shopr.tracking.bounds import Reason, bounds
from shopr.tracking.evidence import Evidence
from shopr.tracking.rules import Rules
from shopr.tracking.slices import SliceTest, judge_slices

__all__ = ["Decision", "Reason", "Rules", "Trial", "decide"]

_MOST_RESAMPLES = 100_000


@dataclass(frozen=True, slots=True)
class Trial:
    """The last kept reading of an A/B test.

    Attributes:
        name: of the experiment.
        verdict: `ship`, `stop`, or another word where it has not concluded.
        why: in words.
    """

    name: str
    verdict: str
    why: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says.

    Attributes:
        allowed: whether every check held.
        reasons: the checks, in order.
        against: the model that the candidate was held against.
        looks: candidates judged on this split so far, this one included.
        level: of the corrected interval.
        risks: what the decision may get wrong, each as a sentence with its probability.
    """

    allowed: bool
    reasons: tuple[Reason, ...]
    against: str
    looks: int
    level: float
    risks: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The decision in one sentence, with the first reason that decided it."""
        failed = [r for r in self.reasons if not r.passed]
        if failed:
            return f"{failed[0].name}: {failed[0].detail}"
        return self.reasons[0].detail

    def text(self) -> str:
        """Every check on a line of its own, the verdict last."""
        lines = [reason.line() for reason in self.reasons]
        lines += [f"risk    {risk}" for risk in self.risks]
        lines.append(f"{'promote' if self.allowed else 'refuse'}: {self.verdict}")
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """The decision as plain values, for the record."""
        return {**asdict(self), "verdict": self.verdict}


def decide(
    candidate: Evidence,
    champion: Evidence | None,
    baseline: Evidence,
    rules: Rules | None = None,
    *,
    looks: int = 1,
    seed: int = 42,
    drift: float = float("nan"),
    trial: Trial | None = None,
) -> Decision:
    """Judge a candidate against the champion, or against popularity where there is none.

    Args:
        candidate, champion, baseline: evidence over the same shoppers.
        rules: the bounds.
        looks: candidates judged on this split so far, this one included; the interval is corrected for them.
        seed: of the bootstrap.
        drift: population stability index of what was bought in the gate's span against the time before; NaN if unknown.
        trial: what the last kept reading of an A/B test of this candidate says.

    Raises:
        InputError: if the evidence is over different shoppers, or lacks the metric.
    """
    rules = rules or Rules()
    rival = champion if champion is not None else baseline
    for one in (candidate, rival):
        if rules.metric not in one.metrics:
            raise InputError(f"evidence of {one.model} lacks {rules.metric!r}", hint=f"It has {', '.join(one.metrics)}")
    if not np.array_equal(candidate.users, rival.users):
        raise InputError("candidate and champion were judged on different shoppers", hint="Judge both on one split")
    if looks < 1:
        raise InputError(f"looks is {looks}", hint="Count this candidate too: at least 1")
    level = 1 - 2 * rules.alpha / (looks * (looks + 1))  # a promotion rests on the lower end alone: half of it
    measured = rival.metrics[rules.metric]
    slices = judge_slices(candidate.metrics[rules.metric] - measured, measured, candidate.slices, rules)
    reasons = [
        _gain(candidate, rival, rules, level, seed),
        *(
            Reason(f"slice {name}", test.mean, -test.margin, test.passed, test.words(rules.slice_users))
            for name, test in slices.items()
        ),
        *bounds(candidate, rival, rules, drift),
        *([] if trial is None and rules.experiment is None else [_tried(trial, rules)]),
    ]
    risks = _risks(candidate, rival, rules, level, list(slices.values()))
    return Decision(all(r.passed for r in reasons), tuple(reasons), rival.model, looks, level, risks)


def _gain(candidate: Evidence, rival: Evidence, rules: Rules, level: float, seed: int) -> Reason:
    a, b = candidate.metrics[rules.metric], rival.metrics[rules.metric]
    found = paired(a, b, level=level, resamples=_resamples(rules, level), seed=seed)
    # Over few hundred shoppers BCa's lower end is too high more often than it says (3.8 % for 2.5 % at 500): the wider
    # of it and Student's interval keeps the promise.
    half = float(stdtrit(found.n - 1, (1 + level) / 2)) * float(np.nanstd(a - b, ddof=1)) / found.n**0.5
    low, high = min(found.low, found.mean - half), max(found.high, found.mean + half)
    words = (
        f"{candidate.mean(rules.metric):.4f} against {rival.mean(rules.metric):.4f} of {rival.model}, "
        f"difference {found.mean:+.4f} [{low:+.4f}, {high:+.4f}] at {level:.1%} over {found.n:,} shoppers"
    )
    return Reason(f"gain in {rules.metric}", low, 0.0, bool(low > 0), words)


def _tried(trial: Trial | None, rules: Rules) -> Reason:
    """What an A/B test said: wanted by name it must say `ship`; otherwise only `stop` counts."""
    nothing = float("nan")
    if trial is None:
        return Reason("A/B test", nothing, nothing, False, f"no reading of {rules.experiment} is kept")
    held = trial.verdict == "ship" if rules.experiment else trial.verdict != "stop"
    return Reason("A/B test", nothing, nothing, held, f"{trial.name} says {trial.verdict}: {trial.why}")


def _risks(
    candidate: Evidence, rival: Evidence, rules: Rules, level: float, slices: list[SliceTest]
) -> tuple[str, ...]:
    gain = candidate.metrics[rules.metric] - rival.metrics[rules.metric]
    gain = gain[np.isfinite(gain)]
    error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else float("nan")
    z = float(-ndtri((1 - level) / 2))
    told = [f"a candidate that is no better is promoted at this look in {(1 - level) / 2:.2%} of cases at most"]
    if error > 0:
        lift = 0.05 * rival.mean(rules.metric)
        missed, seen = float(ndtr(z - lift / error)), float(z - ndtri(0.2)) * error
        told.append(
            f"one that is truly 5 % better ({lift:+.4f}) is refused for its gain in {missed:.0%} of cases; "
            f"{seen:+.4f} would be seen in 80 %"
        )
    judged = [test for test in slices if test.kind != "unjudged"]
    if judged:
        spared = float(np.prod([1 - test.refuses_equal for test in judged]))
        told.append(
            f"one that is equal in all {len(judged)} slices is refused for one of them in up to {1 - spared:.0%} of "
            f"cases; a slice's loss of {rules.slice_margin:.0%} passes in up to {max(t.misses for t in judged):.0%}"
        )
    return tuple(told)


def _resamples(rules: Rules, level: float) -> int:
    """Enough replicates that the corrected interval's end rests on at least ten of them, while that can be paid for."""
    return int(max(rules.resamples, min(np.ceil(20 / (1 - level)), _MOST_RESAMPLES)))
