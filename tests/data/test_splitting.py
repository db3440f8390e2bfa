"""Invariants of splits: nothing lost, nothing doubled, no look into the future, one set of ids."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.data.interactions import Interactions
from shopr.data.splitting import (
    SPLITS,
    cold_users,
    four_way,
    last_basket,
    leave_last_out,
    make,
    per_user,
    temporal,
    unique_pairs,
)
from shopr.errors import InputError, UnknownNameError

rows = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6), st.integers(0, 40)), min_size=8, max_size=80)


def log(triples: list[tuple[int, int, int]]) -> Interactions:
    """Each row's weight is its own number, so that rows can be told apart."""
    frame = pd.DataFrame(triples, columns=["user", "item", "timestamp"])
    return Interactions.from_frame(frame.assign(weight=np.arange(1.0, len(frame) + 1)))


def pairs(part: Interactions) -> set[tuple[int, int]]:
    return set(zip(part.users.tolist(), part.items.tolist(), strict=True))


def names(*parts: Interactions) -> list[float]:
    return sorted(float(w) for part in parts for w in part.weights)


@given(rows, st.sampled_from(sorted(SPLITS)), st.booleans())
def test_nothing_is_lost_or_doubled_and_ids_are_shared(triples, name, new_only):
    whole = log(triples)
    options = {} if name in ("per_user", "cold_users") else {"new_pairs_only": new_only}
    try:
        split = make(name, whole, **options)
    except InputError:  # a split may refuse tiny logs: one user, or one moment
        assert len(np.unique(whole.users)) < 2 or len(np.unique(whole.times)) < 2
        return
    parts = [split.train, split.test] + ([split.history] if split.history is not None else [])
    found = names(*parts)
    assert len(found) + split.dropped == len(whole)
    assert len(set(found)) == len(found)
    if not options.get("new_pairs_only", True):
        assert split.dropped == 0
    elif name != "cold_users":
        assert not pairs(split.train) & pairs(split.test)
    for part in parts:
        assert part.user_ids is whole.user_ids
        assert part.item_ids is whole.item_ids
    assert list(split) == [split.train, split.test]


@given(rows, st.floats(0.05, 0.95))
def test_temporal_never_looks_into_the_future(triples, share):
    whole = log(triples)
    if len(np.unique(whole.times)) < 2:
        return
    split = temporal(whole, share, new_pairs_only=False)
    assert split.train.times.max() < split.cut <= split.test.times.min()
    # No other moment comes nearer to the share asked for.
    moments = np.unique(whole.times)[1:]
    off = [abs((whole.times < m).mean() - (1 - share)) for m in moments]
    assert abs(len(split.train) / len(whole) - (1 - share)) == pytest.approx(min(off))


@given(rows)
def test_four_way_spans_follow_each_other(triples):
    whole = log(triples)
    if len(np.unique(whole.times)) < 4:
        with pytest.raises(InputError, match="4 spans"):
            four_way(whole)
        return
    parts = four_way(whole, new_pairs_only=False)
    edges = [(p.times.min(), p.times.max()) for p in parts]
    assert all(before[1] < after[0] for before, after in pairwise(edges))
    assert names(*parts) == names(whole)
    assert names(parts.before_gate) == names(parts.train, parts.validation)
    assert names(parts.before_test) == names(parts.train, parts.validation, parts.gate)
    new = four_way(whole)
    held = [pairs(p) for p in new]
    assert all(not held[i] & held[j] for i in range(4) for j in range(i))
    assert sum(map(len, new)) + new.dropped == len(whole)
    assert new.before_test.times.max() < new.cuts[2]


@given(rows)
def test_leave_last_out_holds_out_each_users_latest(triples):
    whole = log(triples)
    split = leave_last_out(whole, new_pairs_only=False)
    counts = np.bincount(whole.users, minlength=whole.n_users)
    held = np.bincount(split.test.users, minlength=whole.n_users)
    assert (held == (counts >= 2)).all()
    for user, time in zip(split.test.users, split.test.times, strict=True):
        assert time == whole.times[whole.users == user].max()


def test_leave_last_out_breaks_ties_by_the_order_of_the_log():
    split = leave_last_out(log([(0, 1, 5), (0, 2, 5), (0, 3, 1)]))
    assert split.test.item_ids.decode(split.test.items).tolist() == ["2"]


