"""Futures under a policy: same luck for all, better lists, better outcomes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from shopr.data.ids import IdMap
from shopr.data.simulator import (
    FixedPolicy,
    ModelPolicy,
    OraclePolicy,
    Policy,
    PopularPolicy,
    RandomPolicy,
    World,
    compare,
)
from shopr.errors import InputError


@pytest.fixture(scope="module")
def outcomes(world: World) -> pd.DataFrame:
    bought = world._past[0].column("order_completed", "item")
    policies: dict[str, Policy | None] = {
        "random": RandomPolicy(len(world.products)),
        "popular": PopularPolicy(world.item_ids, bought),
        "oracle": OraclePolicy(world.truth),
        "shop": None,
    }
    return compare(world, policies, days=21)


def test_the_truth_beats_popularity_beats_chance(outcomes: pd.DataFrame) -> None:
    total = outcomes.groupby("policy")[["recommended_clicks", "lines"]].sum()
    assert total.loc["oracle", "recommended_clicks"] > 1.3 * total.loc["popular", "recommended_clicks"]
    assert total.loc["popular", "recommended_clicks"] > 1.3 * total.loc["random", "recommended_clicks"]
    assert total.loc["oracle", "lines"] > total.loc["random", "lines"]


def test_outcomes_have_one_row_a_user_and_policy(world: World, outcomes: pd.DataFrame) -> None:
    assert len(outcomes) == 4 * len(world.shoppers)
    assert not outcomes.duplicated(["policy", "user_id"]).any()
    assert (outcomes["lines"] >= outcomes["orders"]).all()
    assert (outcomes["clicks"] >= outcomes["lines"]).all()
    assert (outcomes.loc[outcomes["orders"] > 0, "revenue"] > 0).all()


def test_common_luck_makes_paired_differences_tight(world: World, outcomes: pd.DataFrame) -> None:
    wide = outcomes.pivot(index="user_id", columns="policy", values="clicks")
    paired = (wide["oracle"] - wide["popular"]).var()
    assert paired < 0.75 * (wide["oracle"].var() + wide["popular"].var())


def test_a_play_repeats_and_leaves_the_world_as_it_was(world: World) -> None:
    policy = FixedPolicy(np.arange(20))
    one, two = (world.play(policy, days=5, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(one.events, two.events)
    pd.testing.assert_frame_equal(one.outcomes, two.outcomes)
    other = world.play(policy, days=5, seed=4)
    assert not other.outcomes.equals(one.outcomes)
    sums = one.events["type"].value_counts()
    assert sums["order_completed"] == one.outcomes["lines"].sum()
    assert sums["product_clicked"] == one.outcomes["clicks"].sum()
    orders = one.events[one.events["type"] == "order_completed"]
    assert int((orders["price"] * orders["quantity"]).sum()) == one.outcomes["revenue"].sum()


def test_the_policys_list_is_what_is_shown(world: World) -> None:
    wanted = np.array([7, 3, 11, 250, 40, 41, 42, 43, 44, 45, 46, 47])
    events = world.play(FixedPolicy(wanted), days=3).events
    shown = events[(events["type"] == "product_shown") & (events["source"] == "recommendation")]
    assert set(world.item_ids.encode(shown["product_id"])) <= set(wanted)
    assert shown["properties"].str.contains('"policy":"fixed"').all()
    assert "home" not in set(events["source"].dropna())


def test_only_the_chosen_users_take_part_and_the_policy_observes(world: World) -> None:
    class Watcher:
        name = "watcher"

        def __init__(self) -> None:
            self.days: list[pd.DataFrame] = []
            self.contexts: list[pd.DataFrame] = []

        def recommend(self, users: NDArray[np.int64], k: int, context: pd.DataFrame) -> NDArray[np.integer]:
            assert len(users) == len(context)
            self.contexts.append(context)
            return np.tile(np.arange(k), (len(users), 1))

        def observe(self, events: pd.DataFrame) -> None:
            self.days.append(events)

    watcher = Watcher()
    assert isinstance(watcher, Policy)
    chosen = np.arange(0, len(world.shoppers), 2)
    play = world.play(watcher, users=chosen, days=4)
    assert len(watcher.days) == 4
    assert sum(map(len, watcher.days)) == len(play.events)
    assert set(world.user_ids.encode(play.events["user_id"])) <= set(chosen)
    assert len(play.outcomes) == len(chosen)
    names = {"date", "hour", "device", "country", "language", "temperature", "rain"}
    assert set(watcher.contexts[0].columns) == names


def test_a_model_speaks_its_own_codes(world: World) -> None:
    class Model:
        name = "model"
        user_ids = IdMap(world.user_ids.ids[::-1])
        item_ids = IdMap(world.item_ids.ids[::-1])

        def recommend(self, users: NDArray[np.int64], k: int, exclude_seen: bool) -> Model:
            self.items = np.stack([users, np.full(len(users), -1)], axis=1) % len(self.item_ids)
            self.items[:, 1] = -1
            return self

    policy = ModelPolicy(Model(), world.user_ids, world.item_ids)
    n_users, n_items = len(world.user_ids), len(world.item_ids)
    found = policy.recommend(np.array([0, 5]), 2, pd.DataFrame())
    expected = [n_items - 1 - (n_users - 1 - u) % n_items for u in (0, 5)]
    assert found.tolist() == [[expected[0], -1], [expected[1], -1]]


def test_calls_that_make_no_sense_are_refused(world: World) -> None:
    with pytest.raises(InputError, match="61 days to play"):
        world.play(None, days=61)
    with pytest.raises(InputError, match="user codes span"):
        world.play(None, users=[len(world.shoppers)], days=1)
    with pytest.raises(InputError, match="policy gave lists"):
        world.play(FixedPolicy(np.array([10_000])), days=3)
    with pytest.raises(InputError, match="products is 5"):
        World(products=5)
