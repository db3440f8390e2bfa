"""`shopr abtest simulate` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.calling import typed

run = typed("abtest")

SPEC = """
name: lists
arms: {popular: 1, random: 1}
metrics: [{name: recommended_clicks, covariates: [past_sessions]}, {name: converted, type: proportion}]
"""
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_what_is_played_can_be_analyzed(capsys, spec, tmp_path, suffix):
    output = tmp_path / "new" / f"ab.{suffix}"
    status, out, _ = run(
        capsys, "simulate", "--spec", spec, "--preset", "tiny", "--days", 7, "--output", output, "--json"
    )
    assert status == 0
    told = json.loads(out)
    assert told["experiment"] == "lists"
    assert {row["variant"] for row in told["arms"]} == {"popular", "random"}
    status, out, _ = run(capsys, "analyze", output, "--spec", spec, "--json")
    assert status == 0
    read = json.loads(out)
    assert read["units"] == {row["variant"]: row["units"] for row in told["arms"]}
    assert {"cuped", "z"} <= {row["method"] for row in read["rows"]}


def test_a_spec_is_rehearsed_on_past_units(capsys, spec, tmp_path):
    table = pd.DataFrame({"unit_id": range(300), "past_sessions": 1.0, "recommended_clicks": range(300)})
    table["converted"] = table.index % 2
    table.to_csv(tmp_path / "past.csv", index=False)
    options = ("simulate", "--spec", spec, "--table", tmp_path / "past.csv", "--runs", 3)
    status, out, _ = run(capsys, *options, "--lift", 0.9, "--json")
    assert status == 0
    told = json.loads(out)
    assert (told["runs"], told["units"], told["looks"], told["lift"]) == (3, 300, 1, 0.9)
    assert [row["metric"] for row in told["rows"]] == ["recommended_clicks", "converted", "any primary"]
    assert told["rows"][0]["better"] == 1
    status, out, _ = run(capsys, *options)
    assert status == 0
    assert "error rate" in out


def test_without_a_table_the_control_serves_everybody(capsys, spec):
    arguments = ("simulate", "--spec", spec, "--preset", "tiny", "--runs", 2, "--json")
    status, out, _ = run(capsys, *arguments)
    assert status == 0
    assert json.loads(out)["runs"] == 2


def test_the_spec_of_the_project_plays_and_reads(capsys, tmp_path):
    path, table = ROOT / "experiments/ab_recommender.yaml", tmp_path / "ab.parquet"
    assert run(capsys, "simulate", "--spec", path, "--preset", "tiny", "--output", table)[0] == 0
    status, out, _ = run(capsys, "analyze", table, "--spec", path)
    assert status == 0
    assert "customer=returning" in out


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--arm", "populr=ease"], "unknown arm of lists 'populr'. Did you mean 'popular'?"),
        (["--arm", "popular=esae"], "unknown model 'esae'. Did you mean 'ease'?"),
        (["--lift", "0.1"], "--lift and --table are for a rehearsal"),
        (["--output", "ab.txt"], "ab.txt ends in '.txt'"),
        (["--preset", "tiny", "--days", "1000"], "1000 days to play. Give 1 to 90"),
        (["--runs", "2", "--table", "nothing.csv"], "nothing.csv"),
    ],
)
def test_bad_input_is_one_line(capsys, spec, extra, message):
    status, _, err = run(capsys, "simulate", "--spec", spec, *extra)
    assert status > 0
    assert message in err
    assert "Traceback" not in err
    assert err.count("error:") == 1
