"""The same content gives the same fingerprint, whatever holds it; any change gives another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.data.fingerprint import (
    fingerprint_bytes,
    fingerprint_file,
    fingerprint_folder,
    fingerprint_frame,
    fingerprint_interactions,
    fingerprint_parts,
)
from shopr.data.interactions import Interactions
from shopr.errors import DataError

FRAME = pd.DataFrame(
    {
        "text": ["a", "", None, "é\U0001f600"],
        "whole": [1, 2, 3, -4],
        "gaps": pd.array([1, None, 3, 2**60], dtype="Int64"),
        "number": [0.5, np.nan, 1e300, -0.0],
        "flag": [True, False, True, True],
        "time": pd.to_datetime(
            ["2024-01-01", "2024-02-01T10:00:00.000001", None, "1970-01-01"], utc=True, format="ISO8601"
        ),
    }
)


def test_it_is_pinned():
    # A change of these values changes every cache key and lineage record: do it on purpose only.
    assert fingerprint_bytes(b"shop") == "5be8536821cecaf342413f5e42db55af"
    frame = pd.DataFrame({"a": ["x", None], "b": [1, 2], "c": [0.5, None]})
    assert fingerprint_frame(frame) == "716617e1a072a8356ac03484542b53e2"


@pytest.mark.parametrize("kind", ["object", "str", "string[python]", "string[pyarrow]", "category"])
def test_storage_of_text_does_not_matter(kind):
    assert fingerprint_frame(FRAME.astype({"text": kind})) == fingerprint_frame(FRAME)


@pytest.mark.parametrize("kind", ["int8", "int32", "Int16", "float64", "float32"])
def test_width_of_numbers_does_not_matter(kind):
    assert fingerprint_frame(FRAME.astype({"whole": kind})) == fingerprint_frame(FRAME)


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_resolution_and_zone_of_times_do_not_matter(unit):
    other = FRAME.assign(time=FRAME["time"].astype(f"datetime64[{unit}, UTC]").dt.tz_convert("Asia/Tokyo"))
    assert fingerprint_frame(other) == fingerprint_frame(FRAME)


def test_order_of_columns_index_and_parquet_do_not_matter(tmp_path):
    expected = fingerprint_frame(FRAME)
    assert fingerprint_frame(FRAME[FRAME.columns[::-1]].set_axis([9, 8, 7, 6])) == expected
    for compression in ("zstd", "snappy", None):
        path = tmp_path / "f.parquet"
        FRAME.to_parquet(path, compression=compression, row_group_size=2)
        assert fingerprint_frame(pd.read_parquet(path)) == expected


@given(st.lists(st.tuples(st.text(max_size=3), st.integers(-3, 3) | st.none()), min_size=2, max_size=12), st.randoms())
def test_rows_may_be_shuffled_where_order_does_not_count(rows, random):
    frame = pd.DataFrame(rows, columns=["t", "n"]).astype({"n": "Int64"})
    mixed = random.sample(range(len(rows)), len(rows))
    assert fingerprint_frame(frame.iloc[mixed], ordered=False) == fingerprint_frame(frame, ordered=False)
    same = frame.iloc[mixed].reset_index(drop=True).equals(frame)
    assert (fingerprint_frame(frame.iloc[mixed]) == fingerprint_frame(frame)) == same


def test_every_change_shows():
    seen = {fingerprint_frame(FRAME)}
    changes = [
        FRAME.assign(text=["a", "", "", "é\U0001f600"]),
        FRAME.assign(text=["", "a", None, "é\U0001f600"]),
        FRAME.assign(whole=[1, 2, 3, 4]),
        FRAME.assign(number=[0.5, 0.0, 1e300, 0.0]),
        FRAME.rename(columns={"text": "words"}),
        FRAME.iloc[:3],
        FRAME.iloc[::-1],
        FRAME.drop(columns="flag"),
        FRAME.assign(time=FRAME["time"] + pd.Timedelta(microseconds=1)),
        FRAME.assign(whole=FRAME["whole"].astype(str)),
    ]
    for other in changes:
        found = fingerprint_frame(other)
        assert found not in seen
        seen.add(found)


def test_text_is_delimited():
    a = fingerprint_frame(pd.DataFrame({"x": ["ab", "c"]}))
    assert a != fingerprint_frame(pd.DataFrame({"x": ["a", "bc"]}))
    assert fingerprint_parts({"a": "bc"}) != fingerprint_parts({"ab": "c"})
    assert fingerprint_parts({"a": "1", "b": "2"}) == fingerprint_parts({"b": "2", "a": "1"})


def test_minus_zero_is_zero_and_empty_tables_differ_by_columns():
    assert fingerprint_frame(pd.DataFrame({"x": [-0.0, 0.5]})) == fingerprint_frame(pd.DataFrame({"x": [0.0, 0.5]}))
    empty = fingerprint_frame(pd.DataFrame({"x": []}))
    assert empty != fingerprint_frame(pd.DataFrame({"y": []}))
    assert empty == fingerprint_frame(pd.DataFrame({"x": pd.Series([], dtype="str")}))


def test_what_cannot_be_hashed_is_refused():
    with pytest.raises(DataError, match="mixes text"):
        fingerprint_frame(pd.DataFrame({"x": ["a", [1]]}))
    with pytest.raises(DataError, match="not unique"):
        fingerprint_frame(pd.DataFrame([[1, 2]], columns=["x", "x"]))


def test_files_and_folders(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.bin").write_bytes(b"1" * 3_000_000)
    whole = fingerprint_folder(tmp_path)
    assert fingerprint_file(tmp_path / "a" / "x.bin") == fingerprint_bytes(b"1" * 3_000_000)
    (tmp_path / "a" / "x.bin").rename(tmp_path / "a" / "y.bin")
    assert fingerprint_folder(tmp_path) != whole
    with pytest.raises(DataError, match="cannot be read"):
        fingerprint_file(tmp_path / "none")


def test_interactions():
    frame = pd.DataFrame({"user": ["a", "b"], "item": [1, 2], "timestamp": [5, 6]})
    a = Interactions.from_frame(frame)
    assert fingerprint_interactions(a) == fingerprint_interactions(Interactions.from_frame(frame))
    for other in (frame.assign(timestamp=[5, 7]), frame.drop(columns="timestamp"), frame.assign(user=["a", "c"])):
        assert fingerprint_interactions(Interactions.from_frame(other)) != fingerprint_interactions(a)
