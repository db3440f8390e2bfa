"""The regular reports: periods, each section against figures counted by hand, and what is not there yet."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import insert

from benchmarks.schedule_year import at
from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.errors import InputError, StorageError, UnknownNameError
from shopr.storage.database import Database
from shopr.storage.tables import (
    CARDS,
    experiment_exposures,
    promotions,
    run_ledger,
    schedule_jobs,
    schedule_runs,
    subjects,
)
from shopr.workbench.maintenance import CADENCES, SECTIONS, Level, Part, Period, reports
from shopr.workbench.maintenance.parts import change

NOW = at("2026-03-03 12:00")


def event(number: int, kind: str, time: str, user: str = "ann", **more: object) -> dict[str, object]:
    return {"event_id": f"e{number}", "type": kind, "time": pd.Timestamp(time, tz="UTC"), "user_id": user,
            "session_id": f"{user}-{time[:10]}", **more}  # fmt: skip


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Two days: one order of 2 x 5.00 on the first of March, two orders of 10.00 and 4.00 on the second."""
    order = {"product_id": "p1", "quantity": 1}
    events = [
        event(1, "product_shown", "2026-03-01 09:00", product_id="p1"),
        event(2, "order_completed", "2026-03-01 10:00", product_id="p1", quantity=2, price=500, order_id="o1"),
        event(3, "order_completed", "2026-03-02 09:00", **order, price=1000, order_id="o2"),
        event(4, "order_completed", "2026-03-02 11:00", user="ben", **order, price=400, order_id="o3"),
        event(5, "search_performed", "2026-03-02 11:00", user="ben", query="' or 1=1 --"),
        event(6, "search_performed", "2026-03-02 11:01", user="ben", query="red shoes"),
        *(event(100 + n, "page_viewed", "2026-03-02 12:00", user="bot") for n in range(70)),
    ]
    catalog = Catalog.from_frame(pd.DataFrame({"product_id": ["p1"], "title": ["Shoe"]}))
    return Dataset.build("demo", catalog=catalog, events=pd.DataFrame(events), source="test")


@pytest.fixture
def house(database, data, tmp_path) -> Settings:
    made = Settings(home=tmp_path / "home", database_url=str(database.engine.url), time_zone="UTC")
    data.save(made.shop_folder("demo"))
    return made


def part(settings: Settings, cadence: str, section: str, day: str = "2026-03-02") -> Part:
    """One section alone: the others would ask MLflow, which takes seconds to make its store."""
    context = reports.Context(
        settings, "demo", Period.containing(cadence, date.fromisoformat(day), "UTC"), ManualClock(NOW)
    )
    return reports._part(context, SECTIONS[section])


def figures(found: Part) -> dict[str, tuple[object, object]]:
    assert found.table is not None
    return {row.measure: (row.period, row.before) for row in found.table.itertuples()}


@pytest.mark.parametrize(
    ("cadence", "day", "name", "start", "end", "before"),
    [
        ("daily", "2026-03-29", "2026-03-29", "2026-03-28 23:00", "2026-03-29 22:00", "2026-03-27 23:00"),
        ("weekly", "2026-01-01", "2026-W01", "2025-12-28 23:00", "2026-01-04 23:00", "2025-12-21 23:00"),
        ("monthly", "2026-02-28", "2026-02", "2026-01-31 23:00", "2026-02-28 23:00", "2025-12-31 23:00"),
        ("monthly", "2026-12-31", "2026-12", "2026-11-30 23:00", "2026-12-31 23:00", "2026-10-31 23:00"),
        ("quarterly", "2026-05-05", "2026-Q2", "2026-03-31 22:00", "2026-06-30 22:00", "2025-12-31 23:00"),
        ("quarterly", "2026-12-31", "2026-Q4", "2026-09-30 22:00", "2026-12-31 23:00", "2026-06-30 22:00"),
        ("yearly", "2024-06-01", "2024", "2023-12-31 23:00", "2024-12-31 23:00", "2022-12-31 23:00"),
    ],
)
def test_periods_are_the_calendars_in_the_shops_zone(cadence, day, name, start, end, before):
    period = Period.containing(cadence, date.fromisoformat(day), "Europe/Berlin")
    assert (period.name, period.start, period.end, period.before) == (name, at(start), at(end), at(before))
    assert period.earlier().end == period.start
    assert period.earlier().start == period.before


