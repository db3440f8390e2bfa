"""Rehearsals of a spec on past units: error rates without a lift, power with one, every design, bad input."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from shopr.abtest.design.spec import Experiment
from shopr.abtest.simulation.rehearsal import Rehearsal, exact_interval, rehearse
from shopr.errors import DataError, InputError, UnknownNameError

BASE = {
    "name": "checkout",
    "arms": {"control": 1, "short": 1},
    "metrics": [{"name": "revenue", "type": "mean"}, {"name": "bought", "type": "proportion"}],
    "start": "2026-01-01",
    "end": "2036-01-01",
}


def spec(**changes: object) -> Experiment:
    return Experiment.model_validate({**BASE, **changes})


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"unit_id": range(800), "revenue": rng.gamma(2, 5, 800)})
    frame["bought"] = (rng.random(800) < 0.4).astype(int)
    frame["exposed_at"] = pd.date_range("2026-01-01", periods=800, freq="15min", tz="UTC")[::-1]
    return frame


def test_without_a_lift_few_are_called(table: pd.DataFrame) -> None:
    found = rehearse(table, spec(), runs=25, seed=3)
    assert (found.runs, found.looks, found.units) == (25, 1, 800)
    assert set(found.verdicts) == {("revenue", "short"), ("bought", "short")}
    assert all(sum(counts.values()) == 25 for counts in found.verdicts.values())
    assert all(row["called"] <= 8 / 25 for row in found.rows())  # 1 in a million or less at 5 %


def test_with_a_lift_most_are_called_better(table: pd.DataFrame) -> None:
    found = rehearse(table, spec(), runs=10, lift=0.5, seed=3)
    rows = {row["metric"]: row for row in found.rows()}
    assert rows["revenue"]["better"] == 1
    assert rows["bought"]["better"] >= 0.8
    assert rows["any primary"]["called"] == 1
    worse = rehearse(table, spec(), runs=5, lift=-0.5, seed=3)
    assert {row["worse"] for row in worse.rows() if row["arm"]} == {1.0}


@pytest.mark.parametrize(
    ("design", "looks"),
    [
        ({"type": "group_sequential", "n": 10_000_000, "looks": 3}, 3),
        ({"type": "sequential", "tuning": 800}, 4),
        ({"type": "bayesian"}, 1),
        ({"type": "fixed", "n": 10_000_000}, 1),
    ],
)
def test_every_design_is_read_as_planned(table: pd.DataFrame, design: dict[str, object], looks: int) -> None:
    found = rehearse(table, spec(design=design), runs=2, looks=4, lift=0.6)
    assert found.looks == looks
    assert found.verdicts["revenue", "short"] == Counter({"better": 2})


def test_the_same_seed_gives_the_same_and_the_table_is_left_alone(table: pd.DataFrame) -> None:
    before = table.copy()
    one, other = (rehearse(table, spec(), runs=3, lift=0.1, seed=s) for s in (1, 1))
    assert one == other
    pd.testing.assert_frame_equal(table, before)


def test_bad_input_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="runs 0"):
        rehearse(table, spec(), runs=0)
    with pytest.raises(InputError, match="lift -1"):
        rehearse(table, spec(), lift=-1)
    with pytest.raises(DataError, match="no rows"):
        rehearse(table.iloc[:0], spec())
    with pytest.raises(UnknownNameError, match="unit_id"):
        rehearse(table.drop(columns="unit_id"), spec())
    for lift in (0.0, 0.1):
        with pytest.raises(UnknownNameError, match="bought"):
            rehearse(table.drop(columns="bought"), spec(), runs=1, lift=lift)
    with pytest.raises(DataError, match=r"cannot be 200\.0% larger"):
        rehearse(table, spec(), runs=1, lift=2)


def test_missing_values_stay_missing_and_text_is_refused(table: pd.DataFrame) -> None:
    holes = table.assign(revenue=table["revenue"].round().astype("Int64").mask(table.index % 5 == 0))
    assert rehearse(holes, spec(), runs=2, lift=0.5).verdicts["revenue", "short"]["better"] == 2
    words = table.assign(revenue="many")
    for lift in (0.0, 0.1):
        with pytest.raises(DataError, match="revenue"):
            rehearse(words, spec(), runs=1, lift=lift)


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (20, 20), (3, 50), (1, 1)])
def test_intervals_are_those_of_clopper_and_pearson(hits: int, n: int) -> None:
    want = binomtest(hits, n).proportion_ci()
    assert exact_interval(hits, n) == pytest.approx((want.low, want.high), abs=1e-12)


def test_rows_tell_each_verdict() -> None:
    found = Rehearsal(10, 1, 0.1, 500, {("m", "b"): Counter({"better": 6, "worse": 1, "inconclusive": 3})}, 7)
    row, last = found.rows()
    assert (row["better"], row["worse"], row["called"]) == (0.6, 0.1, 0.7)
    assert (last["metric"], last["called"]) == ("any primary", 0.7)
