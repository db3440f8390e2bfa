"""Funnels: how many persons reach each step, in order, within a window, and where they leave.

A person is counted at the farthest step that any of their entries reaches. For each event of step k the latest entry
from which it can be reached is the running maximum over the events of step k - 1 before it; the latest is the best,
because the window is easiest to hold from there. So one pass over the events a step suffices, without a loop over
persons (the semantics of windowFunnel in ClickHouse; a person with several entries is judged by the best one).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.analytics.reading.log import Codes, EventLog
from shopr.errors import InputError
from shopr.metrics.proportions import wilson

__all__ = ["Funnel", "Order", "Step", "checked", "funnel"]

Order = Literal["ordered", "strict", "any"]
_NEVER = np.int64(-1)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a funnel.

    Attributes:
        type: the event's type.
        where: column -> word that the event must have, such as {"page": "/cart"}.
        name: for people; the type by default.
    """

    type: str
    where: Mapping[str, str] | None = None
    name: str = ""

    @property
    def label(self) -> str:
        """What to call it."""
        return self.name or self.type.replace("_", " ")


@dataclass(frozen=True)
class Funnel:
    """What came of a funnel.

    Attributes:
        steps: labels.
        reached: shape (persons,), int8: the farthest step of each person, 0 for none.
        entered, finished: shape (persons,), microseconds of the entry that first got farthest, and of the event where
            it did; -1 for none.
        seconds: shape (steps,): median seconds from the entry to each step, NaN where nobody got there.
        groups: the breakdown's word of each person at the entry, "" without one.
    """

    steps: tuple[str, ...]
    reached: NDArray[np.int8]
    entered: NDArray[np.int64]
    finished: NDArray[np.int64]
    seconds: NDArray[np.float64]
    groups: NDArray[np.object_] | None = None

    @property
    def counts(self) -> NDArray[np.int64]:
        """Persons at each step, shape (steps,)."""
        return self._counts(self.reached)

    def _counts(self, reached: NDArray[np.int8]) -> NDArray[np.int64]:
        n = len(self.steps)
        at_least: NDArray[np.int64] = np.bincount(reached, minlength=n + 1)[::-1].cumsum()[::-1][1 : n + 1]
        return at_least

    def table(self) -> pd.DataFrame:
        """One row a group and step: `group step persons share from_previous lost lo hi median_seconds`.

        `share` is of the entries, with its 95 % interval `lo`, `hi` (Wilson 1927).
        """
        words = [""] if self.groups is None else sorted({str(g) for g in self.groups[self.reached > 0]})
        return pd.concat([self._rows(word) for word in words] or [self._rows("")], ignore_index=True)

    def _rows(self, group: str) -> pd.DataFrame:
        reached = self.reached if self.groups is None else self.reached[self.groups == group]
        counts = self._counts(reached)
        before = np.concatenate((counts[:1], counts[:-1]))
        low, high = wilson(counts, np.full(len(counts), counts[0] if len(counts) else 0))
        with np.errstate(invalid="ignore", divide="ignore"):
            return pd.DataFrame(
                {
                    "group": group,
                    "step": self.steps,
                    "persons": counts,
                    "share": counts / counts[0],
                    "from_previous": counts / before,
                    "lost": before - counts,
                    "lo": low,
                    "hi": high,
                    "median_seconds": self.seconds if self.groups is None else np.nan,
                }
            )


def funnel(
    log: EventLog,
    steps: Sequence[Step],
    *,
    window: timedelta = timedelta(days=7),
    order: Order = "ordered",
    breakdown: str | None = None,
) -> Funnel:
    """Follow every person through the steps.

    Args:
        window: from the entry to the last step.
        order: "ordered": other events may come between; "strict": none of another step may; "any": the steps in any
            order, the entry is the first of them.
        breakdown: a column of words of the log; a person's is that of the entry.

    Raises:
        InputError: if there are no steps or more than 100, the window is not above 0, or a column was not read.
    """
    span = checked(steps, window)
    masks = [_mask(log, step) for step in steps]
    rows = np.flatnonzero(np.logical_or.reduce(masks))
    part = log.take(rows)
    hits = [mask[rows] for mask in masks]
    entries = _any_order(part, hits, span) if order == "any" else _in_order(part, hits, span, strict=order == "strict")
    reached, entered, finished, seconds = _best(part, entries, log.n_persons)
    groups = None if breakdown is None else _groups(log, part, hits[0], entered, breakdown)
    return Funnel(tuple(step.label for step in steps), reached, entered, finished, seconds, groups)


