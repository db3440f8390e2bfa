"""Interaction files: exact ids, every fault one clear line, every bad row counted with its number."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.clock import ManualClock
from shopr.data.rejects import Rejects
from shopr.data.sources.interactions_file import read_interactions, read_users
from shopr.errors import CapacityError, DataError

CLOCK = ManualClock(datetime(2024, 6, 1, tzinfo=UTC))


def rows(path: Path) -> list[tuple[str, str]]:
    return read_interactions(path, clock=CLOCK).to_frame()[["user", "item"]].apply(tuple, axis=1).tolist()


def put(folder: Path, content: bytes | str, name: str = "f.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"user,item\n007,a b\n",
        b"\xef\xbb\xbfuser,item\n007,a b\n",
        b"user;item\n007;a b\n",
        b"user\titem\n007\ta b\n",
        b"user|item\r\n007|a b\r\n",
        b'"user","item"\n"007","a b"',
        b" user , item \n007, a b \n\n",
        "user,item\n007,a b\n".encode("utf-16"),
        b"item,colour,user\na b,red,007\n",
    ],
)
def test_dialects(tmp_path, content):
    assert rows(put(tmp_path, content)) == [("007", "a b")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"user,item\n", "no sound row among 0"),
        (b"user,product\n1,2\n", "column 'item' is missing; found user, product"),
        (b"user,item,user\n1,2,3\n", "column 'user' occurs twice"),
        (b"user,item\n\xe9,2\n", "is not utf-8 text"),
        (b"user,item,\xe9\n1,2,3\n", "is not utf-8 text"),
        (b"user,item\n1,\x00\n", "NUL bytes"),
        (b"\n\nuser,item\n1,2\n", "empty first line"),
        (b"user,item\n" + b"x" * 10_000_000, "a line longer than 4 MiB"),
        (b"x" * 10_000_000, "first line is longer than 64 KiB"),
        (b'user,item\n"' + b"1,2\n" * 3_000_000, "a line longer than 4 MiB"),
        (b"PAR1xxxxPAR1", "not a sound Parquet file"),
        (b"PK\x03\x04xxxx", "not a sound Excel file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1xx", "old Excel file"),
        (b"user,item,timestamp\n1,2,soon\n", "no sound row among 1; row 1, column 'timestamp'"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path, content, message):
    with pytest.raises(DataError) as caught:
        read_interactions(put(tmp_path, content), clock=CLOCK)
    assert message in caught.value.one_line()
    assert caught.value.hint
    assert len(caught.value.one_line()) < 500


def test_paths_that_are_no_files(tmp_path, monkeypatch):
    for path, message in (
        (tmp_path, "is a folder"),
        (tmp_path / "x", "does not exist"),
        ("/dev/null", "not a regular"),
    ):
        with pytest.raises(DataError, match=message):
            read_interactions(path)
    with pytest.raises(DataError):
        read_interactions("a\0b")
    path = put(tmp_path, "user,item\n1,2\n")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(DataError, match=r"cannot be read: Permission denied\. Check its permissions"):
        read_interactions(path)


def test_a_file_beyond_memory_is_refused(tmp_path, monkeypatch):
    import psutil

    path = put(tmp_path, "user,item\n" + "1,2\n" * 1000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=100))
    with pytest.raises(CapacityError, match="three times"):
        read_interactions(path)


BAD = """user,item,timestamp,weight
1,2,5,1
,2,5,1
1,,5,1
1,2,abc,1
1,2,,1
1,2,2999-01-01,1
1,2,99999999999999999999999,1
1,2,5,x
1,2,5,0
1,2,5,-3
1,2,5,inf
1,2,5,nan
1,2
1,2,3,4,5

