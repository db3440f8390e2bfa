"""Keeping readings: looks continue each other, nothing stored is lost, whoever else writes and whatever is killed."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import numpy as np
import pytest

from shopr.abtest.design.spec import parse_spec
from shopr.abtest.judging.analysis import analyze
from shopr.abtest.judging.looks import Look
from shopr.abtest.records import kept as kept_module
from shopr.abtest.records.keeping import keep, merged
from shopr.abtest.records.kept import Kept
from shopr.errors import DataError, InputError, StorageError
from tests.abtest.units import SPEC, START, units

PLANNED = SPEC + "design: {type: group_sequential, n: 2800, looks: 4}\n"
ANYTIME = SPEC + "design: {type: sequential, tuning: 1000}\n"


def day(number: float):
    return START + timedelta(days=number)


@pytest.fixture
def store(tmp_path):
    return Kept(tmp_path / "home")


def failed(reading):
    return {check.name: check.message for check in reading.analysis.health if not check.ok}


def test_looks_that_are_kept_are_what_the_next_one_is_computed_from(store, tmp_path, clock):
    frame, file = units(effect=0.2), tmp_path / "looks.json"
    for number, at in enumerate([day(7), day(14), day(21)], 1):
        reading = keep(store, frame, PLANNED, at=at, clock=clock)
        alone = analyze(frame, parse_spec(PLANNED), at=at, looks=file)
        assert reading.number == reading.analysis.look == number
        mine, theirs = reading.analysis.row("revenue", "short"), alone.row("revenue", "short")
        np.testing.assert_allclose([mine.lo, mine.hi, mine.p], [theirs.lo, theirs.hi, theirs.p])
    history = store.history("checkout")
    assert [r.n for r in history.readings] == [700, 1400, 2100]
    assert [look.n for look in history.looks] == [700, 1400, 2100]
    again = history.latest
    assert again.model_dump_json() == reading.model_dump_json()
    assert again.saved_at == clock.now()
    assert "<svg" in store.report("checkout", 3)
    assert (store.place("checkout", 3) / "spec.yaml").read_text(encoding="utf-8") == PLANNED


@pytest.mark.parametrize("text", [PLANNED, ANYTIME, SPEC + "design: bayesian\n"])
def test_a_look_that_is_earlier_or_has_fewer_units_is_refused(store, text):
    frame = units()
    keep(store, frame, text, at=day(14))
    with pytest.raises(InputError, match="is earlier than the last"):
        keep(store, frame, text, at=day(7))
    with pytest.raises(InputError, match="is earlier than the last"):
        keep(store, frame.iloc[:1000], text, at=day(20))
    assert len(store.history("checkout").readings) == 1


def test_the_same_reading_is_kept_once(store):
    first = keep(store, units(), ANYTIME, at=day(7))
    keep(store, units(), ANYTIME, at=day(9))
    again = keep(store, units(), ANYTIME, at=day(7))
    assert again.model_dump_json() == first.model_dump_json()
    assert len(store.history("checkout").readings) == 2


def test_another_table_is_found_out(store):
    frame = units()
    keep(store, frame, ANYTIME, at=day(14))
    others = units().assign(exposed_at=frame["exposed_at"] + timedelta(days=7))
    reading = keep(store, others, ANYTIME, at=day(28))
    assert "700 of the 1,400 units of reading 1 are not in this table" in failed(reading)["earlier readings"]
    assert reading.verdict.action == "find out"


def test_a_spec_that_changed_under_way_is_named(store):
    keep(store, units(), ANYTIME, at=day(7))
    reading = keep(store, units(), ANYTIME.replace("primary: [revenue]", "primary: [bought]"), at=day(14))
    assert failed(reading)["spec"].startswith("primary changed since reading 1")
    assert any("caution, spec" in reason for reason in reading.verdict.reasons)


def test_a_test_that_is_read_once_is_watched_until_its_end_and_read_then(store):
    early = keep(store, units(effect=2.0), SPEC, at=day(14))
    assert not early.has_results
    assert early.days == ()
    assert early.analysis.taken is None
    assert (early.verdict.action, early.verdict.until) == ("keep running", "29 Jan 2026, 00:00 UTC")
    assert "needs 14.0 more days" in early.verdict.reasons[0]
    html = store.report("checkout", 1)
    assert "Not read yet" in html
    assert "revenue +" not in html
    last = keep(store, units(effect=2.0), SPEC, at=day(28))
    assert last.verdict.action == "ship"
    assert last.days[0].naive
    assert "may not be read before the planned end" in store.report("checkout", 2)
    more = keep(store, units(3000, days=30, effect=2.0), SPEC, at=day(30))
    assert "reading 2" in failed(more)["read once"]


def test_a_lost_arm_is_found_while_the_test_runs(store):
    frame = units()
    frame = frame[(frame["variant"] == "control") | (frame.index % 3 == 0)]
    reading = keep(store, frame, SPEC, at=day(14))
    assert reading.verdict.action == "find out"
    assert "sample ratio" in failed(reading)


def test_looks_taken_without_being_kept_count(store):
    frame, experiment = units(), parse_spec(PLANNED)
    unsaved = analyze(frame, experiment, at=day(7), looks=[]).taken
    reading = keep(store, frame, PLANNED, at=day(14), earlier=[unsaved])
    assert reading.analysis.look == 2
    again = Look("2026-01-08T00:00:00+00:00", 700, {"x": (1.0, 1.0)})
    assert [look.n for look in merged([again], [unsaved, *store.history("checkout").looks])] == [700, 1400]
    assert merged([again], [unsaved])[0] is again


def test_a_damaged_look_stops_what_is_computed_from_it_and_nothing_else(store):
    for text, name in ((PLANNED, "planned"), (ANYTIME, "anytime")):
        named = text.replace("name: checkout", f"name: {name}")
        keep(store, units(), named, at=day(7))
        (store.place(name, 1) / "reading.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"0001 cannot be read.*Restore it; earlier looks count"):
        keep(store, units(), PLANNED.replace("name: checkout", "name: planned"), at=day(14))
    reading = keep(store, units(), ANYTIME.replace("name: checkout", "name: anytime"), at=day(14))
    assert reading.number == 2  # the damaged one keeps its place
    assert [d.path.name for d in store.history("anytime").damaged] == ["0001"]


class _Raced(Kept):
    """Another process is first with the next number, once."""

    other = None

    def commit(self, reading, html):
        if self.other is not None:
            other, self.other = self.other, None
            other()
        return super().commit(reading, html)


def test_who_comes_second_reads_anew_knowing_the_first(tmp_path):
    home, frame = tmp_path / "home", units(effect=0.2)
    raced = _Raced(home)
    raced.other = lambda: keep(Kept(home), frame, PLANNED, at=day(7))
    second = keep(raced, frame, PLANNED, at=day(14))
    assert (second.number, second.analysis.look) == (2, 2)
    first = analyze(frame, parse_spec(PLANNED), at=day(7), looks=[])
    wanted = analyze(frame, parse_spec(PLANNED), at=day(14), looks=[first.taken]).row("revenue", "short")
    assert second.analysis.row("revenue", "short").p == pytest.approx(wanted.p)
    # The same reading kept by another meanwhile is not kept again.
    raced.other = lambda: keep(Kept(home), frame, PLANNED, at=day(21))
    assert keep(raced, frame, PLANNED, at=day(21)).number == 3
    assert len(Kept(home).history("checkout").readings) == 3
    # A look that another's look overtook is refused, and nothing of it is left.
    raced.other = lambda: keep(Kept(home), units(2800), PLANNED, at=day(28))
    with pytest.raises(InputError, match="earlier than the last"):
        keep(raced, frame, PLANNED, at=day(24))
    assert [r.n for r in Kept(home).history("checkout").readings] == [700, 1400, 2100, 2800]


SCRIPT = """
import os, signal, sys
from pathlib import Path
from shopr.abtest.records.keeping import keep
from shopr.abtest.records.kept import Kept
from tests.abtest.units import SPEC, units
home, how = Path(sys.argv[1]), sys.argv[2]
if how == "killed":
    Path.rename = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)
