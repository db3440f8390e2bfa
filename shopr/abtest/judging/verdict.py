"""What to do after a reading: ship, stop, keep running, or find out first what is broken; always with reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import norm

from shopr.abtest.design.spec import Experiment
from shopr.abtest.judging.analysis import Analysis, Row

__all__ = ["BLOCKING", "EARLIER", "Action", "Verdict", "conclude", "waiting"]

EARLIER = "earlier readings"
"""Name of the check that the units of an earlier reading are still there."""
BLOCKING = frozenset({"units", "sample ratio", "Twyman", EARLIER})
"""Health checks without which nothing is concluded."""
Action = Literal["ship", "stop", "keep running", "find out"]


@dataclass(frozen=True)
class Verdict:
    """What to do.

    Attributes:
        action: ship one arm; stop and stay with the control; keep running; or find out first why a check failed.
        arm: the arm to ship; "" otherwise.
        reasons: why, the weightiest first.
        until: what to wait for; "" unless the test keeps running.
    """

    action: Action
    arm: str
    reasons: tuple[str, ...]
    until: str = ""


def conclude(analysis: Analysis, spec: Experiment) -> Verdict:
    """The recommendation that follows from a reading by rules that are fixed before it.

    Units that were lost or counted twice, and a lift too good to be true, stop every conclusion; what else a health
    check says is a caution beside it. An arm is shipped if a primary metric is better, none is worse, and
    every guardrail is held; among several such arms the one whose first primary metric gained most.
    """
    failed = [check for check in analysis.health if not check.ok]
    broken = [f"{check.name}: {check.message}" for check in failed if check.name in BLOCKING]
    if broken:
        return Verdict("find out", "", ("a health check failed, so the results cannot be trusted yet", *broken))
    cautions = tuple(f"caution, {check.name}: {check.message}" for check in failed)
    verdicts = {arm: _of_arm(analysis, spec, arm) for arm in spec.treatments}
    ready = [arm for arm, (state, _) in verdicts.items() if state == "ship"]
    if ready:
        best = max(ready, key=lambda arm: _gain(analysis, spec, arm))
        return Verdict("ship", best, (*verdicts[best][1], *cautions))
    reasons = (*(reason for _, why in verdicts.values() for reason in why), *cautions)
    if not analysis.final and any(state == "wait" for state, _ in verdicts.values()):
        return Verdict("keep running", "", reasons, _until(analysis, spec))
    return Verdict("stop", "", reasons)


def waiting(analysis: Analysis, spec: Experiment, why: str) -> Verdict:
    """What follows where only the health of a test was read, because of `why` its results may not be read yet."""
    failed = [check for check in analysis.health if not check.ok]
    broken = tuple(f"{check.name}: {check.message}" for check in failed if check.name in BLOCKING)
    if broken:
        return Verdict("find out", "", ("a health check failed; mend it now, not at the end", *broken))
    cautions = tuple(f"caution, {check.name}: {check.message}" for check in failed)
    until, planned = "", getattr(spec.design, "n", None)
    if spec.end is not None:
        until = f"{spec.end.day} {spec.end:%b %Y, %H:%M} UTC"
    elif planned:
        until = f"{planned:,} units (it has {sum(analysis.units.values()):,})"
    return Verdict("keep running", "", (why, *cautions), until)


def _of_arm(analysis: Analysis, spec: Experiment, arm: str) -> tuple[Literal["ship", "stop", "wait"], tuple[str, ...]]:
    whole = [row for row in analysis.rows if row.arm == arm and not row.segment]
    primary = [row for row in whole if row.decides and row.metric in spec.deciding]
    guards = [row for row in whole if row.decision in ("held", "violated", "not shown")]
    violated = [f"{arm}: {_figures(row)}, beyond its margin" for row in guards if row.decision == "violated"]
    worse = [f"{arm}: {_figures(row)}, worse" for row in primary if row.decision == "worse"]
    if violated or worse:
        return "stop", (*violated, *worse)
    better = [f"{arm}: {_figures(row)}, better" for row in primary if row.decision == "better"]
    open_guards = [f"{arm}: {_figures(row)}, its margin is not ruled out" for row in guards if row.decision != "held"]
    if better and not open_guards:
        held = [f"{arm}: {_figures(row)}, within its margin" for row in guards]
        return "ship", (*better, *held)
    unclear = [f"{arm}: {_figures(row)}, inconclusive" for row in primary if row.decision not in ("better", "worse")]
    return "wait", (*better, *open_guards, *unclear)


def _figures(row: Row) -> str:
    form = "{:+.2%}" if row.relative else "{:+.4g}"
    shown = [form.format(v) if np.isfinite(v) else "∞" if v > 0 else "-∞" for v in (row.lo, row.hi)]
    return f"{row.metric} {form.format(row.estimate)} [{', '.join(shown)}]"


def _gain(analysis: Analysis, spec: Experiment, arm: str) -> float:
    row = analysis.row(spec.deciding[0], arm)
    sign = -1.0 if getattr(spec.metric(row.metric), "direction", "increase") == "decrease" else 1.0
    return sign * row.estimate / row.se if row.se > 0 else -np.inf


def _until(analysis: Analysis, spec: Experiment) -> str:
    """What to wait for: the next look, or the units at which an effect as large as today's would be seen."""
    n = sum(analysis.units.values())
    planned = getattr(spec.design, "n", None)
    looks = getattr(spec.design, "looks", None)
    if planned and looks:
        share = min(1.0, (analysis.look + 1) / looks) if isinstance(looks, int) else 1.0
        return f"look {analysis.look + 1} at about {round(planned * share):,} of {planned:,} units"
    needed = [
        n * (float(norm.isf(spec.alpha / 2)) * row.se / row.estimate) ** 2
        for arm in spec.treatments
        for row in [analysis.row(spec.deciding[0], arm)]
        if row.se > 0 and row.estimate
    ]
    if not needed or not np.isfinite(min(needed)):
        return "more units: nothing moved so far"
    return f"about {max(round(min(needed)), n + 1):,} units, if the effect is as large as it looks now (it has {n:,})"
