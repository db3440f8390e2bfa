"""Rules tried out on history whose truth is known: false alarms, delays, and what cannot be known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from shopr.analytics.alerts.backtest import Incident, backtest, read_incidents
from shopr.analytics.alerts.course import course
from shopr.analytics.reading.source import EventTable
from shopr.errors import DataError, InputError, UnknownNameError
from tests.analytics.alerts.conftest import rule

START = datetime(2026, 3, 2, tzinfo=UTC)
END = START + timedelta(days=1)


def moment(hour: float) -> datetime:
    return START + timedelta(hours=hour)


@pytest.fixture(scope="module")
def events() -> EventTable:
    """Five calls a minute for a day; half of them fail from 6 to 7 and from 15 to 15:30."""
    seconds = np.arange(0, 86_400, 12)
    hour = seconds / 3600
    bad = ((hour >= 6) & (hour < 7)) | ((hour >= 15) & (hour < 15.5))
    status = np.where(bad & (np.arange(len(seconds)) % 2 == 0), 503, 200)
    frame = pd.DataFrame(
        {
            "type": "api_called", "time": pd.Timestamp(START) + pd.to_timedelta(seconds, unit="s"), "weight": 1.0,
            "properties": [f'{{"status":{code}}}' for code in status], "name": "/x", "value": 1.0,
        }
    )  # fmt: skip
    return EventTable(pa.Table.from_pandas(frame, preserve_index=False))


def test_an_alert_that_no_incident_explains_is_false(events):
    known = [Incident("release", moment(6), moment(7), ("failing",))]
    found = backtest([rule()], events, START, END, incidents=known)
    assert list(found.alerts["incident"].fillna("none")) == ["release", "none"]
    assert list(found.alerts["fired"]) == [moment(6) + timedelta(minutes=5), moment(15) + timedelta(minutes=5)]
    (row,) = found.table().to_dict("records")
    assert (row["alerts"], row["false_alarms"], row["incidents"], row["detected"]) == (2, 1, 1, 1)
    assert row["false_a_week"] == pytest.approx(7)
    assert row["delay_median"] == 5.0


def test_what_may_fire_is_neither_false_nor_missed(events):
    known = [
        Incident("release", moment(6), moment(7), ("failing",)),
        Incident("storm", moment(15), moment(16), ("other",), ("failing",)),
    ]
    found = backtest([rule(), rule(name="other", condition={"kind": "threshold", "window": "5m", "above": 0.9})],
                     events, START, END, incidents=known)  # fmt: skip
    table = found.table().set_index("rule")
    assert table["false_alarms"].to_dict() == {"failing": 0, "other": 0}
    assert (table.loc["other", "incidents"], table.loc["other", "detected"]) == (1, 0)
    assert found.detections()["minutes"].isna().sum() == 1


def test_without_incidents_nothing_is_known_to_be_false(events):
    found = backtest([rule()], events, START, END)
    assert found.table()["false_alarms"].isna().all()
    assert len(found.alerts) == 2


def test_history_before_the_span_is_the_past_and_fires_nothing(events):
    found = backtest([rule()], events, moment(12), END)
    assert list(found.alerts["began"]) == [moment(15) + timedelta(minutes=3)]


def test_wrong_calls_are_refused(events):
    with pytest.raises(InputError, match="is empty"):
        backtest([rule()], events, END, START)
    with pytest.raises(UnknownNameError, match="Did you mean 'failing'"):
        backtest([rule()], events, START, END, incidents=[Incident("x", START, END, ("faling",))])


def test_incidents_come_from_a_file(tmp_path):
    path = tmp_path / "incidents.csv"
    path.write_text("kind,start,end,rules,may\nrelease,2026-03-02T06:00Z,2026-03-02 07:00,failing other,third\n")
    assert read_incidents(path) == [Incident("release", moment(6), moment(7), ("failing", "other"), ("third",))]
    path.write_text("kind,start\nx,2026-03-02\n")
    with pytest.raises(DataError, match="no column 'end'"):
        read_incidents(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_incidents(tmp_path / "none.csv")


def test_the_course_of_a_metric_shows_the_breach(events):
    table = course(events, rule(), "", moment(5), moment(8))
    inside = table[table["breach"]]
    assert inside["time"].min() == pd.Timestamp(moment(6)) + pd.Timedelta(minutes=3)
    assert table["value"].max() == pytest.approx(0.5, abs=0.05)
    assert (table["bound"] == 0.2).all()
    assert course(events, rule(), "nobody", moment(5), moment(8)).empty
