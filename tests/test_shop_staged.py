"""A shop with a version on trial: who is answered by whom, what is counted, what is raised."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.analytics.alerts.raised import Alerts
from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.errors import InputError
from shopr.shop import Shop
from shopr.tracking import judging, promotion
from shopr.tracking.gate import Decision
from shopr.tracking.rollout import advance, on_trial
from shopr.tracking.rules import RolloutRules, Rules
from shopr.tracking.watcher import respond
from tests.logs import orders_of
from tests.tracking.shop import N_USERS, candidate, log

ROLLOUT = RolloutRules(least_answers=30, canary_share=0.3)
USERS = [f"u{n}" for n in range(N_USERS)]


@pytest.fixture
def shop(stores, clock, monkeypatch):
    """Version 1, item_knn, is champion; version 2, ease, is shadow."""
    real = judging.decide

    def lenient(*given, **more):
        found = real(*given, **{**more, "looks": 1})
        return Decision(True, found.reasons, found.against, more["looks"], found.level)

    monkeypatch.setattr(judging, "decide", lenient)
    bought = log()
    ids = [str(i) for i in bought.item_ids.ids]
    catalog = Catalog.from_frame(pd.DataFrame({"product_id": ids, "title": ids}))
    Dataset.build("demo", catalog=catalog, events=orders_of(bought), source="test").save(stores.shop_folder("demo"))
    opened = Shop.open(stores, clock=clock)
    rules = Rules(resamples=200, most_latency_ms=10_000)
    for name, to in (("item_knn", "champion"), ("ease", "challenger")):
        run_id = candidate(stores, opened.interactions, name)
        promotion.promote(stores, opened.interactions, run_id=run_id, rules=rules, to=to, clock=clock)
        clock.advance(60)
    advance(stores, rules=ROLLOUT, clock=clock)
    return opened


def versions(shop: Shop) -> np.ndarray:
    return np.array([shop.recommend(user, 5)[0].model_version for user in USERS])


def later(shop: Shop, seconds: float = 60.0) -> None:
    shop.staged.settle()
    shop.clock.advance(seconds)


def test_a_shadow_answers_unseen_then_a_canary_its_share_then_everybody(shop):
    assert set(versions(shop)) == {"1"}
    later(shop)
    seen = on_trial(shop.settings)
    assert (seen.stage, seen.tally.errors, seen.tally.compared) == ("shadow", 0, seen.tally.answers)
    assert seen.tally.answers >= ROLLOUT.least_answers  # those that came too fast for it are left out
    assert 0.2 < seen.tally.overlap < 1
    advance(shop.settings, rules=ROLLOUT, clock=shop.clock)
    later(shop)
    served = versions(shop)
    assert np.array_equal(served, versions(shop))  # always the same shoppers
    share = (served == "2").mean()
    assert abs(share - 0.3) < 4 * np.sqrt(0.3 * 0.7 / N_USERS)
    assert shop.recommend(None, 5)[0].model_version == "1"
    later(shop)
    assert on_trial(shop.settings).tally.answers == 2 * (served == "2").sum()
    advance(shop.settings, rules=ROLLOUT, clock=shop.clock)
    later(shop)
    assert set(versions(shop)) == {"2"}


def test_a_canary_that_fails_falls_back_raises_one_alert_and_is_withdrawn(shop, monkeypatch, caplog):
    versions(shop)
    later(shop)
    advance(shop.settings, rules=ROLLOUT, clock=shop.clock)
    later(shop)

    def broken(*_given, **_more):
        raise RuntimeError("weights are gone")

    monkeypatch.setattr(shop.staged._canary, "answer", broken)
    assert set(versions(shop)) == {"1"}
    assert "version 2 failed as canary: weights are gone" in caplog.text
    later(shop)
    versions(shop)
    shop.staged.settle()
    (alert,) = Alerts(shop.database, clock=shop.clock).open()
    assert alert["version"] == "2"
    assert "version 2 as canary: 100.0% of" in alert["message"]
    assert [r.action for r in respond(shop.settings, clock=shop.clock)] == ["withdraw"]
    later(shop)
    assert on_trial(shop.settings) is None
    assert set(versions(shop)) == {"1"}


def test_what_the_caller_got_wrong_is_no_failure_of_the_canary(shop):
    versions(shop)
    later(shop)
    advance(shop.settings, rules=ROLLOUT, clock=shop.clock)
    later(shop)
    for user in USERS[:20]:
        with pytest.raises(InputError, match="k is 0"):
            shop.recommend(user, 0)
    later(shop)
    assert on_trial(shop.settings).tally.answers == 0
