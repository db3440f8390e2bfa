"""Where experiments stand, and their rows as people see them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from shopr.abtest.judging.health import Check
from shopr.abtest.records.board import (
    check_state,
    design_words,
    lines,
    path_table,
    paths,
    rows_csv,
    standing,
    standings,
)
from shopr.abtest.records.keeping import keep
from shopr.abtest.records.kept import Kept
from tests.abtest.units import SPEC, START, units

PLANNED = SPEC + "design: {type: group_sequential, n: 2800, looks: 4, spending: pocock}\n"
ANYTIME = SPEC + "design: {type: sequential, tuning: 1000}\n"
END = START + timedelta(days=28)


@pytest.fixture
def store(tmp_path):
    return Kept(tmp_path)


def stands(store, now=END):
    found = standing(store.history("checkout"), now)
    return found.state, found.words


def test_a_test_that_is_read_once_runs_until_its_end_and_is_ready_then(store):
    keep(store, units(), SPEC, at=START + timedelta(days=14))
    assert stands(store, END - timedelta(seconds=1)) == ("running", "Running until 29 Jan 2026, 00:00 UTC")
    assert stands(store, END) == ("ready", "Ready to be read: its end was 29 Jan 2026")
    keep(store, units(), SPEC, at=END)
    assert stands(store) == ("stop", "Stop: stay with control")


def test_a_test_that_is_read_at_looks_says_until_when(store):
    keep(store, units(effect=0.15), PLANNED, at=START + timedelta(days=7))
    assert stands(store) == ("keep running", "Keep running until look 2 at about 1,400 of 2,800 units")
    keep(store, units(effect=0.15), PLANNED, at=END)
    assert stands(store) == ("ship", "Ship short")


def test_a_broken_test_is_to_be_mended(store):
    frame = units()
    keep(store, frame[(frame["variant"] == "control") | (frame.index % 5 == 0)], SPEC, at=START + timedelta(days=9))
    assert stands(store, END)[0] == "find out"


def test_the_list_begins_with_what_was_read_last(store):
    for name, days in (("older", 3), ("newest", 9), ("middle", 5)):
        keep(store, units(), PLANNED.replace("name: checkout", f"name: {name}"), at=START + timedelta(days=days),
             simulated=name == "older")  # fmt: skip
    found = standings(store, END)
    assert [one.name for one in found] == ["newest", "middle", "older"]
    assert [one.simulated for one in found] == [False, False, True]
    assert found[0].units == 900


def test_rows_lie_on_one_scale_with_zero_in_the_middle(store):
    reading = keep(store, units(effect=0.3), PLANNED, at=END)
    (main,) = lines(reading, "primary")
    lift = reading.analysis.row("revenue", "short", "cuped_lift+group_sequential")
    reach = 1.05 * max(abs(lift.lo), abs(lift.hi))
    np.testing.assert_allclose(
        [main.left, main.middle, main.right], [50 + 50 * v / reach for v in (lift.lo, lift.estimate, lift.hi)]
    )
    assert main.lift == f"{lift.estimate:+.1%} [{lift.lo:+.1%}, {lift.hi:+.1%}]"
    assert main.decision == "better"
    assert [row.metric for row in lines(reading, "other")] == ["bought"]
    (guard,) = lines(reading, "guardrail")
    assert guard.decision in ("held", "not shown")
    assert guard.right == 100  # no upper bound
    assert 0 < guard.mark < 50  # a loss, for more is better
    segments = lines(reading, "segment")
    assert {row.segment for row in segments} == {"country=de", "country=fr"}
    assert all(0 <= v <= 100 for row in segments for v in (row.left, row.middle, row.right))


def test_of_a_posterior_the_chance_to_win_is_shown(store):
    reading = keep(store, units(effect=2.0), SPEC + "design: bayesian\n", at=END)
    assert lines(reading, "primary")[0].p.endswith("to win")
    assert ("Design", "Posterior of the effect") in design_words(reading.spec, reading.analysis)


def test_values_that_are_not_known_are_dashes(store):
    reading = keep(store, units(), PLANNED, at=END)
    rows = tuple(replace(r, estimate=np.nan, lo=np.nan, hi=np.nan, p=np.nan) for r in reading.analysis.rows)
    empty = reading.model_copy(update={"analysis": replace(reading.analysis, rows=rows)})
    (main,) = lines(empty, "primary")
    assert (main.effect, main.left, main.p) == ("–", None, "–")


def test_paths_are_those_of_kept_looks_where_there_are_several(store):
    first = keep(store, units(), ANYTIME, at=START + timedelta(days=7))
    assert [p.source for p in paths(store.history("checkout"), first)] == ["days"]
    second = keep(store, units(), ANYTIME, at=START + timedelta(days=14))
    history = store.history("checkout")
    (path,) = paths(history, second)
    assert (path.source, len(path.points)) == ("kept", 2)
    assert [p.source for p in paths(history, first)] == ["days"]  # as it was then
    table = path_table(path)
    assert list(table["n"]) == [700, 1400]
    assert (table["lo"] <= table["estimate"]).all()
    np.testing.assert_allclose(table["above"], [p.limit for p in path.points])
    np.testing.assert_allclose(table["below"], [-p.limit for p in path.points])


def test_one_planned_look_is_shown_as_it_was_taken(store):
    reading = keep(store, units(), PLANNED, at=START + timedelta(days=9))
    (path,) = paths(store.history("checkout"), reading)
    assert (path.source, [p.n for p in path.points]) == ("kept", [900])
    # Between the start and this look by a straight line, and beyond it at the same rate.
    assert [p.at for p in path.planned[1:]] == [START + timedelta(days=d) for d in (14, 21, 28)]


def test_a_naive_path_says_nothing_of_decisions(store):
    reading = keep(store, units(effect=2.0), SPEC, at=END)
    (path,) = paths(store.history("checkout"), reading)
    assert path.naive
    assert set(path_table(path)["decision"]) == {""}
    early = keep(Kept(store.folder / "other"), units(), SPEC, at=START + timedelta(days=3))
    assert paths(store.history("checkout"), early) == ()


def test_all_figures_go_into_the_csv_in_full(store):
    reading = keep(store, units(), PLANNED, at=END)
    table = pd.read_csv(StringIO(rows_csv(reading)))
    assert len(table) == len(reading.analysis.rows)
    np.testing.assert_array_equal(table["estimate"], [r.estimate for r in reading.analysis.rows])


def test_checks_weigh_differently():
    assert [check_state(Check(name, ok, "")) for name, ok in
            (("units", True), ("novelty", False), ("sample ratio", False))] == ["ok", "caution", "failed"]  # fmt: skip