1,2,5,1e-60
1,9,2024-01-01T00:00:00Z,
"""


def test_bad_rows_are_counted_with_their_numbers(tmp_path, caplog):
    found: list[Rejects] = []
    path = put(tmp_path, BAD)
    log = read_interactions(path, on_rejects=found.append, clock=CLOCK)
    assert log.to_frame().to_numpy().tolist() == [["1", "2", 5, 1.0], ["1", "9", 1704067200, 1.0]]
    frame = found[0].frame.sort_values("row")
    assert frame["row"].tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16]
    by_row = frame.set_index("row")["reason"].to_dict()
    assert by_row[3] == "missing"
    assert by_row[6] == "in the future"
    assert by_row[9] == by_row[10] == by_row[16] == "not above zero"
    assert by_row[13] == "2 fields instead of 4"
    with caplog.at_level(logging.WARNING):
        read_interactions(path, clock=CLOCK)
    assert "f.csv: 14 of 16 rows set aside: " in caplog.text


def test_an_open_quote_says_how_much_it_swallowed(tmp_path):
    found: list[Rejects] = []
    log = read_interactions(put(tmp_path, 'user,item\n1,2\n"1,2\n3,4\n'), on_rejects=found.append)
    assert len(log) == 1
    assert found[0].frame["reason"].tolist() == ["a quote left open over 2 lines"]


def test_ids_of_parquet(tmp_path):
    big = 2**60 + 1
    cases = {
        "whole": pd.Series([7, 8, big]),
        "floats": pd.Series([12345.0, np.nan, 7.0]),
        "gaps": pd.Series([big, None, 7], dtype="Int64"),
        "text": pd.Series(["007", None, " 8 "]),
        "bytes": pd.Series([b"a", b"b", None]),
        "category": pd.Series(pd.Categorical(["x", None, "y"])),
    }
    expected = {
        "whole": ["7", "8", str(big)], "floats": ["12345", "7"], "gaps": [str(big), "7"],
        "text": ["007", "8"], "bytes": ["a", "b"], "category": ["x", "y"],
    }  # fmt: skip
    for name, column in cases.items():
        path = tmp_path / f"{name}.parquet"
        pd.DataFrame({"user": column, "item": 1, "extra": [[1], [2], [3]]}).to_parquet(path)
        assert [user for user, _ in rows(path)] == expected[name], name
    pd.DataFrame({"user": [[1], [2]], "item": [1, 2]}).to_parquet(tmp_path / "lists.parquet")
    with pytest.raises(DataError, match="holds lists or structs"):
        read_interactions(tmp_path / "lists.parquet")
    truncated = put(tmp_path, (tmp_path / "text.parquet").read_bytes()[:-20], "t.parquet")
    with pytest.raises(DataError, match="not a sound Parquet file"):
        read_interactions(truncated)


def test_times_of_parquet_and_excel(tmp_path):
    frame = pd.DataFrame({"user": ["1"], "item": ["2"], "timestamp": pd.to_datetime(["2024-01-01"])})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    frame.assign(timestamp=[1704067200]).to_parquet(tmp_path / "b.parquet")
    for name in ("a.parquet", "a.xlsx", "b.parquet"):
        assert read_interactions(tmp_path / name).times.tolist() == [1704067200], name


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=6)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=10))
def test_ids_come_back_exactly(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("ids") / "f.csv"
    pd.DataFrame(pairs, columns=["user", "item"]).to_csv(path, index=False, quoting=1)
    assert rows(path) == pairs


@given(st.binary(max_size=300))
def test_any_bytes_end_in_rows_or_one_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "f.csv"
    path.write_bytes(b"user,item\n" + content)
    count = -1
    with suppress(DataError):
        count = len(read_interactions(path))
    assert count != 0


def test_users(tmp_path):
    assert read_users(put(tmp_path, "user\n007\n\n8\n007\n")) == ["007", "8"]
    assert read_users(put(tmp_path, "name,user\na,1\n")) == ["1"]
    with pytest.raises(DataError, match="'user' is missing; found id"):
        read_users(put(tmp_path, "id\n1\n"))
    with pytest.raises(DataError, match="no sound row among 0"):
        read_users(put(tmp_path, "user\n"))
