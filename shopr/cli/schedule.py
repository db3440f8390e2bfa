"""`shopr schedule`: run a schedule, see what it did and will do, fill in what lies before it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.workbench.schedule.alarm import Notice
    from shopr.workbench.schedule.open import Filled, Schedule
    from shopr.workbench.schedule.scheduler import Scheduler

__all__ = ["schedule"]

F = TypeVar("F", bound=Callable[..., Any])
_DEFAULT = Path("experiments/schedule.yaml")


def _spec(command: F) -> F:
    return click.argument("spec_path", required=False, type=click.Path(path_type=Path), metavar="[SPEC]")(command)


@click.group(epilog="Example: shopr schedule next --count 5")
def schedule() -> None:
    """Run experiments at their times: cron with time zones, catch-up, retries, dependencies.

    SPEC is a file of kind: schedule, by default experiments/schedule.yaml.
    """


@schedule.command(epilog="Example: shopr schedule run --once")
@_spec
@click.option("--once", is_flag=True, help="Run what is due now and what follows from it, then end.")
@json_option
def run(spec_path: Path | None, *, once: bool, as_json: bool) -> None:
    """Lead the schedule until it is ended, or stand by while another process leads.

    SIGTERM and Ctrl-C end it cleanly: what runs is ended and starts again with the next scheduler. With --once, for a
    caller that has a clock of its own (Kubernetes CronJob, CI), exit status 1 says that a run failed.
    """
    from shopr.errors import RunError
    from shopr.workbench.running.settling import watching

    opened = _open(spec_path)
    failed: list[str] = []

    def tell(notice: Notice) -> None:
        if notice.what == "failed" and notice.row is not None:
            failed.append(notice.row["job"])
        _tell(notice, opened, as_json=as_json)

    scheduler = opened.scheduler(tell)
    new = [row["job"] for row in opened.overview() if not row["first_seen"]]
    if new and not as_json:
        echo(f"First seen now, nothing is owed yet: {', '.join(new)}")
    with _ending(scheduler):
        if not once:
            with watching(opened.settings):
                scheduler.run()
            return
        if not scheduler.once() and not as_json:
            echo("Another scheduler leads and does the work")
    if failed:
        raise RunError(f"failed: {', '.join(sorted(set(failed)))}", hint="See 'shopr schedule list'")
    if not as_json:
        _say_next(opened)


@schedule.command("list", epilog="Example: shopr schedule list --runs 30")
@_spec
@click.option("--runs", default=0, show_default=True, type=click.IntRange(0, 10_000), help="List the newest runs, too.")
@json_option
def list_(spec_path: Path | None, *, runs: int, as_json: bool) -> None:
    """List the jobs: when they run, how their last run ended, what is open, what was missed."""
    opened = _open(spec_path)
    opened.scheduler().settle()
    rows, leader = opened.overview(), opened.leader()
    recent = opened.store.recent(runs) if runs else []
    if as_json:
        echo_json({"schedule": opened.spec.name, "leader": leader, "jobs": rows, "runs": recent})
        return
    columns = ["job", "when", "next", "last", "state", "open", "missed"]
    shown = [[r["job"], _when(r), _local(opened, r["job"], r["next"]), _local(opened, r["job"], r["last"]),
              r["state"], r["open"], r["missed"]] for r in rows]  # fmt: skip
    echo_table(columns, shown, title=f"{opened.spec.name}: {len(rows)} jobs")
    for row in rows:
        if row["message"] and row["state"] != "DONE":
            echo(f"{row['job']} {row['state']}: {row['message']}")
    if recent:
        echo_table(
            ["job", "instant", "state", "attempts", "ledger run", "message"],
            [[r["job"], _local(opened, r["job"], r["logical_at"]), r["state"], r["attempts"], r["ledger_run_id"],
              r["message"]] for r in recent],
            title="Newest runs",
        )  # fmt: skip
    if leader is None:
        echo("No scheduler is running. Start one with 'shopr schedule run', or see deploy/ for a service")
    else:
        echo(f"Process {leader['pid']} on {leader['host']} leads since {leader['acquired_at']:%Y-%m-%d %H:%M} UTC")


@schedule.command("next", epilog="Example: shopr schedule next --count 5 --job daily-health")
@_spec
@click.option("--count", default=10, show_default=True, type=click.IntRange(1, 10_000), help="How many instants.")
@click.option("--job", help="Of one job only.")
@json_option
def next_(spec_path: Path | None, *, count: int, job: str | None, as_json: bool) -> None:
    """Show what comes due next, in each job's time zone and in UTC."""
    opened = _open(spec_path)
    coming = opened.coming(count, job)
    if as_json:
        zones = {name: cron.zone_name for name, cron in opened.timetable.crons.items()}
        echo_json([{"job": name, "instant": t, "time_zone": zones[name]} for t, name in coming])
        return
    echo_table(["instant", "UTC", "job"], [[_local(opened, name, t), f"{t:%m-%d %H:%M}", name] for t, name in coming])


