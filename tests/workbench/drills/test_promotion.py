"""The sample shop: who buys what is as it says, and a model of one country serves the other badly."""

from __future__ import annotations

import numpy as np

from shopr.tracking.registry import candidate
from shopr.tracking.segments import segments
from shopr.workbench.drills.promotion import COUNTRIES, log_candidate, sample_shop


def test_two_countries_with_tastes_of_their_own(settings):
    made, again = sample_shop(settings, "a", seed=5), sample_shop(settings, "b", seed=5)
    log = made.interactions()
    assert made.events.equals(again.events)
    masks = segments(made.events, log.user_ids)
    assert {f"country {c}" for c in COUNTRIES} <= set(masks)
    assert masks["country GB"].sum() == 350
    item = np.array([int(str(i)[1:]) for i in log.item_ids.ids])[log.items]
    user = np.array([int(str(i)[1:]) for i in log.user_ids.ids])[log.users]
    first = masks["country GB"][log.users]
    assert (item[first] % 6 == user[first] % 6).mean() > 0.8
    assert (item[~first] // 20 == user[~first] % 6).mean() > 0.8


def test_candidates_learn_from_one_country_or_from_noise(stores):
    log = sample_shop(stores, "a", seed=5).interactions()
    one = candidate(stores, log_candidate(stores, log, "item_knn", country="DE"))
    known = np.array([int(str(u)[1:]) for u in one.train.user_ids.ids])[one.train.users]
    assert known.min() >= 350
    mixed = candidate(stores, log_candidate(stores, log, "item_knn", noise=1.0)).train
    user = np.array([int(str(u)[1:]) for u in mixed.user_ids.ids])[mixed.users]
    item = np.array([int(str(i)[1:]) for i in mixed.item_ids.ids])[mixed.items]
    assert (item % 6 == user % 6)[user < 350].mean() < 0.3
