"""From step to step: what must hold for a while, what must be clear for a while, and that batches change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopr.analytics.alerts.evaluating import MOST_CAUGHT_UP, Standing, evaluate, first_step, last_step
from shopr.analytics.alerts.judged import Judged
from shopr.analytics.alerts.phases import Phase, walk
from shopr.analytics.alerts.rules import Rule
from shopr.analytics.alerts.series import Grid, Series
from tests.analytics.alerts.conftest import rule


def followed(marks: str, **more) -> list[tuple[str, int]]:
    """Transitions over steps marked `!` (alarms), `.` (clear), `-` (between), `?` (unknown); minutes from 1."""
    made = rule(**more)
    breach, clear = (np.array([c == wanted for c in marks]) for wanted in "!.")
    value = np.where(np.array([c == "?" for c in marks]), np.nan, 1.0)
    n = len(marks)
    judged = Judged(value, np.zeros(n), breach, clear, np.full(n, np.nan), np.zeros(n))
    _, moves = walk(made, Grid(0, 60, n), judged, 0, Phase())
    return [(move.kind, move.at // 60) for move in moves]


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ("!!!", [("fired", 3)]),
        ("!!.!!", []),
        ("!!-!!!", [("fired", 6)]),
        ("!!!!....", [("fired", 3), ("resolved", 8)]),
        ("!!!!..!....", [("fired", 3), ("resolved", 11)]),
        ("!!!!--------", [("fired", 3)]),
        ("!!!!..?..", [("fired", 3), ("resolved", 8)]),
        ("!!!!....!!!....", [("fired", 3), ("resolved", 8), ("fired", 11), ("resolved", 15)]),
        ("....", []),
        ("", []),
    ],
)
def test_for_hysteresis_and_clear_for(marks, expected):
    assert followed(marks) == expected


def test_what_was_not_measured_for_a_day_is_over():
    assert followed("!!!" + "?" * 1441) == [("fired", 3), ("resolved", 4 + 1440)]


def stream(seed: int, n: int = 900) -> tuple[np.ndarray, np.ndarray]:
    """Calls and failures with episodes of failures."""
    rng = np.random.default_rng(seed)
    total = rng.poisson(4, n).astype(float)
    bad = np.repeat(rng.random(n // 30) < 0.3, 30)
    return total, rng.binomial(total.astype(int), np.where(bad, 0.5, 0.02)).astype(float)


def table(total: np.ndarray, hits: np.ndarray, step: int):
    def measure(_: Rule, start: int, end: int):
        low, high = start // step, end // step
        own = slice(max(low, 0), high)
        pad = np.zeros(max(-low, 0))
        h, t = (np.concatenate([pad, v[own]]) for v in (hits, total))
        return Grid(start, step, len(h)), {"": Series(h, h, t, t)}

    return measure


RULES = [
    rule(),
    rule(condition={"kind": "threshold", "window": "10m", "above": 0.2, "clear": 0.1, "least": 5, "confidence": 0.9}),
    rule(condition={"kind": "burn_rate", "objective": 0.9, "least": 10,
                    "windows": [{"long": "30m", "short": "5m", "factor": 2}]}),
    rule(metric={"count": {"type": "page_viewed"}}, condition={"kind": "threshold", "window": "5m", "above": 9}),
]  # fmt: skip


@given(seed=st.integers(0, 2**32 - 1), cuts=st.sets(st.integers(1, 899), max_size=12), which=st.integers(0, 3))
def test_evaluating_in_any_batches_gives_the_same_transitions(seed, cuts, which):
    made = RULES[which]
    total, hits = stream(seed)
    measure = table(total, hits, 60)
    whole = evaluate(made, Standing(made.revision, 0), 900 * 60, measure, most=None)
    standing, found = Standing(made.revision, 0), []
    for cut in [*sorted(cuts), 900]:
        step = evaluate(made, standing, cut * 60, measure)
        if step is not None:
            standing, found = step.after, found + step.happened
    assert found == whole.happened
    assert standing.phases == whole.after.phases


@given(seed=st.integers(0, 2**32 - 1), which=st.integers(0, 3))
def test_an_alert_never_fires_twice_for_one_incident(seed, which):
    made = RULES[which]
    step = evaluate(made, Standing(made.revision, 0), 900 * 60, table(*stream(seed), 60), most=None)
    kinds = [one.transition.kind for one in step.happened]
    assert kinds[::2] == ["fired"] * len(kinds[::2])
    assert kinds[1::2] == ["resolved"] * len(kinds[1::2])
    moves = [one.transition for one in step.happened]
    for fired, resolved in zip(moves[::2], moves[1::2], strict=False):
        assert fired.at - fired.began >= made.hold
        assert resolved.at - fired.at >= made.clear_for


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(200, 500))
def test_weekly_rules_are_the_same_in_batches_too(seed, cut):
    rng = np.random.default_rng(seed)
    n = 10 * 168
    total = rng.poisson(30 * (1 + 0.5 * np.sin(np.arange(n) / 24 * 2 * np.pi))).astype(float)
    total[n - 60 : n - 50] = 0
    hits = rng.binomial(total.astype(int), 0.2).astype(float)
    more = {"step": 3600, "for": 0, "clear_for": "2h"}
    share = {"share": {"type": "page_viewed"}, "of": {"type": "page_viewed"}}
    change = {"kind": "change", "side": "above", "shift": 0.3, "weeks": 2, "least": 100, "false_alarms_a_year": 300}
    seasonal = {"kind": "seasonal", "window": "1h", "weeks": 2, "false_alarms_a_year": 300}
    for made in (
        rule(metric=share, condition=change, **more),
        rule(metric={"count": {"type": "page_viewed"}}, condition=seasonal, **more),
    ):
        measure, begin = table(total, hits, 3600), (n - 600) * 3600
        whole = evaluate(made, Standing(made.revision, begin), n * 3600, measure, most=None)
        first = evaluate(made, Standing(made.revision, begin), (n - cut) * 3600, measure, most=None)
        second = evaluate(made, first.after, n * 3600, measure, most=None)
        # Sums that begin elsewhere differ in their last digits: moments are the same, figures nearly so.
        pieces, at_once = (
            [one.transition for one in happened] for happened in (first.happened + second.happened, whole.happened)
        )
        assert [(m.kind, m.at, m.began) for m in pieces] == [(m.kind, m.at, m.began) for m in at_once]
        np.testing.assert_allclose([m.bound for m in pieces], [m.bound for m in at_once], rtol=1e-9)


def test_where_to_go_on():
    made = rule()
    assert last_step(made, 3599.0) == 3540
    assert first_step(made, None, 3600) == 3540
    assert first_step(made, Standing("another", 0), 3600) == 3540
    assert first_step(made, Standing(made.revision, 1800), 3600) == 1800
    assert first_step(made, Standing(made.revision, 0), 30 * 86_400) == 30 * 86_400 - MOST_CAUGHT_UP
    assert evaluate(made, Standing(made.revision, 3600), 3600, table(*stream(1), 60)) is None


def test_a_phase_survives_storage():
    phase = Phase("firing", 60, 120, 0, "id", 0.5, 1.5, 0.4, 0.2)
    assert Phase.of(phase.kept()) == phase
    assert Phase.of({"name": "pending", "since": 3, "unheard": 1}) == Phase("pending", 3)
