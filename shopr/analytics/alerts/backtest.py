"""Rules tried out on history: what would have fired when, how often for nothing, and how late where there was cause.

    found = backtest(book.enabled, store, start, end, incidents=[Incident("outage", begin, finish, ("outage",))])
    found.table()

It is the evaluator that runs in a live shop, over a longer span. Without known incidents it tells how often each rule
fires, not which of its alerts were false: nobody can say that afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from shopr.analytics.alerts.evaluating import Measure, Standing, evaluate, last_step
from shopr.analytics.alerts.phases import Transition
from shopr.analytics.alerts.rules import BurnRate, Change, Rule
from shopr.analytics.alerts.series import at, beginning, measure
from shopr.analytics.reading.source import Source
from shopr.errors import DataError, InputError, UnknownNameError

__all__ = ["Backtest", "Incident", "backtest", "read_incidents", "replay"]

_COLUMNS = ["rule", "series", "began", "fired", "resolved", "value", "bound", "incident"]


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that really went wrong.

    Attributes:
        kind: what it was.
        start, end: when.
        rules: those that should notice. Without any, no alert within it is a false one.
        may: those that may notice, too; an alert of any other rule within it is a false one.
    """

    kind: str
    start: datetime
    end: datetime
    rules: tuple[str, ...] = ()
    may: tuple[str, ...] = ()

    def explains(self, rule: Rule, fired: datetime) -> bool:
        """Whether an alert was its doing."""
        of_it = not self.rules or rule.name in (*self.rules, *self.may)
        return of_it and self.start <= fired <= self.end + _tail(rule)


@dataclass(frozen=True)
class Backtest:
    """What rules would have done.

    Attributes:
        rules: those that were tried.
        start, end: the span judged.
        alerts: one row an alert: `rule series began fired resolved value bound incident`; `incident` is the kind of
            the one whose doing it was, else None.
        incidents: those that were given.
    """

    rules: tuple[Rule, ...]
    start: datetime
    end: datetime
    alerts: pd.DataFrame
    incidents: tuple[Incident, ...]

    @property
    def weeks(self) -> float:
        """Length of the span."""
        return (self.end - self.start) / timedelta(weeks=1)

    def detections(self) -> pd.DataFrame:
        """One row an incident and rule that should notice it: `rule incident start fired minutes`; missed: NaT."""
        rows = []
        for incident in self.incidents:
            for rule in (r for r in self.rules if r.name in incident.rules):
                own = self.alerts[self.alerts["rule"] == rule.name]
                inside = own[(own["fired"] >= incident.start) & (own["fired"] <= incident.end + _tail(rule))]
                fired = inside["fired"].min() if len(inside) else pd.NaT
                minutes = (fired - incident.start).total_seconds() / 60 if len(inside) else np.nan
                rows.append((rule.name, incident.kind, incident.start, fired, minutes))
        return pd.DataFrame(rows, columns=["rule", "incident", "start", "fired", "minutes"])

    def table(self) -> pd.DataFrame:
        """One row a rule: `rule alerts a_week false_alarms false_a_week incidents detected delay_median delay_worst`.

        Delays are minutes. Without incidents nothing is known to be false, and the columns say so by being missing.
        """
        found, rows = self.detections(), []
        for rule in self.rules:
            own = self.alerts[self.alerts["rule"] == rule.name]
            false = int(own["incident"].isna().sum()) if self.incidents else None
            mine = found[found["rule"] == rule.name]
            delays = mine["minutes"].dropna()
            rows.append(
                {
                    "rule": rule.name, "alerts": len(own), "a_week": len(own) / self.weeks, "false_alarms": false,
                    "false_a_week": None if false is None else false / self.weeks, "incidents": len(mine),
                    "detected": len(delays), "delay_median": delays.median() if len(delays) else None,
                    "delay_worst": delays.max() if len(delays) else None,
                }
            )  # fmt: skip
        return pd.DataFrame(rows)