@schedule.command(epilog="Example: shopr schedule backfill --from 2026-03-01 --to 2026-03-07 --job daily-health")
@_spec
@click.option("--from", "start", required=True, metavar="TIME", help="First instant: 2026-03-01 or 2026-03-01T06:00.")
@click.option("--to", "end", required=True, metavar="TIME", help="Last instant; a date means its whole day.")
@click.option("--job", "jobs", multiple=True, help="Of this job, with what it comes after; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Say what would be run.")
@json_option
def backfill(
    spec_path: Path | None, *, start: str, end: str, jobs: tuple[str, ...], dry_run: bool, as_json: bool
) -> None:
    """Run the instants between two times that no run answers yet, oldest first.

    What is DONE or under way stays; what failed, was killed or skipped is run again. A scheduler that runs does the
    work; without one, this command does it.
    """
    from shopr.errors import RunError

    opened = _open(spec_path)
    opened.scheduler().settle()
    filled = opened.backfill(_moment(opened, start, late=False), _moment(opened, end, late=True), jobs)
    planned = 0 if dry_run else opened.fill(filled)
    if as_json and (dry_run or not planned):
        echo_json({"planned": planned, "left": filled.left, "runs": _plain(filled)})
        return
    if dry_run or not planned:
        _say_filled(opened, filled)
        return
    leader = opened.leader()
    if leader is None:
        failed = _fill_here(opened, filled, as_json=as_json)
        if failed:
            raise RunError(f"{failed} of {planned} runs failed", hint="See 'shopr schedule list --runs 20'")
    elif as_json:
        echo_json({"planned": planned, "left": filled.left, "runs": _plain(filled), "leader": leader})
    else:
        echo(f"{planned} runs are planned; process {leader['pid']} on {leader['host']} runs them")


def _fill_here(opened: Schedule, filled: Filled, *, as_json: bool) -> int:
    """Run what was planned in this process; returns how many runs failed."""
    from shopr.progress import step

    failed = 0

    def tell(notice: Notice) -> None:
        nonlocal failed
        failed += notice.what == "failed"
        _tell(notice, opened, as_json=as_json)

    scheduler = opened.scheduler(tell)
    with step(f"Fill in {len(filled.instants)} runs") as filling, _ending(scheduler):
        scheduler.once()
        filling.note(f"{failed} failed" if failed else "all ended")
    return failed


def _plain(filled: Filled) -> list[dict[str, object]]:
    return [{"job": job, "instant": t} for t, job in filled.instants]


def _say_filled(opened: Schedule, filled: Filled) -> None:
    if not filled.instants:
        echo(f"Nothing is left to run there: {filled.left} are done or under way")
        return
    echo_table(["instant", "job"], [[_local(opened, job, t), job] for t, job in filled.instants])
    echo(f"{len(filled.instants)} would run, {filled.left} are done or under way")


def _open(spec_path: Path | None) -> Schedule:
    from shopr.config import Settings
    from shopr.config.sources import project_root
    from shopr.workbench.schedule.open import Schedule

    return Schedule.open(Settings(), spec_path or project_root() / _DEFAULT)


class _ending:  # noqa: N801  (a context manager, used like a function)
    """While it lasts, SIGTERM and Ctrl-C end the scheduler cleanly."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, lambda *_: self._scheduler.stop())

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _tell(notice: Notice, opened: Schedule, *, as_json: bool) -> None:
    """One line for what happened, as soon as it did."""
    row = notice.row
    if as_json:
        about = (
            {} if row is None else {"job": row["job"], "instant": row["logical_at"], "parameters": row["parameters"]}
        )
        echo_json({"time": opened.clock.now(), "what": notice.what, **about, "message": notice.message}, indent=None)
        return
    what = "" if row is None else f" {row['job']} of {_local(opened, row['job'], row['logical_at'])}"
    why = f": {notice.message}" if notice.message else ""
    echo(f"{opened.clock.now():%Y-%m-%d %H:%M:%S} UTC {notice.what}{what}{why}")


def _say_next(opened: Schedule) -> None:
    coming = opened.coming(1)
    if coming:
        instant, job = coming[0]
        echo(f"Next: {job} at {_local(opened, job, instant)}")


def _when(row: dict[str, Any]) -> str:
    return f"after {', '.join(row['after'])}" if row["after"] else f"{row['cron']} {row['time_zone']}"


def _local(opened: Schedule, job: str, moment: datetime | None) -> str | None:
    if moment is None or job not in opened.timetable.crons:
        return None if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
    return f"{moment.astimezone(opened.timetable.crons[job].zone):%Y-%m-%d %H:%M %Z}"


def _moment(opened: Schedule, text: str, *, late: bool) -> datetime:
    """A date or a time in the schedule's zone, unless it names an offset of its own."""
    from datetime import UTC, timedelta

    from shopr.errors import InputError
    from shopr.workbench.specs.times import instant_of, zone_of

    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no time", hint="Write 2026-03-01 or 2026-03-01T06:00") from error
    if given.tzinfo is not None:
        return given.astimezone(UTC)
    if late and len(text) == len("2026-03-01"):
        given += timedelta(days=1) - timedelta(microseconds=1)
    return instant_of(given, zone_of(opened.spec.time_zone or opened.settings.time_zone))
