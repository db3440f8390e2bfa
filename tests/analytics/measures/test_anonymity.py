"""Small cells: what is hidden, and that no total gives it away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.analytics.measures.anonymity import few, hidden_cells, hidden_ways, suppressed
from shopr.errors import InputError


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.integers(1, 8))
def test_no_small_cell_can_be_computed_from_a_total(persons: list[int], k: int) -> None:
    hide = hidden_cells(persons, k)
    n = np.array(persons)
    assert not ((n > 0) & (n < k) & ~hide).any()
    if hide.any():
        together = n[hide].sum()
        # What subtraction gives is the sum of the hidden: of several cells and of k persons, or of all there are.
        assert hide.all() or (hide.sum() >= 2 and together >= k)
    if not ((n > 0) & (n < k)).any():
        assert not hide.any()


def test_the_next_smallest_goes_with_a_single_small_cell() -> None:
    assert hidden_cells([2, 40, 9, 100]).tolist() == [True, False, True, False]
    assert hidden_cells([1, 1, 40, 9]).tolist() == [True, True, False, True]  # 2 together are still fewer than 5
    assert hidden_cells([3, 3, 40]).tolist() == [True, True, False]
    assert hidden_cells([0, 10, 40]).tolist() == [False, False, False]
    assert hidden_cells([3, 0, 0]).all()


def test_no_way_of_few_is_told_by_what_comes_into_a_step_and_leaves_it() -> None:
    links = pd.DataFrame(
        [
            (0, "search", "view", 3), (0, "home", "view", 60), (0, "home", "search", 20), (0, "home", "help", 30),
            (1, "view", "cart", 40), (1, "view", "leaves", 23), (1, "search", "view", 20), (1, "help", "leaves", 30),
        ],
        columns=["depth", "source", "target", "persons"],
    )  # fmt: skip
    # 63 left "view": the 3 are those less the 60 of home, whose 60 are its 110 less the 20 and the 30.
    assert hidden_ways(links).tolist() == [True, True, True, False, False, False, False, False]
    assert not hidden_ways(links[links["persons"] > 3]).any()
    assert hidden_ways(links.head(0)).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("ab"), st.sampled_from("cd"), st.integers(1, 20)),
                max_size=12, unique_by=lambda link: link[:3]))  # fmt: skip
def test_of_each_step_no_way_is_hidden_alone(rows: list[tuple[int, str, str, int]]) -> None:
    links = pd.DataFrame(rows, columns=["depth", "source", "target", "persons"])
    hide, n = hidden_ways(links), links["persons"].to_numpy()
    assert hide[n < 5].all()
    for by in ("source", "target"):
        for at in links.groupby(["depth", by]).indices.values():
            some = at[hide[at]]
            assert not len(some) or len(some) == len(at) or (len(some) >= 2 and n[some].sum() >= 5)


def test_a_table_keeps_names_and_loses_figures() -> None:
    table = pd.DataFrame(
        {
            "day": [1, 1, 1, 2, 2],
            "device": list("abcab"),
            "persons": [2, 40, 9, 50, 60],
            "share": [0.1, 0.5, 0.2, 0.4, 0.6],
        }
    )
    found = suppressed(table, within="day", keep=["device"])
    assert found["hidden"].tolist() == [True, False, True, False, False]
    assert found["device"].tolist() == list("abcab")
    assert found["persons"].isna().tolist() == [True, False, True, False, False]
    assert found["share"].isna().sum() == 2
    assert table["persons"].tolist() == [2, 40, 9, 50, 60]
    assert few() == "fewer than 5"
    with pytest.raises(InputError, match="at least 0"):
        hidden_cells([1], 0)


def test_a_table_without_small_cells_stays_as_it_is() -> None:
    table = pd.DataFrame({"name": ["x", "y"], "persons": [7, 0]})
    pd.testing.assert_frame_equal(suppressed(table, keep=["name"]).drop(columns="hidden"), table)
