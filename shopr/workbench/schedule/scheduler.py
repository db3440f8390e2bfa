"""The scheduler: one process leads a schedule, others stand by, and each instant of each job is run once.

A leader looks at the clock, plans what came due, claims what may start, and asks the ledger what became of what it
started. Everything that it knows is in storage: if it is killed at any point, the next leader takes over what it finds
there. A claim whose worker vanished is started again, unless the ledger says that its run is done.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from shopr.clock import Clock, SystemClock
from shopr.errors import StorageError
from shopr.storage.lease import Lease, LeaseLostError
from shopr.workbench.schedule.alarm import Alarm, Notice, Waiter
from shopr.workbench.schedule.plan import Timetable, decide, owed
from shopr.workbench.schedule.store import Row, RunState, ScheduleStore
from shopr.workbench.schedule.workers import Handle, Truth, Workers

__all__ = ["Scheduler"]

_MOST_LOSSES = 20
_AT_ONCE = 3  # losses after which a run is started again without a wait: the scheduler was killed, not the run at fault
_LONGEST_WAIT = 600.0
_RETRY_SECONDS = 5.0


class Scheduler:
    """One scheduler process of a schedule.

    Args:
        timetable: the schedule with zones filled in.
        store, lease: its rows in storage, and the right to lead.
        workers: who executes runs.
        clock: tells what came due.
        alarm: what it sleeps on.
        tell: is called for everything that happens.
    """

    def __init__(
        self,
        timetable: Timetable,
        store: ScheduleStore,
        lease: Lease,
        workers: Workers,
        *,
        clock: Clock | None = None,
        alarm: Waiter | None = None,
        tell: Callable[[Notice], None] = lambda notice: None,
    ) -> None:
        self._timetable, self._spec = timetable, timetable.spec
        self._store, self._lease, self._workers = store, lease, workers
        self._clock, self._alarm, self._tell = clock or SystemClock(), alarm or Alarm(), tell
        self._handles: dict[int, tuple[Row, Handle]] = {}
        self._looked: dict[str, datetime] = {}
        self._stopping = self._leaving = False
        self._led: bool | None = None
        self._reached = self._clock.monotonic()

    def stop(self) -> None:
        """Ask `run` or `once` to end: from a signal's handler or another thread."""
        self._stopping = True
        self._alarm.ring()

    def run(self) -> None:
        """Lead, or stand by to lead, until `stop`; workers are ended then, and start again with the next scheduler."""
        try:
            while not self._stopping:
                self._alarm.wait(self._turn())
        finally:
            self._leave()

    def once(self) -> bool:
        """Do what is due now and what follows from it, then return; False if another scheduler leads.

        Retries that are due later are left to the next call.
        """
        try:
            while not self._stopping:
                wait = self.tick()
                if not self._lease.held:
                    return False
                if not self._handles:
                    return True
                self._alarm.wait(min(wait, self._lease.ttl / 3))
            return True
        finally:
            self._leave()

    def settle(self) -> None:
        """While nobody leads, close what a killed scheduler left open, so that whoever looks sees the truth."""
        running = [row for row in self._store.open_rows() if row["state"] == RunState.RUNNING]
        if running and self._lease.holder() is None:  # rows that were read before nobody led are nobody's
            for row in running:
                self._end(row)

    def tick(self) -> float:
        """One look at clock and storage; returns the seconds until the next one is due.

        Raises:
            StorageError: if the database refuses; nothing is half done then.
        """
        self._collect()
        held = self._lease.hold()
        self._reached = self._clock.monotonic()
        if held != self._led:
            self._led = held
            self._tell(Notice("leading" if held else "standing by"))
            self._looked = self._store.looked() if held else {}
        if not held:
            return self._lease.ttl / 3
        try:
            self._adopt()
            now = self._clock.now()
            self._plan(now)
            due = self._dispatch(now)
        except LeaseLostError:
            self._led = None
            return 0.0
        return self._sleep(due)

    def _turn(self) -> float:
        """A tick that outlives a database that is out of reach for a while."""
        try:
            return self.tick()
        except StorageError as error:
            self._tell(Notice("storage", message=error.one_line()))
            # Out of reach for as long as a lease lasts, another leader may start these runs again: end them before.
            if self._clock.monotonic() - self._reached > self._lease.ttl * 2 / 3:
                for _, handle in self._handles.values():
                    handle.end()
            return _RETRY_SECONDS

    def _sleep(self, due: datetime | None) -> float:
        now = self._clock.now()
        coming = [self._timetable.first_after(job, self._looked[job]) for job in self._timetable.order]
        times = [t for t in (due, *coming) if t is not None]
        wait = min([(t - now).total_seconds() for t in times], default=self._lease.ttl)
        return max(min(wait, self._lease.ttl / 3), 0.0)

    def _collect(self) -> None:
        """Settle what this process started and what has ended."""
        for row_id, (row, handle) in list(self._handles.items()):
            if handle.ended():
                self._settle(row, own=True)
                handle.wait()
                del self._handles[row_id]

    def _adopt(self) -> None:
        """Settle claims of schedulers that are no more."""
        for row in self._store.open_rows():
            if row["state"] == RunState.RUNNING and row["id"] not in self._handles:
                self._end(row)

    def _settle(self, claim: Row, *, own: bool = False) -> None:
        """Close a claim by the ledger's word."""
        found = self._store.states([(claim["job"], claim["logical_at"])]).get((claim["job"], claim["logical_at"]))
        if found is None or (own and found["token"] != claim["token"]):
            if found is not None and found["state"] == RunState.FAILED:  # its worker was refused, and said so itself
                self._tell(Notice("failed", found, found["message"]))
            return
        self._end(found)

    def _end(self, row: Row) -> None:
        """Close a claim, if its worker is no more; a row that changed since it was read stays as it is."""
        truth = self._workers.truth(row)
        if truth is not None:
            self._close(row, truth)

    def _close(self, row: Row, truth: Truth) -> None:
        now = self._clock.now()
        if truth.state == RunState.DONE:
            if self._store.finish(row, RunState.DONE, ledger_run_id=truth.ledger_run_id):
                self._tell(Notice("done", row, truth.ledger_run_id or ""))
            return
        if truth.state is None:
            self._close_lost(row, truth, now)
            return
        job = self._spec.jobs.get(row["job"])
        attempts = row["attempts"] + 1
        if job is not None and attempts < job.retries.attempts:
            wait = timedelta(seconds=job.retries.wait(attempts))
            message = f"attempt {attempts} of {job.retries.attempts} failed: {truth.message}"
            if self._store.again(row, now + wait, message, failed=True):
                self._tell(Notice("again", row, message))
        elif self._store.finish(row, RunState.FAILED, message=truth.message, ledger_run_id=truth.ledger_run_id):
            self._tell(Notice("failed", row, truth.message))

    def _close_lost(self, row: Row, truth: Truth, now: datetime) -> None:
        losses = row["losses"] + 1
        if losses >= _MOST_LOSSES and not self._leaving:
            message = f"it was started {losses} times and lost each time: {truth.message}"
            if self._store.finish(row, RunState.FAILED, message=message, ledger_run_id=truth.ledger_run_id, ran=False):
                self._tell(Notice("failed", row, message))
            return
        seconds = 0.0 if losses <= _AT_ONCE else min(5.0 * 2 ** (losses - _AT_ONCE), _LONGEST_WAIT)
        if self._store.again(row, now + timedelta(seconds=seconds), truth.message, lost=not self._leaving):
            self._tell(Notice("again", row, truth.message))

    def _plan(self, now: datetime) -> None:
        """Write down what came due since it was last looked."""
        new = [job for job in self._timetable.order if job not in self._looked]
        crons, looked = self._timetable.crons, dict.fromkeys(new, now)
        rows, missed = [], {}
        for job in self._timetable.order:
            if job in looked:
                continue
            since = self._looked[job]
            coming = self._timetable.first_after(job, since)
            if coming is None or coming > now:
                continue
            policy = self._spec.jobs[job].catch_up
            keep, left = owed(crons[job], policy, since, now, self._spec.grace_seconds)
            rows += [self._timetable.row(job, instant) for instant in keep]
            looked[job] = now
            if left:
                missed[job] = left
        if looked:
            self._store.plan(rows, lease=self._lease, looked=looked, missed=missed)
            self._looked |= looked
        for job, left in missed.items():
            shown = f"{job}: {len(left)} missed, {left[0]:%Y-%m-%d %H:%M} to {left[-1]:%Y-%m-%d %H:%M} UTC"
            self._tell(Notice("missed", message=shown))

    def _dispatch(self, now: datetime) -> datetime | None:
        """Start what may start; the moment at which the next planned row comes due."""
        jobs = self._spec.jobs
        while True:
            rows = self._store.open_rows()
            wanted = {
                (name, row["logical_at"]) for row in rows if row["job"] in jobs for name in jobs[row["job"]].after
            }
            made = decide(self._spec, rows, self._store.states(wanted) if wanted else {}, now, self._handles)
            for row, reason in made.kill:
                self._kill(row, reason)
            for row, reason in made.skip:
                if self._store.skip(row, reason):
                    self._tell(Notice("skipped", row, reason))
            for row in made.start:
                if not self._stopping:
                    self._start(row)
            if not made.skip:  # else what comes after the skipped ones can be decided now
                break
        planned = [row["due_at"] for row in rows if row["state"] == RunState.PLANNED and row["due_at"] > now]
        return min(planned, default=None)

    def _start(self, row: Row) -> None:
        token = self._store.claim(row, self._lease)
        if token is None:
            return
        self._tell(Notice("started", row))
        claimed = {**row, "token": token, "state": RunState.RUNNING}
        cache = self._spec.jobs[row["job"]].cache
        try:
            handle = self._workers.start(claimed, token, cache=cache, done=self._alarm.ring)
        except OSError as error:
            self._close(claimed, Truth(None, None, f"its worker could not be started: {error}"))
            return
        self._handles[row["id"]] = claimed, handle

    def _kill(self, row: Row, reason: str) -> None:
        claimed, handle = self._handles[row["id"]]
        if self._store.finish({**row, "token": claimed["token"]}, RunState.KILLED, message=f"ended: {reason}"):
            self._tell(Notice("killed", row, reason))
        handle.end()
        handle.wait()
        del self._handles[row["id"]]

    def _leave(self) -> None:
        """End what runs, give back the lease; what was interrupted is planned anew."""
        self._leaving = True
        for _, handle in self._handles.values():
            handle.end()
        try:
            for row, handle in list(self._handles.values()):
                handle.wait()
                self._settle(row, own=True)
            self._handles.clear()
            self._lease.release()
        except StorageError as error:  # the next leader finds it all in storage
            self._tell(Notice("storage", message=error.one_line()))
        finally:
            self._leaving, self._led = False, None
