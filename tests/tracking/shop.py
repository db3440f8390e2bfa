"""A shop with a known truth: shoppers keep to the products of their taste, so co-purchase beats popularity by far."""

from __future__ import annotations

import numpy as np

from shopr.config import Settings
from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions
from shopr.data.splitting import four_way
from shopr.recommend.contract.registry import make
from shopr.tracking.packaging import log_model
from shopr.tracking.registry import CANDIDATE_TAG
from shopr.tracking.runs import run

N_USERS, N_ITEMS, TASTES = 160, 60, 6


def log(seed: int = 0, prefix: str = "p") -> Interactions:
    """About 14 purchases a shopper over 100 days, nine of ten within a taste of ten products."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(N_USERS), 14)
    own = (users % TASTES) + TASTES * rng.integers(0, N_ITEMS // TASTES, len(users))
    items = np.where(rng.random(len(users)) < 0.9, own, rng.integers(0, N_ITEMS, len(users)))
    times = 1_700_000_000 + rng.integers(0, 100 * 86_400, len(users))
    return Interactions(
        IdMap(f"u{i}" for i in range(N_USERS)),
        IdMap(f"{prefix}{i}" for i in range(N_ITEMS)),
        users.astype(np.int32),
        items.astype(np.int32),
        times,
        np.ones(len(users), np.float32),
    )


def candidate(settings: Settings, bought: Interactions, name: str, **params: object) -> str:
    """A run with a fitted model that may be promoted; returns its id."""
    with run(f"train {name}", settings=settings) as made:
        log_model(made, make(name, **params).fit(four_way(bought).before_gate))
        made.tags({CANDIDATE_TAG: "true"})
    return made.run_id