def backtest(
    rules: Sequence[Rule], store: Source, start: datetime, end: datetime, *, incidents: Sequence[Incident] = (),
    categories: Mapping[str, str] | None = None,
) -> Backtest:  # fmt: skip
    """Try rules out on the events of a store; what lies before `start` serves as their past.

    Raises:
        InputError: if the span is empty.
        UnknownNameError: if an incident names a rule that is not there.
        StorageError: if the store cannot be read.
    """
    begins = beginning(store)

    def counted(rule: Rule, low: int, high: int) -> Any:
        return measure(store, rule, low, high, categories=categories, begins=begins)

    return replay(rules, counted, start, end, incidents=incidents)


def replay(
    rules: Sequence[Rule], counted: Measure, start: datetime, end: datetime, *, incidents: Sequence[Incident] = ()
) -> Backtest:
    """As `backtest`, on whatever gives a metric."""
    if end <= start:
        raise InputError(f"the span from {start} to {end} is empty", hint="Give the earlier moment first")
    known = {rule.name for rule in rules}
    for incident in incidents:
        for name in (*incident.rules, *incident.may):
            if name not in known:
                raise UnknownNameError("rule", name, known)
    rows: list[list[Any]] = []
    for rule in rules:
        begin, until = (last_step(rule, moment.timestamp()) for moment in (start, end))
        step = evaluate(rule, Standing(rule.revision, begin), until, counted, most=None)
        for series, moves in ({} if step is None else _by_series(step.happened)).items():
            rows += _alerts(rule, series, moves, incidents)
    frame = pd.DataFrame(rows, columns=_COLUMNS).sort_values(["fired", "rule", "series"], ignore_index=True)
    for column in ("began", "fired", "resolved"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return Backtest(tuple(rules), start, end, frame, tuple(incidents))


def _by_series(happened: Sequence[Any]) -> dict[str, list[Transition]]:
    found: dict[str, list[Transition]] = {}
    for one in happened:
        found.setdefault(one.series, []).append(one.transition)
    return found


def _alerts(rule: Rule, series: str, moves: list[Transition], incidents: Sequence[Incident]) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for move in moves:
        if move.kind == "resolved":
            rows[-1][4] = at(move.at)
            continue
        fired = at(move.at)
        within = next((i.kind for i in incidents if i.explains(rule, fired)), None)
        rows.append([rule.name, series, at(move.began), fired, None, move.value, move.bound, within])
    return rows


def _tail(rule: Rule) -> timedelta:
    """How long after an incident an alert may still be its doing: it stays in the window for so long."""
    condition = rule.condition
    if isinstance(condition, Change):
        return timedelta(days=1)
    seconds = max(w.long for w in condition.windows) if isinstance(condition, BurnRate) else condition.window
    return timedelta(seconds=seconds + rule.hold)


def read_incidents(path: Path) -> list[Incident]:
    """Incidents from a CSV file: `kind,start,end` and, optional, `rules` and `may` (names with spaces between).

    Raises:
        DataError: if it cannot be read, or a row is not sound.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {str(error)[:200]}", hint="Write kind,start,end,rules") from error
    missing = [c for c in ("kind", "start", "end") if c not in frame.columns]
    if missing:
        raise DataError(f"{path} has no column {missing[0]!r}", hint="Write kind,start,end,rules")
    found = []
    for number, row in enumerate(frame.to_dict("records"), 2):
        moments = [pd.to_datetime(row[c], utc=True, errors="coerce") for c in ("start", "end")]
        if any(pd.isna(m) for m in moments) or moments[1] <= moments[0]:
            raise DataError(f"{path}, line {number}: from {row['start']!r} to {row['end']!r}", hint="Write ISO 8601")
        begin, finish = (m.to_pydatetime() for m in moments)
        names = [tuple(str(row.get(column, "")).split()) for column in ("rules", "may")]
        found.append(Incident(str(row["kind"]), begin, finish, *names))
    return found
