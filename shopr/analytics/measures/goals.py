"""Goals: one row a person from events, as A/B tests and reports take it: whether, how often, how much, how soon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.analytics.measures.funnel import Step, funnel
from shopr.analytics.reading.log import EventLog
from shopr.errors import InputError

__all__ = ["Goal", "goals"]

Kind = Literal["reached", "count", "sum", "seconds"]


@dataclass(frozen=True)
class Goal:
    """One column of the table.

    Attributes:
        name: of the column.
        steps: what must happen, in order; one step for a plain event.
        kind: "reached": 1 if all steps happened within the window; "count": how often the last step's event happened;
            "sum": the sum of `column` over the last step's events; "seconds": from the first step to the last, NaN
            where it was not reached.
        column: what is summed, such as "value", or "revenue" for price times quantity in minor units.
        window: from the first step (reached, seconds), or from the person's first event (count, sum).
    """

    name: str
    steps: Sequence[Step]
    kind: Kind = "reached"
    column: str = "revenue"
    window: timedelta = timedelta(days=7)


def goals(log: EventLog, wanted: Sequence[Goal]) -> pd.DataFrame:
    """One row a person of the log: `unit_id` and a column a goal.

    Raises:
        InputError: if a goal has no step, two have one name, or a column was not read.
    """
    names = [goal.name for goal in wanted]
    if len(set(names)) < len(names):
        raise InputError(f"goals {names} share a name", hint="Name each differently")
    table = pd.DataFrame({"unit_id": log.person_ids})
    for goal in wanted:
        if not goal.steps:
            raise InputError(f"goal {goal.name!r} has no step", hint="Name at least one")
        table[goal.name] = _measured(log, goal)
    return table


def _measured(log: EventLog, goal: Goal) -> NDArray[Any]:
    if goal.kind in ("reached", "seconds"):
        found = funnel(log, list(goal.steps), window=goal.window)
        done = found.reached == len(goal.steps)
        if goal.kind == "reached":
            flags: NDArray[np.int64] = done.astype(np.int64)
            return flags
        return np.where(done, (found.finished - found.entered) / 1e6, np.nan)
    step = goal.steps[-1]
    hit = log.types.codes == log.types.code(step.type)
    first = np.zeros(log.n_persons, np.int64)
    first[log.persons[log.starts]] = log.times[log.starts]
    hit &= log.times - first[log.persons] <= goal.window // timedelta(microseconds=1)
    values = np.ones(len(log)) if goal.kind == "count" else _values(log, goal.column)
    sums: NDArray[Any] = np.bincount(log.persons[hit], weights=np.nan_to_num(values[hit]), minlength=log.n_persons)
    return sums


def _values(log: EventLog, name: str) -> NDArray[np.float64]:
    needed = ("price", "quantity") if name == "revenue" else (name,)
    parts = []
    for column in needed:
        values = log.columns.get(column)
        if not isinstance(values, np.ndarray):
            raise InputError(f"column {column!r} was not read as numbers", hint="Name it in EventLog.read(columns=…)")
        parts.append(np.nan_to_num(values, nan=1.0) if column == "quantity" else values)
    product: NDArray[np.float64] = np.prod(parts, axis=0)
    return product
