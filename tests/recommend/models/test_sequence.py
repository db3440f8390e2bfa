"""Directed transitions by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from shopr.data.interactions import Interactions
from shopr.recommend.models.sequence import Markov

PLAIN = {"backward": 0.0, "from_power": 0.0, "to_power": 0.0, "shrinkage": 0.0, "user_power": 0.0}


def sequences(*rows: str) -> Interactions:
    """One user a row, one letter an item, in time order."""
    flat = [(f"u{u}", item, place) for u, row in enumerate(rows) for place, item in enumerate(row)]
    return Interactions.from_frame(pd.DataFrame(flat, columns=["user", "item", "timestamp"]))


def test_transitions_by_hand():
    model = Markov(decay=1.0, **PLAIN).fit(sequences("abc", "ab"))
    # a->b twice at one step, b->c once, a->c once at two steps.
    np.testing.assert_allclose(model.weights.toarray(), [[0, 2, 0.5], [0, 0, 1], [0, 0, 0]])


def test_backward_share_and_counts():
    settings = {**PLAIN, "backward": 0.5, "from_power": 1.0, "to_power": 0.5, "shrinkage": 1.0}
    model = Markov(decay=1.0, **settings).fit(sequences("abc", "ab"))
    n = np.array([3.0, 3.0, 2.0])  # users of each item plus the shrinkage
    moves = np.array([[0, 2, 0.5], [1, 0, 1], [0.25, 0.5, 0]])
    np.testing.assert_allclose(model.weights.toarray(), moves / n[:, None] / np.sqrt(n)[None, :], rtol=1e-6)


def test_the_last_entry_votes_most():
    log = sequences("abc", "ab", "ba")
    model = Markov(half_life=1.0, **PLAIN).fit(log)
    rows = model._history(log.histories()).toarray()
    np.testing.assert_allclose(rows, [[0.25, 0.5, 1], [0.5, 1, 0], [1, 0.5, 0]])


def test_what_follows_is_recommended():
    log = sequences(*["abcd"] * 5, *["dcba"] * 1, "ab", "dc")
    found = Markov(half_life=0.3).fit(log).recommend(log.user_ids.encode(["u6", "u7"]), 1)
    assert log.item_ids.decode(found.items[:, 0]).tolist() == ["c", "b"]


def test_without_times_pairs_count_alike():
    log = sequences("abc", "ab")
    untimed = Interactions(log.user_ids, log.item_ids, log.users, log.items, None, log.weights)
    model = Markov(**PLAIN).fit(untimed)
    np.testing.assert_allclose(model.weights.toarray(), [[0, 1, 0.5], [1, 0, 0.5], [0.5, 0.5, 0]])
