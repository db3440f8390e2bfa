"""`shopr abtest analyze` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.calling import typed

run = typed()

SPEC = """
name: checkout
arms: {control: 1, short: 1}
metrics: [revenue, {name: bought, type: proportion}]
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"unit_id": range(1000), "variant": rng.choice(["control", "short"], 1000)})
    frame["exposed_at"] = pd.date_range("2026-01-01", periods=1000, freq="15min").strftime("%Y-%m-%dT%H:%M:%SZ")
    frame["revenue"] = rng.gamma(2, 5, 1000) + 3 * (frame.variant == "short")
    frame["bought"] = rng.random(1000) < 0.2
    frame.to_csv(tmp_path / "results.csv", index=False)
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path / "results.csv", tmp_path / "spec.yaml"


def test_json_has_a_row_for_each_method(capsys, files):
    status, out, err = run(capsys, "abtest", "analyze", files[0], "--spec", files[1], "--json")
    assert status == 0, err
    found = json.loads(out)
    rows = {(r["metric"], r["arm"], r["method"]): r for r in found["rows"]}
    assert set(rows) == {
        ("revenue", "short", "welch"),
        ("revenue", "short", "welch_lift"),
        ("bought", "short", "z"),
        ("bought", "short", "z_lift"),
    }
    row = rows["revenue", "short", "welch"]
    assert {"metric", "arm", "method", "estimate", "lo", "hi", "p", "decision"} <= set(row)
    assert row["lo"] < row["estimate"] < row["hi"]
    assert row["decision"] == "better"
    assert [c["name"] for c in found["health"]][:2] == ["units", "sample ratio"]


def test_a_table_for_people(capsys, files):
    status, out, _ = run(capsys, "abtest", "analyze", files[0], "--spec", files[1])
    assert status == 0
    assert "welch_lift" in out
    assert "WARNING horizon" in out


def test_the_schema(capsys):
    status, out, _ = run(capsys, "abtest", "analyze", "--schema")
    assert status == 0
    assert "metrics" in json.loads(out)["properties"]


def test_a_group_sequential_test_remembers_its_looks(capsys, files, settings):
    files[1].write_text(SPEC + "design: {type: group_sequential, n: 1000, looks: 2}\n", encoding="utf-8")
    first = run(capsys, "abtest", "analyze", files[0], "--spec", files[1], "--at", "2026-01-08", "--json")
    assert json.loads(first[1])["look"] == 1
    assert (Path(settings.home) / "abtest" / "checkout.looks.json").is_file()
    second = run(capsys, "abtest", "analyze", files[0], "--spec", files[1], "--at", "2026-01-30", "--json")
    assert json.loads(second[1])["final"] is True
    status, _, err = run(capsys, "abtest", "analyze", files[0], "--spec", files[1], "--at", "2026-01-05")
    assert status == 2
    assert err.startswith("error: this look")


@pytest.mark.parametrize(
    ("extra", "status", "message"),
    [
        ("design: {type: fixed, n: 5000}\n", 1, "needs 4,000 more units"),
        ("unit: user\n", 2, "unknown column in results.csv 'user'"),
        ("alpha: 2\n", 2, "alpha"),
    ],
)
def test_refusals_are_one_line(capsys, files, extra, status, message):
    files[1].write_text(SPEC + extra, encoding="utf-8")
    got, out, err = run(capsys, "abtest", "analyze", files[0], "--spec", files[1])
    assert (got, out) == (status, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1


def test_the_call_needs_a_table_and_a_spec(capsys, files):
    status, _, err = run(capsys, "abtest", "analyze", files[0])
    assert status == 2
    assert "needs a TABLE and a --spec FILE" in err


def test_segments_and_small_figures_can_be_told_apart(capsys, files, tmp_path):
    frame = pd.read_csv(files[0])
    frame["revenue"] /= 1e7
    frame["country"] = np.where(frame.index % 2, "de", "fr")
    frame.to_csv(files[0], index=False)
    files[1].write_text(SPEC + "segments: [country]\n", encoding="utf-8")
    status, out, err = run(capsys, "abtest", "analyze", files[0], "--spec", files[1])
    assert status == 0, err
    assert "country=de" in out
    welch = next(line for line in out.splitlines() if "│ welch " in line)
    assert "e-07" in welch


@pytest.mark.parametrize("at", ["2026-01-05", "2026-01-05T00:00:00Z", "2026-01-05T01:00:00+01:00"])
def test_a_moment_is_iso_8601(capsys, files, at):
    status, out, err = run(capsys, "abtest", "analyze", files[0], "--spec", files[1], "--at", at, "--json")
    assert status == 0, err
    assert sum(json.loads(out)["units"].values()) == 4 * 96 + 1


def test_the_report_and_what_to_do(capsys, files, tmp_path):
    page = tmp_path / "report.html"
    status, out, err = run(capsys, "abtest", "analyze", files[0], "--spec", files[1], "--report", page, "--json")
    assert status == 0, err
    assert json.loads(out)["verdict"]["action"] == "ship"
    assert "Ship short" in page.read_text(encoding="utf-8")
    status, out, _ = run(capsys, "abtest", "analyze", files[0], "--spec", files[1])
    assert "ship short" in out
    assert "revenue +" in out
    status, _, err = run(
        capsys, "abtest", "analyze", files[0], "--spec", files[1], "--report", tmp_path / "no" / "r.html"
    )
    assert status == 1
    assert err.startswith("error: ")
    assert err.count("\n") == 1
