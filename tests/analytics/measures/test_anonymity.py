"""Small cells: what is hidden, and that no total gives it away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.analytics.measures.anonymity import few, hidden_cells, suppressed
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
