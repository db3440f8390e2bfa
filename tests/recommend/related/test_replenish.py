"""Replenishment: calibration on shoppers of known rates, memory of regular buyers, bounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.data.interactions import Interactions
from shopr.errors import InputError, NotReadyError
from shopr.recommend.related.replenish import Replenish, brier, calibration_error, reliability

DAY = 86_400


def log_of(rows: list[tuple[str, str, int]]) -> Interactions:
    frame = pd.DataFrame(rows, columns=["user", "item", "timestamp"])
    return Interactions.from_frame(frame.assign(timestamp=frame["timestamp"] * DAY))


def fitted(rows: list[tuple[str, str, int]], today: int, **settings: object) -> Replenish:
    log = log_of(rows)
    return Replenish(**settings).fit(log, np.arange(log.n_items), list(log.item_ids.ids), now=today * DAY)


def world(seed: int, regular: bool) -> list[tuple[str, str, int]]:
    """400 shoppers, one category, a year: Poisson buyers of gamma rates, or buyers of a steady 21-day rhythm."""
    rng, rows = np.random.default_rng(seed), []
    for user in range(400):
        rate = rng.gamma(1.5, 1 / 60)
        day = rng.uniform(0, 60)
        while day < 400:
            rows.append((f"u{user}", "milk", int(day)))
            day += rng.normal(21, 2) if regular else rng.exponential(1 / max(rate, 1e-4)) + 1
    return rows


@pytest.mark.parametrize("regular", [False, True])
def test_probabilities_are_calibrated_and_beat_the_base_rate(regular):
    rows, today, days = world(1, regular), 330, 10
    model = fitted(rows, today)
    table = model.due(days=days)
    later = {u for u, _, d in rows if today < d <= today + days}
    happened = np.array([u in later for u in table["user"]], float)
    p = table["probability"].to_numpy()
    assert ((p > 0) & (p < 1)).all()
    assert calibration_error(p, happened, 5) < 0.07
    base = happened.mean()
    assert brier(p, happened) < base * (1 - base)


def test_recalibration_remembers_a_rhythm_that_poisson_forgets():
    rows, today, days = world(2, regular=True), 330, 7
    model = fitted(rows, today)
    later = {u for u, _, d in rows if today < d <= today + days}

    def error(*, recalibrate: bool) -> float:
        table = model.due(days=days, recalibrate=recalibrate)
        return brier(table["probability"].to_numpy(), np.array([u in later for u in table["user"]], float))

    assert error(recalibrate=True) < 0.75 * error(recalibrate=False)


def test_frequent_buyers_are_likelier_and_longer_horizons_too():
    rows = [("often", "tea", d) for d in range(0, 100, 5)] + [("once", "tea", 0), ("new", "tea", 99)]
    model = fitted(rows, 100)
    plain = model.due(days=14, recalibrate=False).set_index("user")["probability"]
    assert plain["often"] > plain["new"] > plain["once"]
    assert (model.due(days=60, recalibrate=False).set_index("user")["probability"] > plain).all()


def test_what_happens_after_now_is_not_seen():
    rows = world(3, regular=False)
    early = fitted([r for r in rows if r[2] <= 200], 200).due(days=14)
    pd.testing.assert_frame_equal(early, fitted(rows, 200).due(days=14).loc[:, early.columns])


def test_a_day_s_lines_are_one_occasion_and_users_can_be_chosen():
    model = fitted([("a", "tea", 1), ("a", "tea", 1), ("a", "tea", 9), ("b", "tea", 3)], 10)
    table = model.due(["a", "stranger"])
    assert table["user"].tolist() == ["a"]
    assert table.loc[0, ["purchases", "last_days_ago"]].tolist() == [2, 1]


def test_a_catalogue_without_categories_has_nothing_due():
    log = log_of([("a", "tea", 1), ("a", "tea", 9)])
    model = Replenish().fit(log, np.full(log.n_items, -1), [], now=10 * DAY)
    assert model.due(["a"]).empty


def test_reliability_by_hand():
    table = reliability(np.array([0.1, 0.9, 0.2, 0.8]), np.array([0, 1, 1, 1]), 2)
    assert table["predicted"].tolist() == pytest.approx([0.15, 0.85])
    assert table["observed"].tolist() == [0.5, 1.0]
    assert calibration_error(np.array([0.1, 0.9, 0.2, 0.8]), np.array([0, 1, 1, 1]), 2) == pytest.approx(0.25)
    assert brier(np.array([0.5, 1.0]), np.array([1, 1])) == pytest.approx(0.125)


def test_bad_calls_are_refused():
    with pytest.raises(NotReadyError, match="not fitted"):
        Replenish().due()
    with pytest.raises(InputError, match="days is 0"):
        fitted([("a", "tea", 1)], 2).due(days=0)
    untimed = Interactions.from_frame(pd.DataFrame({"user": ["a"], "item": ["x"]}))
    with pytest.raises(InputError, match="with times"):
        Replenish().fit(untimed, np.zeros(1, int), ["x"])