def test_every_day_of_years_lies_in_its_period():
    for cadence in CADENCES:
        for n in range(0, 1500, 7):
            day = date(2023, 1, 1) + timedelta(days=n)
            period = Period.containing(cadence, day, "UTC")
            assert period.start <= datetime(day.year, day.month, day.day, tzinfo=UTC) < period.end


def test_sales_by_hand(house):
    found = part(house, "daily", "sales")
    assert figures(found) == {
        "shoppers seen": (3, 1),
        "sessions": (3, 1),
        "orders": (2, 1),
        "revenue": (14, 10),
        "revenue an order": (7, 10),
        "orders a session": (pytest.approx(2 / 3), 1),
    }
    assert found.finding == "2 orders for 14 GBP, +40% on the period before"
    assert found.level is Level.OK
    hours, history = found.plots
    assert hours.data["2026-03-02"].to_dict() | {0: 0} == {n: {9: 10.0, 11: 4.0}.get(n, 0.0) for n in range(12)}
    assert history.data["revenue"].to_dict() == {"2026-03-01": 10, "2026-03-02": 14}


def test_a_day_without_events_needs_attention(house):
    found = part(house, "daily", "sales", "2026-03-03")
    assert (found.level, found.finding[:24]) == (Level.ATTENTION, "no event in 2026-03-03: ")
    late = part(house, "daily", "data", "2026-03-03")
    assert late.level is Level.OK  # the day is not over, and the newest event is no day old
    fall = part(house, "monthly", "sales", "2026-04-01")
    assert fall.level is Level.ATTENTION


def test_threats_by_hand(house):
    found = part(house, "weekly", "threats")
    counted = figures(found)
    assert counted["shoppers with more than 60 events in a minute"] == (1, 0)
    assert counted["queries that look like an attack"] == (1, 0)
    assert counted["events in the busiest minute of a shopper"] == (70, 1)
    assert found.level is Level.ATTENTION


def test_drift_is_told_from_chance(house, tmp_path):
    draws = np.random.default_rng(3)

    def orders(first: int, count: int, day: str, prices: tuple[int, int]) -> list[dict[str, object]]:
        return [
            event(first + n, "order_completed", f"{day}-{1 + n % 28:02} {n % 24:02}:00", user=f"u{n}", quantity=1,
                  order_id=f"o{first + n}", product_id=f"p{draws.integers(30)}", price=int(draws.integers(*prices)))
            for n in range(count)
        ]  # fmt: skip

    catalog = pd.DataFrame(
        {"product_id": [f"p{n}" for n in range(30)], "title": "x", "brand": [f"b{n}" for n in range(30)]}
    )
    for name, prices, level in (("same", (100, 900), Level.OK), ("other", (2000, 2900), Level.ATTENTION)):
        events = orders(0, 84, "2026-01", (100, 900)) + orders(100, 84, "2026-02", prices)
        data = Dataset.build(name, catalog=Catalog.from_frame(catalog), events=pd.DataFrame(events), source="test")
        data.save(house.shop_folder(name))
        period = Period.containing("monthly", date(2026, 2, 1), "UTC")
        found = reports._part(reports.Context(house, name, period, ManualClock(NOW)), SECTIONS["drift"])
        assert found.level is level, found.finding
        assert ("price" in found.finding) == (name == "other")
        assert "brand" not in found.finding  # thirty brands and few orders: the index is high by chance alone


def test_an_absent_shop_is_named(house):
    context = reports.Context(house, "nobody", Period.containing("daily", date(2026, 3, 2), "UTC"), ManualClock(NOW))
    for section in ("sales", "funnel", "data", "drift", "features", "threats"):
        found = reports._part(context, SECTIONS[section])
        assert (found.level, "nobody" in found.finding) == (Level.EMPTY, True), section


def ledger_row(number: int, state: str, time: str, message: str = "") -> dict[str, object]:
    start = at(time)
    return {"run_id": f"r{number}", "spec": "tuning", "notebook": "n", "parameters": {}, "state": state, "kind": "run",
            "started_at": start, "ended_at": start + timedelta(seconds=30), "message": message}  # fmt: skip


def scheduled(number: int, state: str, time: str) -> dict[str, object]:
    return {"schedule": "s", "job": "daily", "logical_at": at(time), "due_at": at(time), "state": state, "spec": "x",
            "origin": "schedule", "parameters": {}, "attempts": 1, "losses": number * 0, "message": ""}  # fmt: skip


