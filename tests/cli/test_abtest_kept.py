"""`shopr abtest analyze --save`, `list`, `show` and `simulate --save` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.abtest.units import SPEC, units
from tests.calling import typed

run = typed("abtest")

PLANNED = SPEC + "design: {type: group_sequential, n: 2800, looks: 4}\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    units(effect=0.15).to_parquet(tmp_path / "results.parquet", index=False)
    (tmp_path / "spec.yaml").write_text(PLANNED, encoding="utf-8")
    return tmp_path / "results.parquet", tmp_path / "spec.yaml"


def save(capsys, files, at, *more):
    return run(capsys, "analyze", files[0], "--spec", files[1], "--at", at, "--save", *more)


def test_readings_are_kept_listed_and_shown(capsys, files, settings):
    assert "Nothing is kept yet" in run(capsys, "list")[1]
    status, out, err = save(capsys, files, "2026-01-08")
    assert status == 0, err
    assert "Kept as reading 1 in" in out
    assert "keep running until look 2" in out
    status, out, err = save(capsys, files, "2026-01-15", "--json")
    assert status == 0, err
    told = json.loads(out)
    assert (told["kept"]["number"], told["look"]) == (2, 2)
    status, out, _ = run(capsys, "list")
    assert status == 0
    assert "checkout" in out
    assert "1,400" in out
    (one,) = json.loads(run(capsys, "list", "--json")[1])
    assert (one["name"], one["readings"], one["units"], one["problems"]) == ("checkout", 2, 1400, [])
    status, out, _ = run(capsys, "show", "checkout")
    assert status == 0
    assert "Reading 2 of 2" in out
    assert "All readings" in out
    shown = json.loads(run(capsys, "show", "checkout", "--json")[1])
    assert [r["units"] for r in shown["readings"]] == [700, 1400]
    assert shown["reading"]["rows"] == told["rows"]
    assert [p["n"] for p in shown["over_time"][0]["points"]] == [700, 1400]
    assert shown["spec"] == PLANNED
    first = json.loads(run(capsys, "show", "checkout", "--reading", 1, "--json")[1])
    assert first["reading"]["number"] == 1


def test_looks_count_whether_they_are_kept_or_not(capsys, files, settings):
    command = ("analyze", files[0], "--spec", files[1], "--json", "--at")
    assert json.loads(run(capsys, *command, "2026-01-08")[1])["look"] == 1
    assert json.loads(save(capsys, files, "2026-01-15", "--json")[1])["look"] == 2
    assert json.loads(run(capsys, *command, "2026-01-22")[1])["look"] == 3
    status, _, err = save(capsys, files, "2026-01-20")
    assert status == 2
    assert "is earlier than the last" in err
    assert json.loads(save(capsys, files, "2026-01-29", "--json")[1])["look"] == 4


def test_a_test_that_may_not_be_read_is_watched(capsys, files, tmp_path):
    files[1].write_text(SPEC, encoding="utf-8")
    status, _, err = run(capsys, "analyze", files[0], "--spec", files[1], "--at", "2026-01-08")
    assert (status, "needs 21.0 more days" in err) == (1, True)
    page = tmp_path / "watch.html"
    status, out, err = save(capsys, files, "2026-01-08", "--report", page)
    assert status == 0, err
    assert "keep running until 29 Jan 2026" in out
    assert "welch" not in out
    assert "Not read yet" in page.read_text(encoding="utf-8")
    assert "Ready to be read: its end was 29 Jan 2026" in run(capsys, "list")[1]


def test_reports_are_written_and_tracked(capsys, files, stores, tmp_path):
    status, out, err = save(capsys, files, "2026-01-29", "--track", "--json")
    assert status == 0, err
    told = json.loads(out)
    shown = json.loads(run(capsys, "show", "checkout", "--report", tmp_path / "r.html", "--json")[1])
    assert shown["readings"][0]["run"] == told["run"]
    assert "<svg" in (tmp_path / "r.html").read_text(encoding="utf-8")
    again = json.loads(save(capsys, files, "2026-01-29", "--track", "--json")[1])
    assert (again["kept"]["number"], again["run"]) == (1, told["run"])  # logged once
    assert told["run"]["run_id"] in run(capsys, "show", "checkout")[1]
    # Without --save a reading can be logged too.
    once = run(capsys, "analyze", files[0], "--spec", files[1], "--at", "2026-01-29", "--track")
    assert once[0] == 0
    assert "MLflow run" in once[1]
    assert run(capsys, "show", "checkout", "--report", tmp_path / "no" / "r.html")[0] == 1


def test_what_is_damaged_is_named(capsys, files, settings):
    for at in ("2026-01-08", "2026-01-15"):
        save(capsys, files, at)
    bad = settings.home / "experiments" / "checkout" / "readings" / "0001" / "reading.json"
    bad.write_text("{", encoding="utf-8")
    status, out, _ = run(capsys, "list")
    assert status == 0
    assert "WARNING checkout: readings/0001: Invalid JSON" in out
    status, out, _ = run(capsys, "show", "checkout")
    assert status == 0
    assert f"WARNING {bad.parent}" in out
    status, _, err = save(capsys, files, "2026-01-22")
    assert (status, err.count("\n")) == (2, 1)
    assert "Restore it; earlier looks count" in err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["show", "chekout"], 2, "unknown kept experiment 'chekout'. Did you mean 'checkout'?"),
        (["show", "checkout", "--reading", "9"], 2, "has no reading 9. There are: 1"),
        (["show", "../checkout"], 2, "unknown kept experiment"),
        (["analyze", "T", "--spec", "S", "--save", "--looks", "l.json"], 2, "--save keeps the looks itself"),
        (["simulate", "--spec", "S", "--track"], 2, "--track logs the readings that are kept"),
        (["simulate", "--spec", "S", "--save", "--runs", "3"], 2, "--runs rehearses one"),
    ],
)
def test_wrong_calls_are_one_line(capsys, files, arguments, status, message):
    save(capsys, files, "2026-01-08")
    given = [{"T": files[0], "S": files[1]}.get(a, a) for a in arguments]
    got, _, err = run(capsys, *given)
    assert (got, err.count("\n")) == (status, 1)
    assert message in err


def test_a_simulated_test_is_kept_look_by_look_until_one_decides(capsys, tmp_path, settings):
    spec = tmp_path / "spec.yaml"
    spec.write_text("name: lists\narms: {popular: 1, random: 1}\ndesign: sequential\n"
                    "metrics: [{name: converted, type: proportion}]\n", encoding="utf-8")  # fmt: skip
    command = ("simulate", "--spec", spec, "--preset", "tiny", "--days", 10, "--every", 4, "--save", "--json")
    status, out, err = run(capsys, *command, "--output", tmp_path / "last.csv")
    assert status == 0, err
    told = json.loads(out)
    assert [r["number"] for r in told["readings"]] == [1, 2, 3]  # days 4, 8 and the last
    assert (tmp_path / "last.csv").exists()
    (one,) = json.loads(run(capsys, "list", "--json")[1])
    assert one["simulated"]
    assert one["readings"] == 3
    assert json.loads(run(capsys, *command)[1]) == told  # asked again, nothing is kept twice
    assert json.loads(run(capsys, "list", "--json")[1])[0]["readings"] == 3
