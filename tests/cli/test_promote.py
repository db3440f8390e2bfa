"""`shopr train`, `tune`, `evaluate`, `promote`, `rollback` and `models`, as they are typed, on one small shop."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.tracking.store import client
from tests.calling import typed
from tests.logs import orders_of
from tests.tracking.shop import log

run = typed()


@pytest.fixture
def shop(stores):
    """The shop `demo`, whose shoppers keep to their taste."""
    bought = log()
    catalog = Catalog.from_frame(pd.DataFrame({"product_id": bought.item_ids.ids, "title": bought.item_ids.ids}))
    Dataset.build("demo", catalog=catalog, events=orders_of(bought), source="test").save(stores.shop_folder("demo"))
    return stores


@pytest.mark.parametrize("command", [("train", "--model", "ease"), ("tune",), ("evaluate",), ("promote",)])
def test_without_a_shop_the_fix_is_named(capsys, command):
    status, _, err = run(capsys, *command)
    assert status == 1
    assert "has no data" in err
    assert "shopr data simulate" in err


def test_a_wrong_model_is_refused_before_any_data_is_read(capsys):
    status, _, err = run(capsys, "train", "--model", "eas")
    assert (status, "Did you mean 'ease'?" in err) == (2, True)
    status, _, err = run(capsys, "train", "--model", "ease", "--param", "lamb=3")
    assert (status, "lamb: Extra inputs" in err) == (2, True)


def test_train_promote_roll_back(capsys, shop, tmp_path):
    rules = tmp_path / "gate.yaml"
    rules.write_text("name: gate\nkind: gate\nrules: {resamples: 200, most_latency_ms: 10000}\n")
    status, out, _ = run(capsys, "models")
    assert (status, out) == (0, "No model was promoted yet. Run 'shopr tune' and 'shopr promote'.\n")
    status, _, err = run(capsys, "rollback")
    assert (status, err) == (1, "error: no model serves. Run 'shopr promote' first\n")

    assert run(capsys, "train", "--model", "popular")[0] == 0
    status, out, err = run(capsys, "promote", "--rules", rules, "--explain")
    assert status == 1
    assert out.splitlines()[0].startswith("FAILED  gain in ndcg@10: ")
    assert err.startswith("error: refused: gain in ndcg@10: ")

    status, out, _ = run(capsys, "train", "--model", "item_knn", "--param", "neighbours=40", "--json")
    trained = json.loads(out)
    assert (status, trained["params"]) == (0, {"neighbours": 40})
    assert trained["metrics"]["validation_ndcg@10"] > 0.2
    status, out, _ = run(capsys, "promote", trained["run_id"], "--rules", rules, "--json")
    assert (status, json.loads(out)["promoted"]) == (0, True)

    status, out, _ = run(capsys, "models")
    assert status == 0
    assert "champion" in out
    assert out.index("promote") < out.index("refuse")
    document = json.loads(run(capsys, "models", "--json")[1])
    assert [v["version"] for v in document["versions"]] == ["1"]
    assert [h["action"] for h in document["history"]] == ["promote", "refuse"]
    status, _, err = run(capsys, "rollback", "--reason", "sales fell")
    assert (status, err) == (1, "error: no version served before version 1. See 'shopr models'\n")
    status, _, err = run(capsys, "rollback", "--to", "7")
    assert (status, err) == (2, "error: version 7 was never the champion. No other version can serve again\n")
    assert run(capsys, "rollback", "--to", "1", "--trial")[0] == 2
    status, _, err = run(capsys, "promote", "--rules", tmp_path / "none.yaml")
    assert (status, "cannot be read" in err) == (2, True)


def test_tune_logs_every_trial_and_its_pictures(capsys, shop):
    arguments = ("--budget", 60, "--trials", 5, "--model", "ease", "--model", "popular", "--seed", 1)
    status, out, err = run(capsys, "tune", *arguments, "--json")
    assert status == 0, err
    found = json.loads(out)
    api = client(shop)
    parent = api.get_run(found["run_id"])
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["shopr.candidate"] == "true"
    below = f"tags.`mlflow.parentRunId` = '{found['run_id']}'"
    trials = api.search_runs([parent.info.experiment_id], below)
    assert len(trials) == len(found["leaderboard"]) == int(parent.data.metrics["trials"])
    assert {t.info.status for t in trials} == {"FINISHED"}
    plots = {a.path for a in api.list_artifacts(found["run_id"], "plots")}
    assert {"plots/history.png", "plots/models.png"} <= plots


def test_evaluate_prints_one_row_a_model(capsys, shop):
    models = ("--model", "popular", "--model", "item_knn")
    status, out, _ = run(capsys, "evaluate", *models, "--json")
    rows = json.loads(out)["models"]
    assert status == 0
    assert [r["model"] for r in rows] == ["item_knn", "popular"]
    assert rows[0]["gain_lo"] > 0
    status, out, _ = run(capsys, "evaluate", *models, "--split", "leave_last_out", "--k", 5)
    assert status == 0
    assert "nDCG@5 on the leave_last_out split of demo; gain over popular" in out


def test_evaluate_shows_how_far_live_answers_drift(capsys, shop):
    status, out, _ = run(capsys, "evaluate", "--online-drift", "--live-days", 5, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["shoppers"] > 0
    means = {row["measure"]: row["mean"] for row in found["measures"]}
    assert 0 < means["rbo"] <= 1
    status, out, _ = run(capsys, "evaluate", "--online-drift", "--live-days", 5, "--model", "item_knn", "--k", 5)
    assert status == 0
    assert "Live against refit at" in out
    status, _, err = run(capsys, "evaluate", "--online-drift", "--live-days", 5000)
    assert status == 2
    assert "leaves nothing to compare" in err


def test_the_careful_way_alerts_cards_and_retirement(capsys, shop, tmp_path):
    rules = tmp_path / "gate.yaml"
    rules.write_text(
        "name: gate\nkind: gate\n"
        "rules: {resamples: 200, most_latency_ms: 10000, most_popularity_lift: 50, rollout: {least_answers: 20}}\n"
    )
    assert json.loads(run(capsys, "alerts", "list", "--json")[1]) == {"alerts": []}
    assert run(capsys, "alerts", "answer")[1] == "No critical alert is open.\n"
    run(capsys, "train", "--model", "item_knn")
    status, out, err = run(capsys, "promote", "--to", "challenger", "--rules", rules)
    assert status == 0, err
    assert out.startswith("Version 1 is the challenger: 0.6")
    status, out, _ = run(capsys, "promote", "--next", "--rules", rules)
    assert (status, out) == (0, "Version 1 is the shadow: it answers along with the champion, unseen\n")
    status, _, err = run(capsys, "promote", "--next", "--rules", rules)
    assert (status, "version 1 stays shadow: 0 answers so far, 20 are asked for" in err) == (1, True)
    assert "Version 1 is shadow: 0 answers, 0 failed" in run(capsys, "models")[1]
    status, _, err = run(capsys, "promote", "best", "--next")
    assert (status, "--next is about the version on trial" in err) == (2, True)
    assert run(capsys, "rollback", "--trial", "--reason", "odd")[1] == "Version 1 is on trial no more\n"

    assert run(capsys, "promote", "--rules", rules)[0] == 0
    status, out, _ = run(capsys, "models", "--card", "1")
    assert (status, out.splitlines()[0]) == (0, "# shopr-recommender, version 1: item_knn")
    status, _, err = run(capsys, "models", "--card", "7")
    assert (status, err) == (1, "error: there is no version '7'. See 'shopr models'\n")
    assert run(capsys, "models", "--retire", 3)[1] == "Nothing to retire\n"

    status, out, _ = run(capsys, "alerts", "raise", "conversion", "1.1 % against 1.9 %")
    assert (status, "is on record" in out) == (0, True)
    status, out, _ = run(capsys, "alerts", "answer")
    assert (status, "cannot roll back: no version served before version 1" in out) == (0, True)
    assert "cannot roll back" in run(capsys, "alerts", "list")[1]
    status, _, err = run(capsys, "alerts", "raise", "x", "y", "--severity", "critcal")
    assert (status, "Did you mean 'critical'" in err) == (2, True)
