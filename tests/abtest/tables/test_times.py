"""Times of exposure from the pass that sums, and from one of their own, agree with pandas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shopr.abtest.design.spec import parse_spec
from shopr.abtest.tables.engine import session
from shopr.abtest.tables.sums import HALVES, collect
from shopr.abtest.tables.table import open_table
from shopr.abtest.tables.times import Times, exposure_times
from shopr.errors import DataError

SPEC = parse_spec("name: t\narms: [a, b]\nmetrics: [{name: x, covariates: [y]}, y]\n")


def frame(n: int = 500, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    # Days before 1970, a gap, and a last moment that is not the middle of anything.
    seconds = np.sort(rng.choice([*range(-200_000, -100_000, 7), *range(300_000, 700_000, 11)], n, replace=False))
    return pd.DataFrame(
        {
            "unit_id": np.arange(n),
            "variant": rng.choice(["a", "b"], n),
            "exposed_at": pd.to_datetime(seconds, unit="s").astype("datetime64[us]"),
            "x": rng.normal(5, 1, n),
            "y": rng.normal(5, 1, n),
        }
    )


def wanted(rows: pd.DataFrame) -> Times:
    times = pd.to_datetime(rows["exposed_at"], utc=True).astype("datetime64[us, UTC]")
    days = sorted({(t.date() - pd.Timestamp(0).date()).days for t in times})
    micros = times.astype("int64")
    return Times(int(micros.min()), int(micros.max()), tuple(days), 0)


@pytest.mark.parametrize("kind", ["datetime64[us]", "datetime64[us, UTC]", "datetime64[ns]", "text"])
def test_days_and_halves_come_with_the_sums(kind: str, tmp_path: Path) -> None:
    rows = frame()
    times = wanted(rows)
    rows["exposed_at"] = (
        rows["exposed_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        if kind == "text"
        else rows["exposed_at"].dt.tz_localize("UTC" if "UTC" in kind else None).astype(kind)
    )
    rows.to_parquet(tmp_path / "t.parquet")
    with open_table(tmp_path / "t.parquet", SPEC) as table:
        plain, timed = collect(table), collect(table, timed=True)
        assert exposure_times(table) == timed.times == times
    assert plain.times is None
    for name in ("x", "y"):
        np.testing.assert_allclose(timed.moments[name].mean, plain.moments[name].mean, rtol=1e-12)
        np.testing.assert_allclose(timed.moments[name].scatter, plain.moments[name].scatter, rtol=1e-10)
    assert timed.halves is not None
    assert timed.halves.groups == HALVES
    early = pd.to_datetime(rows["exposed_at"], utc=True).astype("datetime64[us, UTC]").astype("int64") <= times.middle
    for group, chosen in enumerate((early, ~early)):
        for arm, name in enumerate("ab"):
            part = rows.loc[chosen & (rows["variant"] == name), ["x", "y"]]
            assert timed.halves.counts[group, arm] == len(part)
            np.testing.assert_allclose(timed.halves.moments["x"].mean[group, arm], part.mean())
            np.testing.assert_allclose(
                timed.halves.moments["x"].scatter[group, arm], part.cov().to_numpy() * (len(part) - 1)
            )


def test_rows_without_a_time_are_counted_and_a_table_without_any_is_refused() -> None:
    rows = frame()
    rows.loc[:2, "exposed_at"] = pd.NaT
    with open_table(rows, SPEC) as table:
        found = collect(table, timed=True)
        assert found.times is not None
        assert (found.times.missing, found.halves) == (3, None)
        assert exposure_times(table) == found.times
    rows["exposed_at"] = pd.NaT
    with open_table(rows, SPEC) as table, pytest.raises(DataError, match="no row of the table has exposed_at"):
        exposure_times(table)


def test_missing_values_leave_the_halves_to_a_query_of_their_own() -> None:
    rows = frame()
    rows.loc[3, "x"] = np.nan
    with open_table(rows, SPEC) as table:
        assert collect(table, timed=True).halves is None


def test_sessions_do_not_meet_and_leave_nothing() -> None:
    with session() as one, session() as other:
        one.execute("CREATE TABLE source AS SELECT 1 AS x")
        other.execute("CREATE TABLE source AS SELECT 2 AS x")
        assert one.execute("SELECT x FROM source").fetchall() == [(1,)]
        assert other.execute("SELECT x FROM source").fetchall() == [(2,)]
    with session() as third:
        assert third.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
        assert third.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
