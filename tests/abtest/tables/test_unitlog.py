"""A log of events becomes one row a unit: as pandas counts it by hand, and with a planted effect found again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from shopr.abtest.allocation.assignment import Assignment
from shopr.abtest.design.eventspec import EventName
from shopr.abtest.design.spec import Experiment, load_spec, parse_spec
from shopr.abtest.judging.analysis import analyze
from shopr.abtest.tables.unitlog import UnitTable, exposure_events, units_from_events
from shopr.cli.main import main
from shopr.clock import ManualClock
from shopr.data.events import EventType, events_frame
from shopr.data.simulator import world_of
from shopr.errors import DataError, ShoprError, SpecError, UnknownNameError

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "experiments/ab_events.yaml"
DAY = pd.Timedelta(days=1)
PLANTED = 0.5


def exposures_of(log: pd.DataFrame, spec: Experiment, start: pd.Timestamp) -> pd.DataFrame:
    """Everyone who came after `start`, exposed at the middle of their first minute back."""
    back = log[log["time"] >= start].groupby("user_id")["time"].min() + pd.Timedelta(seconds=30)
    arms = Assignment.of(spec).assign(list(back.index)).names()
    return pd.DataFrame({"unit_id": back.index, "variant": arms, "exposed_at": back.to_numpy()})


def planted(log: pd.DataFrame, exposed: pd.DataFrame, seed: int) -> pd.DataFrame:
    """More orders for the treated: in the mean `PLANTED` each, on some day of the fortnight after exposure."""
    rng = np.random.default_rng(seed)
    treated = exposed[exposed["variant"] == "ease"]
    extra = treated.loc[treated.index.repeat(rng.poisson(PLANTED, len(treated)))]
    n = len(extra)
    return events_frame(
        {
            "event_id": [f"extra{i}" for i in range(n)],
            "type": ["order_completed"] * n,
            "time": (extra["exposed_at"].reset_index(drop=True) + pd.to_timedelta(rng.uniform(0, 13.9, n), unit="D")),
            "user_id": extra["unit_id"].to_numpy(),
            "product_id": ["p"] * n,
            "quantity": rng.integers(1, 3, n),
            "price": rng.integers(500, 900, n),
            "currency": ["GBP"] * n,
            "order_id": [f"extra{i}" for i in range(n)],
        }
    )


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """A simulated shop's events with exposures, a planted effect, someone in both arms, and a stranger's exposure."""
    spec = load_spec(EXAMPLE)
    events = world_of("small", seed=3).history()
    exposed = exposures_of(events, spec, events["time"].max() - 40 * DAY)
    again = exposed.head(7).assign(exposed_at=lambda t: t["exposed_at"] + DAY)
    crossed = again.head(3).assign(variant=lambda t: t["variant"].map({"popular": "ease", "ease": "popular"}))
    other = exposed.head(20).assign(variant="blue")
    parts = [
        events,
        exposure_events(exposed, "ab_events"),
        exposure_events(again, "ab_events").assign(event_id=lambda t: t["event_id"] + "again"),
        exposure_events(crossed, "ab_events").assign(event_id=lambda t: t["event_id"] + "crossed"),
        exposure_events(other, "colours"),
        planted(events, exposed, 5),
    ]
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=1, ignore_index=True)


def by_hand(log: pd.DataFrame) -> pd.DataFrame:
    """The example's table in pandas, one plain step after the other."""
    told = log[log["type"] == "experiment_exposed"]
    facts = told["properties"].map(json.loads)
    told = told.assign(arm=facts.map(lambda f: f["arm"]))[facts.map(lambda f: f["experiment"] == "ab_events")]
    told = told.sort_values(["time", "event_id"])
    first = told.groupby("user_id").agg(variant=("arm", "first"), exposed_at=("time", "first"), arms=("arm", "nunique"))
    first = first[first["exposed_at"] <= log["time"].max() - 14 * DAY]
    rows = log.merge(first[["exposed_at"]], left_on="user_id", right_index=True)
    age = rows["time"] - rows["exposed_at"]
    after = rows[(age >= 0 * DAY) & (age < 14 * DAY)]
    before, year = rows[(age < 0 * DAY) & (age >= -28 * DAY)], rows[(age < 0 * DAY) & (age >= -365 * DAY)]

    def orders(part: pd.DataFrame) -> pd.DataFrame:
        lines = part[part["type"] == "order_completed"]
        lines = lines.assign(amount=lines["price"].astype(float) * lines["quantity"].astype(float))
        return lines.groupby("user_id").agg(orders=("order_id", "nunique"), revenue=("amount", "sum"))

    clicks = after[after["type"] == "product_clicked"]
    table = first.assign(crossed=(first.pop("arms") > 1).astype(int)).join(orders(after))
    table["bought"] = (table["orders"] > 0).astype(int)
    table["clicks"] = clicks.groupby("user_id").size()
    table = table.join(orders(before).add_prefix("past_"))
    table["returning"] = orders(year)["orders"] > 0
    counted = ["crossed", "orders", "bought", "revenue", "clicks", "past_orders", "past_revenue", "returning"]
    table[counted] = table[counted].astype(float).fillna(0.0)
    return table.rename_axis("unit_id").sort_index()


