"""The interaction log: its matrix and histories equal to brute force on random logs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.data import Histories, IdMap, Interactions
from shopr.errors import DataError

ROW = st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 9), st.integers(1, 8))
LOGS = st.lists(ROW, max_size=40)


def log(rows: list[tuple[int, int, int, int]], *, timed: bool = True) -> Interactions:
    """Five users and six items; weights in eighths, so that sums are exact in float32."""
    users, items, times, weights = (np.array([r[i] for r in rows], np.int64) for i in range(4))
    return Interactions(
        IdMap(f"u{i}" for i in range(5)),
        IdMap(f"i{i}" for i in range(6)),
        users.astype(np.int32),
        items.astype(np.int32),
        times if timed else None,
        (weights / 8).astype(np.float32),
    )


def brute(rows: list[tuple[int, int, int, int]]) -> tuple[np.ndarray, dict[tuple[int, int], int]]:
    dense, last = np.zeros((5, 6)), {}
    for user, item, time, weight in rows:
        dense[user, item] += weight / 8
        last[user, item] = max(time, last.get((user, item), time))
    return dense, last


@given(LOGS)
def test_the_matrix_equals_brute_force(rows: list[tuple[int, int, int, int]]) -> None:
    data = log(rows)
    dense, last = brute(rows)
    matrix = data.matrix
    assert np.array_equal(matrix.toarray(), dense)
    assert matrix.has_canonical_format
    assert matrix.dtype == np.float32
    assert matrix.nnz == len(last)
    assert np.array_equal(data.binary.toarray(), dense > 0)
    owner = np.repeat(np.arange(5), np.diff(matrix.indptr))
    times = data.last_times
    assert times is not None
    assert [last[u, i] for u, i in zip(owner.tolist(), matrix.indices.tolist(), strict=True)] == times.tolist()


@given(LOGS, st.lists(st.integers(-1, 4), max_size=8))
def test_histories_of_any_users_in_any_order(rows: list[tuple[int, int, int, int]], users: list[int]) -> None:
    data = log(rows)
    dense, last = brute(rows)
    histories = data.histories(np.array(users, dtype=np.int64), now=100)
    expected = np.array([dense[u] if u >= 0 else np.zeros(6) for u in users]).reshape(len(users), 6)
    assert np.array_equal(histories.matrix.toarray(), expected)
    assert (len(histories), histories.now) == (len(users), 100)
    assert histories.times is not None
    owner = np.repeat(users, np.diff(histories.matrix.indptr)).astype(int)
    assert [last[u, i] for u, i in zip(owner, histories.matrix.indices, strict=True)] == histories.times.tolist()


@given(LOGS, st.integers(0, 5), st.integers(0, 5))
def test_rows_of_histories(rows: list[tuple[int, int, int, int]], start: int, stop: int) -> None:
    whole = log(rows).histories()
    start, stop = min(start, stop), max(start, stop)
    part = whole.rows(start, stop)
    assert np.array_equal(part.matrix.toarray(), whole.matrix.toarray()[start:stop])
    assert part.times is not None
    assert whole.times is not None
    ptr = whole.matrix.indptr
    assert np.array_equal(part.times, whole.times[ptr[start] : ptr[stop]])


@given(LOGS)
def test_a_log_survives_the_round_trip_through_a_table(rows: list[tuple[int, int, int, int]]) -> None:
    data = log(rows)
    again = Interactions.from_frame(data.to_frame(), user_ids=data.user_ids, item_ids=data.item_ids)
    for name in ("users", "items", "times", "weights"):
        assert np.array_equal(getattr(again, name), getattr(data, name))


@given(LOGS, st.data())
def test_taking_a_part_keeps_the_id_maps(rows: list[tuple[int, int, int, int]], draw: st.DataObject) -> None:
    data = log(rows)
    mask = np.array(draw.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), dtype=bool)
    part = data.take(mask)
    assert np.array_equal(part.matrix.toarray(), brute([r for r, m in zip(rows, mask, strict=True) if m])[0])
    assert part.user_ids is data.user_ids
    assert (part.n_users, part.n_items, len(part)) == (5, 6, int(mask.sum()))


def test_untimed_logs_have_no_times() -> None:
    data = log([(0, 1, 2, 8)], timed=False)
    assert data.last_times is None
    assert data.histories().times is None
    assert data.histories().rows(0, 1).times is None
    assert "timestamp" not in data.to_frame()


def test_a_table_with_all_columns() -> None:
    frame = pd.DataFrame(
        {
            "user": ["b", "a", "b"],
            "item": [1, 2, 1],
            "timestamp": pd.to_datetime(["2026-01-01T00:00:01", "2026-01-01T00:00:02", "2026-01-01T00:00:03"]),
            "weight": [1, 2, 0.5],
            "rating": [5, None, 3],
        }
    )
    data = Interactions.from_frame(frame)
    assert data.user_ids.ids.tolist() == ["a", "b"]
    assert data.item_ids.ids.tolist() == ["1", "2"]
    assert data.times is not None
    assert (data.times - 1767225600).tolist() == [1, 2, 3]
    assert data.matrix.toarray().tolist() == [[0, 2], [1.5, 0]]
    assert data.ratings is not None
    assert np.array_equal(data.ratings, [5, np.nan, 3], equal_nan=True)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_with_a_zone_become_utc_in_any_resolution(unit: str) -> None:
    stamp = pd.Series(pd.to_datetime(["1970-01-01T01:00:10+01:00"], utc=False)).dt.as_unit(unit)
    data = Interactions.from_frame(pd.DataFrame({"user": ["a"], "item": ["x"], "timestamp": stamp}))
    assert data.times is not None
    assert data.times.tolist() == [10]


def test_rows_outside_given_id_maps_are_left_out() -> None:
    frame = pd.DataFrame({"user": ["a", "a", "z"], "item": ["x", "y", "x"], "rating": [1, 2, 3]})
    data = Interactions.from_frame(frame, user_ids=IdMap(["a"]), item_ids=IdMap(["x", "w"]))
    assert (len(data), data.n_items) == (1, 2)
    assert data.ratings is not None
    assert data.ratings.tolist() == [1]


def test_an_empty_log_is_a_log() -> None:
    data = Interactions.from_frame(pd.DataFrame({"user": [], "item": []}))
    assert (len(data), data.matrix.shape) == (0, (0, 0))


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({"user": ["a"]}, "column 'item' is missing; found user"),
        ({"user": ["a", "b"], "item": ["x", "y"], "weight": [1, 0]}, "weight 0.0 in row 1 is not above zero"),
        ({"user": ["a"], "item": ["x"], "weight": [float("nan")]}, "weight nan in row 0"),
        ({"user": ["a"], "item": ["x"], "weight": [-2.5]}, "weight -2.5 in row 0"),
    ],
)
def test_what_is_no_log_is_refused(frame: dict[str, list[Any]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Interactions.from_frame(pd.DataFrame(frame))


def test_columns_of_unequal_length_are_refused() -> None:
    ones = np.ones(2, np.float32)
    codes = np.zeros(2, np.int32)
    with pytest.raises(DataError, match="'items' has 1 rows, 'users' has 2"):
        Interactions(IdMap(["a"]), IdMap(["x"]), codes, codes[:1], None, ones)


@given(st.lists(st.lists(st.integers(-2, 7), max_size=6), max_size=5))
def test_histories_from_lists_of_codes(items: list[list[int]]) -> None:
    histories = Histories.of(items, 6)
    expected = np.zeros((len(items), 6))
    for row, codes in enumerate(items):
        expected[row, [c for c in codes if 0 <= c < 6]] = 1
    assert np.array_equal(histories.matrix.toarray(), expected)


def test_histories_carry_the_mean_stars_of_each_pair() -> None:
    rated = Interactions(
        IdMap(["a", "b"]),
        IdMap(["x", "y", "z"]),
        np.array([0, 0, 0, 1], np.int32),
        np.array([0, 0, 2, 1], np.int32),
        None,
        np.ones(4, np.float32),
        np.array([2, 5, np.nan, 4], np.float32),
    )
    np.testing.assert_array_equal(rated.histories().ratings, [3.5, np.nan, 4])
    np.testing.assert_array_equal(rated.histories(np.array([1, -1, 0])).ratings, [4, 3.5, np.nan])
    np.testing.assert_array_equal(rated.histories().rows(1, 2).ratings, [4])
    plain = Interactions(rated.user_ids, rated.item_ids, rated.users, rated.items, None, rated.weights)
    assert plain.histories().ratings is None
    assert plain.histories().rows(0, 1).ratings is None


def test_a_history_after_a_moment() -> None:
    log = Interactions.from_frame(
        pd.DataFrame({"user": ["a", "a", "a", "b"], "item": ["x", "y", "z", "x"], "timestamp": [10, 20, 30, 5]})
    )
    late = log.histories(np.array([0, 1])).after(20)
    assert late.matrix.toarray().tolist() == [[0, 0, 1], [0, 0, 0]]
    assert late.times is not None
    assert late.times.tolist() == [30]
    assert Histories.of([[0, 1]], 3).after(0).matrix.nnz == 0
