"""The split that asks what a model says of products nobody has bought yet."""

from __future__ import annotations

import numpy as np

from shopr.data.interactions import Interactions
from shopr.data.splitting import Split
from shopr.errors import InputError
from shopr.randomness import DEFAULT_SEED, generator

__all__ = ["cold_items"]


def cold_items(interactions: Interactions, test: float = 0.1, seed: int = DEFAULT_SEED) -> Split:
    """A random share of the products is unknown to the model: none of their rows is in train, all of them are test.

    A shopper who bought only such products has no history in train, and is judged as a stranger.

    Raises:
        InputError: if `test` is not within 0 to 1, or there are fewer than two products.
    """
    if not 0 < test < 1:
        raise InputError(f"test is {test}, not a share between 0 and 1", hint="Give a share such as 0.1")
    active = np.unique(interactions.items)
    if len(active) < 2:
        raise InputError(f"cold_items needs 2 products, found {len(active)}", hint="Use temporal")
    n_cold = min(max(round(test * len(active)), 1), len(active) - 1)
    cold = np.zeros(interactions.n_items, bool)
    cold[generator(seed, "split", "cold_items").choice(active, n_cold, replace=False)] = True
    held = cold[interactions.items]
    return Split(interactions.take(~held), interactions.take(held))
