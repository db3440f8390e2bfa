"""Schedules: kills at random points, a year of two processes, and the speed of cron expressions.

    python benchmarks/schedule.py --kills 100 --json
    python benchmarks/schedule.py --year

Year: two processes at a time on one clock, jobs each night in three zones, down time over two changes of clocks, and a
process that kills itself now and then; what ran must be what brute force over the minutes of the year says.
Kills: real scheduler processes with real workers and a real ledger, on SQLite; the scheduler, sometimes a worker
before it, is killed by signal 9 at a random moment, a hundred times. In the end every run must be DONE exactly once, no
row may be open, and after each kill no process may live on.
Cron: the time of a year's instants of each expression in three zones.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.schedule_year import YEAR, Machine  # noqa: E402
from benchmarks.scheduled import Kills  # noqa: E402
from shopr.config import Settings  # noqa: E402
from shopr.storage.database import Database  # noqa: E402
from shopr.tracking.store import client  # noqa: E402
from shopr.workbench.specs.times import Cron  # noqa: E402

EXPRESSIONS = ("*/5 * * * *", "30 2 * * *", "0 6 * * mon", "0 0 1 * *")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Sydney")


def kills(count: int, seed: int) -> dict[str, object]:
    """Kill `count` times, then finish; what the stores say."""
    with tempfile.TemporaryDirectory(prefix="shopr-kills-") as folder:
        home = Path(folder) / "home"
        settings = Settings(
            home=home, database_url=f"sqlite:///{home / 'state.db'}", mlflow_uri=f"sqlite:///{folder}/mlflow.db",
            artifact_root=Path(folder) / "artifacts",
        )  # fmt: skip
        Database.open(settings).close()
        client(settings)
        play = Kills(settings, random.Random(seed))
        while sum(play.killed.values()) < count:
            play.plan(3)
            play.kill_one()
            print(f"\r{sum(play.killed.values())} of {count} kills", end="", file=sys.stderr)
        print(file=sys.stderr)
        play.finish()
        return {**play.truth(), "kills": dict(play.killed), "slowest end of orphans, s": round(play.slowest_seconds, 2)}


def year() -> dict[str, object]:
    """The year of 2026 with jobs each night in three zones, on SQLite."""
    with tempfile.TemporaryDirectory(prefix="shopr-year-") as folder:
        url = f"sqlite:///{folder}/state.db"
        Database.open(url=url).close()
        machine = Machine(Path(folder), url, daily=True)
        killed = sum(machine.play(start, end, [40, 40, 40]) for start, end in YEAR)
        return {"runs": machine.runs, "kills": killed, "problems": machine.problems(YEAR)}


def cron_seconds() -> dict[str, float]:
    """Seconds for a year's instants, by expression, over three zones."""
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    found = {}
    for expression in EXPRESSIONS:
        began = time.process_time()
        count = sum(len(list(Cron(expression, zone).instants(start, end))) for zone in ZONES)
        found[f"{expression} ({count:,} instants)"] = round(time.process_time() - began, 3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--year", action="store_true", help="play the year, instead of the kills")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if asked.year:
        played = year()
        print(json.dumps(played, indent=2))
        sys.exit(bool(played["problems"]))
    found = {"kills": kills(asked.kills, asked.seed), "cron": cron_seconds()}
    if asked.json:
        print(json.dumps(found, indent=2))
        return
    for title, figures in found.items():
        print(title)
        for name, value in figures.items():
            print(f"  {name:40} {value}")
    truth = found["kills"]
    sys.exit(truth["done once"] != truth["owed"] or truth["done twice"] != 0)


if __name__ == "__main__":
    main()
