"""A small shop with a known truth, on which promotions can be shown: who is better, for whom, is settled beforehand.

Shoppers of two countries keep to the products of their taste; the tastes of one country are not those of the other. A
model that learned in one of them alone is good on average and leaves the others behind.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.config import Settings
from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.data.interactions import Interactions
from shopr.data.splitting import four_way
from shopr.randomness import generator
from shopr.recommend.contract.base import Recommender
from shopr.recommend.contract.registry import make
from shopr.tracking.packaging import log_model
from shopr.tracking.registry import CANDIDATE_TAG
from shopr.tracking.runs import run

__all__ = ["COUNTRIES", "log_candidate", "sample_shop"]

COUNTRIES = ("GB", "DE")
_SHARE = 0.7
"""Of the shoppers are of the first country."""
_SHOPPERS, _PRODUCTS, _TASTES, _PURCHASES = 500, 120, 6, 14
_START, _DAYS = pd.Timestamp("2025-01-01", tz="UTC"), 100


def sample_shop(settings: Settings, name: str, *, seed: int = 42) -> Dataset:
    """Make the shop `name` in the shops' folder of `settings`."""
    rng = generator(seed, "promotion sample")
    shopper = np.repeat(np.arange(_SHOPPERS), _PURCHASES)
    first = shopper < _SHARE * _SHOPPERS
    taste, place = shopper % _TASTES, rng.integers(0, _PRODUCTS // _TASTES, len(shopper))
    own = np.where(first, taste + _TASTES * place, taste * (_PRODUCTS // _TASTES) + place)
    product = np.where(rng.random(len(shopper)) < 0.8, own, rng.integers(0, _PRODUCTS, len(shopper)))
    seconds = np.sort(rng.integers(0, _DAYS * 86_400, len(shopper)))[rng.permutation(len(shopper))]
    names = np.array([f"P{i:03d}" for i in range(_PRODUCTS)])
    catalog = pd.DataFrame({"product_id": names, "title": [f"Product {i}" for i in names], "currency": "GBP"})
    events = pd.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(len(shopper))],
            "type": "order_completed",
            "time": _START + pd.to_timedelta(seconds, unit="s"),
            "user_id": [f"U{i:04d}" for i in shopper],
            "product_id": names[product],
            "quantity": 1,
            "properties": [f'{{"country": "{COUNTRIES[0 if one else 1]}"}}' for one in first],
        }
    )
    made = Dataset.build(name, catalog=Catalog.from_frame(catalog), events=events, source="sample")
    made.save(settings.shop_folder(name))
    return made


def log_candidate(
    settings: Settings, bought: Interactions, model: str, *, country: str = "", noise: float = 0.0, seed: int = 42
) -> str:
    """Fit a model on everything before the gate's span, and log it as a candidate; returns the id of its run.

    Args:
        bought: all purchases of the shop.
        country: learn from the shoppers of one country alone.
        noise: share of the purchases that the model takes for those of somebody else: it makes a model worse.
    """
    before = four_way(bought).before_gate
    if country:
        before = before.take(_of(before, country))
    if noise:
        rng = generator(seed, "noise")
        mixed = rng.random(len(before)) < noise
        items = before.items.copy()
        items[mixed] = rng.permutation(items[mixed])
        before = Interactions(before.user_ids, before.item_ids, before.users, items, before.times, before.weights)
    fitted: Recommender = make(model).fit(before)
    note = {"model": model, "country": country or "all", "noise": noise}
    with run(f"train {model}", settings=settings, params=note) as made:
        log_model(made, fitted)
        made.tags({CANDIDATE_TAG: "true"})
    return made.run_id


def _of(bought: Interactions, country: str) -> NDArray[np.bool_]:
    shopper = np.array([int(str(i)[1:]) for i in bought.user_ids.ids])
    first = shopper < _SHARE * _SHOPPERS
    chosen: NDArray[np.bool_] = (first if country == COUNTRIES[0] else ~first)[bought.users]
    return chosen
