"""Id maps: two-way, string at the edge, strict about doubles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.data import IdMap

IDS = st.lists(st.one_of(st.text(max_size=6), st.integers(-5, 5)), max_size=30)


@given(IDS)
def test_encoding_and_decoding_are_inverse(values: list[object]) -> None:
    ids, codes = IdMap.from_values(values)
    assert ids.decode(codes).tolist() == [str(v) for v in values]
    assert np.array_equal(ids.encode(values), codes)
    assert ids.ids.tolist() == sorted({str(v) for v in values})
    assert codes.dtype == np.int32


@given(IDS, IDS)
def test_unknown_ids_get_minus_one(known: list[object], asked: list[object]) -> None:
    ids, _ = IdMap.from_values(known)
    position = {name: code for code, name in enumerate(ids.ids)}
    assert ids.encode(asked).tolist() == [position.get(str(a), -1) for a in asked]
    assert all((str(a) in ids) == (str(a) in position) for a in asked)


def test_the_order_given_is_kept() -> None:
    ids = IdMap(["b", "a", 10])
    assert ids.ids.tolist() == ["b", "a", "10"]
    assert ids.encode(["10", "b"]).tolist() == [2, 0]
    assert len(ids) == 3


def test_an_id_that_occurs_twice_is_named() -> None:
    with pytest.raises(ValueError, match="id '1' occurs twice"):
        IdMap(["1", "2", 1])


def test_a_code_out_of_range_is_refused() -> None:
    with pytest.raises(IndexError):
        IdMap(["a"]).decode([1])


def test_equality_is_of_ids_and_order() -> None:
    assert IdMap(["a", "b"]) == IdMap(["a", "b"])
    assert IdMap(["a", "b"]) != IdMap(["b", "a"])
    assert hash(IdMap(["a", "b"])) == hash(IdMap(["a", "b"]))
    assert IdMap([]) == IdMap([])
    assert IdMap(["a"]) != ["a"]
