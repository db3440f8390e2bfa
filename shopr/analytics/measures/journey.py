"""Journeys: which paths persons take within a session, where they go next, and where they leave.

A session is the client's own where it names one; else a new one begins after 30 minutes without an event. Where only a
sample of behaviour was kept, persons of whom everything was kept are followed, each standing for as many as were left
out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.analytics.reading.estimates import followed
from shopr.analytics.reading.log import Codes, EventLog
from shopr.errors import InputError

__all__ = ["EXIT", "Journeys", "Sessions", "journeys", "sessions"]

IDLE = timedelta(minutes=30)
EXIT = "(leaves)"
"""What stands after the last step of a journey."""


@dataclass(frozen=True)
class Sessions:
    """The sessions of a log, in order of their first events.

    Attributes:
        order: shape (events,), positions in the log, by session, then by time: sessions of a person may interleave.
        numbers: shape (events,), the session of each event in that order, rising.
        starts, ends: shape (sessions,), where each begins in that order, and one past its end.
    """

    order: NDArray[np.intp]
    numbers: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def table(self, log: EventLog) -> pd.DataFrame:
        """One row a session: `person start seconds events pages bounced`; bounced: nothing but one page seen."""
        times = log.times[self.order]
        viewed = log.types.codes[self.order] == log.types.code("page_viewed")
        counts = self.ends - self.starts
        return pd.DataFrame(
            {
                "person": log.person_ids[log.persons[self.order[self.starts]]],
                "start": pd.to_datetime(times[self.starts], unit="us", utc=True),
                "seconds": (times[self.ends - 1] - times[self.starts]) / 1e6,
                "events": counts,
                "pages": np.bincount(self.numbers, viewed, len(self)).astype(np.int64),
                "bounced": counts == 1,
            }
        )


def sessions(log: EventLog, idle: timedelta = IDLE) -> Sessions:
    """Cut a log into sessions.

    Raises:
        InputError: if idle is not above 0.
    """
    gap = idle // timedelta(microseconds=1)
    if gap <= 0:
        raise InputError(f"sessions end after {idle}", hint="Give a time above 0")
    width = len(log.sessions.names) + 1
    marks = log.persons.astype(np.int64) * width + log.sessions.codes
    nameless = np.flatnonzero(log.sessions.codes < 0)
    persons, times = log.persons[nameless], log.times[nameless]
    new = np.ones(len(nameless), bool)
    new[1:] = (persons[1:] != persons[:-1]) | (times[1:] - times[:-1] > gap)
    marks[nameless] = -np.cumsum(new)
    _, first, inverse = np.unique(marks, return_index=True, return_inverse=True)
    ranks = np.empty(len(first), np.int64)
    ranks[np.argsort(first, kind="stable")] = np.arange(len(first))
    numbers = ranks[inverse]
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    return Sessions(order, numbers, starts, np.append(starts[1:], len(log))[: len(starts)])


@dataclass(frozen=True)
class Journeys:
    """Paths by how often they were taken.

    Attributes:
        paths: one row a path, most taken first: `path` (a tuple of steps), `sessions`, `share`, `persons` (seen to take
            it).
        links: one row a step and the next: `depth source target sessions persons`, for a Sankey diagram; `(leaves)`
            ends one.
        n: sessions that have a step at all.
        weight: how many sessions each that was followed stands for; counts include it.
    """

    paths: pd.DataFrame
    links: pd.DataFrame
    n: int
    weight: float = 1.0


def journeys(
    log: EventLog, *, by: str = "type", depth: int = 6, top: int = 8, idle: timedelta = IDLE, anchor: str | None = None
) -> Journeys:
    """Follow sessions from step to step.

    Args:
        by: what a step is: "type", or a column of words such as "page". Repeats of a step count as one.
        depth: steps that are looked at, 1 … 20.
        top: steps that are told apart at each depth; the others are "(other)".
        anchor: begin at the first occurrence of this step; sessions without it are left out.

    Raises:
        InputError: if depth or top is out of bounds, or the column was not read.
    """
    if not 1 <= depth <= 20 or not 1 <= top <= 100:
        raise InputError(f"journeys of depth {depth} with {top} steps", hint="Give depth 1 … 20 and top 1 … 100")
    log, weight = followed(log)
    column = log.types if by == "type" else log.columns.get(by)
    if not isinstance(column, Codes):
        raise InputError(f"column {by!r} was not read, or holds numbers", hint="Name it in EventLog.read(columns=…)")
    grid, persons = _grid(log, column, depth, idle, anchor)
    names = np.append(column.names.astype(object), "(other)")
    other = len(column.names)
    for at in range(depth):
        codes = grid[:, at][grid[:, at] >= 0]
        rare = np.argsort(-np.bincount(codes, minlength=other), kind="stable")[top:]
        grid[np.isin(grid[:, at], rare), at] = other
    paths, links = _paths(grid, persons, names), _links(grid, persons, names)
    if weight > 1.0:
        paths, links = (table.assign(sessions=table["sessions"] * weight) for table in (paths, links))
    return Journeys(paths, links, round(len(grid) * weight), weight)


def _grid(
    log: EventLog, column: Codes, depth: int, idle: timedelta, anchor: str | None
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The first steps of each session as codes, shape (sessions, depth + 1), -1 after its end; and whose each is."""
    kept = log.take(np.flatnonzero(column.codes >= 0))
    cut = sessions(kept, idle)
    codes, numbers = column.codes[column.codes >= 0][cut.order].astype(np.int64), cut.numbers
    owner = kept.persons[cut.order[cut.starts]]
    if anchor is not None and len(codes):
        first = np.full(int(numbers[-1]) + 1, len(codes), np.int64)
        at = np.flatnonzero(codes == column.code(anchor))[::-1]
        first[numbers[at]] = at
        within = np.arange(len(codes)) >= first[numbers]
        codes, numbers = codes[within], numbers[within]
    if not len(codes):
        return np.full((0, depth + 1), -1, np.int64), np.empty(0, np.int32)
    fresh = np.ones(len(codes), bool)
    fresh[1:] = (codes[1:] != codes[:-1]) | (numbers[1:] != numbers[:-1])
    codes, numbers = codes[fresh], numbers[fresh]
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    place = np.arange(len(codes)) - np.repeat(starts, np.diff(np.append(starts, len(codes))))
    which, rows = np.unique(numbers, return_inverse=True)
    grid = np.full((len(starts), depth + 1), -1, np.int64)
    near = place <= depth
    grid[rows[near], place[near]] = codes[near]
    return grid, owner[which]


