"""Shoppers whose clicks follow a known law: a place is looked at with a known chance, a product draws by its worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shopr.search.learnt.clicks import ClickLog, shuffled

LIST = 8
FEATURES = 4


def looked_at(steepness: float = 1.0, places: int = LIST) -> NDArray[np.float64]:
    """How likely each place is looked at."""
    return 1.0 / np.arange(1, places + 1) ** steepness


def world(
    weights: list[float],
    *,
    queries: int = 120,
    sessions: int = 8000,
    base_knows: float = 0.5,
    steepness: float = 1.0,
    seed: int = 0,
) -> tuple[ClickLog, NDArray[np.float64]]:
    """A log, and the true worth of each of its rows.

    Args:
        weights: of the features in the true worth, beside what the base score knows of it.
        base_knows: 1 makes the default order perfect, 0 unrelated.
    """
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(queries, LIST, FEATURES))
    known = draw.normal(size=(queries, LIST))
    worth = base_knows * known + features @ np.array(weights)
    order = np.argsort(-known, axis=1)
    chance = 0.02 + 0.9 / (1 + np.exp(-2 * (worth - 0.8)))
    looked = looked_at(steepness)
    rows = []
    for session in range(sessions):
        query = int(draw.integers(queries))
        shown = shuffled(order[query], seed=seed, stream=str(session))
        clicked = (draw.random(LIST) < looked) & (draw.random(LIST) < chance[query, shown])
        rows.append((np.full(LIST, session), np.full(LIST, query), shown, np.arange(LIST), clicked))
    session, query, product, place, clicked = (np.concatenate(column) for column in zip(*rows, strict=True))
    log = ClickLog(
        session,
        query,
        product,
        place,
        clicked.astype(bool),
        known[query, product],
        features[query, product],
        tuple(f"f{i}" for i in range(FEATURES)),
    )
    return log, worth[query, product]
