"""Promotion, refusal and rollback on a shop with a known truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy.exc import OperationalError

from shopr.data.interactions import Interactions
from shopr.data.splitting import four_way
from shopr.errors import GateError, InputError, NotReadyError, StorageError
from shopr.recommend.contract.registry import make
from shopr.storage.database import Database
from shopr.tracking import judging, promotion
from shopr.tracking.evidence import gather
from shopr.tracking.gate import Decision, Reason
from shopr.tracking.packaging import load_model, log_model
from shopr.tracking.registry import CANDIDATE_TAG, MODEL_NAME, champion_version, point, register, versions
from shopr.tracking.rules import Rules
from shopr.tracking.runs import run
from shopr.tracking.slot import ModelSlot
from shopr.tracking.store import client
from tests.tracking.shop import candidate, log

RULES = Rules(resamples=200, most_latency_ms=10_000)


@pytest.fixture(scope="module")
def bought() -> Interactions:
    return log()


def promote(settings, bought, run_id=None, **more):
    return promotion.promote(settings, bought, run_id=run_id, rules=RULES, actor="ann", **more)


def state(settings) -> str | None:
    found = champion_version(settings)
    return None if found is None else str(found.version)


def model_files(settings, run_id: str) -> Path:
    (found,) = settings.artifact_root.rglob(f"{run_id}/artifacts/model/artifacts/recommender")
    return found


def tamper(folder: Path) -> None:
    path = max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_nothing_to_promote_or_roll_back(stores, bought):
    assert versions(stores).empty
    assert promotion.history(stores).empty
    assert ModelSlot(stores).current() is None
    with pytest.raises(NotReadyError, match=r"no run has logged a candidate.*shopr tune"):
        promote(stores, bought)
    with pytest.raises(NotReadyError, match=r"there is no run 'abc'"):
        promote(stores, bought, "abc")
    with pytest.raises(NotReadyError, match=r"no model serves.*shopr promote"):
        promotion.rollback(stores)


def test_promote_refuse_roll_back(stores, bought, clock):
    popular = candidate(stores, bought, "popular")
    refused = promote(stores, bought, popular, clock=clock)
    assert refused.version is None
    assert state(stores) is None
    good = candidate(stores, bought, "item_knn")
    first = promote(stores, bought, clock=clock)  # the newest candidate
    assert (first.run_id, first.version, first.previous) == (good, "1", None)
    assert first.decision.looks == 2
    with pytest.raises(InputError, match=r"serves already, as version 1"):
        promote(stores, bought, good)
    worse = promote(stores, bought, popular, clock=clock)
    assert worse.version is None
    assert worse.decision.against == "item_knn"
    assert state(stores) == "1"
    slot = ModelSlot(stores, clock=clock)
    assert slot.current().version == "1"
    record = promotion.history(stores)
    assert record["action"].tolist() == ["refuse", "promote", "refuse"]
    assert set(record["actor"]) == {"ann"}
    assert record["reason"].iloc[0].startswith("gain in ndcg@10: ")
    assert record["evidence"].iloc[1]["decision"]["allowed"] is True
    assert {m["model"] for m in record["evidence"].iloc[1]["models"]} == {"item_knn", "popular"}
    assert record["version"].iloc[0] == f"run {popular[:8]}"

    # Where the alias is taken away, nothing serves.
    point(stores, None)
    assert slot.current().version == "1"  # within the slot's time
    clock.advance(6)
    assert slot.current() is None


def test_fifty_steps_explain_every_state_of_the_alias(stores, bought, monkeypatch):
    runs = [candidate(stores, bought, "item_knn"), candidate(stores, bought, "ease", lam=50.0)]
    # What the gate says is tested elsewhere: here it lets every candidate pass.
    real = judging.decide

    def lenient(*given, **more):
        found = real(*given, **{**more, "looks": 1})
        return Decision(True, found.reasons, found.against, more["looks"], found.level)

    monkeypatch.setattr(judging, "decide", lenient)
    seen = [state(stores)]
    for step in range(50):
        if step % 3 == 2:
            promotion.rollback(stores, reason=f"step {step}")
        else:
            promote(stores, bought, runs[1 if state(stores) == "1" else 0])
        seen.append(state(stores))
    record = promotion.history(stores)[::-1]
    assert record["version"].tolist() == seen[1:]
    assert record["previous_version"].tolist() == seen[:-1]
    assert (record["action"] == "rollback").sum() == 16
    assert record["id"].is_monotonic_increasing
    for _, row in record.iterrows():
        assert row["reason"]
        assert row["actor"]
    for _ in range(4):  # whatever came before, going back ends
        try:
            promotion.rollback(stores)
        except NotReadyError:
            break
    looks = [e["decision"]["looks"] for e in record["evidence"] if e]
    assert looks == list(range(1, 35))


def test_rollback_retraces_the_record_past_broken_versions(stores, bought, monkeypatch):
    runs = [candidate(stores, bought, "ease", lam=lam) for lam in (50.0, 60.0, 70.0)]
    monkeypatch.setattr(
        judging,
        "decide",
        lambda *_, looks, **__: Decision(True, (Reason("gain", 1.0, 0.0, True, "better"),), "x", looks, 0.95),
    )
    for run_id in runs:
        promote(stores, bought, run_id)
    assert state(stores) == "3"
    assert promotion.rollback(stores) == "2"
    assert promotion.rollback(stores, reason="sales fell") == "1"
    with pytest.raises(NotReadyError, match=r"no version served before version 1"):
        promotion.rollback(stores)
    for run_id in runs[1:]:
        promote(stores, bought, run_id)
    tamper(model_files(stores, runs[1]))
    assert promotion.rollback(stores) == "1"
    reason = promotion.history(stores)["reason"].iloc[0]
    assert reason.startswith("asked for; ")
    assert "version 2 is not what was logged" in reason
    # Moved by other hands: what the record has on top comes first.
    point(stores, "3")
    assert promotion.rollback(stores) == "1"


def test_rollback_to_any_version_that_was_the_champion(stores, bought, monkeypatch, clock):
    passes = Decision(True, (Reason("gain", 1.0, 0.0, True, "better"),), "x", 1, 0.95)
    monkeypatch.setattr(judging, "decide", lambda *_, **__: passes)
    runs = [candidate(stores, bought, "ease", lam=lam) for lam in (50.0, 60.0, 70.0, 80.0)]
    for run_id in runs[:3]:
        promote(stores, bought, run_id, clock=clock)
    promote(stores, bought, runs[3], to="challenger")
    slot = ModelSlot(stores, clock=clock)
    assert slot.current().version == "3"
    assert promotion.rollback(stores, to="1", reason="2 was no better", actor="bea", clock=clock) == "1"
    clock.advance(6)
    assert slot.current().version == "1"  # what serves follows
    row = promotion.history(stores).iloc[0]
    assert (row["action"], row["version"], row["previous_version"]) == ("rollback", "1", "3")
    assert (row["actor"], row["reason"]) == ("bea", "2 was no better")

    refusals = {
        "1": r"version 1 serves already.*can serve again: 3, 2",
        "4": r"version 4 was never the champion.*can serve again: 3, 2",
        "latest": r"version latest was never the champion",
    }
    for given, words in refusals.items():
        with pytest.raises(InputError, match=words):
            promotion.rollback(stores, to=given)
    with pytest.raises(NotReadyError, match=r"no version served before version 1.*Name one by --to: 3, 2"):
        promotion.rollback(stores)
    tamper(model_files(stores, runs[1]))
    with pytest.raises(StorageError, match=r"version 2 is not what was logged.*can serve again: 3, 2"):
        promotion.rollback(stores, to="2")
    client(stores).delete_model_version(MODEL_NAME, "2")
    with pytest.raises(InputError, match=r"version 2 is gone: it was retired.*can serve again: 3$"):
        promotion.rollback(stores, to="2")
    assert promotion.rollback(stores, to="3", clock=clock) == "3"  # forward again
    assert promotion.rollback(stores, clock=clock) == "1"  # back to the one that served before
    assert [promotion.history(stores)["action"].iloc[at] for at in range(3)] == ["rollback"] * 3


def test_a_tampered_candidate_is_refused_and_a_tampered_champion_not_served(stores, bought):
    good = candidate(stores, bought, "item_knn")
    promote(stores, bought, good)
    tamper(model_files(stores, good))
    with pytest.raises(StorageError, match=r"version 1 is not what was logged.*rollback"):
        load_model(stores, champion_version(stores))
    with pytest.raises(StorageError, match=r"is not what was logged") as refused:
        ModelSlot(stores).current()
    assert "\n" not in refused.value.one_line()
    bad = candidate(stores, bought, "ease", lam=50.0)
    tamper(model_files(stores, bad))
    with pytest.raises(StorageError, match=r"the model of run .* is not what was logged"):
        promote(stores, bought, bad)
    record = promotion.history(stores)
    assert record["action"].tolist() == ["refuse", "promote"]
    assert "is not what was logged" in record["reason"].iloc[0]
    # The broken champion does not keep its successor out, and the record says what that one was held against.
    successor = promote(stores, bought, candidate(stores, bought, "ease", lam=50.0))
    assert (successor.version, successor.previous, successor.decision.against) == ("2", "1", "popular")
    assert "held against popularity, since model version 1" in promotion.history(stores)["reason"].iloc[0]


def test_a_poisoned_artifact_is_refused_for_that(stores, bought):
    bad = candidate(stores, bought, "ease", lam=50.0)
    (model_files(stores, bad).parents[1] / "python_model.pkl").write_bytes(b"\x80\x04cposix\nsystem\n.")
    done = promote(stores, bought, bad)
    assert done.version is None
    assert champion_version(stores) is None
    failed = [r for r in done.decision.reasons if not r.passed]
    assert [r.name for r in failed] == ["artifact"]
    assert failed[0].detail == "python_model.pkl is not a file of a logged model"
    assert "python_model.pkl" in promotion.history(stores)["reason"].iloc[0]


def test_groups_that_visits_tell_of_are_slices(stores, bought):
    users = bought.user_ids.ids.astype(str)
    visits = pd.DataFrame(
        {
            "user_id": users,
            "time": pd.Timestamp("2026-01-01"),
            "properties": ['{"language":"%s"}' % ("de" if i % 2 else "en") for i in range(len(users))],
        }
    )
    done = promote(stores, bought, candidate(stores, bought, "item_knn"), events=visits)
    names = {r.name for r in done.decision.reasons}
    assert {"slice language de", "slice language en", "data drift", "memory", "popularity bias", "artifact"} <= names
    assert len(done.decision.risks) >= 2


def test_the_slot_follows_the_alias_and_keeps_a_model_that_works(stores, bought, clock, caplog):
    runs = [candidate(stores, bought, name) for name in ("item_knn", "popular")]
    promote(stores, bought, runs[0])
    slot = ModelSlot(stores, ttl=5, clock=clock)
    first = slot.current()
    assert (first.version, first.model.name) == ("1", "item_knn")
    assert register(stores, runs[1]) == "2"
    assert register(stores, runs[1]) == "2"
    point(stores, "2")
    assert slot.current() is first
    clock.advance(5)
    assert slot.current().model.name == "popular"
    tamper(model_files(stores, runs[0]))
    point(stores, "1")
    clock.advance(5)
    assert slot.current().version == "2"
    assert "version 2 serves on" in caplog.text
    assert "is not what was logged" in caplog.text


def test_the_alias_does_not_move_where_the_record_fails(stores, bought, monkeypatch):
    runs = [candidate(stores, bought, "item_knn")]

    def full(*_):
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    with monkeypatch.context() as patched:
        patched.setattr("shopr.tracking.record.point", lambda s, v: (point(s, v), v is None or full()))
        with pytest.raises(StorageError, match=r"full|no room"):
            promote(stores, bought, runs[0])
    assert state(stores) is None
    assert promotion.history(stores).empty
    promote(stores, bought, runs[0])
    assert state(stores) == "1"


def test_a_champion_that_changed_meanwhile_is_not_overwritten(stores, bought, monkeypatch):
    runs = [candidate(stores, bought, name) for name in ("item_knn", "popular")]
    register(stores, runs[1])
    real = judging.decide

    def while_judging(*given, **more):
        point(stores, "1")
        return real(*given, **more)

    monkeypatch.setattr(judging, "decide", while_judging)
    with pytest.raises(GateError, match=r"the champion changed"):
        promote(stores, bought, runs[0])
    assert state(stores) == "1"
    assert promotion.history(stores).empty


def test_a_log_too_short_for_the_gate_is_refused(stores, bought):
    candidate(stores, bought, "item_knn")
    once = bought.take(np.arange(len(bought)) < 3)
    with pytest.raises((NotReadyError, InputError)):
        promote(stores, once)


def test_evidence_of_a_model_with_other_ids_is_the_same(bought):
    """A model fitted over other id maps is judged in the log's codes, to the same figures."""
    spans = four_way(bought)
    own = gather(make("ease", lam=50.0).fit(spans.before_gate), spans.gate, spans.before_gate)
    rng = np.random.default_rng(1)
    order = rng.permutation(bought.n_items)
    place = np.argsort(order)
    seen = spans.before_gate
    shuffled = Interactions(
        seen.user_ids,
        type(seen.item_ids)(["extra", *seen.item_ids.ids[order]]),
        seen.users,
        (place[seen.items] + 1).astype(np.int32),
        seen.times,
        seen.weights,
    )
    other = gather(make("ease", lam=50.0).fit(shuffled), spans.gate, spans.before_gate)
    np.testing.assert_allclose(other.metrics["ndcg@10"], own.metrics["ndcg@10"], atol=0.35)
    assert other.mean("ndcg@10") == pytest.approx(own.mean("ndcg@10"), abs=0.01)
    assert other.coverage == pytest.approx(own.coverage, abs=0.05)