def _counted(
    rows: NDArray[np.int64], persons: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The different rows, how often each occurs, and of how many persons."""
    if not len(rows):
        return rows, np.zeros(0, np.int64), np.zeros(0, np.int64)
    found, which, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    pairs = np.unique(which.astype(np.int64) * (int(persons.max()) + 1) + persons)
    return found, counts, np.bincount(pairs // (int(persons.max()) + 1), minlength=len(found))


def _paths(grid: NDArray[np.int64], persons: NDArray[np.int32], names: NDArray[np.object_]) -> pd.DataFrame:
    found, counts, who = _counted(grid[:, :-1], persons)
    order = np.argsort(-counts, kind="stable")
    return pd.DataFrame(
        {
            "path": [tuple(names[row[row >= 0]]) for row in found[order]],
            "sessions": counts[order],
            "share": counts[order] / max(len(grid), 1),
            "persons": who[order],
        }
    )


def _links(grid: NDArray[np.int64], persons: NDArray[np.int32], names: NDArray[np.object_]) -> pd.DataFrame:
    rows = []
    labels = np.append(names, EXIT)
    for at in range(grid.shape[1] - 1):
        here = grid[:, at] >= 0
        if at == grid.shape[1] - 2:
            here &= grid[:, at + 1] < 0  # who goes on after the last depth is not shown as leaving
        found, counts, who = _counted(grid[here][:, at : at + 2], persons[here])
        rows += [(at, labels[a], labels[b], int(n), int(w)) for (a, b), n, w in zip(found, counts, who, strict=True)]
    return pd.DataFrame(rows, columns=["depth", "source", "target", "sessions", "persons"])
