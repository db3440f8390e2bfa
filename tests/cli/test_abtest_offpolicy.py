"""`shopr abtest offpolicy`: the command as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.calling import typed

run = typed()

MEANS = {"ease": 0.3, "popular": 0.1}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    arm = np.where(rng.random(4000) < 0.25, "ease", "popular")
    frame = pd.DataFrame(
        {"action": arm, "propensity": np.where(arm == "ease", 0.25, 0.75), "user_id": np.arange(4000) // 2}
    )
    frame["reward"] = (rng.random(4000) < frame["action"].map(MEANS)).astype(int)
    frame["slot"] = np.arange(4000) % 2 + 1
    frame.to_parquet(tmp_path / "log.parquet")
    frame.to_csv(tmp_path / "log.csv", index=False)
    pd.DataFrame({"action": ["ease"], "probability": [1.0]}).to_csv(tmp_path / "policy.csv", index=False)
    return tmp_path / "log.parquet", tmp_path / "policy.csv"


def test_estimates_as_json(capsys, files):
    log, policy = files
    status, out, _ = run(capsys, "abtest", "offpolicy", log, "--policy", policy, "--user", "user_id", "--json")
    assert status == 0
    document = json.loads(out)
    by_method = {row["method"]: row for row in document["estimates"]}
    assert set(by_method) == {"ips", "clipped", "snips", "dm", "dr", "switch_dr"}
    for method in ("ips", "snips", "dr"):
        assert by_method[method]["lo"] < 0.3 < by_method[method]["hi"]
        assert by_method[method]["units"] == 2000
    assert document["overlap"]["max_weight"] == pytest.approx(4)
    again = run(
        capsys, "abtest", "offpolicy", log.with_suffix(".csv"), "--policy", policy, "--user", "user_id", "--json"
    )
    assert json.loads(again[1]) == document


def test_a_table_for_people_with_slots(capsys, files, tmp_path):
    log, _ = files
    policy = tmp_path / "slots.csv"
    policy.write_text("position,action,probability\n1,ease,1\n2,ease,.5\n2,popular,.5\n")
    status, out, _ = run(
        capsys, "abtest", "offpolicy", log, "--policy", policy, "--position", "slot", "--method", "snips",
        "--interval", "bootstrap",
    )  # fmt: skip
    assert status == 0
    assert "snips" in out
    assert "dr" not in out.split("The logging policy")[0].replace("dropped", "")
    assert "rows' worth of information" in out


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("action,probability\near,1\n", "not in the log"), ("action,probability\nease,.5\n", "sum to 0.5"),
        ("action\nease\n", "lacks action or probability"), ("action,probability\nease,x\n", "not finite"),
        ("action,probability\nease,2\npopular,-1\n", "-1"),
    ],
)  # fmt: skip
def test_bad_policies_end_in_one_line(capsys, files, policy, said):
    log, path = files
    path.write_text(policy)
    status, _, err = run(capsys, "abtest", "offpolicy", log, "--policy", path)
    assert status == 2
    assert err.startswith("error: ")
    assert said in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(("column", "value", "said"), [("propensity", 0.0, "propensity 0"), ("reward", None, "reward")])
def test_bad_logs_end_in_one_line(capsys, files, column, value, said):
    log, policy = files
    frame = pd.read_parquet(log)
    frame[column] = frame[column].astype("float64")
    frame.loc[3, column] = value
    frame.to_parquet(log)
    status, _, err = run(capsys, "abtest", "offpolicy", log, "--policy", policy)
    assert status == 2
    assert said in err
    assert "row 3" in err


def test_a_missing_file_is_named(capsys, files):
    status, _, err = run(capsys, "abtest", "offpolicy", "nowhere.csv", "--policy", files[1])
    assert status == 2
    assert "nowhere.csv" in err