def checked(steps: Sequence[Step], window: timedelta, most: int = 100) -> int:
    """The window in microseconds.

    Raises:
        InputError: if there are no steps or more than `most`, or the window is not above 0.
    """
    if not 1 <= len(steps) <= most:
        raise InputError(f"a funnel of {len(steps)} steps", hint=f"Give 1 to {most}")
    span = window // timedelta(microseconds=1)
    if span <= 0:
        raise InputError(f"a window of {window}", hint="Give a time above 0")
    return span


def _mask(log: EventLog, step: Step) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = log.types.codes == log.types.code(step.type)
    for name, word in (step.where or {}).items():
        mask = mask & (_words(log, name).codes == _words(log, name).code(word))
    return mask


def _words(log: EventLog, name: str) -> Codes:
    column = log.columns.get(name)
    if not isinstance(column, Codes):
        raise InputError(f"column {name!r} was not read, or holds numbers", hint="Name it in EventLog.read(columns=…)")
    return column


def _in_order(log: EventLog, hits: Sequence[NDArray[np.bool_]], span: int, *, strict: bool) -> list[NDArray[np.int64]]:
    """For each step, the latest entry from which each event reaches it; -1 where none does."""
    entry = np.where(hits[0], log.times, _NEVER)
    found = [entry]
    for hit in hits[1:]:
        before = _previous(entry, log.starts) if strict else _latest_before(entry, log.persons, log.starts)
        entry = np.where(hit & (before >= 0) & (log.times - before <= span), before, _NEVER)
        found.append(entry)
    return found


def _any_order(log: EventLog, hits: Sequence[NDArray[np.bool_]], span: int) -> list[NDArray[np.int64]]:
    """For each number of steps, the entry of each event from which so many different ones lie within the window.

    At each event, of each step the last time it was seen; the k-th latest of those is where a window of k begins.
    """
    last = np.stack([_latest_to(np.where(hit, log.times, _NEVER), log.persons) for hit in hits])
    last = -np.sort(-last, axis=0)
    return [np.where((seen >= 0) & (log.times - seen <= span), seen, _NEVER) for seen in last]


def _latest_to(values: NDArray[np.int64], persons: NDArray[np.int32]) -> NDArray[np.int64]:
    """The running maximum within each person, the event itself included; -1 where there is none.

    Persons rise, so a maximum over (person, value) never carries from one to the next; values are put into ranks
    first, so that both fit into 64 bits.
    """
    known = values >= 0
    if not known.any():
        return np.full(len(values), _NEVER)
    base = int(values[known].min())
    width = int(values[known].max()) - base + 2
    shift = width.bit_length()
    if shift + int(persons[-1]).bit_length() > 63:  # many persons over a long time: ranks are shorter than times
        distinct, ranks = np.unique(values, return_inverse=True)
        found = _latest_to(np.where(known, ranks, _NEVER), persons)
        return np.where(found >= 0, distinct[found], _NEVER)
    keys = (persons.astype(np.int64) << shift) | np.where(known, values - base + 1, 0)
    running = np.maximum.accumulate(keys) & ((1 << shift) - 1)
    return np.where(running > 0, running - 1 + base, _NEVER)


def _latest_before(
    values: NDArray[np.int64], persons: NDArray[np.int32], starts: NDArray[np.bool_]
) -> NDArray[np.int64]:
    return _previous(_latest_to(values, persons), starts)


def _previous(values: NDArray[np.int64], starts: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The value of the event before, of the same person."""
    before = np.empty_like(values)
    before[1:] = values[:-1]
    before[starts] = _NEVER
    return before


def _best(
    log: EventLog, entries: Sequence[NDArray[np.int64]], n: int
) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Of each person the farthest step, its entry and its event, and the median time to each step."""
    reached, entered, finished = np.zeros(n, np.int8), np.full(n, _NEVER), np.full(n, _NEVER)
    seconds = np.full(len(entries), np.nan)
    for number, entry in enumerate(entries, 1):
        there = np.flatnonzero(entry >= 0)
        if not len(there):
            break
        persons = log.persons[there]
        first = np.ones(len(there), bool)
        first[1:] = persons[1:] != persons[:-1]
        reached[persons] = number
        entered[persons[first]] = entry[there[first]]
        finished[persons[first]] = log.times[there[first]]
        seconds[number - 1] = float(np.median(log.times[there[first]] - entry[there[first]])) / 1e6
    return reached, entered, finished, seconds


def _groups(
    log: EventLog, part: EventLog, entry: NDArray[np.bool_], entered: NDArray[np.int64], name: str
) -> NDArray[np.object_]:
    column = _words(part, name)
    groups = np.full(log.n_persons, "", object)
    at = np.flatnonzero(entry & (part.times == entered[part.persons]))
    groups[part.persons[at]] = column.take(at).words()
    return groups
