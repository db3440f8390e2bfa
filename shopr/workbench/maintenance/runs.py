"""Sections about the workbench itself: what ran, how it ended, and what a schedule owed."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import select

from shopr.storage.tables import run_ledger, schedule_jobs, schedule_runs
from shopr.workbench.maintenance.parts import Context, Level, Part, Plot, change
from shopr.workbench.running.ledger import State
from shopr.workbench.schedule.store import OPEN, RunState

__all__ = ["runs", "schedule"]

_BAD = (State.FAILED, State.KILLED, State.LOST)


def runs(context: Context) -> Part:
    """Runs of the ledger: how many, how they ended, how long they took."""
    now, before = context.rows(run_ledger, "started_at")
    if now.empty and before.empty:
        return Part("no notebook was run in this period or the one before", Level.EMPTY)
    states = [State.DONE, *_BAD]
    table = pd.DataFrame(
        [
            change("runs started", float(len(now)), float(len(before))),
            *(
                change(f"runs {s.lower()}", float((now["state"] == s).sum()), float((before["state"] == s).sum()))
                for s in states
            ),
            change("median seconds of a finished run", _seconds(now), _seconds(before)),
            change("different specs", float(now["spec"].nunique()), float(before["spec"].nunique())),
        ]
    )
    bad = now[now["state"].isin(_BAD)]
    metrics = {"started": float(len(now)), "failed": float(len(bad))}
    by_spec = now["spec"].value_counts().head(8).astype(float)
    plots = (
        Plot("bars", by_spec, "Runs by spec", "runs"),
        *_plot_of(bad["spec"], "Runs that did not succeed, by spec"),
    )
    if bad.empty:
        return Part(f"{len(now):,} runs, none of them failed", Level.OK, table, plots[:1], metrics)
    last = bad.iloc[-1]
    reason = f"; the last: {last['spec']} {last['state']}" + (f", {last['message']}" if last["message"] else "")
    return Part(f"{len(bad)} of {len(now)} runs did not succeed{reason}", Level.ATTENTION, table, plots, metrics)


def schedule(context: Context) -> Part:
    """What schedules owed in the period, and what became of it."""
    now, before = context.rows(schedule_runs, "logical_at")
    with context.database.read() as connection:
        missed = [dict(row) for row in connection.execute(select(schedule_jobs)).mappings()]
    lately = [
        row for row in missed if row["missed_at"] and context.period.start <= row["missed_at"] < context.period.end
    ]
    if now.empty and before.empty and not lately:
        return Part("no schedule was due; start one with 'shopr schedule run'", Level.EMPTY)
    ends = [RunState.DONE, RunState.FAILED, RunState.KILLED, RunState.SKIPPED]
    table = pd.DataFrame(
        [
            change("scheduled runs", float(len(now)), float(len(before))),
            *(
                change(f"of them {s.lower()}", float((now["state"] == s).sum()), float((before["state"] == s).sum()))
                for s in ends
            ),
            change("of them still open", float(now["state"].isin(OPEN).sum()), float(before["state"].isin(OPEN).sum())),
            change("jobs that missed instants", float(len(lately)), None),
        ]
    )
    bad = now[now["state"].isin([RunState.FAILED, RunState.KILLED, RunState.SKIPPED])]
    plots = (Plot("bars", now["job"].value_counts().astype(float), "Scheduled runs by job", "runs"),)
    words = (
        [f"{len(bad)} of {len(now)} scheduled runs did not succeed ({', '.join(sorted(set(bad['job'])))})"]
        if len(bad)
        else []
    )
    words += [f"{row['job']} missed instants, {row['missed']} in all" for row in lately]
    metrics = {"due": float(len(now)), "failed": float(len(bad)), "missed_jobs": float(len(lately))}
    if words:
        return Part("; ".join(words), Level.ATTENTION, table, plots, metrics)
    return Part(f"{len(now)} scheduled runs, none of them failed", Level.OK, table, plots, metrics)


def _seconds(rows: pd.DataFrame) -> float | None:
    done = rows[rows["state"] == State.DONE]
    if done.empty:
        return None
    ended, started = pd.to_datetime(done["ended_at"], utc=True), pd.to_datetime(done["started_at"], utc=True)
    return float((ended - started).dt.total_seconds().median())


def _plot_of(names: pd.Series, title: str) -> tuple[Plot, ...]:
    return (Plot("bars", names.value_counts().head(8).astype(float), title, "runs"),) if len(names) else ()