def made(log: pd.DataFrame | Path, **change: object) -> UnitTable:
    spec = load_spec(EXAMPLE)
    assert spec.events is not None
    return units_from_events(log, spec.model_copy(update={"events": spec.events.model_copy(update=change)}))


def test_the_table_is_the_one_that_pandas_makes_by_hand(log: pd.DataFrame, tmp_path: Path) -> None:
    log.to_parquet(tmp_path / "events.parquet")
    wanted = by_hand(log)
    for source in (log, tmp_path / "events.parquet", tmp_path):
        found = made(source)
        assert (found.crossed, found.anonymous) == (3, 0)
        assert found.exposed == len(found.frame) + found.immature
        assert found.immature > 0
        table = found.frame.set_index("unit_id").sort_index()
        assert sorted(table.columns) == sorted(wanted.columns)
        assert (table["variant"] == wanted["variant"]).all()
        assert (table["exposed_at"] == wanted["exposed_at"]).all()
        for column in set(wanted.columns) - {"variant", "exposed_at"}:
            np.testing.assert_allclose(table[column].astype(float), wanted[column], err_msg=column)


def test_a_planted_effect_is_found_again_and_equals_the_hand_made_one(log: pd.DataFrame) -> None:
    spec = load_spec(EXAMPLE)
    clock = ManualClock(datetime(2026, 3, 2, tzinfo=UTC))
    found = analyze(made(log).frame, spec, clock=clock)
    for row in (found.row("orders", "ease", "welch"), found.row("orders", "ease", "cuped")):
        assert row.lo < PLANTED < row.hi
        assert row.lo > 0
    means = by_hand(log).groupby("variant")["orders"].mean()
    assert found.row("orders", "ease", "welch").estimate == pytest.approx(means["ease"] - means["popular"], rel=1e-12)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