def test_runs_and_schedules_by_hand(house, database):
    assert part(house, "daily", "runs").level is Level.EMPTY
    assert part(house, "daily", "schedule").level is Level.EMPTY
    with database.begin() as connection:
        connection.execute(
            insert(run_ledger),
            [
                ledger_row(1, "DONE", "2026-03-02 06:00"),
                ledger_row(2, "FAILED", "2026-03-02 07:00", "KeyError: 'price'"),
                ledger_row(3, "DONE", "2026-03-01 06:00"),
                ledger_row(4, "LOST", "2026-02-01 06:00"),
            ],
        )
        connection.execute(
            insert(schedule_runs),
            [scheduled(1, "SKIPPED", "2026-03-02 05:00"), scheduled(2, "DONE", "2026-03-01 05:00")],
        )
        missed = {"schedule": "s", "job": "daily", "looked_at": NOW, "missed": 4, "missed_at": at("2026-03-02 01:00")}
        connection.execute(insert(schedule_jobs), [missed])
    runs = part(house, "daily", "runs")
    assert runs.finding == "1 of 2 runs did not succeed; the last: tuning FAILED, KeyError: 'price'"
    assert figures(runs)["runs done"] == (1, 1)
    assert figures(runs)["median seconds of a finished run"] == (30, 30)
    schedule = part(house, "daily", "schedule")
    assert schedule.finding == "1 of 1 scheduled runs did not succeed (daily); daily missed instants, 4 in all"
    assert {runs.level, schedule.level} == {Level.ATTENTION}
    assert part(house, "daily", "runs", "2026-03-01").level is Level.OK


def test_decisions_and_requests_by_hand(house, database):
    def decision(action: str, time: str) -> dict[str, object]:
        return {"time": at(time), "action": action, "model_name": "m", "version": "2", "previous_version": "1",
                "actor": "ann", "reason": "why", "evidence": {}}  # fmt: skip

    assert part(house, "monthly", "promotions").level is Level.EMPTY
    assert part(house, "yearly", "subjects").level is Level.EMPTY
    with database.begin() as connection:
        connection.execute(
            insert(promotions), [decision("promote", "2026-03-01 10:00"), decision("rollback", "2026-03-02 10:00")]
        )
        connection.execute(insert(subjects), [{"digest": "d", "action": "erase", "time": NOW, "report": {}}] * 2)
    found = part(house, "monthly", "promotions")
    assert (found.level, found.finding) == (Level.ATTENTION, "2 decisions: 1 promote, 1 rollback")
    assert found.table is not None
    assert list(found.table["action"]) == ["rollback", "promote"]
    asked = part(house, "yearly", "subjects")
    assert asked.finding == "2 requests of 1 persons were carried out"


def test_the_arms_of_an_experiment_are_checked(house, database):
    def units(experiment: str, arm: str, count: int) -> list[dict[str, object]]:
        return [
            {"id": f"{experiment}-{arm}-{n}", "experiment": experiment, "unit_id": f"{arm}{n}", "user_id": f"{arm}{n}",
             "arm": arm, "time": at("2026-02-02 10:00")}
            for n in range(count)
        ]  # fmt: skip

    assert part(house, "quarterly", "experiments").level is Level.EMPTY
    rows = units("even", "a", 100) + units("even", "b", 103) + units("odd", "a", 300) + units("odd", "b", 200)
    with database.begin() as connection:
        connection.execute(insert(experiment_exposures), rows)
    found = part(house, "quarterly", "experiments")
    assert found.level is Level.ATTENTION
    assert "the arms of odd are not as planned" in found.finding
    assert found.table is not None
    assert list(found.table["arms"]) == ["100 / 103", "300 / 200"]
    assert found.table["ratio p"].tolist()[0] > 0.5


def test_every_table_has_its_line_and_what_is_overdue_is_named(house, database):
    found = part(house, "yearly", "tables")
    assert found.table is not None
    assert set(found.table["table"]) == set(CARDS)
    assert found.level is Level.OK
    with database.begin() as connection:
        connection.execute(insert(run_ledger), [ledger_row(1, "DONE", "2020-03-02 06:00")])
    late = part(house, "yearly", "tables")
    assert (late.level, late.finding) == (Level.ATTENTION, "older than their cards allow: run_ledger")


