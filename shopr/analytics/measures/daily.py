"""Funnels straight from the store: only the columns a funnel needs, and the events a day at a time.

The same semantics and the same results as `shopr.analytics.measures.funnel`, for spans of many million events: what is
carried from day to day is, of each person and step, the latest entry from which the step was reached. Within a day
persons are sorted by counting, and the latest entry before an event is the last valid one, because entries rise with
the events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.analytics.measures.funnel import Funnel, Order, Step, checked
from shopr.analytics.measures.steps import Piece, gather
from shopr.analytics.reading.log import _BUILT_IN, order_by
from shopr.analytics.store.cold import SCHEMA
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.scan import scan
from shopr.data.events import EventType

__all__ = ["daily_funnel"]

Times = NDArray[np.int64]
_NEVER = np.int64(-1)


def daily_funnel(
    store: EventStore,
    steps: Sequence[Step],
    *,
    window: timedelta = timedelta(days=7),
    order: Order = "ordered",
    breakdown: str | None = None,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
) -> Funnel:
    """As `funnel`, of the events of a span of the store.

    Persons are those with an event of a step; what a session did before its user logged in is the user's, wherever in
    the span the login was.

    Raises:
        InputError: if there are no steps or more than 60, the window is not above 0, or there is no such column.
        StorageError: if a part is missing or damaged.
    """
    span = checked(steps, window, most=60)
    labels = tuple(step.label for step in steps)
    steps = [_own(step) for step in steps]
    columns = {name for step in steps for name in step.where or {}} | ({breakdown} if breakdown else set())
    words = ("type", *sorted(columns - {"type", "user_id", "session_id", "event_id"} & set(SCHEMA.names)))
    blocks = partial(scan, store, words=words, start=start, end=end)
    hits = gather(blocks, steps, breakdown, linked=store.identities.owners)
    state = _State.of(hits.persons, len(steps))
    for _, pieces in groupby(hits.pieces, key=attrgetter("day")):
        _day(state, list(pieces), span, order)
    seconds = np.array([np.median(gaps) / 1e6 if len(gaps) else np.nan for gaps in map(_joined, state.gaps)])
    groups = None if breakdown is None else hits.groups(state.entered)
    return Funnel(labels, state.reached, state.entered, state.finished, seconds, groups)


def _own(step: Step) -> Step:
    """An event of a shop's own goes by its name."""
    if step.type in _BUILT_IN:
        return step
    return Step(EventType.CUSTOM_OCCURRED.value, {"name": step.type, **(step.where or {})})


@dataclass
class _State:
    """What is carried from day to day: shape (steps, persons) and (persons,); gaps by step."""

    carried: Times
    reached: NDArray[np.int8]
    entered: Times
    finished: Times
    gaps: list[list[Times]] = field(default_factory=list)

    @classmethod
    def of(cls, persons: int, steps: int) -> _State:
        never = np.full((steps, persons), _NEVER)
        ends = np.full((2, persons), _NEVER)
        return cls(never, np.zeros(persons, np.int8), ends[0], ends[1], [[] for _ in range(steps)])

    def note(self, step: int, persons: NDArray[np.int32], entries: Times, times: Times) -> None:
        """Of events that reach a step, in order of persons and times: who got there for the first time."""
        first = np.ones(len(persons), bool)
        first[1:] = persons[1:] != persons[:-1]
        first &= self.reached[persons] <= step
        who = persons[first]
        self.reached[who] = step + 1
        self.entered[who], self.finished[who] = entries[first], times[first]
        self.gaps[step].append(times[first] - entries[first])