def test_evidence_by_hand(bought, clock):
    spans = four_way(bought)
    found = gather(make("popular").fit(spans.before_gate), spans.gate, spans.before_gate, k=5, clock=clock)
    held = spans.gate.binary
    assert found.users.tolist() == np.flatnonzero(np.diff(held.indptr)).tolist()
    assert found.latency_ms == 0.0  # the clock stands still
    bought_before = np.diff(spans.before_gate.binary.indptr)[found.users]
    np.testing.assert_array_equal(found.slices["new shoppers"], bought_before <= 3)
    assert 0 < found.coverage < 0.5
    one = next(iter(found.metrics.values()))
    assert len(one) == len(found.users)


def test_a_record_can_be_read_by_another_process(stores, bought):
    promote(stores, bought, candidate(stores, bought, "item_knn"))
    with Database.open(stores).read() as connection:
        rows = connection.exec_driver_sql("SELECT action, version, evidence FROM promotions").all()
    assert [tuple(r)[:2] for r in rows] == [("promote", "1")]
    assert "NaN" not in rows[0][2]


def test_a_candidate_that_saw_the_gates_span_is_refused_before_it_is_judged(stores):
    bought = log()
    with run("cheat", settings=stores, tags={CANDIDATE_TAG: "true"}) as made:
        log_model(made, make("item_knn").fit(bought))
    with pytest.raises(InputError, match=r"learned from purchases until .*, the gate judges those since"):
        promotion.promote(stores, bought, run_id=made.run_id)
    assert promotion.history(stores).empty  # it costs no look
