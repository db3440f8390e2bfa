from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shopr.abtest.design.metrics import Cap, Mean, Proportion, Quantile, Ratio, Window
from shopr.abtest.design.spec import Experiment
from shopr.abtest.sizing.history import Inflow, baseline_of, inflow_of, read_history
from shopr.abtest.sizing.planning import design_of, plan, plan_experiment
from shopr.abtest.sizing.power import PowerDesign, power
from shopr.errors import DataError, InputError


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    rng, n = np.random.default_rng(0), 14_000
    before = rng.gamma(2, 10, n)
    start = pd.Timestamp("2026-01-05", tz="UTC")
    return pd.DataFrame(
        {
            "unit_id": [f"u{i}" for i in range(n)],
            "exposed_at": start + pd.to_timedelta(np.arange(n) // 1000, unit="D"),
            "before": before,
            "revenue": 0.8 * before + rng.gamma(2, 5, n),
            "bought": (rng.random(n) < 0.1).astype(int),
            "sessions": rng.poisson(3, n) + 1,
            "bought_at": start + pd.to_timedelta(rng.integers(0, 40, n), unit="D"),
        }
    )


def test_baselines_by_hand(history: pd.DataFrame) -> None:
    mean = baseline_of(history, Mean(name="revenue"))
    assert (mean.value, mean.variance) == pytest.approx((history["revenue"].mean(), history["revenue"].var()))
    share = baseline_of(history, Proportion(name="bought"))
    assert share.binary
    assert share.variance == pytest.approx(share.value * (1 - share.value))
    ratio = baseline_of(history, Ratio(name="r", numerator="revenue", denominator="sessions"))
    line = (history["revenue"] - ratio.value * history["sessions"]) / history["sessions"].mean()
    assert ratio.variance == pytest.approx(line.var())


def test_covariates_take_their_part_of_the_variance(history: pd.DataFrame) -> None:
    plain, adjusted = (baseline_of(history, Mean(name="revenue", covariates=c)) for c in ((), ("before",)))
    correlation = history["revenue"].corr(history["before"])
    assert adjusted.value == plain.value
    assert adjusted.variance == pytest.approx(plain.variance * (1 - correlation**2))
    twice = baseline_of(
        history.assign(again=history["before"] * 1e9), Mean(name="revenue", covariates=("before", "again"))
    )
    assert twice.variance == pytest.approx(adjusted.variance)


def test_quantiles_caps_windows_and_gaps(history: pd.DataFrame) -> None:
    median = baseline_of(history, Quantile(name="m", column="revenue", q=0.5))
    draws = np.random.default_rng(1).choice(history["revenue"].to_numpy(), (2000, 400))
    assert median.variance / 400 == pytest.approx(np.median(draws, axis=1).var(), rel=0.2)
    alone = baseline_of(history, Quantile(name="m", column="revenue", q=0.5, cluster="unit_id"))
    assert alone.variance == pytest.approx(median.variance, rel=0.02)
    doubled = pd.concat([history, history])
    pairs = baseline_of(doubled, Quantile(name="m", column="revenue", q=0.5, cluster="unit_id"))
    assert pairs.variance == pytest.approx(median.variance, rel=0.25)  # the same people twice tell nothing new
    capped = baseline_of(history, Mean(name="revenue", cap=Cap(upper_quantile=0.9)))
    assert capped.variance < history["revenue"].var()
    short = baseline_of(history, Proportion(name="bought", window=Window(at="bought_at", days=7)))
    assert short.value < history["bought"].mean()
    gaps = history.assign(revenue=history["revenue"].where(history.index % 2 == 0))
    assert baseline_of(gaps, Mean(name="revenue", missing="zero")).value == pytest.approx(
        gaps["revenue"].sum() / 14_000
    )


def test_the_flow_of_units(history: pd.DataFrame) -> None:
    flow = inflow_of(history, "exposed_at")
    assert flow.rate == 1000
    assert flow.days_for(2500) == 2.5
    assert flow.days_for(20_000) == pytest.approx(20)
    assert flow.units_after(2.5) == 2500
    assert flow.units_after(20) == pytest.approx(20_000)
    assert Inflow(np.array([5.0, 0.0]), 0.0).days_for(6) == np.inf
    assert Inflow(np.array([5.0]), 1.0).days_for(0) == 0


def test_a_plan_from_history_holds_its_power(history: pd.DataFrame) -> None:
    got = plan(history, Mean(name="revenue", covariates=("before",)), lift=0.03)
    assert power(got.effect, got.n, got.baseline) >= 0.8
    assert power(got.effect, got.n - 4, got.baseline) < 0.8
    assert got.arms[0] == got.arms[1] == got.n / 2
    assert got.days == 7.0
    assert got.found_after[1] > got.found_after[12] > 0
    half = plan(history, Mean(name="revenue"), lift=0.01, traffic=0.5, whole_weeks=False)
    assert half.days == pytest.approx(half.n / 500)
    assert plan(history, Mean(name="revenue"), lift=0.01, exposed_at=None).days is None


def test_an_experiment_is_planned_metric_by_metric(history: pd.DataFrame) -> None:
    experiment = Experiment.model_validate(
        {
            "name": "x",
            "arms": {"control": 2, "a": 1, "b": 1},
            "metrics": [{"type": "mean", "name": "revenue"}, {"type": "proportion", "name": "bought"}],
            "guardrails": [{"metric": "bought", "margin": 0.1}],
            "design": {"type": "group_sequential", "n": 1000, "looks": 4},
        }
    )
    design = design_of(experiment)
    assert (design.comparisons, design.shares) == (2, (2.0, 1.0, 1.0))
    assert 1 < design.inflation < 1.1
    revenue, guard = plan_experiment(history, experiment, lift=0.05)
    assert revenue.arms[0] == 2 * revenue.arms[1]
    assert guard.lift == 0
    sequence = Experiment.model_validate(
        {
            "name": "y",
            "arms": {"control": 2, "a": 1, "b": 1},
            "metrics": [{"type": "mean", "name": "revenue"}],
            "design": {"type": "sequential"},
        }
    )
    assert plan_experiment(history, sequence, lift=0.05)[0].n > revenue.n


def test_bad_histories_are_refused(history: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs column 'nope'"):
        baseline_of(history, Mean(name="nope"))
    with pytest.raises(DataError, match="no number"):
        baseline_of(history, Mean(name="unit_id"))
    with pytest.raises(DataError, match="does not vary"):
        baseline_of(history.assign(revenue=1.0), Mean(name="revenue"))
    with pytest.raises(DataError, match="0 units with a value"):
        baseline_of(history.assign(revenue=np.nan), Mean(name="revenue"))
    with pytest.raises(DataError, match="other than 0 and 1"):
        baseline_of(history, Proportion(name="sessions"))
    with pytest.raises(InputError, match="infinite"):
        baseline_of(history.assign(revenue=np.inf), Mean(name="revenue"))
    with pytest.raises(InputError, match="cannot be found"):
        plan(history, Mean(name="revenue"), lift=0.0)
    with pytest.raises(InputError, match="cannot be found"):
        plan(history, Mean(name="revenue"), lift=-0.1, design=PowerDesign(alternative="greater"))
    with pytest.raises(InputError, match="traffic 2"):
        plan(history, Mean(name="revenue"), lift=0.1, traffic=2)
    with pytest.raises(DataError, match="holds no times"):
        inflow_of(history.assign(exposed_at="soon"), "exposed_at")
    with pytest.raises(DataError, match="does not exist"):
        read_history(tmp_path / "nope.csv")
    (tmp_path / "bad.parquet").write_text("no")
    with pytest.raises(DataError, match="cannot be read"):
        read_history(tmp_path / "bad.parquet")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lift": float("inf")}, "lift inf is no finite number"),
        ({"lift": 0.1, "power": 0.01}, r"power 0.01 is outside alpha \(0.05\) … 1"),
        ({"lift": 9.0}, "takes proportion 'bought' from 0.2 to 2, outside 0 … 1"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(options: dict[str, float], message: str) -> None:
    history = pd.DataFrame({"bought": [1, 0, 0, 0, 0] * 20})
    with pytest.raises(InputError, match=message):
        plan(history, Proportion(name="bought"), **options)  # type: ignore[arg-type]


def test_odd_histories_are_refused() -> None:
    values = np.arange(50.0)
    with pytest.raises(DataError, match="explain all of it"):
        plan(pd.DataFrame({"x": values, "z": 3 * values}), Mean(name="x", covariates=("z",)), lift=0.1)
    with pytest.raises(DataError, match="beyond 1.8e308"):
        plan(pd.DataFrame({"x": values * 1e300}), Mean(name="x"), lift=0.1)
    with pytest.raises(DataError, match="holds numbers, not times"):
        plan(pd.DataFrame({"x": values, "exposed_at": 1_767_225_600}), Mean(name="x"), lift=0.1)