def _day(state: _State, pieces: Sequence[Piece], span: int, order: Order) -> None:
    own, moments, bits = (_joined([getattr(p, name) for p in pieces]) for name in ("codes", "times", "bits"))
    known = np.flatnonzero(own >= 0) if len(own) and own.min() < 0 else slice(None)
    sequence = order_by(own[known], len(state.reached), moments[known])
    persons, times, bits = own[known][sequence], moments[known][sequence], bits[known][sequence]
    if not len(persons):
        return
    starts = np.ones(len(persons), bool)
    starts[1:] = persons[1:] != persons[:-1]
    last = np.flatnonzero(np.append(starts[1:], True))
    today = _Today(persons, times, bits, starts, last, span)
    follow = {"ordered": _in_order, "strict": _strictly, "any": _any_order}[order]
    follow(state, today)


@dataclass(frozen=True)
class _Today:
    """Events of a day by person and time; `starts` says where a person begins, `last` where each one ends."""

    persons: NDArray[np.int32]
    times: Times
    bits: NDArray[np.unsignedinteger[Any]]
    starts: NDArray[np.bool_]
    last: NDArray[np.intp]
    span: int

    def of_step(self, step: int) -> NDArray[np.intp]:
        return np.flatnonzero((self.bits & self.bits.dtype.type(1 << step)) != 0)


def _in_order(state: _State, today: _Today) -> None:
    persons, times = today.persons, today.times
    first = np.maximum.accumulate(np.where(today.starts, np.arange(len(persons), dtype=np.int32), 0))
    there = today.of_step(0)
    entries = times[there]
    state.note(0, persons[there], entries, times[there])
    values = np.empty(len(persons), np.int64)
    for step in range(1, len(state.carried)):
        rows = today.of_step(step)
        values[there] = entries
        latest = np.zeros(len(persons) + 1, np.int32)  # place + 1 of the last valid event before each
        latest[there + 1] = there + 1
        before_at = np.maximum.accumulate(latest)[rows]
        within = before_at > first[rows]
        before = np.where(within, values[before_at - 1], state.carried[step - 1, persons[rows]])
        _carry(state, step - 1, persons[there], entries)
        valid = (before >= 0) & (times[rows] - before <= today.span)
        there, entries = rows[valid], before[valid]
        state.note(step, persons[there], entries, times[there])


def _carry(state: _State, step: int, persons: NDArray[np.int32], entries: Times) -> None:
    last = np.ones(len(persons), bool)
    last[:-1] = persons[1:] != persons[:-1]
    state.carried[step, persons[last]] = entries[last]


def _strictly(state: _State, today: _Today) -> None:
    persons, times = today.persons, today.times
    entry = np.full(len(persons), _NEVER)
    for step in range(len(state.carried)):
        rows = today.of_step(step)
        if step == 0:
            before = times[rows]
        else:
            carried = state.carried[step - 1, persons[rows]]
            before = np.where(today.starts[rows], carried, entry[rows - 1])
            state.carried[step - 1, persons[today.last]] = entry[today.last]
        valid = (before >= 0) & (times[rows] - before <= today.span)
        there, entries = rows[valid], before[valid]
        entry = np.full(len(persons), _NEVER)
        entry[there] = entries
        state.note(step, persons[there], entries, times[there])


def _any_order(state: _State, today: _Today) -> None:
    persons, times = today.persons, today.times
    places = np.arange(len(persons), dtype=np.int32)
    first = np.maximum.accumulate(np.where(today.starts, places, 0))
    seen = np.empty((len(state.carried), len(persons)), np.int64)
    for step in range(len(seen)):
        latest = np.full(len(persons), -1, np.int32)
        rows = today.of_step(step)
        latest[rows] = rows
        latest = np.maximum.accumulate(latest)
        seen[step] = np.where(latest >= first, times[latest], state.carried[step, persons])
        state.carried[step, persons[today.last]] = seen[step, today.last]
    seen = -np.sort(-seen, axis=0)
    for step, entry in enumerate(seen):
        there = np.flatnonzero((entry >= 0) & (times - entry <= today.span))
        state.note(step, persons[there], entry[there], times[there])


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.empty(0, np.int64)
