"""From step to step: pending while a condition must still hold, firing, resolved. An alert fires once an incident.

`for` keeps a single bad step from alarming; between the bound and the clear bound an alert stays as it is; `clear_for`
joins what would else be told of again and again. Where nothing is known a firing alert goes on, for a day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np

from shopr.analytics.alerts.judged import Judged
from shopr.analytics.alerts.rules import Rule
from shopr.analytics.alerts.series import Grid

__all__ = ["Phase", "Transition", "walk"]

_NOTHING_KNOWN = 86_400


@dataclass(frozen=True, slots=True)
class Phase:
    """Where a series of a rule stands.

    Attributes:
        name: ok, pending or firing.
        since: end of the step in which the condition began to hold; 0 while all is well.
        clear_since, unknown_since: likewise for a firing alert that is clear, or of which nothing is known; 0 if not.
        alert: id of the alert that fires.
        worst: the value farthest beyond its bound since then.
        carried: the change detector's sum.
        value, bound: at the last step; None where nothing is known.
    """

    name: Literal["ok", "pending", "firing"] = "ok"
    since: int = 0
    clear_since: int = 0
    unknown_since: int = 0
    alert: str = ""
    worst: float | None = None
    carried: float = 0.0
    value: float | None = None
    bound: float | None = None

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Self:
        """From what storage kept."""
        return cls(**{name: kept[name] for name in cls.__slots__ if name in kept})

    def kept(self) -> dict[str, Any]:
        """As storage keeps it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Transition:
    """An alert that fired or was resolved.

    Attributes:
        kind: fired or resolved.
        at: end of the step, Unix seconds.
        began: end of the step in which the condition began to hold.
        value, bound, expected: at that step.
        why: of a resolution.
    """

    kind: Literal["fired", "resolved"]
    at: int
    began: int
    value: float
    bound: float
    expected: float | None = None
    why: str = ""


def walk(rule: Rule, grid: Grid, judged: Judged, first: int, phase: Phase) -> tuple[Phase, list[Transition]]:
    """Follow a series through the steps from number `first` on.

    Returns:
        Where it stands after the last step, and what happened on the way.
    """
    made: list[Transition] = []
    ends, known, n = grid.ends[first:], judged.known, len(judged.value)
    alarms = np.flatnonzero(judged.breach)
    place = 0
    while place < n:
        if phase.name == "ok":  # nothing happens before the next alarm
            after = int(np.searchsorted(alarms, place))
            if after == len(alarms):
                break
            place = int(alarms[after])
        end = int(ends[place])
        if phase.name != "firing":
            phase = _towards(rule, judged, place, end, phase, made)
        else:
            phase = _from(rule, judged, place, end, phase, bool(known[place]), made)
        place += 1
    if n:
        phase = replace(
            phase, carried=float(judged.carried[-1]), value=_number(judged.value[-1]), bound=_number(judged.bound[-1])
        )
    return phase, made


def _towards(  # noqa: PLR0917 - one step of `walk`, with what it knows
    rule: Rule, judged: Judged, place: int, end: int, phase: Phase, made: list[Transition]
) -> Phase:
    if not judged.breach[place]:
        return Phase(carried=phase.carried)
    since = phase.since if phase.name == "pending" else end
    if end - since < rule.hold:
        return replace(phase, name="pending", since=since)
    made.append(_transition("fired", judged, place, end, since))
    return Phase("firing", since, worst=float(judged.value[place]), carried=phase.carried)


def _from(  # noqa: PLR0917 - one step of `walk`, with what it knows
    rule: Rule, judged: Judged, place: int, end: int, phase: Phase, known: bool, made: list[Transition]
) -> Phase:
    if known:
        phase = replace(phase, unknown_since=0, worst=_worse(judged, place, phase.worst))
    elif not phase.unknown_since:
        phase = replace(phase, unknown_since=end)
    if phase.unknown_since and end - phase.unknown_since >= _NOTHING_KNOWN:
        made.append(_transition("resolved", judged, place, end, phase.since, "nothing was measured for a day"))
        return Phase(carried=phase.carried)
    if not judged.clear[place]:
        return replace(phase, clear_since=0) if known else phase
    since = phase.clear_since or end
    if end - since < rule.clear_for:
        return replace(phase, clear_since=since)
    made.append(_transition("resolved", judged, place, end, phase.since, "back within bounds"))
    return Phase(carried=phase.carried)


def _worse(judged: Judged, place: int, worst: float | None) -> float:
    value, bound = float(judged.value[place]), float(judged.bound[place])
    return value if worst is None or abs(value - bound) > abs(worst - bound) else worst


def _transition(  # noqa: PLR0917 - the fields of a `Transition`
    kind: Literal["fired", "resolved"], judged: Judged, place: int, end: int, began: int, why: str = ""
) -> Transition:
    return Transition(
        kind, end, began, float(judged.value[place]), float(judged.bound[place]), _number(judged.expected[place]), why
    )


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
