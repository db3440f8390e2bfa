from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shopr.abtest.allocation.assignment import Assignment, Holdout, Namespace
from shopr.abtest.design.spec import Experiment
from shopr.abtest.methods.srm import sample_ratio
from shopr.errors import InputError

UNITS = np.arange(5_000)
WEIGHTS = st.lists(st.integers(1, 20), min_size=2, max_size=4).map(lambda w: tuple(x / sum(w) for x in w))


def arms(n: int) -> tuple[str, ...]:
    return tuple("control ann bea cid".split()[:n])


def test_the_same_id_has_the_same_arm_whichever_way_it_comes() -> None:
    test = Assignment("button")
    whole = test.assign(UNITS).codes
    assert np.array_equal(test.assign([str(u) for u in UNITS]).codes, whole)
    assert np.array_equal(test.assign(pd.Series(UNITS[::-1])).codes[::-1], whole)
    assert [test.arm(int(u)) for u in UNITS[:20]] == list(test.assign(UNITS[:20]).names())


def test_arms_of_known_ids_never_change() -> None:
    # Running tests depend on these.
    assert "".join(str(c) for c in Assignment("button").assign(np.arange(20)).codes) == "11000010011100001100"


def test_a_spec_is_assigned_by_its_weights() -> None:
    spec = {"name": "x", "arms": {"a": 1, "b": 2, "c": 3}, "control": "c", "metrics": [{"type": "mean", "name": "m"}]}
    test = Assignment.of(Experiment.model_validate(spec), coverage=0.5)
    assert test.arms == ("c", "a", "b")
    assert test.shares == pytest.approx([3 / 6, 1 / 6, 2 / 6])
    assert (test.assign(UNITS).codes < 0).mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("hash_", ["shopr", "growthbook-2"])
def test_arms_have_their_weights(hash_: str) -> None:
    test = Assignment("x", arms(3), (0.2, 0.3, 0.5), hash=hash_)  # type: ignore[arg-type]
    assert sample_ratio(np.bincount(test.assign(np.arange(50_000)).codes), test.shares).p > 1e-3


def test_tests_are_independent_of_each_other() -> None:
    one, two = (Assignment(key).assign(np.arange(40_000)).codes for key in ("one", "two"))
    assert stats.chi2_contingency(np.bincount(one * 2 + two).reshape(2, 2)).pvalue > 1e-3
    assert np.array_equal(Assignment("three", salt="one").assign(np.arange(40_000)).codes, one)


@given(WEIGHTS, st.lists(st.floats(0, 1), min_size=2, max_size=5), st.text(min_size=1, max_size=5))
def test_a_ramp_moves_no_one(weights: tuple[float, ...], steps: list[float], key: str) -> None:
    before = np.full(1000, -1)
    for coverage in sorted(steps):
        now = Assignment(key, arms(len(weights)), weights, coverage).assign(UNITS[:1000]).codes
        assert np.array_equal(now[before >= 0], before[before >= 0])
        before = now


@given(st.lists(st.tuples(WEIGHTS, st.floats(0, 1)), min_size=1, max_size=4))
def test_no_one_exposed_is_moved_by_any_change(phases: list[tuple[tuple[float, ...], float]]) -> None:
    units = [f"u{i}" for i in range(300)]
    seen = pd.Series(dtype=object)
    for weights, coverage in phases:
        padded = (*weights, *[0.0] * (4 - len(weights)))
        got = Assignment("x", arms(4), padded, coverage).assign(units, seen)
        named = dict(zip(units, got.names(), strict=True))
        assert all(named[unit] == arm for unit, arm in seen.items())
        seen = pd.Series({u: a for u, a in named.items() if a is not None}, dtype=object)


def test_namespaces_keep_tests_apart_and_share_out_everyone() -> None:
    low, high = Namespace("home", 0.0, 0.4), Namespace("home", 0.4, 1.0)
    one = Assignment("one", namespace=low).assign(UNITS)
    two = Assignment("two", namespace=high).assign(UNITS)
    assert not np.any((one.codes >= 0) & (two.codes >= 0))
    assert np.all((one.codes >= 0) | (two.codes >= 0))
    assert (one.codes >= 0).mean() == pytest.approx(0.4, abs=0.03)
    assert one.why("namespace").sum() == (two.codes >= 0).sum()
    assert not low.overlaps(high)
    assert low.overlaps(Namespace("search", 0.0, 1.0))


def test_growthbook_tests_have_growthbook_namespaces() -> None:
    test = Assignment("x", namespace=Namespace("namespace2", 0.4, 1), hash="growthbook-2")
    assert test.assign(["1", "3"]).why("namespace").tolist() == [False, True]


def test_a_holdout_is_the_same_in_every_test_and_only_grows() -> None:
    out = [Assignment(k, holdout=Holdout(share=0.1)).assign(UNITS).why("holdout") for k in ("a", "b")]
    assert np.array_equal(*out)
    assert out[0].mean() == pytest.approx(0.1, abs=0.02)
    assert np.all(Holdout(share=0.2).holds(UNITS) >= out[0])


def test_forced_units_see_their_arm_and_are_not_analysed() -> None:
    test = Assignment("x", coverage=0.0, holdout=Holdout(share=0.5), forced={"7": "treatment"})
    got = test.assign(np.arange(10), exposed={"8": "control", "7": "control"})
    assert got.names()[[7, 8]].tolist() == ["treatment", "control"]
    assert got.why("forced").tolist() == [i == 7 for i in range(10)]
    assert got.analysed.tolist() == [i == 8 for i in range(10)]
    assert [x for x in got.names() if x is None] == [None] * 8


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"key": ""}, "no key"),
        ({"arms": ("a",)}, "fewer than two"),
        ({"arms": ("a", "a")}, "repeat"),
        ({"weights": (0.5, 0.6)}, "sum to 1.1"),
        ({"weights": (1.5, -0.5)}, "negative"),
        ({"coverage": 1.5}, "coverage 1.5"),
        ({"forced": {"u": "blue"}}, "unknown arm 'blue'"),
        ({"hash": "md5"}, "unknown hash 'md5'"),
    ],
)
def test_bad_tests_are_refused(given_: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Assignment(**{"key": "x", **given_})  # type: ignore[arg-type]


def test_bad_units_and_exposures_are_refused() -> None:
    test = Assignment("x")
    with pytest.raises(InputError, match="empty id"):
        test.assign(["a", ""])
    with pytest.raises(InputError, match="no longer has"):
        test.assign(["a"], {"b": "blue"})
    with pytest.raises(InputError, match="'a' is exposed twice"):
        test.assign(["a"], pd.Series(["control", "control"], index=["a", "a"]))
    with pytest.raises(InputError, match="namespace range"):
        Namespace("x", 0.5, 0.5)
    with pytest.raises(InputError, match="holdout share"):
        Holdout(share=1.0)
    assert test.assign([]).codes.shape == (0,)
