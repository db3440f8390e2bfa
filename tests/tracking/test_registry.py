"""The registry: which candidate is the best, and what the aliases name after every step."""

from __future__ import annotations

import pytest

from shopr.errors import NotReadyError
from shopr.tracking import judging, promotion
from shopr.tracking.gate import Decision, Reason
from shopr.tracking.registry import (
    ALIAS,
    CANDIDATE_TAG,
    PREVIOUS,
    aliased_version,
    best_candidate,
    newest_candidate,
    versions,
)
from shopr.tracking.runs import run
from tests.tracking.shop import candidate, log


def logged(settings, data: str, measure: float, tag: str = "true") -> str:
    with run("train", settings=settings, data=data) as made:
        made.metrics({"validation_ndcg@10": measure})
        made.tags({CANDIDATE_TAG: tag})
    return made.run_id


def test_the_best_candidate_is_of_this_data_finished_and_measured(stores):
    with pytest.raises(NotReadyError, match=r"no candidate on this shop's data.*shopr tune"):
        best_candidate(stores, "mine")
    best = logged(stores, "mine", 0.3)
    logged(stores, "mine", 0.9, tag="false")  # not for promotion
    logged(stores, "other", 0.8)
    with pytest.raises(ValueError, match="stop"), run("train", settings=stores, data="mine") as failed:
        failed.metrics({"validation_ndcg@10": 0.7})
        failed.tags({CANDIDATE_TAG: "true"})
        raise ValueError("stop")
    with run("train", settings=stores, data="mine") as unmeasured:
        unmeasured.tags({CANDIDATE_TAG: "true"})
    last = logged(stores, "mine", 0.1)
    assert best_candidate(stores, "mine") == best
    assert newest_candidate(stores) == last


def test_the_alias_previous_names_what_a_rollback_goes_back_to(stores, monkeypatch):
    monkeypatch.setattr(
        judging,
        "decide",
        lambda *_, looks, **__: Decision(True, (Reason("gain", 1.0, 0.0, True, "better"),), "x", looks, 0.95),
    )

    def named() -> tuple[str | None, str | None]:
        found = (aliased_version(stores, alias) for alias in (ALIAS, PREVIOUS))
        champion, previous = (None if one is None else str(one.version) for one in found)
        return champion, previous

    bought = log()
    assert named() == (None, None)
    seen = []
    for lam in (50.0, 60.0, 70.0):
        promotion.promote(stores, bought, run_id=candidate(stores, bought, "ease", lam=lam))
        seen.append(named())
    assert seen == [("1", None), ("2", "1"), ("3", "2")]
    assert dict(versions(stores)[["version", "alias"]].to_numpy()) == {"3": "champion", "2": "previous", "1": ""}
    assert promotion.rollback(stores) == "2"
    assert named() == ("2", "1")
    assert promotion.rollback(stores) == "1"
    assert named() == ("1", None)
