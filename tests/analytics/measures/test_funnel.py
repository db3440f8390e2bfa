"""Funnels against a search by brute force, and against counts by hand."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from shopr.analytics.measures.funnel import Step, funnel
from shopr.analytics.reading.log import EventLog
from shopr.errors import InputError
from shopr.metrics.proportions import wilson

KINDS = ["a", "b", "c", "d"]
STEPS = [Step(kind) for kind in "abc"]


def log(rows: list[tuple[str, str, int]], **columns: list[str]) -> EventLog:
    """From (person, type, second)."""
    frame = pd.DataFrame(rows, columns=["user_id", "type", "second"])
    frame["time"] = pd.to_datetime(frame.pop("second"), unit="s", utc=True)
    frame["session_id"], frame["weight"] = None, 1.0
    for name, values in columns.items():
        frame[name] = values
    return EventLog.of(frame.astype({"session_id": "str"}), list(columns))


def brute(rows: list[tuple[str, str, int]], window: int, strict: bool) -> int:
    """The farthest step of one person's events, by trying every choice of events."""
    order = sorted(range(len(rows)), key=lambda i: (rows[i][2], i))
    kinds, times = [rows[i][1] for i in order], [rows[i][2] for i in order]
    steps = [k for k in range(len(kinds)) if kinds[k] in "abc"]
    best = 0

    def go(step: int, at: int, entry: int) -> None:
        nonlocal best
        best = max(best, step)
        if step == 3:
            return
        later = [j for j in steps if j > at]
        for j in later[:1] if strict else later:
            if kinds[j] == "abc"[step] and times[j] - entry <= window:
                go(step + 1, j, entry)

    for i in steps:
        if kinds[i] == "a":
            go(1, i, times[i])
    return best


EVENTS = st.lists(st.tuples(st.sampled_from(["x", "y"]), st.sampled_from(KINDS), st.integers(0, 12)), max_size=14)


@given(EVENTS, st.integers(1, 12), st.booleans())
@settings(max_examples=200)
def test_the_farthest_step_is_that_of_a_search_by_brute_force(
    rows: list[tuple[str, str, int]], window: int, strict: bool
) -> None:
    made = log(rows)
    found = funnel(made, STEPS, window=timedelta(seconds=window), order="strict" if strict else "ordered")
    for code, person in enumerate(made.person_ids):
        assert found.reached[code] == brute([r for r in rows if r[0] == person], window, strict)


@given(EVENTS, st.integers(1, 12))
@settings(max_examples=100)
def test_in_any_order_it_is_that_of_the_best_permutation(rows: list[tuple[str, str, int]], window: int) -> None:
    made = log(rows)
    found = funnel(made, STEPS, window=timedelta(seconds=window), order="any")
    for code, person in enumerate(made.person_ids):
        own = [r for r in rows if r[0] == person]
        best = 0
        for k in (1, 2, 3):
            for kinds in permutations("abc", k):
                firsts = [sorted(r[2] for r in own if r[1] == kind) for kind in kinds]
                spans = [
                    max(pick) - min(pick)
                    for pick in np.array(np.meshgrid(*firsts)).T.reshape(-1, k).tolist()
                    if all(firsts)
                ]
                if spans and min(spans) <= window:
                    best = max(best, k)
        assert found.reached[code] == best


def test_counts_shares_intervals_and_times_by_hand() -> None:
    rows = [
        ("u1", "a", 0),
        ("u1", "b", 10),
        ("u1", "c", 30),
        ("u2", "a", 0),
        ("u2", "b", 20),
        ("u3", "a", 5),
        ("u4", "c", 1),
    ]
    found = funnel(log(rows), STEPS, window=timedelta(minutes=1))
    table = found.table()
    assert table["persons"].tolist() == [3, 2, 1]
    assert table["lost"].tolist() == [0, 1, 1]
    assert table["share"].round(3).tolist() == [1.0, 0.667, 0.333]
    assert table["from_previous"].round(3).tolist() == [1.0, 0.667, 0.5]
    assert table["median_seconds"].tolist() == [0.0, 15.0, 30.0]
    assert funnel(log(rows), STEPS, window=timedelta(seconds=29)).counts.tolist() == [3, 2, 0]


def test_a_breakdown_goes_by_the_entry_and_a_step_may_ask_for_a_word() -> None:
    rows = [("u1", "a", 0), ("u1", "b", 1), ("u2", "a", 0), ("u2", "b", 5), ("u3", "a", 2)]
    made = log(rows, device=["mobile", "desktop", "desktop", "desktop", "mobile"])
    table = funnel(made, STEPS[:2], breakdown="device").table().set_index(["group", "step"])["persons"]
    assert table.to_dict() == {("desktop", "a"): 1, ("desktop", "b"): 1, ("mobile", "a"): 2, ("mobile", "b"): 1}
    steps = [Step("a"), Step("b", {"device": "mobile"}, "on the phone")]
    assert funnel(made, steps).counts.tolist() == [3, 0]
    with pytest.raises(InputError, match="'page' was not read"):
        funnel(made, [Step("a", {"page": "/"})])


def test_what_a_session_did_before_the_login_is_the_users() -> None:
    frame = pd.DataFrame(
        {
            "user_id": [None, "ann", "ann", None],
            "session_id": ["s1", "s1", "s2", "s3"],
            "type": ["a", "b", "c", "a"],
            "time": pd.to_datetime([0, 1, 2, 3], unit="s", utc=True),
            "weight": 1.0,
        }
    )
    made = EventLog.of(frame)
    assert made.n_persons == 2
    assert made.person_ids.tolist() == ["ann", "s3"]
    assert funnel(made, STEPS).counts.tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ("steps", "window", "words"), [([], 1, "0 steps"), (STEPS * 34, 1, "102 steps"), (STEPS, 0, "a window of 0:00:00")]
)
def test_bad_questions_are_refused(steps: list[Step], window: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        funnel(log([("u", "a", 0)]), steps, window=timedelta(seconds=window))


def test_nobody_is_no_error() -> None:
    assert funnel(log([]), STEPS).counts.tolist() == [0, 0, 0]
    assert funnel(log([("u", "z", 0)]), STEPS).table()["persons"].tolist() == [0, 0, 0]


def test_wilson_is_that_of_scipy() -> None:
    low, high = wilson([0, 3, 10], [10, 10, 10])
    for k, lo, hi in zip((0, 3, 10), low, high, strict=True):
        known = binomtest(k, 10).proportion_ci(method="wilson")
        assert (lo, hi) == pytest.approx((known.low, known.high), abs=1e-12)
