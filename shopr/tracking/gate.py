"""The promotion gate: a pure function from evidence to a decision with its reasons.

A candidate passes when the paired interval of its gain over the champion lies above zero, no slice of shoppers loses
more than the margin, and coverage and latency stay within bounds. The first champion must beat popularity in the same
way. Every look at the gate's split counts. How many there will be nobody knows, so the risk is spent (alpha spending):
look i may promote a candidate that is no better with probability alpha / (i (i + 1)), which sums to alpha, however
many looks there are. The first look is an ordinary interval at level 1 - alpha.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from shopr.errors import InputError
from shopr.metrics.bootstrap import paired
from shopr.tracking.evidence import Evidence
from shopr.tracking.rules import Rules

__all__ = ["Decision", "Reason", "Rules", "decide"]

_MOST_RESAMPLES = 100_000


@dataclass(frozen=True, slots=True)
class Reason:
    """One check of the gate: what was measured, the bound, and whether it held."""

    name: str
    value: float
    bound: float
    passed: bool
    detail: str = ""

    def line(self) -> str:
        """The check as one line of text."""
        return f"{'passed' if self.passed else 'FAILED'}  {self.name}: {self.detail or f'{self.value:.4g}'}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says.

    Attributes:
        allowed: whether every check held.
        reasons: the checks, in order.
        against: the model that the candidate was held against.
        looks: candidates judged on this split so far, this one included.
        level: of the corrected interval.
    """

    allowed: bool
    reasons: tuple[Reason, ...]
    against: str
    looks: int
    level: float

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
) -> Decision:
    """Judge a candidate against the champion, or against popularity where there is none.

    Args:
        candidate, champion, baseline: evidence over the same shoppers.
        rules: the bounds.
        looks: candidates judged on this split so far, this one included; the interval is corrected for them.
        seed: of the bootstrap.

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
    reasons = [
        _gain(candidate, rival, rules, level, seed),
        *_slices(candidate, rival, rules, level, seed),
        Reason(
            "coverage",
            candidate.coverage,
            rules.least_coverage,
            bool(candidate.coverage >= rules.least_coverage),
            f"{candidate.coverage:.1%} of the products are shown to somebody, {rules.least_coverage:.1%} wanted",
        ),
        Reason(
            "latency",
            candidate.latency_ms,
            rules.most_latency_ms,
            bool(candidate.latency_ms <= rules.most_latency_ms),
            f"{candidate.latency_ms:.2f} ms an answer, at most {rules.most_latency_ms:g} ms allowed",
        ),
    ]
    return Decision(all(r.passed for r in reasons), tuple(reasons), rival.model, looks, level)


def _gain(candidate: Evidence, rival: Evidence, rules: Rules, level: float, seed: int) -> Reason:
    a, b = candidate.metrics[rules.metric], rival.metrics[rules.metric]
    found = paired(a, b, level=level, resamples=_resamples(rules, level), seed=seed)
    words = (
        f"{candidate.mean(rules.metric):.4f} against {rival.mean(rules.metric):.4f} of {rival.model}, "
        f"difference {found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}] at {level:.1%} over {found.n:,} shoppers"
    )
    return Reason(f"gain in {rules.metric}", found.low, 0.0, bool(found.low > 0), words)


def _slices(candidate: Evidence, rival: Evidence, rules: Rules, level: float, seed: int) -> list[Reason]:
    """Non-inferiority on every slice: the interval's lower end must stay above minus the margin.

    A slice so small that its interval is wider than the margin could prove that of no candidate: there a candidate is
    refused when it is shown to be worse, and the reason says how little is known.
    """
    out = []
    for name, mask in candidate.slices.items():
        a, b = candidate.metrics[rules.metric][mask], rival.metrics[rules.metric][mask]
        known = int((np.isfinite(a) & np.isfinite(b)).sum())
        if known < rules.slice_users:
            words = f"only {known} shoppers, {rules.slice_users} are needed to judge"
            out.append(Reason(f"slice {name}", float("nan"), float("nan"), True, words))
            continue
        found = paired(a, b, level=level, resamples=_resamples(rules, level), seed=seed)
        bound = -rules.slice_margin * float(np.nanmean(b))
        words = f"difference {found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}] over {known:,} shoppers"
        if found.mean - found.low > -bound:
            words += f"; too few to rule out a loss of {-bound:.4f}, and none is shown" if found.high >= 0 else ""
            out.append(Reason(f"slice {name}", found.high, 0.0, bool(found.high >= 0), words))
        else:
            words += f", no less than {bound:+.4f} allowed"
            out.append(Reason(f"slice {name}", found.low, bound, bool(found.low >= bound), words))
    return out


def _resamples(rules: Rules, level: float) -> int:
    """Enough replicates that the corrected interval's end rests on at least ten of them, while that can be paid for."""
    return int(max(rules.resamples, min(np.ceil(20 / (1 - level)), _MOST_RESAMPLES)))
