"""Validation splits: what is held out, who is judged, and which kind `auto` stands for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.data.interactions import Interactions
from shopr.errors import InputError
from shopr.recommend.selection.validation import hold_out, resolve_kind

DAY = 86_400


def log(users: int = 300, seed: int = 0, timed: bool = True, days: int = 100) -> Interactions:
    rng = np.random.default_rng(seed)
    n = users * 8
    frame = pd.DataFrame({"user": rng.integers(0, users, n), "item": rng.integers(0, 40, n)})
    if timed:
        frame["timestamp"] = rng.integers(0, days * DAY, n)
    return Interactions.from_frame(frame)


@pytest.mark.parametrize("kind", ["last", "temporal", "random"])
def test_truth_is_never_history_and_every_judged_user_has_both(kind):
    split = hold_out(log(), kind, seed=1)
    history = split.train.binary[split.users]
    assert split.kind == kind
    assert history.multiply(split.truth).nnz == 0
    assert np.diff(history.indptr).min() >= 1
    assert np.diff(split.truth.indptr).min() >= 1


def test_random_holds_out_a_tenth_of_each_users_pairs():
    data = log(timed=False)
    split = hold_out(data, seed=1)
    pairs = np.diff(data.binary.indptr)[split.users]
    assert split.kind == "random"
    assert (np.diff(split.truth.indptr) == np.maximum(np.rint(pairs * 0.1), 1)).all()


def test_last_holds_out_the_latest_pair():
    data = log()
    split = hold_out(data, "last", seed=1)
    matrix, times = data.binary, data.last_times
    for row, user in enumerate(split.users):
        span = slice(matrix.indptr[user], matrix.indptr[user + 1])
        latest = matrix.indices[span][np.argmax(times[span])]
        assert split.truth[row].indices.tolist() == [latest]


def test_temporal_cuts_at_one_moment():
    data = log()
    split = hold_out(data, "temporal", seed=1)
    assert len(split.train) == pytest.approx(0.85 * len(data), rel=0.01)
    cut = split.train.times.max()
    assert (data.times[~np.isin(data.times, split.train.times)] > cut).all()


def test_same_seed_same_split():
    first, again, other = (hold_out(log(timed=False), seed=s) for s in (1, 1, 2))
    assert (first.truth != again.truth).nnz == 0
    assert (first.truth != other.truth).nnz > 0


def test_auto_goes_by_time_where_times_order_the_histories():
    assert resolve_kind(log()) == "last"
    assert resolve_kind(log(timed=False)) == "random"
    same = log()
    flat = Interactions(same.user_ids, same.item_ids, same.users, same.items, same.users.astype(np.int64), same.weights)
    assert resolve_kind(flat) == "random"


def test_auto_sees_a_cut_in_time_by_who_is_served():
    data = log()
    last = np.zeros(data.n_users, np.int64)
    np.maximum.at(last, data.users, data.times)
    lately = np.argsort(-last)[:100]
    assert resolve_kind(data, users=lately) == "temporal"
    assert resolve_kind(data, users=np.arange(data.n_users)) == "last"
    assert resolve_kind(data, users=np.random.default_rng(0).permutation(data.n_users)[:150]) == "last"


def test_judged_on_those_who_are_served():
    served = np.arange(0, 300)[:250]
    split = hold_out(log(timed=False), seed=1, users=np.append(served, -1))
    assert np.isin(split.users, served).all()
    assert len(hold_out(log(timed=False), seed=1, users=np.array([3])).users) > 200
    assert len(hold_out(log(timed=False), seed=1, max_users=50).users) == 50


def test_bad_calls():
    with pytest.raises(InputError, match="needs timestamps"):
        hold_out(log(timed=False), "last", seed=1)
    with pytest.raises(InputError, match="'lats' is not known"):
        hold_out(log(), "lats", seed=1)  # type: ignore[arg-type]
    single = Interactions.from_frame(pd.DataFrame({"user": ["a", "b"], "item": ["x", "y"]}))
    with pytest.raises(InputError, match="leaves no user to judge"):
        hold_out(single, seed=1)