@given(rows, st.integers(0, 3))
def test_per_user_holds_out_its_share_of_pairs(triples, seed):
    whole = log(triples)
    split = per_user(whole, 0.4, seed=seed)
    for user in range(whole.n_users):
        n = len({i for u, i in pairs(whole) if u == user})
        held = len({i for u, i in pairs(split.test) if u == user})
        assert held == (0 if n == 1 else min(max(round(0.4 * n), 1), n - 1))
    assert np.array_equal(per_user(whole, 0.4, seed=seed).test.items, split.test.items)


def test_per_user_needs_no_times_and_other_seeds_differ():
    frame = pd.DataFrame({"user": np.repeat(np.arange(30), 10), "item": np.tile(np.arange(10), 30)})
    whole = Interactions.from_frame(frame)
    a, b = per_user(whole, seed=1), per_user(whole, seed=2)
    assert len(a.test) == 60
    assert pairs(a.test) != pairs(b.test)


@given(rows, st.floats(0, 0.9))
def test_cold_users_are_unknown_to_train(triples, given_share):
    whole = log(triples)
    if len(np.unique(whole.users)) < 2:
        return
    split = cold_users(whole, 0.3, given=given_share)
    cold = set(split.test.users.tolist()) | set(split.history.users.tolist())
    assert cold
    assert not cold & set(split.train.users.tolist())
    assert not pairs(split.test) & pairs(split.history)
    last = unique_pairs(whole)
    when = dict(zip(zip(last.users.tolist(), last.items.tolist(), strict=True), last.times, strict=True))
    for user in cold:
        known = [when[p] for p in pairs(split.history) if p[0] == user]
        truth = [when[p] for p in pairs(split.test) if p[0] == user]
        assert not known or not truth or max(known) <= min(truth)
    if given_share == 0:
        assert len(split.history) == 0


@given(rows, st.sampled_from(["time", "day"]))
def test_last_basket_is_whole(triples, by):
    whole = log([(u, i, t * 7200) for u, i, t in triples])
    split = last_basket(whole, by=by, new_pairs_only=False)
    unit = 1 if by == "time" else 86_400
    for user in set(split.test.users.tolist()):
        mine = whole.times[whole.users == user] // unit
        assert (split.test.times[split.test.users == user] // unit == mine.max()).all()
        assert (split.train.times[split.train.users == user] // unit < mine.max()).all()


def test_new_pairs_only_drops_repeats_by_hand():
    whole = log([(0, 1, 1), (0, 2, 2), (0, 1, 9), (0, 3, 9)])
    split = temporal(whole, 0.5)
    assert split.dropped == 1
    assert split.test.item_ids.decode(split.test.items).tolist() == ["3"]


@given(rows, st.sampled_from(["first", "last"]))
def test_unique_pairs_sums_weights_and_keeps_one_time(triples, keep):
    whole = log(triples)
    merged = unique_pairs(whole, keep)
    frame = whole.to_frame().groupby(["user", "item"]).agg(t=("timestamp", "max" if keep == "last" else "min"))
    assert len(merged) == len(frame)
    assert merged.weights.sum() == whole.weights.sum()
    ours = merged.to_frame().set_index(["user", "item"])["timestamp"].sort_index()
    assert (ours == frame["t"].sort_index()).all()


@pytest.mark.parametrize("name", ["temporal", "leave_last_out", "last_basket"])
def test_splits_by_time_name_one_that_needs_none(name):
    whole = Interactions.from_frame(pd.DataFrame({"user": [1, 1, 2], "item": [1, 2, 1]}))
    with pytest.raises(InputError, match="Use the split per_user"):
        make(name, whole)
    with pytest.raises(InputError, match="per_user"):
        four_way(whole)


def test_wrong_calls_are_refused():
    whole = log([(0, 0, 0), (1, 1, 1), (0, 2, 2)])
    with pytest.raises(InputError, match=r"test is 1\.2"):
        temporal(whole, 1.2)
    with pytest.raises(InputError, match="nan"):
        per_user(whole, float("nan"))
    with pytest.raises(UnknownNameError, match="Did you mean 'temporal'"):
        make("temporl", whole)
    with pytest.raises(InputError, match="unexpected keyword"):
        make("temporal", whole, tset=0.1)
    with pytest.raises(UnknownNameError):
        last_basket(whole, by="week")
    with pytest.raises(InputError, match="Leave a share"):
        four_way(whole, 0.5, 0.3, 0.2)
    with pytest.raises(InputError, match="2 users"):
        cold_users(log([(0, 0, 0), (0, 1, 1)]))
    with pytest.raises(InputError, match="distinct times"):
        temporal(log([(0, 0, 5), (1, 1, 5)]))