(home / f"ready-{os.getpid()}").touch()
frame = units(560)
while how == "together" and len(list(home.glob("ready-*"))) < 2:
    pass
print(keep(Kept(home), frame, SPEC + "design: sequential\\n").number)
"""


def started(home, how, project):
    return subprocess.Popen([sys.executable, "-c", SCRIPT, home, how], cwd=project, stdout=subprocess.PIPE, text=True)


def test_two_processes_that_keep_at_once_keep_both(tmp_path, project):
    processes = [started(tmp_path, "together", project) for _ in range(2)]
    numbers = [int(process.communicate()[0]) for process in processes]
    assert sorted(numbers) == [1, 2]
    history = Kept(tmp_path).history("checkout")
    assert not history.damaged
    assert [r.number for r in history.readings] == [1, 2]
    assert len(history.looks) == 1  # both saw the same units


def test_a_process_killed_while_it_keeps_leaves_nothing_that_is_read(tmp_path, project):
    keep(Kept(tmp_path), units(560).iloc[:300], SPEC + "design: sequential\n")
    killed = started(tmp_path, "killed", project)
    assert killed.wait() == -signal.SIGKILL
    killed.stdout.close()
    store = Kept(tmp_path)
    folder = store.folder / "checkout" / "readings"
    (left,) = folder.glob(".new-*")
    assert (left / "reading.json").exists()  # written whole, but not yet in its place
    assert [r.number for r in store.history("checkout").readings] == [1]
    assert keep(store, units(560), SPEC + "design: sequential\n").number == 2
    assert left.exists()  # it may be another's that is still at work
    long_ago = time.time() - 3 * 86_400
    os.utime(left, (long_ago, long_ago))
    keep(store, units(560), SPEC + "design: sequential\n")
    assert sorted(p.name for p in folder.iterdir()) == ["0001", "0002", "0003"]


def test_a_full_disk_keeps_what_was_there(store, monkeypatch):
    first = keep(store, units(), ANYTIME, at=day(7))
    written = kept_module._write

    def full(path, text):
        if path.name == "reading.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written(path, text)

    monkeypatch.setattr(kept_module, "_write", full)
    with pytest.raises(StorageError, match="the disk is full"):
        keep(store, units(), ANYTIME, at=day(14))
    assert store.history("checkout").reading(1).fingerprint == first.fingerprint
    assert sorted(p.name for p in store.place("checkout", 1).parent.iterdir()) == ["0001"]


def test_figures_without_bounds_survive(store):
    text = SPEC + "design: {type: sequential, tuning: 1000}\nalternative: greater\n"
    keep(store, units(), text, at=day(14))
    row = store.history("checkout").latest.analysis.row("revenue", "short")
    assert row.hi == np.inf
    assert np.isnan(row.chance_to_win)
    json.loads((store.place("checkout", 1) / "reading.json").read_text(encoding="utf-8"),
               parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))  # fmt: skip