def test_the_command_leads_from_a_log_to_a_reading(log: pd.DataFrame, tmp_path: Path, capsys) -> None:
    events, table = tmp_path / "events.parquet", tmp_path / "ab.parquet"
    log.to_parquet(events)
    asked = ["abtest", "units", str(events), "--spec", str(EXAMPLE), "--output", str(table)]
    assert run(*asked, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert sum(said["units"].values()) == len(pd.read_parquet(table)) == said["exposed"] - said["immature"]
    assert run(*asked) == 0
    shown = capsys.readouterr().out
    assert "3 of " in shown
    assert "exposed to several arms" in shown
    assert run("abtest", "analyze", str(table), "--spec", str(EXAMPLE), "--at", "2026-03-02", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert next(r for r in rows if r["metric"] == "orders" and r["decides"])["method"] == "cuped"
    assert run(*asked, "--at", "soon") != 0
    assert "--at 'soon' is no moment" in capsys.readouterr().err


def test_windows_moments_and_both_arms_are_as_the_spec_says(log: pd.DataFrame) -> None:
    whole, dropped = made(log), made(log, crossed="drop")
    gone = set(whole.frame["unit_id"]) - set(dropped.frame["unit_id"])
    assert gone == set(whole.frame.loc[whole.frame["crossed"] == 1, "unit_id"])
    ripe = made(log, mature_only=False)
    assert (ripe.immature, len(ripe.frame)) == (0, ripe.exposed)
    open_end = made(log, days=None)
    assert open_end.immature == 0
    both = whole.frame.merge(open_end.frame, on="unit_id", suffixes=("", "_all"))
    assert (both["orders_all"] >= both["orders"]).all()
    assert (both["orders_all"] > both["orders"]).any()
    middle = log["time"].max() - 20 * DAY
    early = units_from_events(log, load_spec(EXAMPLE), at=middle.to_pydatetime())
    again = units_from_events(log[log["time"] <= middle], load_spec(EXAMPLE), at=middle.to_pydatetime())
    pd.testing.assert_frame_equal(early.frame, again.frame)
    assert early.until == middle.to_pydatetime()


def test_bad_logs_are_refused_in_one_line(log: pd.DataFrame, tmp_path: Path) -> None:
    spec = load_spec(EXAMPLE)
    told = log["type"] == "experiment_exposed"
    euros = log.assign(currency=log["currency"].where(log.index % 2 == 0, "EUR"))
    wrong = log.assign(properties=log["properties"].str.replace('"ease"', '"eas"'))
    armless = log.assign(properties=log["properties"].str.replace('"arm"', '"variant"'))
    (tmp_path / "bad.parquet").write_text("x", encoding="utf-8")
    cases: list[tuple[object, type[ShoprError], str]] = [
        (log[~told], DataError, "tells no exposure to 'ab_events'.*Log experiment_exposed events"),
        (log[~told | log["properties"].str.contains("colours")], DataError, "It tells those of colours"),
        (log[:0], DataError, "has no events"),
        (euros, DataError, "prices of the log are in EUR, GBP"),
        (wrong, UnknownNameError, "unknown arm in the log 'eas'. Did you mean 'ease'"),
        (armless, DataError, "name no arm"),
        (log.drop(columns="price"), DataError, "has no column 'price'"),
        (tmp_path / "none.parquet", DataError, "is no file"),
        (tmp_path / "bad.parquet", DataError, "cannot be read"),
    ]
    for source, kind, message in cases:
        with pytest.raises(kind, match=message) as caught:
            units_from_events(source, spec)  # type: ignore[arg-type]
        assert "\n" not in caught.value.one_line()
    with pytest.raises(SpecError, match="has no key events"):
        units_from_events(log, parse_spec("name: t\narms: [a, b]\nmetrics: [x]\n"))


def test_a_column_can_be_of_one_source(log: pd.DataFrame) -> None:
    spec = load_spec(EXAMPLE)
    assert spec.events is not None
    source = log.loc[log["type"] == "product_clicked", "source"].mode()[0]
    clicks = spec.events.columns["clicks"]
    columns = {"all": clicks, "some": clicks.model_copy(update={"source": source})}
    rest = log.assign(source=log["source"].where(log["source"] != source, "elsewhere"))
    found, none = made(log, columns=columns).frame, made(rest, columns=columns).frame
    assert 0 < found["some"].sum() <= found["all"].sum()
    assert none["some"].sum() == 0


def test_exposures_without_a_unit_are_counted_apart(log: pd.DataFrame) -> None:
    told = log.index[(log["type"] == "experiment_exposed") & log["properties"].str.contains("ab_events")]
    found = made(log.assign(user_id=log["user_id"].where(~log.index.isin(told[:4]))))
    assert found.anonymous == 4


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ("{columns: {x: {event: order_complete}}}", "event"),
        ("{columns: {x: {event: order_completed, how: sum}}}", "of: nothing cannot be used by sum; give one of amount"),
        ("{columns: {x: {event: order_completed, of: price}}}", "of: 'price' is not used by count"),
        ("{columns: {variant: {event: order_completed}}}", "the column 'variant' is made from exposures"),
        ("{colums: {}}", "Did you mean 'columns'"),
        ("{columns: {x: {event: order_completed, day: 3}}}", "Did you mean 'days'"),
        ("{columns: {}}", "columns"),
    ],
)
def test_bad_keys_are_named_with_the_way_out(events: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse_spec(f"name: t\narms: [a, b]\nmetrics: [x]\nevents: {events}\n")


def test_the_vocabulary_is_that_of_events() -> None:
    assert set(get_args(EventName)) == {t.value for t in EventType}
