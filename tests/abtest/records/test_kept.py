"""The folder of kept readings: whatever stands in it, the list is shown, and what is wrong is named."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopr.abtest.records.board import standings
from shopr.abtest.records.keeping import keep
from shopr.abtest.records.kept import Kept, TrackedRun
from shopr.errors import DataError, InputError, StorageError, UnknownNameError
from tests.abtest.units import SPEC, START, units

TEXT = SPEC + "design: {type: sequential, tuning: 1000}\n"
NOW = START + timedelta(days=20)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A reading's file as it should be."""
    store = Kept(tmp_path_factory.mktemp("kept"))
    keep(store, units(400), TEXT, at=NOW)
    return (store.place("checkout", 1) / "reading.json").read_bytes()


def stored(tmp_path, content: bytes, *, folder: str = "0001", name: str = "checkout") -> Kept:
    place = tmp_path / "experiments" / name / "readings" / folder
    place.mkdir(parents=True)
    (place / "reading.json").write_bytes(content)
    return Kept(tmp_path)


def test_nothing_is_kept_at_first(tmp_path):
    store = Kept(tmp_path)
    assert store.names() == []
    assert standings(store, NOW) == []
    with pytest.raises(UnknownNameError, match="unknown kept experiment 'checkout'"):
        store.history("checkout")
    assert store.begun("checkout").readings == ()
    assert store.begun("checkout").latest is None


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda b: b"", "EOF"),
        (lambda b: b[: len(b) // 2], "EOF"),
        (lambda b: b"\xff\xfe\x00", "is no text"),
        (lambda b: b"[]", "should be an object"),
        (lambda b: b.replace(b'"version": 1', b'"version": 99'), "newer version of Shopr"),
        (lambda b: b.replace(b"name: checkout", b"name: other"), "belongs to experiment 'other'"),
        (lambda b: b.replace(b'"number": 1', b'"number": 3'), "it is reading 3"),
        (lambda b: b.replace(b"design: {", b"desing: {"), "unknown key"),
        (lambda b: b.replace(b'"rows": [', b'"rows": [3,'), "rows"),
        (lambda b: json.dumps({**json.loads(b), "analysis": None}).encode(), "analysis"),
    ],
)
def test_a_bad_file_is_named_and_nothing_else_suffers(tmp_path, whole, damage, says):
    bad = damage(whole)
    assert bad != whole
    store = stored(tmp_path, bad)
    stored(tmp_path, whole.replace(b'"number": 1', b'"number": 2', 1), folder="0002")
    stored(tmp_path, whole.replace(b"checkout", b"second"), name="second")
    history = store.history("checkout")
    assert [r.number for r in history.readings] == [2]
    (damaged,) = history.damaged
    assert says in damaged.reason
    assert "\n" not in damaged.reason
    with pytest.raises(DataError, match="0001 cannot be read"):
        history.reading(1)
    listed = {one.name: one for one in standings(store, NOW)}
    assert set(listed) == {"checkout", "second"}
    assert listed["checkout"].problems == (f"readings/0001: {damaged.reason}",)
    assert (listed["checkout"].readings, listed["second"].problems) == (1, ())


def test_strange_things_in_the_folder(tmp_path, whole):
    store = stored(tmp_path, whole)
    readings = store.place("checkout", 1).parent
    (readings / "0002").mkdir()  # nothing in it
    (readings / "0003").write_text("a file")
    (readings / "notes.txt").write_text("mine")
    (readings / ".new-abc").mkdir()
    (readings / "0004" / "reading.json").mkdir(parents=True)
    (store.folder / "UPPER").mkdir()
    (store.folder / "empty").mkdir()
    (store.folder / "file").write_text("x")
    history = store.history("checkout")
    assert [r.number for r in history.readings] == [1]
    assert [d.path.name for d in history.damaged] == ["0002", "0003", "0004"]
    states = {one.name: one.state for one in standings(store, NOW)}
    assert states == {"checkout": "keep running", "empty": "damaged"}
    assert keep(store, units(400), TEXT, at=NOW + timedelta(days=1)).number == 5


def test_an_experiment_of_which_nothing_can_be_read_is_damaged(tmp_path):
    (one,) = standings(stored(tmp_path, b"{"), NOW)
    assert (one.state, one.words, one.readings) == ("damaged", "Nothing of it can be read", 0)
    with pytest.raises(DataError, match="Restore it from a backup"):
        Kept(tmp_path).history("checkout").reading()
    with pytest.raises(InputError, match="no reading 7"):
        Kept(tmp_path).history("checkout").reading(7)


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_change_of_a_file_crashes_the_list(tmp_path_factory, whole, data):
    at = data.draw(st.integers(0, len(whole) - 1))
    noise = data.draw(st.binary(min_size=0, max_size=6))
    store = stored(tmp_path_factory.mktemp("noise"), whole[:at] + noise + whole[at + 1 :])
    (one,) = standings(store, NOW)
    assert one.readings + len(one.problems) == 1


def test_the_run_of_a_reading_is_noted_beside_it(tmp_path, whole):
    store = stored(tmp_path, whole)
    reading = store.history("checkout").latest
    run = TrackedRun(run_id="r1", experiment_id="7", experiment="abtests", page="#/experiments/7/runs/r1")
    store.note_run(reading, run)
    assert store.history("checkout").runs == {1: run}
    assert (store.place("checkout", 1) / "reading.json").read_bytes() == whole
    (store.place("checkout", 1) / "run.json").write_text("{}")
    history = store.history("checkout")
    assert (len(history.readings), history.runs) == (1, {})
    assert "run_id" in history.damaged[0].reason
    with pytest.raises(DataError, match=r"report.html: No such file"):
        store.report("checkout", 1)
    gone = reading.model_copy(update={"number": 9})
    with pytest.raises(StorageError):
        store.note_run(gone, run)


def test_a_number_that_is_taken_is_left_alone(tmp_path, whole):
    store = stored(tmp_path, whole)
    reading = store.history("checkout").latest
    assert store.commit(reading, "<html>") is False
    assert (store.place("checkout", 1) / "reading.json").read_bytes() == whole
    assert [p.name for p in store.place("checkout", 1).parent.iterdir()] == ["0001"]
