"""Paths over time: each point is the reading that was possible then, whoever works it out."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from shopr.abtest.design.spec import Experiment, parse_spec
from shopr.abtest.judging.analysis import analyze
from shopr.abtest.judging.looks import Look
from shopr.abtest.judging.trajectory import by_day, over_looks
from shopr.abtest.methods.confseq import confidence_sequence, sequence_radius
from shopr.abtest.methods.groupsequential import GroupSequential
from tests.abtest.units import SPEC, START, units

END = START + timedelta(days=28)


def spec(more: str = "") -> Experiment:
    return parse_spec(SPEC + more)


def looked(frame, experiment, days):
    """Analyses as of the ends of these days, each knowing those before."""
    found, looks = [], []
    for day in days:
        found.append(analyze(frame, experiment, at=START + timedelta(days=day), looks=looks, checks=False))
        looks.append(found[-1].taken)
    return found


def test_each_day_of_a_confidence_sequence_is_the_reading_of_that_day():
    frame, experiment = units(effect=0.3), spec("design: {type: sequential, tuning: 1000}\n")
    (path,) = by_day(frame, experiment, at=END)
    assert (path.metric, path.arm, path.method) == ("revenue", "short", "cuped+confidence_sequence")
    assert [p.at for p in path.points] == [START + timedelta(days=d) for d in range(1, 29)]
    assert [p.n for p in path.points] == [100 * d for d in range(1, 29)]
    read = looked(frame, experiment, range(1, 29))
    for point, analysis in zip(path.points, read, strict=True):
        row = analysis.row("revenue", "short")
        np.testing.assert_allclose(
            [point.estimate, point.lo, point.hi, point.p], [row.estimate, row.lo, row.hi, row.p], rtol=1e-9
        )
        assert point.decision == row.decision
        assert point.limit == pytest.approx(sequence_radius(row.n, 0.05, tuning=1000) * row.se)
    assert path.stopped == next(i for i, p in enumerate(path.points) if p.p <= 0.05)
    assert "decided by" in path.words()


def test_what_a_confidence_sequence_once_ruled_out_stays_ruled_out():
    frame, experiment = units(effect=0.3), spec("design: {type: sequential, tuning: 1000}\n")
    rows = [a.row("revenue", "short") for a in looked(frame, experiment, range(1, 29))]
    alone = [
        analyze(frame, experiment, at=START + timedelta(days=d), checks=False).row("revenue", "short")
        for d in range(1, 29)
    ]
    together = confidence_sequence(
        [r.estimate for r in alone], [r.se for r in alone], [r.n for r in alone], tuning=1000, running=True
    )
    np.testing.assert_allclose([r.lo for r in rows], together.lo)
    np.testing.assert_allclose([r.hi for r in rows], together.hi)
    np.testing.assert_allclose([r.p for r in rows], together.p)


def test_looks_that_rule_each_other_out_are_told_of_and_not_combined():
    experiment = spec("design: {type: sequential, tuning: 1000}\n")
    first = analyze(units(effect=3.0), experiment, at=START + timedelta(days=14), checks=False)
    turned = analyze(units(effect=-3.0), experiment, at=END, looks=[first.taken], checks=False)
    alone = analyze(units(effect=-3.0), experiment, at=END, checks=False)
    row = turned.row("revenue", "short")
    assert (row.lo, row.hi) == (alone.row("revenue", "short").lo, alone.row("revenue", "short").hi)
    (told,) = [check for check in turned.health if check.name == "looks agree"]
    assert not told.ok
    assert "revenue in short" in told.message


def test_a_group_sequential_path_stands_at_its_planned_looks():
    frame = units(effect=0.2)
    experiment = spec("design: {type: group_sequential, n: 2800, looks: 4, spending: pocock}\n")
    (path,) = by_day(frame, experiment, at=END)
    assert [p.n for p in path.points] == [700, 1400, 2100, 2800]
    read = looked(frame, experiment, [7, 14, 21, 28])
    kept = over_looks(read, experiment)[0]
    assert (kept.source, path.source) == ("kept", "days")
    for one, other in zip(path.points, kept.points, strict=True):
        np.testing.assert_allclose(
            [one.estimate, one.lo, one.hi, one.limit], [other.estimate, other.lo, other.hi, other.limit]
        )
    ses = [a.row("revenue", "short").se for a in read]
    limits = GroupSequential(0.05, spending="pocock").boundaries([0.25, 0.5, 0.75, 1.0]) * ses
    np.testing.assert_allclose([p.limit for p in path.points], limits)
    crossed = [abs(p.estimate) >= p.limit for p in path.points]
    assert path.stopped == crossed.index(True)


def test_planned_looks_that_are_to_come_lie_at_the_present_rate():
    experiment = spec("design: {type: group_sequential, n: 2800, looks: 4}\n")
    read = looked(units(), experiment, [7, 14])
    (path,) = over_looks(read, experiment)
    assert [(p.look, p.n, p.taken) for p in path.planned] == [
        (1, 700, True), (2, 1400, True), (3, 2100, False), (4, 2800, False),
    ]  # fmt: skip
    assert path.planned[2].at == START + timedelta(days=21)
    assert path.planned[3].at == END
    assert path.stopped is None
    assert path.words() == "No kept look decided so far."


def test_the_path_of_a_test_that_is_read_once_is_naive_and_never_stops():
    frame, experiment = units(effect=1.0), spec()
    (path,) = by_day(frame, experiment, at=END)
    assert path.naive
    assert path.stopped is None
    assert "may not be read before the planned end" in path.words()
    last, row = path.points[-1], analyze(frame, experiment, at=END).row("revenue", "short")
    np.testing.assert_allclose([last.estimate, last.lo, last.hi], [row.estimate, row.lo, row.hi])
    assert all(np.isnan(p.limit) for p in path.points)


@pytest.mark.parametrize("design", ["fixed", "sequential", "bayesian"])
@pytest.mark.parametrize("side", ["two-sided", "greater", "less"])
def test_every_design_and_side_has_a_path(design, side):
    (path,) = by_day(units(400), spec(f"design: {design}\nalternative: {side}\n"), at=END)
    assert path.sides == {"two-sided": 2, "greater": 1, "less": -1}[side]
    assert len(path.points) > 10
    assert path.points[0].n >= 40  # 20 units of each arm


def test_long_tests_are_thinned_out_to_their_first_and_last_day():
    (path,) = by_day(units(8000, days=200), spec("design: sequential\n"), most=10)
    assert len(path.points) == 10
    assert path.points[0].at == START + timedelta(days=1)
    assert path.points[-1].n == 8000


def test_what_has_no_path():
    frame = units(200)
    assert by_day(frame.drop(columns="exposed_at"), spec()) == ()
    assert by_day(frame.iloc[:20], spec()) == ()
    quantile = SPEC.replace("{name: revenue, covariates: [before]}", "{name: revenue, type: quantile, q: 0.9}")
    assert by_day(frame, parse_spec(quantile)) == ()
    assert over_looks([], spec()) == ()


def test_missing_values_and_ratios_are_summed_by_day_as_by_analyze():
    frame = units()
    frame.loc[frame.index % 7 == 0, "revenue"] = np.nan
    frame["sessions"] = 1 + frame.index % 4
    text = SPEC.replace("{name: revenue, covariates: [before]}",
                        "{name: each, type: ratio, numerator: revenue, denominator: sessions}")  # fmt: skip
    text = text.replace("primary: [revenue]", "primary: [each, bought]")
    one, two = by_day(frame, parse_spec(text), at=END)
    found = analyze(frame, parse_spec(text), at=END)
    for path in (one, two):
        row = found.row(path.metric, "short")
        np.testing.assert_allclose([path.points[-1].estimate, path.points[-1].lo], [row.estimate, row.lo], rtol=1e-9)


def test_a_look_at_as_many_units_takes_the_place_of_the_one_before():
    experiment = spec("design: {type: group_sequential, n: 2800, looks: 4}\n")
    first, second = looked(units(), experiment, [7, 14])
    again = analyze(units(), experiment, at=START + timedelta(days=14, seconds=30), looks=[first.taken], checks=False)
    (path,) = over_looks([first, second, again], experiment)
    assert [p.n for p in path.points] == [700, 1400]
    assert path.points[-1].at == again.at
    assert isinstance(first.taken, Look)
