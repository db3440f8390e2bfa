"""What commands print: strict JSON, tables that survive a pipe."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from shopr.cli.output import echo_frame, echo_json, echo_table, plain, to_json


class Colour(StrEnum):
    RED = "red"


@dataclass
class Point:
    x: float
    where: Path


class Model(BaseModel):
    when: datetime
    parts: list[int] = []


NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        (True, True),
        (Colour.RED, "red"),
        (NOW, "2026-01-02T03:04:05+00:00"),
        (timedelta(minutes=1), 60.0),
        (Decimal("1.10"), "1.10"),
        (Point(1.5, Path("/a")), {"x": 1.5, "where": "/a"}),
        (Model(when=NOW), {"when": "2026-01-02T03:04:05Z", "parts": []}),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.array([[1.0, np.nan]]), [[1.0, None]]),
        ({"a": (1, {2})}, {"a": [1, [2]]}),
        (pd.NaT, None),
        (pd.NA, None),
        (pd.DataFrame({"a": [1], "b": [pd.Timestamp(NOW)]}), [{"a": 1, "b": "2026-01-02T03:04:05+00:00"}]),
    ],
)
def test_values_become_jsons_own_types(value: object, expected: object) -> None:
    assert plain(value) == expected
    assert json.loads(to_json(value)) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_json_is_left_as_it_is(value: object) -> None:
    assert json.loads(to_json(value)) == value


def test_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    echo_json({"a": "é", "b": [1]}, indent=None)
    assert capsys.readouterr().out == '{"a": "é", "b": [1]}\n'


def test_a_table_in_a_pipe_is_as_wide_as_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300
    echo_table(["name", "score", "n"], [[long, 0.123456, 1234], ["[b]bracket[/b]", None, 5]], title="Results")
    out = capsys.readouterr().out
    assert long in out
    assert "\x1b" not in out
    for text in ("Results", "0.1235", "1,234", "[b]bracket[/b]", "–"):
        assert text in out


def test_a_long_title_stays_on_one_line_and_times_are_read_at_a_glance(capsys: pytest.CaptureFixture[str]) -> None:
    title = "a_name_of_a_spec: notebooks/a_long_name_of_a_notebook.ipynb"
    moment = datetime(2026, 11, 30, 8, 5, 33, 965923, tzinfo=UTC)
    echo_table(["k"], [[1], [moment], [moment.astimezone(ZoneInfo("Europe/Berlin"))]], title=title)
    out = capsys.readouterr().out
    assert out.splitlines()[0].strip() == title
    assert "2026-11-30 08:05:33 UTC" in out
    assert "2026-11-30 09:05:33+01:00" in out


def test_an_empty_table_still_names_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    echo_frame(pd.DataFrame({"user": [], "item": []}))
    assert "user" in capsys.readouterr().out


def test_values_of_a_sweep_are_shown_as_far_as_they_differ() -> None:
    from shopr.cli.sweep import _brief

    shown = [_brief(value) for value in (1.0111501174320878, 1e-05, 200.0, 3, True, "tiny")]
    assert shown == ["1.01115", "1e-05", "200", "3", "True", "tiny"]