def test_posture_sees_a_store_that_others_may_read(house, database):
    assert part(house, "weekly", "posture").level is Level.OK
    Path(house.database_url.removeprefix("sqlite:///")).chmod(0o644)
    found = part(house, "weekly", "posture")
    assert found.level is Level.ATTENTION
    assert "stores that others on this machine may read" in found.finding


def test_packages_are_compared_with_the_lock(house, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shopr"\n')
    monkeypatch.chdir(tmp_path)
    assert part(house, "weekly", "packages").level is Level.EMPTY
    (tmp_path / "requirements.lock").write_text(f"numpy==0.1 \\\n    --hash=sha256:x\npandas=={pd.__version__} ; x\n")
    found = part(house, "weekly", "packages")
    assert found.level is Level.ATTENTION
    assert found.table is not None
    assert found.metrics["other"] > 50
    assert found.metrics["same"] == 1


def test_what_is_not_there_yet_is_said_and_one_refusal_hides_nothing(house, monkeypatch):
    absent = [name for name, entry in SECTIONS.items() if not reports._exists(entry.module)]
    for name in absent:
        found = part(house, "daily", name)
        assert found.level is Level.ABSENT
        assert SECTIONS[name].module in found.finding
    there = reports._part(
        reports.Context(house, "demo", Period.containing("daily", date(2026, 3, 2), "UTC"), ManualClock(NOW)),
        SECTIONS["sales"].__class__("shopr.errors", "shopr.errors:absent", frozenset(CADENCES), "x"),
    )
    assert there.finding == "shopr.errors is there, but adds no section to reports yet"

    def refuse(self: object) -> Database:
        raise StorageError("the database is locked")

    monkeypatch.setattr("shopr.storage.database.Database.open", refuse)
    assert part(house, "daily", "runs").finding == "the database is locked"
    assert part(house, "daily", "sales").level is Level.OK


def test_a_report_as_a_whole(stores, data, capsys, monkeypatch):
    data.save(stores.shop_folder("demo"))
    made = reports.report("daily", stores, "demo", clock=ManualClock(NOW))
    assert made.title == "Health and performance, demo, 2026-03-02"
    assert list(made.parts) == [name for name, entry in SECTIONS.items() if "daily" in entry.cadences]
    summary = made.summary()
    assert list(summary.columns) == ["section", "tells", "state", "finding"]
    assert set(summary["section"]) == set(made.parts)
    assert made.parts["model"].level is Level.EMPTY
    style = made.show("sales")
    assert style is not None
    html = style.to_html()
    assert "+40.0%" in html
    assert "✓ 2 orders for 14 GBP" in capsys.readouterr().out
    assert "needs attention" in made.closing().to_html() or "ok" in made.closing().to_html()
    with pytest.raises(UnknownNameError, match="Did you mean 'sales'"):
        made.show("sale")
    metrics = made.metrics()
    assert metrics["sales.orders"] == 2
    assert sum(v for k, v in metrics.items() if k.startswith("sections.")) == len(made.parts)
    from shopr.tracking.store import client

    run = client(stores).get_run(made.log(stores))
    assert (run.info.status, run.data.metrics["sales.revenue"]) == ("FINISHED", 14)
    assert run.data.params["period"] == "2026-03-02"


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("dayly",), UnknownNameError, "Did you mean 'daily'"),
        (("daily", "2026-13-01"), InputError, "is no date. Write 2026-03-01"),
        (("daily", "2026-03-04"), InputError, "lies ahead: today is 2026-03-03"),
    ],
)
def test_what_is_refused(settings, arguments, error, said):
    cadence, day = (*arguments, "")[:2]
    with pytest.raises(error, match=said):
        reports.report(cadence, settings, day=day, clock=ManualClock(NOW))


def test_change_has_no_value_where_there_is_nothing_before():
    assert change("x", 3, 2)["change"] == 0.5
    assert pd.isna(change("x", 3, 0)["change"])
    assert pd.isna(change("x", None, 2)["change"])


def test_the_simulated_history_is_for_sandboxes(house, database):
    from shopr.workbench.maintenance.sample import sample_operations

    with database.begin() as connection:
        connection.execute(insert(run_ledger), [ledger_row(1, "DONE", "2026-03-02 06:00")])
    with pytest.raises(InputError, match="Settings.sandbox"):
        sample_operations(house, preset="tiny", days=20, seed=3)
