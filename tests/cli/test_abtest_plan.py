"""`shopr abtest plan` end to end, and what it says to bad input."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.calling import Run, typed

SPEC = """
name: checkout
arms: {control: 1, treatment: 1}
metrics:
  - {type: mean, name: revenue, covariates: [before]}
  - {type: proportion, name: bought}
guardrails: [{metric: bought, margin: 0.1}]
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command in this process: (exit status, stdout, stderr)."""
    return partial(typed("abtest", "plan"), capsys)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    before = rng.gamma(2, 10, 700)
    frame = pd.DataFrame(
        {
            "exposed_at": pd.Timestamp("2026-01-05") + pd.to_timedelta(np.arange(700) // 100, unit="D"),
            "before": before,
            "revenue": before + rng.gamma(2, 2, 700),
            "bought": np.arange(700) % 10 == 0,
        }
    ).astype({"bought": int})
    frame.to_csv(tmp_path / "history.csv", index=False)
    frame.to_parquet(tmp_path / "history.parquet")
    (tmp_path / "spec.yaml").write_text(SPEC)
    return tmp_path


def test_a_spec_is_planned_metric_by_metric(run: Run, history: Path) -> None:
    status, out, _ = run(history / "history.csv", "--spec", history / "spec.yaml", "--lift", 0.05, "--json")
    assert status == 0
    rows = json.loads(out)
    assert [row["metric"] for row in rows] == ["revenue", "bought"]
    assert rows[0]["n"] == sum(rows[0]["arms"])
    assert rows[0]["days"] % 7 == 0
    assert run(history / "history.parquet", "--spec", history / "spec.yaml", "--lift", 0.05, "--json")[1] == out


def test_people_get_tables(run: Run, history: Path) -> None:
    status, out, _ = run(history / "history.csv", "--metric", "bought", "--lift", 0.1)
    assert status == 0
    assert "What the test needs" in out
    assert "Smallest lift found after" in out


def test_planned_looks_have_a_price_that_is_said(run: Run, history: Path) -> None:
    spec = history / "looks.yaml"
    spec.write_text(SPEC + "design: {type: group_sequential, n: 5000, looks: 5, spending: pocock}\n")
    asked = (history / "history.csv", "--spec", spec, "--lift", 0.05)
    row = json.loads(run(*asked, "--json")[1])[0]
    assert 1.15 < row["inflation"] < 1.3  # Jennison and Turnbull 2000, table 2.2: 1.229 for the classical shape
    assert f"{row['inflation']:.2f} times the units of a test read once" in run(*asked)[1]
    assert "times the units" not in run(history / "history.csv", "--metric", "bought", "--lift", 0.1)[1]


def test_a_covariate_saves_units(run: Run, history: Path) -> None:
    plain, less = (
        json.loads(run(history / "history.csv", "--metric", "revenue", "--lift", 0.05, "--json", *more)[1])[0]["n"]
        for more in ([], ["--covariate", "before"])
    )
    assert less < plain / 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["history.csv", "--lift", "0.1"], "either --spec or --metric"),
        (["nope.csv", "--metric", "bought", "--lift", "0.1"], "does not exist"),
        (["history.csv", "--metric", "nope", "--lift", "0.1"], "needs column 'nope'"),
        (["history.csv", "--metric", "bought", "--lift", "0"], "cannot be found"),
        (["history.csv", "--metric", "bought", "--lift", "0.1", "--power", "2"], "power 2.0 is outside"),
    ],
)
def test_bad_calls_are_one_line_and_status_two(run: Run, history: Path, arguments: list[str], words: str) -> None:
    status, out, err = run(history / arguments[0], *arguments[1:])
    assert (status, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
