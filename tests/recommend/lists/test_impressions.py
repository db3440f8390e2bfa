"""What is shown carries what later learning needs, and the propensities are those of the draws."""

from __future__ import annotations

import numpy as np
import pytest

from shopr.errors import InputError
from shopr.recommend.lists.impressions import impress

RANKED = np.array([7, 3, 5, -1])
CANDIDATES = np.arange(10)


def test_without_exploration_everything_is_certain():
    shown = impress(RANKED, CANDIDATES, model_version="4")
    assert shown.items.tolist() == [7, 3, 5]
    assert shown.positions.tolist() == [1, 2, 3]
    assert shown.propensities.tolist() == [1.0, 1.0, 1.0]
    assert (shown.policy, shown.model_version) == ("champion", "4")
    assert len(set(shown.ids)) == 3
    assert not set(shown.ids) & set(impress(RANKED, CANDIDATES, model_version="4").ids)


def test_the_same_request_gives_the_same_list_and_ids():
    a, b, c = (impress(RANKED, CANDIDATES, model_version="4", explore=0.5, seed=1, request=r) for r in ("a", "a", "c"))
    assert a.ids == b.ids
    assert a.items.tolist() == b.items.tolist()
    assert not set(a.ids) & set(c.ids)


def test_propensities_are_the_shares_with_which_items_are_shown():
    n, explore = 20_000, 0.4
    lists = [impress(RANKED, CANDIDATES, model_version="4", explore=explore, seed=0, request=str(i)) for i in range(n)]
    last = np.array([shown.items[-1] for shown in lists])
    stated = {int(shown.items[-1]): float(shown.propensities[-1]) for shown in lists}
    assert sum(stated.values()) == pytest.approx(1.0)
    assert set(stated) == set(range(10)) - {7, 3}
    for item, propensity in stated.items():
        error = np.sqrt(propensity * (1 - propensity) / n)
        assert abs((last == item).mean() - propensity) < 4 * error
    assert stated[5] == pytest.approx(0.6 + 0.4 / 8)
    # Inverse propensity scoring gives the value of a policy that was never followed.
    clicked = last == 2
    weights = np.array([1.0 / shown.propensities[-1] for shown in lists])
    assert (clicked * weights).mean() == pytest.approx(1.0, abs=0.1)
    assert lists[0].policy == "champion+explore"


def test_the_ends():
    empty = impress(np.array([-1, -1]), np.array([], int), model_version="4", explore=0.5)
    assert len(empty) == 0
    alone = impress(np.array([3]), np.array([3]), model_version="4", explore=0.5)
    assert alone.propensities.tolist() == [1.0]
    with pytest.raises(InputError, match="outside 0"):
        impress(RANKED, CANDIDATES, model_version="4", explore=1.5)
