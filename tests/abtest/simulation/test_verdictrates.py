"""Thousands of verdicts at once are those that `analyze` and `conclude` give one by one, and keep their promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from shopr.abtest.design.spec import parse_spec
from shopr.abtest.judging.analysis import analyze
from shopr.abtest.judging.estimates import Estimator
from shopr.abtest.judging.health import check_twyman
from shopr.abtest.judging.looks import Look
from shopr.abtest.judging.reading import Reader
from shopr.abtest.judging.verdict import conclude
from shopr.abtest.methods.frequentist import Effect
from shopr.abtest.simulation.verdictrates import (
    ACTIONS,
    DESIGNS,
    Plan,
    Scenario,
    draw_tests,
    plan_tests,
    read_tests,
    simulate_tests,
    verdicts,
)
from shopr.errors import InputError
from shopr.randomness import generator

PLAN = plan_tests(4, 400, users=200_000, seed=5)
TESTS = 5
LOOKS = {"fixed": 1, "group_sequential": 4, "sequential": 4}
SHIP, FIND = ACTIONS.index("ship"), ACTIONS.index("find out")


def one_by_one(plan: Plan, design: str, values: np.ndarray, treated: np.ndarray, kept: np.ndarray) -> tuple[str, int]:
    """The same test as a table that grows, read at every look until it is decided."""
    spec = plan.spec(design, LOOKS[design])
    looks: list[Look] = []
    action = ""
    for number, last in enumerate(np.linspace(0, plan.looks, LOOKS[design] + 1)[1:].astype(int)):
        frame = pd.DataFrame(values[:last].reshape(-1, 2), columns=["revenue", "sessions"])
        frame["unit_id"] = np.arange(len(frame))
        frame["variant"] = np.where(treated[:last].reshape(-1), "treatment", "control")
        frame = frame[kept[:last].reshape(-1)]
        given = spec
        if design == "sequential" and number == LOOKS[design] - 1:
            given = spec.model_copy(update={"end": datetime(2026, 1, 2, tzinfo=UTC)})
        at = datetime(2026, 1, 2, tzinfo=UTC) + timedelta(days=number)
        found = analyze(frame, given, at=at, looks=looks, checks=False)
        assert found.taken is not None
        looks = [*looks, found.taken]
        action = conclude(found, given).action
        if action != "keep running":
            return action, number
    return action, number


@pytest.mark.parametrize("design", DESIGNS)
def test_verdicts_at_once_are_those_one_by_one(design: str) -> None:
    for number, scenario in enumerate((Scenario("large", 1.8), Scenario("broken", 1.0, -2.2))):
        values, treated, kept = draw_tests(generator(number, "verdicts", 0), PLAN, scenario, TESTS)
        drawn = simulate_tests(PLAN, scenario, TESTS, seed=number)
        actions, ended = verdicts(PLAN, design, read_tests(PLAN, design, drawn, LOOKS[design]))
        for test in range(TESTS):
            wanted = one_by_one(PLAN, design, values[test], treated[test], kept[test])
            assert (ACTIONS[actions[test]], ended[test]) == wanted


def rate(scenario: Scenario, design: str, action: int, tests: int = 600) -> float:
    drawn = simulate_tests(PLAN, scenario, tests, seed=11)
    return float((verdicts(PLAN, design, read_tests(PLAN, design, drawn, LOOKS[design]))[0] == action).mean())


@pytest.mark.parametrize("design", DESIGNS)
def test_rare_errors_and_planned_power(design: str) -> None:
    bound = 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)
    assert rate(Scenario("none"), design, SHIP) <= bound
    assert rate(Scenario("at margin", 1.0, -1.0), design, SHIP) <= bound
    assert rate(Scenario("harm", -1.0), design, SHIP) <= bound
    assert rate(Scenario("lost", lost=0.3), design, FIND) > 0.95
    # A large effect that is real is no alarm, though its first readings are beyond what Twyman's law takes for true.
    assert rate(Scenario("large", 2.0), design, FIND) < 0.02
    if design != "sequential":
        assert rate(Scenario("planned", 1.0), design, SHIP) > 0.79 - 3 * np.sqrt(0.16 / 600) - 0.02


def test_no_test_is_refused() -> None:
    with pytest.raises(InputError, match="tests 0 is below 1"):
        simulate_tests(PLAN, Scenario("none"), 0)


def test_a_lift_is_too_good_only_where_chance_cannot_have_made_it_so() -> None:
    assert not check_twyman([("revenue", "b", 0.9, 0.1)]).ok
    assert not check_twyman([("revenue", "b", -0.9, 0.1)]).ok
    # Far from zero, but not from half: a real effect of 40 % looks like this in its first readings.
    assert check_twyman([("revenue", "b", 0.6, 0.1)]).ok
    assert check_twyman([("revenue", "b", float("nan"), float("nan"))]).ok


def test_a_guardrail_is_not_violated_by_what_an_earlier_look_left_of_the_other_side() -> None:
    spec = parse_spec(
        "name: t\narms: [a, b]\nmetrics: [x, y]\nguardrails: [{metric: y, margin: 0.02}]\ndesign: sequential\n"
    )
    # At first the loss is surely below 3.1 %; then, less surely, it is 3 %, of which 2 % would be within the margin.
    told = {"y|b|guardrail": (0.0, 0.0103, 4000.0)}
    reader = Reader(spec, [Look("2026-01-01T00:00:00+00:00", 4000, told), Look("2026-01-02T00:00:00+00:00", 4400, {})])
    effect = Effect(*(np.array(v) for v in (-0.03, 0.0098, np.inf, 4400.0)))
    row = reader.guard(spec.guardrails[0], spec.metric("y"), "b", Estimator("z", effect, effect, None, None, 1.0, 1.0))
    assert 2 * row.estimate - row.lo < -0.02
    assert row.decision == "not shown"
