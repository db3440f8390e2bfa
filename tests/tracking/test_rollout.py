"""Challenger, shadow, canary, champion; alerts that end a trial or take a champion down; cards; old versions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shopr.analytics.alerts.raised import Alerts
from shopr.data.interactions import Interactions
from shopr.errors import GateError, InputError, NotReadyError, UnknownNameError
from shopr.storage.database import Database
from shopr.tracking import judging, promotion
from shopr.tracking.cards import CARD_FILE, model_card
from shopr.tracking.gate import Decision
from shopr.tracking.registry import MODEL_NAME, aliased_version, champion_version, versions
from shopr.tracking.retention import retirable, retire
from shopr.tracking.rollout import STAGES, advance, on_trial, withdraw
from shopr.tracking.rules import RolloutRules, Rules
from shopr.tracking.store import client
from shopr.tracking.trials import Tally, TrialStore
from shopr.tracking.watcher import WATCHER, respond
from tests.tracking.shop import candidate, log

RULES = Rules(resamples=200, most_latency_ms=10_000)
ROLLOUT = RolloutRules(least_answers=50, canary_share=0.2)


@pytest.fixture(scope="module")
def bought() -> Interactions:
    return log()


@pytest.fixture
def lenient(monkeypatch):
    """The gate lets every candidate pass: what it says is tested elsewhere."""
    real = judging.decide

    def decide(*given, **more):
        found = real(*given, **{**more, "looks": 1})
        return Decision(True, found.reasons, found.against, more["looks"], found.level)

    monkeypatch.setattr(judging, "decide", decide)


def promote(settings, bought, run_id, **more):
    return promotion.promote(settings, bought, run_id=run_id, rules=RULES, actor="ann", **more)


def serving(settings) -> str | None:
    found = champion_version(settings)
    return None if found is None else str(found.version)


def stages(settings) -> dict[str, str]:
    found = {name: aliased_version(settings, name) for name in STAGES}
    return {name: str(v.version) for name, v in found.items() if v is not None}


def answered(settings, clock, stage: str, **sums) -> None:
    TrialStore(Database.open(settings), clock=clock).add("2", stage, Tally(**sums))


@pytest.fixture
def tried(stores, bought, clock, lenient):
    """Version 1 is champion, version 2 challenger."""
    promote(stores, bought, candidate(stores, bought, "item_knn"), clock=clock)
    clock.advance(60)
    promote(stores, bought, candidate(stores, bought, "ease", lam=50.0), clock=clock, to="challenger")
    clock.advance(60)
    return stores


def test_from_challenger_to_champion_each_step_on_record(tried, bought, clock):
    assert (serving(tried), stages(tried)) == ("1", {"challenger": "2"})
    with pytest.raises(InputError, match=r"version 2 is on trial, as challenger.*--next.*--trial"):
        promote(tried, bought, candidate(tried, bought, "popular"), to="challenger")
    assert advance(tried, rules=ROLLOUT, actor="ann", clock=clock) == ("2", "shadow")
    assert (serving(tried), stages(tried)) == ("1", {"shadow": "2"})
    with pytest.raises(GateError, match=r"version 2 stays shadow: 0 answers so far, 50 are asked for"):
        advance(tried, rules=ROLLOUT, clock=clock)
    answered(tried, clock, "shadow", answers=30, milliseconds=60.0, shared=15.0, compared=30)
    answered(tried, clock, "shadow", answers=30, errors=0, milliseconds=60.0, shared=15.0, compared=30)
    trial = on_trial(tried)
    assert (trial.tally.answers, trial.tally.overlap) == (60, 0.5)
    assert advance(tried, rules=ROLLOUT, actor="ann", clock=clock) == ("2", "canary")
    assert on_trial(tried).rules.canary_share == 0.2
    answered(tried, clock, "canary", answers=100, errors=2, slow=6, milliseconds=200.0)
    with pytest.raises(GateError, match=r"2\.0% of 100 answers failed, 1\.0% may; 6\.0% .* over 50 ms, 5\.0% may"):
        advance(tried, rules=ROLLOUT, clock=clock)
    answered(tried, clock, "canary", answers=300, milliseconds=600.0)
    assert advance(tried, rules=ROLLOUT, actor="bob", clock=clock) == ("2", "champion")
    assert (serving(tried), stages(tried), on_trial(tried)) == ("2", {}, None)
    record = promotion.history(tried)[::-1]
    steps = list(zip(record["action"], record["version"], strict=True))
    assert steps == [("promote", "1"), ("challenge", "2"), ("shadow", "2"), ("refuse", "2"), ("canary", "2"),
                     ("refuse", "2"), ("promote", "2")]  # fmt: skip
    last = record.iloc[-1]
    assert (last["actor"], last["previous_version"]) == ("bob", "1")
    assert last["reason"] == "400 answers as canary, 2 failed, 2.0 ms on average"
    assert last["evidence"]["models"]  # what the gate saw goes with it, but is no second look at its split
    assert "split" not in last["evidence"]
    assert promotion.rollback(tried, clock=clock) == "1"


def test_a_trial_that_is_withdrawn_leaves_the_champion_alone_and_may_begin_anew(tried, bought, clock):
    advance(tried, rules=ROLLOUT, clock=clock)
    answered(tried, clock, "shadow", answers=10)
    assert withdraw(tried, reason="odd lists", actor="ann", clock=clock) == "2"
    assert (serving(tried), stages(tried)) == ("1", {})
    with pytest.raises(NotReadyError, match=r"no version is on trial"):
        withdraw(tried)
    with pytest.raises(NotReadyError, match=r"no version is on trial.*--to challenger"):
        advance(tried)
    run_id = client(tried).get_model_version(MODEL_NAME, "2").run_id
    assert promote(tried, bought, run_id, to="challenger").version == "2"
    advance(tried, rules=ROLLOUT, clock=clock)
    assert on_trial(tried).tally == Tally()


def test_a_champion_that_changed_since_ends_the_way(tried, bought, clock):
    promote(tried, bought, candidate(tried, bought, "ease", lam=9.0), clock=clock)
    with pytest.raises(GateError, match=r"version 2 was held against version 1, but 3 is the champion now"):
        advance(tried, rules=ROLLOUT, clock=clock)


def test_an_alert_about_the_champion_rolls_back_once_then_cools_down(tried, bought, clock):
    for lam in (60.0, 70.0):
        withdraw(tried) if on_trial(tried) else None
        promote(tried, bought, candidate(tried, bought, "ease", lam=lam), clock=clock)
        clock.advance(60)
    assert serving(tried) == "4"
    alerts = Alerts(Database.open(tried), clock=clock)
    alerts.raise_alert("load", "above 80 %", severity="warning")
    assert respond(tried, clock=clock) == []
    first = alerts.raise_alert("conversion", "1.1 % against 1.9 %")  # about whichever serves
    (done,) = respond(tried, clock=clock)
    assert (done.alert_id, done.action, done.version, serving(tried)) == (first, "rollback", "4", "3")
    row = promotion.history(tried).iloc[0]
    assert (row["action"], row["actor"], row["reason"]) == (
        "rollback",
        WATCHER,
        "alert conversion: 1.1 % against 1.9 %",
    )
    assert respond(tried, clock=clock) == []  # answered once
    clock.advance(60)
    alerts.raise_alert("conversion", "still 1.2 %", version="3")
    alerts.raise_alert("errors", "late news", version="4")
    waits, old = sorted(respond(tried, clock=clock), key=lambda r: r.action, reverse=True)
    assert (waits.action, old.action, old.outcome) == ("wait", "none", "version 4 does not serve")
    assert serving(tried) == "3"
    clock.advance(3600)
    assert [r.action for r in respond(tried, clock=clock)] == ["rollback"]
    assert serving(tried) == "1"
    table = alerts.table()
    assert table["outcome"].notna().sum() == 3
    assert table.loc[table["severity"] == "warning", "handled_at"].isna().all()


def test_alerts_that_are_old_or_cannot_be_met_are_closed_with_the_reason(tried, clock):
    alerts = Alerts(Database.open(tried), clock=clock)
    alerts.raise_alert("errors", "many")
    assert [r.outcome for r in respond(tried, clock=clock)] == ["cannot roll back: no version served before version 1"]
    alerts.raise_alert("errors", "many")
    clock.advance(90_000)
    assert [r.outcome for r in respond(tried, fresh=timedelta(days=1), clock=clock)] == [
        "older than 24 hours when it was read"
    ]
    assert serving(tried) == "1"


def test_an_alert_about_a_version_on_trial_ends_the_trial(tried, clock):
    advance(tried, rules=ROLLOUT, clock=clock)
    Alerts(Database.open(tried), clock=clock).raise_alert("errors", "9 of 20 failed", version="2")
    (done,) = respond(tried, clock=clock)
    assert (done.action, done.outcome) == ("withdraw", "the trial of version 2 as shadow was ended")
    assert (serving(tried), stages(tried)) == ("1", {})


def test_wrong_alerts_are_refused(stores):
    alerts = Alerts(Database.open(stores))
    with pytest.raises(InputError, match="without a kind or a message"):
        alerts.raise_alert(" ", "x")
    with pytest.raises(InputError, match="kind of an alert has 65 characters"):
        alerts.raise_alert("k" * 65, "x")
    with pytest.raises(UnknownNameError, match="unknown severity 'critcal'.*Did you mean 'critical'"):
        alerts.raise_alert("errors", "x", severity="critcal")
    assert alerts.table().empty


def test_a_card_says_what_a_version_is_and_what_became_of_it(tried):
    card = model_card(tried, "1")
    assert card.startswith("# shopr-recommender, version 1: item_knn")
    for words in ("## Settings", "digest of the files: ", "- passed: coverage", "promote, by ann:", "## Limits"):
        assert words in card
    found = client(tried).get_model_version(MODEL_NAME, "1")
    assert found.description.startswith("# shopr-recommender, version 1")
    assert CARD_FILE in [f.path for f in client(tried).list_artifacts(found.run_id)]
    with pytest.raises(NotReadyError, match=r"there is no version '9'"):
        model_card(tried, "9")


def test_old_versions_retire_but_those_that_a_rollback_needs(tried, bought, clock):
    for lam in (60.0, 70.0, 80.0):
        withdraw(tried) if on_trial(tried) else None
        promote(tried, bought, candidate(tried, bought, "ease", lam=lam), clock=clock)
    assert serving(tried) == "5"
    folder = next(
        tried.artifact_root.rglob(f"{client(tried).get_model_version(MODEL_NAME, '2').run_id}/artifacts/model")
    )
    with pytest.raises(InputError, match="keep is 0"):
        retire(tried, 0)
    assert retirable(tried, 2) == ["1", "2"]  # 2 was on trial and never served
    assert retire(tried, 2, actor="ann", clock=clock) == ["1", "2"]
    assert not folder.exists()
    assert sorted(versions(tried)["version"]) == ["3", "4", "5"]
    assert promotion.history(tried)["action"].head(2).tolist() == ["retire", "retire"]
    assert [promotion.rollback(tried, clock=clock) for _ in range(2)] == ["4", "3"]
    with pytest.raises(NotReadyError, match="no version served before version 3"):
        promotion.rollback(tried)
    assert retire(tried, 2) == []
