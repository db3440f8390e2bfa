"""Error rates over simulated tests: the readings are those of `analyze`, and rates lie where chance lets them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from shopr.abtest.design.spec import Experiment
from shopr.abtest.judging.analysis import analyze
from shopr.abtest.simulation.calibratedpower import baselines, measured_power
from shopr.abtest.simulation.calibration import (
    METRICS,
    cell,
    coverage,
    crossed,
    effects,
    false_positives,
    p_values,
    rates_by_look,
    stratified,
)
from shopr.abtest.simulation.trials import COLUMNS, REVENUE, Trials, draw_users, simulate
from shopr.randomness import generator

TESTS = 600


def within(rate: float, nominal: float, tests: int = TESTS) -> bool:
    """Whether chance alone gives such a rate, in all but one of a million seeds."""
    low, high = binom.interval(1 - 1e-6, tests, nominal)
    return bool(low <= rate * tests <= high)


@pytest.fixture(scope="module")
def same() -> Trials:
    return simulate(TESTS, looks=6, units=150, seed=101)


def test_the_readings_are_those_of_analyze() -> None:
    trials = simulate(1, looks=3, units=100, seed=9)
    values, strata = draw_users(generator(9, "trials", 0), (1, 2, 3, 100))
    frame = pd.DataFrame(values[0].reshape(-1, len(COLUMNS)), columns=list(COLUMNS))
    frame["variant"] = np.repeat(["control", "treatment"], 300)
    frame["unit_id"], frame["stratum"] = range(600), strata[0].ravel()
    metrics = [
        {"name": "revenue", "type": "mean", "covariates": ["past"]},
        {"name": "converted", "type": "proportion"},
        {"name": "rate", "type": "ratio", "numerator": "clicks", "denominator": "sessions", "covariates": ["past"]},
    ]
    base = {"name": "t", "arms": {"control": 1, "treatment": 1}, "metrics": metrics, "exposed_at": ""}
    read = analyze(frame, Experiment.model_validate(base))
    p, lifts = p_values(trials), effects(trials, relative=True)
    for metric, column, method in (
        ("mean", "revenue", "welch"),
        ("CUPED", "revenue", "cuped"),
        ("proportion", "converted", "z"),
        ("ratio", "rate", "delta"),
        ("CUPED ratio", "rate", "cuped"),
    ):
        row = read.row(column, "treatment", method)
        assert p[metric][0, -1] == pytest.approx(row.p, rel=1e-9)
        assert effects(trials)[metric].se[0, -1] == pytest.approx(row.se, rel=1e-9)
        assert lifts[metric].estimate[0, -1] == pytest.approx(
            read.row(column, "treatment", method + "_lift").estimate, rel=1e-9
        )
    plain = {**base, "metrics": [{"name": "revenue", "type": "mean"}], "strata": "stratum"}
    row = analyze(frame, Experiment.model_validate(plain)).row("revenue", "treatment")
    assert row.method == "poststratified"
    assert stratified(trials).se[0] == pytest.approx(row.se, rel=1e-9)


@pytest.mark.parametrize(
    ("design", "way", "shift"),
    [
        ({"type": "sequential"}, "confidence sequence", 0.6),
        ({"type": "group_sequential", "n": 600, "looks": 3}, "obrien-fleming", 0.5),
        ({"type": "group_sequential", "n": 600, "looks": 3, "spending": "pocock"}, "pocock", 0.5),
    ],
)
def test_sequential_readings_call_when_analyze_does(
    tmp_path: Path, design: dict[str, object], way: str, shift: float
) -> None:
    trials = simulate(4, looks=3, units=100, shift=shift, seed=9)
    values, _ = draw_users(generator(9, "trials", 0), (4, 2, 3, 100))
    revenue = values[..., REVENUE] + np.array([0, shift])[None, :, None, None]
    hits = crossed(trials)[f"mean, {way}"]
    base = {"name": "t", "arms": {"a": 1, "b": 1}, "metrics": [{"name": "revenue", "type": "mean"}], "exposed_at": ""}
    spec = Experiment.model_validate({**base, "design": design})
    assert 0 < hits.sum() < hits.size
    for test in range(4):
        called = False
        for look in range(3):
            frame = pd.DataFrame({"revenue": revenue[test, :, : look + 1].reshape(2, -1).ravel()})
            frame["variant"], frame["unit_id"] = np.repeat(["a", "b"], len(frame) // 2), range(len(frame))
            found = analyze(frame, spec, looks=tmp_path / f"{test}.json", checks=False)
            called |= found.row("revenue", "b").decision in {"better", "worse"}
            assert hits[test, look] == called


def test_a_fixed_reading_errs_as_often_as_it_says(same: Trials) -> None:
    once, _ = false_positives(same)
    kept = [c for c in once if c.ok is not None]
    assert {c.method for c in kept} >= {*METRICS, "post-stratified"}
    assert all(within(c.rate, 0.05) for c in kept), kept


def test_sessions_taken_for_users_err_more_often(same: Trials) -> None:
    once, _ = false_positives(same)
    rates = {c.method: c.rate for c in once}
    assert rates["ratio, sessions as independent units"] > rates["ratio"]


def test_peeking_errs_and_sequential_readings_do_not(same: Trials) -> None:
    _, looks = false_positives(same)
    for found in looks:
        if found.ok is None:
            assert found.rate > 0.10, found
        else:
            assert found.rate * TESTS <= binom.isf(1e-6, TESTS, 0.05), found
    sequences = [c.rate for c in looks if c.method.endswith("sequence")]
    assert max(sequences) < 0.05


def test_what_was_called_stays_called(same: Trials) -> None:
    for name, rates in rates_by_look(crossed(same)).items():
        assert rates.shape == (6,)
        if not name.endswith("read once"):
            assert (np.diff(rates) >= 0).all(), name


@pytest.mark.parametrize("lift", [0.0, 0.1])
def test_intervals_hold_the_truth(lift: float) -> None:
    for found in coverage(simulate(TESTS, looks=3, units=300, lift=lift, seed=102)):
        if found.method.endswith("sequence, all looks"):
            assert found.rate * TESTS >= binom.ppf(1e-6, TESTS, 0.95), found
        else:
            assert within(found.rate, 0.95), found


@pytest.mark.parametrize("metric", ["mean", "proportion", "CUPED"])
def test_power_is_as_planned(metric: str) -> None:
    plan = baselines(200_000, seed=1)[metric]
    found = measured_power(metric, plan, tests=TESTS, looks=5, units=200, seed=103)
    assert found.units == 2000
    assert within(found.fixed.rate, 0.8)
    power = {c.method: c.rate for c in found.sequential}
    assert 0.94 * found.fixed.rate <= power["obrien-fleming"] <= found.fixed.rate + 0.02
    assert power["confidence sequence"] < power["pocock"] < power["obrien-fleming"]


def test_cuped_plans_for_a_smaller_effect() -> None:
    found = baselines(200_000, seed=1)
    assert found["CUPED"].variance < 0.9 * found["mean"].variance
    assert found["CUPED"].value == found["mean"].value


def test_a_cell_is_judged_by_three_standard_errors() -> None:
    hits = np.arange(10_000) < 560
    inside = cell("a", hits, 0.05)
    assert (inside.rate, inside.ok, inside.place) == (0.056, True, "within")
    assert inside.high - 0.05 == pytest.approx(3 * np.sqrt(0.05 * 0.95 / 10_000))
    assert cell("b", hits, 0.04).place == "above"
    assert cell("b", hits, 0.04).ok is False
    assert cell("b", hits, 0.04, bound="lower").ok is True
    low = cell("c", hits, 0.2, bound="upper")
    assert (low.ok, low.place) == (True, "below")
    free = cell("d", hits)
    assert (free.ok, free.place) == (None, "")
