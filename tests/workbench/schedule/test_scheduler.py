"""The scheduler on a manual clock: what is run when, after what, and what becomes of what was missed or went wrong."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from benchmarks.schedule_year import at, brute_force, schedule
from shopr.storage.lease import Lease
from shopr.storage.tables import schedule_leases
from shopr.workbench.schedule.plan import Timetable
from shopr.workbench.schedule.scheduler import Scheduler
from shopr.workbench.schedule.store import RunState, ScheduleStore
from shopr.workbench.schedule.workers import Truth
from shopr.workbench.specs.times import jitter
from tests.workbench.schedule.scheduling import Play

HOURLY = {"cron": "0 * * * *"}
FAILED = Truth(RunState.FAILED, "run", "cell 3: KeyError: 'price'")
LOST = Truth(None, None, "its runner vanished")


def hours(*numbers: int) -> list[str]:
    return [f"01-01 {n:02}:00" for n in numbers]


def test_each_instant_once_with_its_own_parameters(database):
    job = {**HOURLY, "parameters": {"until": "{{ logical_time | %H:%M }}", "day": "{{ logical_date - 1d }}", "n": 3}}
    play = Play(database, schedule(report=job, top={"time_zone": "Europe/Berlin"}), "2026-01-01 00:30")
    play.until("2026-01-01 04:10")
    assert play.ran("report") == hours(1, 2, 3, 4)
    assert all(start - logical < timedelta(seconds=1) for _, logical, start in play.workers.started)
    assert play.rows("report")[0]["parameters"] == {"until": "02:00", "day": "2025-12-31", "n": 3}
    assert [(row["state"], row["attempts"], row["ledger_run_id"] is None) for row in play.rows("report")] == [
        ("DONE", 1, False)
    ] * 4
    play.until("2026-01-01 06:10")
    assert play.ran("report") == hours(1, 2, 3, 4, 5, 6)
    assert [n.what for n in play.notices[:3]] == ["leading", "started", "done"]


@pytest.mark.parametrize(
    ("policy", "ran", "missed"),
    [
        ("latest", [1, 2, 8, 9], 5),
        ("all", [1, 2, 3, 4, 5, 6, 7, 8, 9], 0),
        ("skip", [1, 2, 9], 6),
        ({"policy": "all", "limit": 3}, [1, 2, 6, 7, 8, 9], 3),
        ({"policy": "all", "within_hours": 1.6}, [1, 2, 7, 8, 9], 4),
        ({"policy": "latest", "within_hours": 0.25}, [1, 2, 9], 6),
    ],
)
def test_what_was_missed_is_caught_up_as_the_job_says(database, policy, ran, missed):
    play = Play(database, schedule(report={**HOURLY, "catch_up": policy}), "2026-01-01 00:30")
    play.until("2026-01-01 02:10")
    play.away("2026-01-01 08:30")
    play.until("2026-01-01 09:10")
    assert play.ran("report") == hours(*ran)
    known = play.store.jobs()["report"]
    assert known["missed"] == missed
    assert (known["missed_at"] is None) == (missed == 0)
    assert any(n.what == "missed" for n in play.notices) == (missed > 0)


def test_a_start_that_is_a_little_late_is_no_miss(database):
    play = Play(database, schedule(report={**HOURLY, "catch_up": "skip"}), "2026-01-01 00:30")
    play.until("2026-01-01 01:10")
    play.away("2026-01-01 02:04")  # a restart over the instant, within the grace of 300 s
    play.until("2026-01-01 02:10")
    assert play.ran("report") == hours(1, 2)


def test_a_job_begins_when_it_is_first_seen(database):
    play = Play(database, schedule(old={**HOURLY, "catch_up": "all"}), "2026-01-01 00:30")
    play.until("2026-01-01 01:10")
    play.away("2026-01-01 05:30")
    play.spec = schedule(old={**HOURLY, "catch_up": "all"}, new={**HOURLY, "catch_up": "all"})
    play.until("2026-01-01 06:10")
    assert play.ran("old") == hours(1, 2, 3, 4, 5, 6)
    assert play.ran("new") == hours(6)


@pytest.mark.parametrize(
    ("overlap", "ran", "states"),
    [
        ("queue", [1, 2, 3], ["DONE", "DONE", "RUNNING", "PLANNED"]),
        ("skip", [1, 3], ["DONE", "SKIPPED", "DONE", "SKIPPED"]),
        ("allow", [1, 2, 3, 4], ["DONE", "DONE", "DONE", "RUNNING"]),
        ("kill", [1, 2, 3, 4], ["KILLED", "KILLED", "KILLED", "RUNNING"]),
    ],
)
def test_overlapping_runs(database, overlap, ran, states):
    spec = schedule(report={**HOURLY, "overlap": overlap}, top={"parallel": 9})
    play = Play(database, spec, "2026-01-01 00:30")
    play.workers.lasts = lambda row: 65 * 60
    made = play.scheduler()
    while play.clock.now() <= at("2026-01-01 04:10"):
        made.tick()
        play.clock.advance(300)
    assert play.ran("report") == hours(*ran)
    assert [row["state"] for row in play.rows("report")] == states
    for row in play.rows("report"):
        if row["state"] in ("SKIPPED", "KILLED"):
            assert "its run of 2026-01-01" in row["message"]


def test_no_more_run_at_once_than_the_schedule_allows(database):
    spec = schedule(**{f"job_{n}": HOURLY for n in range(5)}, top={"parallel": 2})
    play = Play(database, spec, "2026-01-01 00:30")
    play.workers.lasts = lambda row: 60
    play.until("2026-01-01 01:30")
    starts = sorted((start - at("2026-01-01 01:00")).total_seconds() // 60 for _, _, start in play.workers.started)
    assert starts == [0, 0, 1, 1, 2]


def test_one_runs_after_the_other_is_done(database):
    spec = schedule(last={"after": ["left", "right"]}, left=HOURLY, right=HOURLY, top={"parallel": 3})
    play = Play(database, spec, "2026-01-01 00:30")
    play.workers.lasts = lambda row: {"left": 300, "right": 600, "last": 0}[row["job"]]
    play.until("2026-01-01 02:30")
    assert play.ran("last") == hours(1, 2)
    starts = [start for job, _, start in play.workers.started if job == "last"]
    assert [s.minute for s in starts] == [10, 10]


@pytest.mark.parametrize(("when_failed", "state"), [("skip", "SKIPPED"), ("run", "DONE")])
def test_after_one_that_failed(database, when_failed, state):
    spec = schedule(first=HOURLY, second={"after": ["first"], "when_failed": when_failed}, third={"after": ["second"]})
    play = Play(database, spec, "2026-01-01 00:30")
    play.workers.ends = lambda row: FAILED if row["job"] == "first" else Truth(RunState.DONE, "run")
    play.until("2026-01-01 01:30")
    assert [play.rows(job)[0]["state"] for job in ("first", "second", "third")] == ["FAILED", state, state]
    if state == "SKIPPED":
        assert play.rows("second")[0]["message"] == "it comes after first, which is FAILED"
        assert play.rows("third")[0]["message"] == "it comes after second, which is SKIPPED"
    assert play.rows("first")[0]["message"] == "cell 3: KeyError: 'price'"


def test_after_one_that_did_not_catch_up(database):
    spec = schedule(first={**HOURLY, "catch_up": "latest"}, second={"after": ["first"], "catch_up": "all"})
    play = Play(database, spec, "2026-01-01 00:30")
    play.until("2026-01-01 01:10")
    play.away("2026-01-01 03:30")
    play.until("2026-01-01 03:40")
    assert play.states("second") == ["01-01 01:00 DONE", "01-01 02:00 SKIPPED", "01-01 03:00 DONE"]
    assert play.rows("second")[1]["message"] == "it comes after first, which has no run at this instant"


def test_a_failed_run_is_started_again_after_a_growing_wait(database):
    retries = {"attempts": 3, "wait_seconds": 60, "factor": 3}
    play = Play(database, schedule(report={**HOURLY, "retries": retries}), "2026-01-01 00:30")
    play.workers.ends = lambda row: (
        FAILED if row["logical_at"].hour == 1 or row["attempts"] == 0 else Truth(RunState.DONE, "run")
    )
    play.until("2026-01-01 02:30")
    starts = [f"{logical:%H}+{(start - logical).total_seconds():.0f}" for _, logical, start in play.workers.started]
    assert starts == ["01+0", "01+60", "01+240", "02+0", "02+60"]
    assert [(row["state"], row["attempts"]) for row in play.rows("report")] == [("FAILED", 3), ("DONE", 2)]
    assert next(n.message for n in play.notices if n.what == "again").startswith("attempt 1 of 3 failed: cell 3")


def test_a_lost_run_is_started_again_without_counting_as_a_failure_but_not_for_ever(database):
    play = Play(database, schedule(report={"cron": "0 1 * * *"}), "2026-01-01 00:30")
    play.workers.ends = lambda row: (
        LOST if row["logical_at"].day == 1 or row["losses"] < 2 else Truth(RunState.DONE, "run")
    )
    play.until("2026-01-02 02:30")
    first, second = play.rows("report")
    assert (first["state"], first["attempts"]) == ("FAILED", 0)
    assert first["message"] == "it was started 20 times and lost each time: its runner vanished"
    assert (second["state"], second["attempts"], second["losses"]) == ("DONE", 1, 2)
    waits = [b[2] - a[2] for a, b in pairwise(play.workers.started[:8])]
    assert [round(w.total_seconds()) for w in waits] == [0, 0, 0, 10, 20, 40, 80]


def test_what_is_interrupted_by_a_stop_starts_again_with_the_next_scheduler(database):
    play = Play(database, schedule(report=HOURLY), "2026-01-01 00:30")
    play.workers.lasts = lambda row: 3600 * 2
    play.until("2026-01-01 01:10")
    row = play.rows("report")[0]
    assert (row["state"], row["attempts"], row["losses"], row["message"]) == ("PLANNED", 0, 0, "interrupted")
    assert Lease(database, "test").holder() is None
    play.workers.lasts = lambda row: 0
    play.until("2026-01-01 01:20")
    assert play.ran("report") == hours(1, 1)
    assert play.rows("report")[0]["state"] == "DONE"


def test_what_a_killed_scheduler_left_is_settled_by_whoever_looks_but_not_while_one_leads(database):
    play = Play(database, schedule(report=HOURLY), "2026-01-01 00:30")
    play.workers.lasts = lambda row: 600.0
    leader, looker = play.scheduler(), play.scheduler()
    leader.tick()
    play.away("2026-01-01 01:00")
    leader.tick()
    play.away("2026-01-01 01:20")  # the run is done, and its scheduler, killed, never hears of it
    looker.settle()
    assert play.rows("report")[0]["state"] == "RUNNING"
    Lease(database, "test").release()  # not its own: nothing changes
    with database.begin() as connection:
        connection.execute(schedule_leases.delete())
    looker.settle()
    assert play.rows("report")[0]["state"] == "DONE"


def test_jitter_puts_off_the_start_not_the_instant(database):
    spec = schedule(one={**HOURLY, "jitter_seconds": 900}, two={**HOURLY, "jitter_seconds": 900}, top={"parallel": 2})
    play = Play(database, spec, "2026-01-01 00:30")
    play.until("2026-01-01 03:30")
    assert play.ran("one") == play.ran("two") == hours(1, 2, 3)
    for job, logical, start in play.workers.started:
        assert abs((start - logical - jitter("test", job, logical, 900)).total_seconds()) < 0.01


def test_two_schedulers_one_leads_and_the_other_takes_over(database):
    play = Play(database, schedule(report=HOURLY), "2026-01-01 00:30")
    first, second = play.scheduler(), play.scheduler()
    for _ in range(200):
        first.tick()
        second.tick()
        play.clock.advance(60)
    assert play.ran("report") == hours(1, 2, 3)
    assert [n.what for n in play.notices if n.what in ("leading", "standing by")] == ["leading", "standing by"]
    first.stop()
    first.run()
    for _ in range(60):
        second.tick()
        play.clock.advance(60)
    assert play.ran("report") == hours(1, 2, 3, 4)


def test_once_does_what_is_due_and_what_follows(database):
    spec = schedule(first=HOURLY, second={"after": ["first"]}, third={"after": ["second"]})
    play = Play(database, spec, "2026-01-01 00:30")
    assert play.scheduler().once() is True  # the jobs are seen for the first time: nothing is due
    assert play.workers.started == []
    play.away("2026-01-01 01:02")
    assert play.scheduler().once() is True
    assert [job for job, _, _ in play.workers.started] == ["first", "second", "third"]
    assert [row["state"] for row in play.store.recent()] == ["DONE"] * 3
    leading = play.scheduler()
    assert leading.once() is True  # the same one may be asked again
    play.away("2026-01-01 02:02")
    assert leading.once() is True
    assert len(play.workers.started) == 6
    leading.tick()
    assert play.scheduler().once() is False


def test_a_clock_that_is_set_back_runs_nothing_twice(database):
    play = Play(database, schedule(report=HOURLY), "2026-01-01 00:30")
    play.until("2026-01-01 03:10")
    play.clock.set_wall(at("2026-01-01 01:30"))
    play.until("2026-01-01 04:10")
    assert play.ran("report") == hours(1, 2, 3, 4)


def test_a_job_that_left_the_schedule_is_not_run_any_more(database):
    play = Play(database, schedule(report=HOURLY, other={**HOURLY, "jitter_seconds": 3000}), "2026-01-01 00:30")
    play.until("2026-01-01 01:00")
    play.spec = schedule(report=HOURLY)
    play.until("2026-01-01 02:30")
    assert play.rows("other")[0]["state"] == "SKIPPED"
    assert "no such job" in play.rows("other")[0]["message"]
    assert len(play.rows("other")) == 1


def test_a_worker_that_cannot_be_started_is_tried_again(database, monkeypatch):
    play = Play(database, schedule(report=HOURLY), "2026-01-01 00:30")
    begin, full = play.workers.start, iter([True])

    def start(*args, **more):
        if next(full, False):
            raise OSError(28, "No space left on device")
        return begin(*args, **more)

    monkeypatch.setattr(play.workers, "start", start)
    play.until("2026-01-01 01:30")
    assert (play.rows("report")[0]["state"], play.rows("report")[0]["losses"]) == ("DONE", 1)


def test_a_database_out_of_reach_is_waited_for(database, monkeypatch):
    from shopr.errors import StorageError

    play = Play(database, schedule(report=HOURLY), "2026-01-01 00:30")
    made = play.scheduler()
    play.jump.until = at("2026-01-01 02:30")
    hold, away = Lease.hold, [at("2026-01-01 00:59"), at("2026-01-01 01:05")]

    def refusing(self):
        if away[0] <= play.clock.now() <= away[1]:
            raise StorageError("database is locked")
        return hold(self)

    monkeypatch.setattr(Lease, "hold", refusing)
    made.run()
    assert play.ran("report") == hours(1, 2)
    assert {n.message for n in play.notices if n.what == "storage"} == {"database is locked"}


def test_out_of_reach_for_too_long_it_ends_its_workers(database, monkeypatch):
    from shopr.errors import StorageError

    play = Play(database, schedule(report=HOURLY), "2026-01-01 00:30", ttl=15.0)
    play.workers.lasts = lambda row: 3600.0
    made = play.scheduler()
    play.jump.until = at("2026-01-01 01:00:09")
    hold = Lease.hold

    def refusing(self):
        if play.clock.now() > at("2026-01-01 01:00:01"):
            raise StorageError("no route to host")
        return hold(self)

    monkeypatch.setattr(Lease, "hold", refusing)
    turns = 0
    while turns < 4000 and not any(handle.asked for handle in play.workers.handles.values()):
        play.clock.advance(made._turn() or 0.001)
        turns += 1
    assert at("2026-01-01 01:00:10") <= play.clock.now() <= at("2026-01-01 01:00:21")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney"])
def test_the_nights_of_daylight_saving(database, zone):
    cron = {"cron": "30 1,2 * * *", "time_zone": zone, "catch_up": "all"}
    for start, end in [
        ("03-07", "03-10"),
        ("03-28", "03-31"),
        ("04-04", "04-07"),
        ("10-03", "10-06"),
        ("10-24", "11-03"),
    ]:
        play = Play(database, schedule(night=cron, top={"name": f"at-{start}"}), f"2026-{start} 00:00", ttl=900_000)
        play.until(f"2026-{end} 00:00")
        expected = brute_force("30 1,2 * * *", zone, at(f"2026-{start} 00:00"), at(f"2026-{end} 00:00"))
        assert [logical for _, logical, _ in play.workers.started] == expected


def test_storage_refuses_the_same_instant_twice(database):
    store, table = ScheduleStore(database, "test"), Timetable(schedule(report=HOURLY))
    row = table.row("report", at("2026-01-01 01:00"))
    assert store.plan([row]) == 1
    assert store.plan([row, table.row("report", at("2026-01-01 02:00"))]) == 1
    lease = Lease(database, "test")
    assert lease.hold()
    planned = store.open_rows()[0]
    token = store.claim(planned, lease)
    assert token is not None
    assert store.claim(planned, lease) is None
    assert store.note(planned["id"], "another token") is None
    claimed = store.note(planned["id"], token)
    assert claimed is not None
    assert store.finish(claimed, RunState.DONE)
    assert not store.finish(claimed, RunState.FAILED)
    assert not store.again(claimed, at("2026-01-01 03:00"), "")
    assert store.recent(1, "report")[0]["logical_at"] == at("2026-01-01 02:00")
    assert isinstance(
        Scheduler(table, store, lease, Play(database, schedule(report=HOURLY), "2026-01-01").workers).tick(), float
    )
