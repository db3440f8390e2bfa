"""What a candidate must keep to besides being good: breadth, bias, speed, size, sound files, and data as they were."""

from __future__ import annotations

from dataclasses import dataclass

from shopr.tracking.evidence import Evidence
from shopr.tracking.rules import Rules

__all__ = ["Reason", "bounds"]


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


def bounds(candidate: Evidence, rival: Evidence, rules: Rules, drift: float) -> list[Reason]:
    """The checks, one a line. Coverage and latency must be measured; of the others those that were are judged."""
    checks = [
        Reason(
            "coverage",
            candidate.coverage,
            rules.least_coverage,
            bool(candidate.coverage >= rules.least_coverage),
            f"{candidate.coverage:.1%} of the products are shown to somebody, {rules.least_coverage:.1%} wanted",
        ),
        _most(
            "latency",
            candidate.latency_ms,
            rules.most_latency_ms,
            f"{candidate.latency_ms:.2f} ms an answer, at most {rules.most_latency_ms:g} ms allowed",
        ),
    ]
    judged = _where_measured(candidate, rival, rules, drift)
    checks += [check for check in judged if check.value == check.value and check.bound == check.bound]
    words = "; ".join(candidate.problems) or "the files are those of a logged model, all numbers are finite"
    checks.append(Reason("artifact", float(len(candidate.problems)), 0.0, not candidate.problems, words))
    return checks


def _where_measured(candidate: Evidence, rival: Evidence, rules: Rules, drift: float) -> list[Reason]:
    """The checks of what need not be measured; value or bound is NaN where it was not."""
    calibrated = rules.most_miscalibration * rival.miscalibration
    return [
        _most(
            "memory",
            candidate.memory_mb,
            rules.most_memory_mb,
            f"{candidate.memory_mb:,.0f} MB are held, at most {rules.most_memory_mb:,.0f} MB allowed",
        ),
        _most(
            "popularity bias",
            candidate.popularity_lift,
            rules.most_popularity_lift,
            f"what is shown sells {candidate.popularity_lift:.1f} times as much as what shoppers bought, "
            f"at most {rules.most_popularity_lift:g} times allowed",
        ),
        _most(
            "concentration",
            candidate.top_share,
            rules.most_top_share,
            f"one product stands in {candidate.top_share:.0%} of the lists, at most {rules.most_top_share:.0%} allowed",
        ),
        _most(
            "calibration",
            candidate.miscalibration,
            calibrated,
            f"categories of lists and histories are {candidate.miscalibration:.2f} apart, "
            f"{rival.miscalibration:.2f} for {rival.model}, at most {calibrated:.2f} allowed",
        ),
        _most(
            "data drift",
            drift,
            rules.most_drift,
            f"what was bought differs from the time before by a stability index of {drift:.2f}, "
            f"at most {rules.most_drift:g} allowed: beyond it the split says little of tomorrow",
        ),
    ]


def _most(name: str, value: float, bound: float, words: str) -> Reason:
    return Reason(name, value, bound, bool(value <= bound), words)
