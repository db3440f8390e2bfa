"""What a schedule owes at a moment: decisions without side effects, made from the spec and the rows in storage."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shopr.workbench.schedule.store import OPEN, Row, RunState
from shopr.workbench.specs.moments import Moment, render
from shopr.workbench.specs.schedule import CatchUp, ScheduleSpec
from shopr.workbench.specs.times import Cron, jitter

__all__ = ["Decision", "Timetable", "decide", "owed"]


def owed(
    cron: Cron, policy: CatchUp, looked: datetime, now: datetime, grace: float
) -> tuple[list[datetime], list[datetime]]:
    """The instants in (looked, now], split into those that are to be run and those that are missed for good."""
    due = list(cron.instants(looked, now))
    if policy.policy == "latest":
        keep = due[-1:]
    elif policy.policy == "all":
        keep = due[-policy.limit :]
    else:
        keep = [t for t in due if now - t <= timedelta(seconds=grace)]
    if policy.within_hours is not None:
        oldest = now - timedelta(hours=policy.within_hours)
        keep = [t for t in keep if t >= oldest]
    kept = set(keep)
    return keep, [t for t in due if t not in kept]


class Timetable:
    """A schedule with its zones and names filled in.

    Args:
        spec: the schedule.
        zone: where it names none.
        shop: what `{{ shop }}` stands for.
    """

    def __init__(self, spec: ScheduleSpec, *, zone: str = "UTC", shop: str = "demo") -> None:
        self.spec, self._shop = spec, shop
        self.crons = {name: spec.cron(name, zone) for name in spec.jobs}
        self.order = spec.order()
        self._known: dict[str, tuple[datetime, datetime | None]] = {}

    def next(self, after: Mapping[str, datetime]) -> list[tuple[datetime, str]]:
        """The next instant of each job after its moment in `after`, earliest first."""
        found = [(self.crons[job].next(after[job]), job) for job in self.order if job in after]
        return sorted([(t, job) for t, job in found if t is not None], key=lambda pair: pair[0])

    def first_after(self, job: str, moment: datetime) -> datetime | None:
        """The first instant of a job after a moment; the last answer is kept, as a scheduler asks again and again."""
        known = self._known.get(job)
        if known is None or known[0] != moment:
            known = self._known[job] = moment, self.crons[job].next(moment)
        return known[1]

    def row(self, job: str, instant: datetime, origin: str = "schedule", due: datetime | None = None) -> dict[str, Any]:
        """What storage takes for one run."""
        found = self.spec.jobs[job]
        moment = Moment(self.spec.name, job, self._shop, instant, self.crons[job])
        late = jitter(self.spec.name, job, instant, found.jitter_seconds)
        return {
            "job": job,
            "logical_at": instant,
            "due_at": due or instant + late,
            "origin": origin,
            "spec": found.spec,
            "parameters": {name: render(value, moment) for name, value in found.parameters.items()},
        }


@dataclass
class Decision:
    """What to do with the open rows at a moment.

    Attributes:
        start: rows to claim, in this order.
        skip: (row, why it will not be run).
        kill: (running row, why it has to end).
        waiting: row id -> what it waits for.
    """

    start: list[Row] = field(default_factory=list)
    skip: list[tuple[Row, str]] = field(default_factory=list)
    kill: list[tuple[Row, str]] = field(default_factory=list)
    waiting: dict[int, str] = field(default_factory=dict)


def decide(
    spec: ScheduleSpec,
    rows: Sequence[Row],
    before: Mapping[tuple[str, datetime], Row],
    now: datetime,
    mine: Collection[int] = (),
) -> Decision:
    """Which PLANNED rows start now, which never will, and which running ones end for them.

    Args:
        rows: all open rows.
        before: (job, instant) -> row, of the jobs that planned rows come after.
        mine: ids of the running rows that could be ended.
    """
    made = Decision()
    busy = sum(row["state"] == RunState.RUNNING for row in rows)
    place = {job: at for at, job in enumerate(spec.order())}
    for row in sorted(rows, key=lambda row: (*_rank(row), place.get(row["job"], -1))):
        if row["state"] != RunState.PLANNED:
            continue
        if row["job"] not in spec.jobs:
            made.skip.append((row, "the schedule has no such job any more"))
            continue
        if row["due_at"] > now:
            made.waiting[row["id"]] = f"its time: {row['due_at']:%Y-%m-%d %H:%M:%S} UTC"
            continue
        verdict = _after_others(spec, row, before, made) or _beside_itself(spec, row, rows, made, mine)
        if verdict:
            continue
        if busy + len(made.start) - len(made.kill) >= spec.parallel:
            made.waiting[row["id"]] = f"one of {spec.parallel} places"
            continue
        made.start.append(row)
    return made


def _after_others(spec: ScheduleSpec, row: Row, before: Mapping[tuple[str, datetime], Row], made: Decision) -> bool:
    """True if the row waits for a job that it comes after, or is skipped because of one."""
    job = spec.jobs[row["job"]]
    for name in job.after:
        upstream = before.get((name, row["logical_at"]))
        state = None if upstream is None else upstream["state"]
        if state in OPEN:
            made.waiting[row["id"]] = f"{name}, which is {state}"
            return True
        if state != RunState.DONE and job.when_failed == "skip":
            why = "has no run at this instant" if state is None else f"is {state}"
            made.skip.append((row, f"it comes after {name}, which {why}"))
            return True
    return False


def _beside_itself(spec: ScheduleSpec, row: Row, rows: Iterable[Row], made: Decision, mine: Collection[int]) -> bool:
    """True if the row waits for another run of its own job, or is skipped because of one."""
    overlap = spec.jobs[row["job"]].overlap
    if overlap == "allow":
        return False
    gone = {skipped["id"] for skipped, _ in made.skip} | {killed["id"] for killed, _ in made.kill}
    others = [r for r in rows if r["job"] == row["job"] and r["id"] != row["id"] and r["id"] not in gone]
    running = [r for r in others if r["state"] == RunState.RUNNING]
    ahead = [r for r in others if _rank(r) < _rank(row)]
    foreign = any(r["id"] not in mine for r in running)
    if row["origin"] == "backfill" or overlap == "queue" or (overlap == "kill" and foreign):
        blocking = [*running, *ahead]
        if blocking:
            made.waiting[row["id"]] = f"its run of {blocking[0]['logical_at']:%Y-%m-%d %H:%M} UTC"
        return bool(blocking)
    if overlap == "skip":
        blocking = [*running, *ahead]
        if blocking:
            made.skip.append((row, f"its run of {blocking[0]['logical_at']:%Y-%m-%d %H:%M} UTC was not over"))
        return bool(blocking)
    reason = f"its run of {row['logical_at']:%Y-%m-%d %H:%M} UTC came due"
    made.kill.extend((r, reason) for r in running)
    made.skip.extend((r, reason) for r in ahead if r["state"] == RunState.PLANNED and r not in made.start)
    made.start[:] = [r for r in made.start if r not in ahead]
    return False


def _rank(row: Row) -> tuple[bool, datetime]:
    return row["origin"] == "backfill", row["logical_at"]
