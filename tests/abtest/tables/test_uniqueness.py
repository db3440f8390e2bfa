"""Ids that are proved to be distinct are; where one occurs twice, or is missing, nothing is claimed."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopr.abtest.design.spec import parse_spec
from shopr.abtest.tables.table import open_table
from shopr.abtest.tables.uniqueness import all_distinct

SPEC = parse_spec("name: t\narms: [a, b]\nmetrics: [x]\n")
KINDS = {
    "dense": lambda n: np.arange(n) - 5,
    "sparse": lambda n: np.arange(n) * 10**9,
    "bytes": lambda n: np.arange(n).astype(np.uint8),
    "large": lambda n: np.arange(n).astype(np.uint64) + np.uint64(2**63),
    "text": lambda n: [f"u{i}" for i in range(n)],
    "floats": lambda n: np.arange(n) / 4,
    "uuid": lambda n: [uuid.UUID(int=i) for i in range(n)],
}


def proved(units: object, folder: Path | None = None) -> int:
    frame = pd.DataFrame({"unit_id": units})
    frame = frame.assign(variant="a", x=1.0)
    source: pd.DataFrame | Path = frame
    if folder is not None:
        source = folder / "t.parquet"
        frame.to_parquet(source)
    with open_table(source, SPEC) as table:
        return all_distinct(table)


@pytest.mark.parametrize("kind", KINDS)
def test_distinct_units_are_proved_and_a_repetition_never_is(kind: str) -> None:
    units = pd.Series(KINDS[kind](200))
    # Floats have no proof: they are counted.
    assert proved(units) == (0 if kind == "floats" else 200)
    for place in (0, 77, 199):
        assert proved(pd.concat([units, units[place : place + 1]], ignore_index=True)) == 0


def test_from_a_file_too(tmp_path: Path) -> None:
    assert proved(np.random.default_rng(0).permutation(5000), tmp_path) == 5000
    assert proved([*range(5000), 4999], tmp_path) == 0
    assert proved([f"{i:05}" for i in range(5000)], tmp_path) == 5000


def test_a_missing_unit_is_no_proof() -> None:
    assert proved(pd.array([1, 2, None], dtype="Int64")) == 0
    assert proved(["a", None, "b"]) == 0
    assert proved(pd.array([1, 10**12, None], dtype="Int64")) == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 30), min_size=1, max_size=40))
def test_whole_numbers_of_any_range(units: list[int]) -> None:
    assert proved(np.array(units, dtype=np.int64)) == (len(units) if len(set(units)) == len(units) else 0)
