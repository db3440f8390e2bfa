"""Real scheduler processes that are killed: what benchmarks/schedule.py repeats a hundred times, and the tests a few.

python -m benchmarks.scheduled lead            leads the schedule of SHOPR_HOME until nothing is open
python -m benchmarks.scheduled ROW TOKEN CACHE a worker: a run of a fifth of a second, on record in the ledger
"""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from sqlalchemy import select as rows_of

from shopr.config import Settings
from shopr.storage.database import Database
from shopr.storage.lease import Lease
from shopr.storage.tables import run_ledger
from shopr.workbench.running.ledger import Ledger, State
from shopr.workbench.schedule.plan import Timetable
from shopr.workbench.schedule.scheduler import Scheduler
from shopr.workbench.schedule.store import ScheduleStore
from shopr.workbench.schedule.workers import WorkersOfProcesses, end_with_scheduler
from shopr.workbench.specs.schedule import ScheduleSpec

ROOT = Path(__file__).resolve().parent.parent
MODULE = "benchmarks.scheduled"
SPEC = ScheduleSpec.model_validate(
    {
        "name": "kills",
        "kind": "schedule",
        "parallel": 2,
        "jobs": {"work": {"cron": "0 * * * *", "spec": "experiments/work.yaml", "overlap": "allow"}},
    }
)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_WORK_SECONDS = 0.2
_PATIENCE_SECONDS = 30.0


def store_of(settings: Settings) -> ScheduleStore:
    """The schedule's rows."""
    return ScheduleStore(Database.open(settings), SPEC.name)


def lead() -> None:
    """Lead until nothing is open."""
    settings = Settings()
    store = store_of(settings)
    workers = WorkersOfProcesses(settings, store, MODULE)
    scheduler = Scheduler(Timetable(SPEC), store, Lease(store.database, SPEC.name), workers)
    while store.open_rows():
        scheduler.once()
        _wait(0.1)  # what waits for its next start


def work(row_id: int, token: str) -> None:
    """One run, as short as it can be while it is still possible to kill it in the middle."""
    end_with_scheduler()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    database = Database.open(Settings())
    row = ScheduleStore(database, SPEC.name).note(row_id, token)
    if row is None:
        return
    ledger = Ledger(database)
    instant = {"instant": row["logical_at"].isoformat()}
    run_id = ledger.open("work", "work.ipynb", instant, key=token, ingredients={})
    ledger.running(run_id, "")
    select.select([], [], [], _WORK_SECONDS)
    ledger.close(run_id, State.DONE)


@dataclass
class Kills:
    """A folder whose scheduler is killed again and again.

    Attributes:
        settings: of its stores; MLflow's must be there, as it is asked about lost runs.
        draws: decides when, and whom.
        killed: what was killed, and when orphans were gone.
    """

    settings: Settings
    draws: random.Random
    killed: Counter[str] = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    planned: int = 0

    def plan(self, count: int) -> None:
        """Owe `count` more runs."""
        table = Timetable(SPEC)
        hours = range(self.planned, self.planned + count)
        due = datetime.now(UTC)
        rows = [table.row("work", FIRST + timedelta(hours=n), "backfill", due) for n in hours]
        store_of(self.settings).plan(rows)
        self.planned += count

    def environment(self) -> dict[str, str]:
        """Of every process of this folder; tells them from others."""
        own = self.settings
        return {
            **os.environ, "PYTHONPATH": str(ROOT), "SHOPR_HOME": str(own.home), "SHOPR_DATABASE_URL": own.database_url,
            "SHOPR_MLFLOW_URI": own.mlflow_uri, "SHOPR_ARTIFACT_ROOT": str(own.artifact_root),
        }  # fmt: skip

    def leader(self) -> subprocess.Popen[bytes]:
        """Start a scheduler."""
        command = [sys.executable, "-m", MODULE, "lead"]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment(), stderr=subprocess.PIPE)

    def kill_one(self) -> None:
        """Start a scheduler, kill it or one of its workers at a random point; nothing of it may live on."""
        leader = self.leader()
        _wait(self.draws.uniform(0.4, 4.0))
        if self.draws.random() < 0.3:
            workers = psutil.Process(leader.pid).children() if leader.poll() is None else []
            for worker in workers[:1]:
                worker.kill()
                self.killed["worker"] += 1
            _wait(self.draws.uniform(0.0, 0.5))
        if leader.poll() is None:
            leader.send_signal(signal.SIGKILL)
            self.killed["scheduler"] += 1
        leader.wait()
        started = time.monotonic()
        while self.living():
            if time.monotonic() - started > _PATIENCE_SECONDS:
                raise AssertionError(f"processes live on: {self.living()}")
            _wait(0.05)
        self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - started)

    def living(self) -> list[int]:
        """Processes of this folder."""
        found = []
        for process in psutil.process_iter(["pid"]):
            try:
                ours = process.environ().get("SHOPR_HOME") == str(self.settings.home)
                if ours and MODULE in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.pid)
            except (psutil.Error, OSError):
                continue
        return found

    def finish(self) -> None:
        """Let a last scheduler do what is left."""
        leader = self.leader()
        told = leader.communicate(timeout=600)[1].decode()
        if leader.returncode:
            raise AssertionError(told)

    def truth(self) -> dict[str, int]:
        """What the stores say in the end: runs owed, done once, done more often, never done; and open rows."""
        store = store_of(self.settings)
        with store.database.read() as connection:
            ledger = [dict(row) for row in connection.execute(rows_of(run_ledger)).mappings()]
        done = Counter(row["parameters"]["instant"] for row in ledger if row["state"] == State.DONE)
        known = {row["run_id"] for row in ledger if row["state"] == State.DONE}
        rows = store.recent(1_000_000)
        return {
            "owed": self.planned,
            "done once": sum(count == 1 for count in done.values()),
            "done twice": sum(count > 1 for count in done.values()),
            "lost": self.planned - len(done),
            "lost attempts": sum(row["state"] == State.LOST for row in ledger),
            "open in the ledger": sum(row["state"] in (State.QUEUED, State.RUNNING) for row in ledger),
            "open in the schedule": len(store.open_rows()),
            "rows that name their run": sum(row["ledger_run_id"] in known for row in rows),
        }


def _wait(seconds: float) -> None:
    select.select([], [], [], seconds)


if __name__ == "__main__":
    if sys.argv[1] == "lead":
        lead()
    else:
        work(int(sys.argv[1]), sys.argv[2])
