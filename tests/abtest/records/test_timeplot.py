"""The picture of a path: whole, within its frame, and told in words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from shopr.abtest.judging.trajectory import Planned, Point, Trajectory
from shopr.abtest.records.timeplot import picture, value_range
from tests.abtest.units import START


def path(n: int = 5, **changes: object) -> Trajectory:
    points = tuple(
        Point(START + timedelta(days=i - 1), 100 * i, 1.0, 1 - 4 / i, 1 + 4 / i, 4 / i, 0.1, "better" if i > 4 else "")
        for i in range(1, n + 1)
    )
    return replace(Trajectory("<m>", "short", "welch", "kept", False, 2, points), **changes)


def drawn(made: Trajectory) -> ET.Element:
    return ET.fromstring(picture(made))


def numbers(element: ET.Element) -> list[float]:
    return [float(v) for v in re.findall(r"-?[\d.]+", element.get("points", ""))]


def test_it_shows_the_band_the_limits_and_where_it_stopped():
    found = drawn(path(stopped=4))
    kinds = [e.get("class") for e in found.iter() if e.get("class")]
    assert kinds.count("limit") == 2
    assert kinds.count("band") == kinds.count("stop") == 1
    assert len(list(found.iter("circle"))) == 5
    assert found.get("aria-label").startswith("<m> in short over time, 5 looks. Decided for this metric")
    for element in found.iter():
        values = numbers(element)
        assert all(0 <= x <= 820 for x in values[::2])
        assert all(-300 <= y <= 600 for y in values[1::2])  # what lies outside is cut off by the frame


def test_one_sided_paths_have_one_limit_and_may_be_open():
    points = tuple(replace(p, hi=np.inf) for p in path().points)
    found = drawn(path(points=points, sides=1))
    assert sum(e.get("class") == "limit" for e in found.iter()) == 1
    assert "nan" not in picture(path(points=points))
    assert "inf" not in picture(path(points=points))


def test_what_is_planned_is_drawn_where_it_is_near():
    near = Planned(6, 600, START + timedelta(days=7), False)
    far = Planned(7, 99_999, START + timedelta(days=900), False)
    text = picture(path(planned=(near, far), end=START + timedelta(days=8)))
    assert "look 6" in text
    assert "look 7" not in text
    assert "planned end" in text


@pytest.mark.parametrize("n", [1, 2, 6, 7, 60])
@pytest.mark.parametrize("naive", [True, False])
def test_any_number_of_looks_can_be_drawn(n, naive):
    found = drawn(path(n, naive=naive))
    assert found.get("class") == ("path naive" if naive else "path")
    assert len(list(found.iter("text"))) >= 3


def test_what_lies_outside_is_cut_off_and_not_drawn_at_the_edge():
    points = tuple(replace(p, estimate=99.0) if i == 0 else p for i, p in enumerate(path(30).points))
    found = drawn(path(points=points))
    (frame,) = found.iter("clipPath")
    top = float(frame[0].get("y"))
    first, second = list(found.iter("circle"))[:2]
    assert float(first.get("cy")) < top - 4 < float(second.get("cy"))


def test_points_without_values_are_left_out():
    points = (*path().points, Point(START + timedelta(days=9), 900, np.nan, np.nan, np.nan))
    assert "nan" not in picture(path(points=points))


def test_the_wide_intervals_of_the_first_days_do_not_flatten_the_rest():
    low, high = value_range(path(60))
    assert -1 < low < 0
    assert 1 < high < 2
    assert value_range(path(1))[0] < -3  # of few looks all is shown
    flat = path(points=(Point(START, 10, 0.0, 0.0, 0.0),))
    assert value_range(flat) == (-1.0, 1.0)
