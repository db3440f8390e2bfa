"""A small shop for the tests of recommenders: shoppers with tastes, a catalogue that reflects them, times and stars."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from shopr.data.catalog import Catalog
from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions

KINDS = ("mug", "lamp", "scarf", "chair")
N_USERS, N_ITEMS = 80, 48
COLD_USER, COLD_ITEM = N_USERS - 1, N_ITEMS - 1


def small_interactions(seed: int = 0, n_users: int = N_USERS, n_items: int = N_ITEMS) -> Interactions:
    """Shoppers mostly buy of their own kind; the last shopper bought nothing, the last product was never bought."""
    rng = np.random.default_rng(seed)
    users, items = [], []
    kind = np.arange(n_items) % len(KINDS)
    for user in range(n_users - 1):
        weight = np.where(kind == user % len(KINDS), 6.0, 1.0)
        weight[-1] = 0
        size = int(rng.integers(3, 12))
        items.append(rng.choice(n_items, size=size, replace=False, p=weight / weight.sum()))
        users.append(np.full(size, user))
    users_, items_ = np.concatenate(users), np.concatenate(items)
    n = len(users_)
    match = kind[items_] == users_ % len(KINDS)
    stars = np.clip(np.round(3 + match + rng.normal(0, 0.8, n)), 1, 5).astype(np.float32)
    stars[rng.random(n) < 0.1] = np.nan
    return Interactions(
        IdMap(f"u{i}" for i in range(n_users)),
        IdMap(f"p{i}" for i in range(n_items)),
        users_.astype(np.int32),
        items_.astype(np.int32),
        1_700_000_000 + rng.integers(0, 100 * 86_400, n),
        rng.integers(1, 4, n).astype(np.float32),
        stars,
    )


def small_catalog(n_items: int = N_ITEMS) -> Catalog:
    kinds = [KINDS[i % len(KINDS)] for i in range(n_items)]
    return Catalog.from_frame(
        pd.DataFrame(
            {
                "product_id": [f"p{i}" for i in range(n_items)],
                "title": [f"Fine {kind} no {i}" for i, kind in enumerate(kinds)],
                "category": [f"Home > {kind.title()}s" for kind in kinds],
                "brand": [f"Brand {i % 3}" for i in range(n_items)],
                "colour": ["red" if i % 2 else "blue" for i in range(n_items)],
                "attributes": [json.dumps({"size": "SML"[i % 3]}) for i in range(n_items)],
            }
        )
    )
