"""A bandit and interleaved rankers serve a played shop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.abtest.counterfactual.logged import Logged
from shopr.abtest.counterfactual.offpolicy import estimate
from shopr.abtest.policies.linearbandit import LinearBandit
from shopr.abtest.policies.livepolicies import BanditPolicy, InterleavedPolicy, SplitPolicy
from shopr.abtest.policies.preference import preference
from shopr.abtest.policies.thompson import BetaThompson, NormalThompson
from shopr.data.ids import IdMap
from shopr.data.simulator import FixedPolicy, PopularPolicy, RandomPolicy, World
from shopr.errors import InputError

USERS, ITEMS = IdMap(["u0", "u1", "u2"]), IdMap([f"p{i}" for i in range(10)])
CONTEXT = pd.DataFrame({"hour": [9, 12, 18]})


def events(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["type", "user_id", "product_id", "source"])
    return frame.assign(price=500, quantity=2)


@pytest.fixture(scope="module")
def world() -> World:
    return World(3, products=150, shoppers=500, days=60, visits=4.0, horizon=14)


def best_sellers(world: World) -> PopularPolicy:
    sold = world.history()
    return PopularPolicy(
        world.item_ids, world.item_ids.encode(sold.loc[sold["type"] == "order_completed", "product_id"])
    )


def test_a_bandit_finds_the_better_algorithm_and_its_log_can_be_read(world: World) -> None:
    policies = {"random": RandomPolicy(len(world.item_ids)), "best sellers": best_sellers(world)}
    live = BanditPolicy(BetaThompson(list(policies), floor=0.2), policies, world.user_ids)
    world.play(live, days=14)
    log = live.log
    late = log[log["day"] >= 7]
    assert (late["arm"] == "best sellers").mean() > 0.75
    means = log.groupby("arm")["reward"].mean()
    assert means["best sellers"] > means["random"]
    logged = Logged.from_frame(log, action="arm", actions=live.bandit.arms, user="user_id")
    assert logged.propensities.min() >= 0.1 - 1e-12
    only = estimate(logged, [0.0, 1.0], "snips")
    assert only.lo < means["best sellers"] < only.hi


def test_the_served_say_who_chose_and_with_which_chance() -> None:
    bandit = BetaThompson(["a", "b"]).update([0] * 30, [1] * 30)
    live = BanditPolicy(bandit, {"b": FixedPolicy([3]), "a": FixedPolicy([1, 2])}, USERS)
    chances = bandit.probabilities(1)[0]
    served = live.serve(np.array([0, 1, 2]), 4, CONTEXT)
    assert served.items.shape == (3, 4)
    for arm, items, policy, chance in zip(*(served[i].tolist() for i in (1, 0, 2, 3)), strict=True):
        assert items == ([1, 2, -1, -1], [3, -1, -1, -1])[arm]
        assert policy == ("bandit:a", "bandit:b")[arm]
        assert chance == pytest.approx(chances[arm])


@pytest.mark.parametrize(
    ("reward", "wanted"), [("clicked", [1, 0, 0]), ("ordered", [0, 1, 0]), ("revenue", [0, 2000, 0])]
)
def test_rewards_are_what_was_asked_for(reward: str, wanted: list[float]) -> None:
    bandit = NormalThompson(["a", "b"], sd=1000.0, noise=1000.0)
    live = BanditPolicy(bandit, {"a": FixedPolicy([1]), "b": FixedPolicy([2])}, USERS, reward=reward)  # type: ignore[arg-type]
    live.recommend(np.array([0, 1, 2]), 2, CONTEXT)
    live.observe(
        events(
            ("product_clicked", "u0", "p1", "recommendation"), ("product_clicked", "u0", "p2", "recommendation"),
            ("product_clicked", "u2", "p1", "search"), ("order_completed", "u1", "p5", ""),
            ("order_completed", "u1", "p6", ""), ("product_clicked", "stranger", "p1", "recommendation"),
        )
    )  # fmt: skip
    assert live.log["reward"].tolist() == wanted
    assert bandit.counts.sum() == 3


def test_rewards_may_arrive_late() -> None:
    bandit = BetaThompson(["a", "b"])
    live = BanditPolicy(bandit, {"a": FixedPolicy([1]), "b": FixedPolicy([2])}, USERS, delay=2)
    counts = []
    for _ in range(4):
        live.recommend(np.array([0, 1, 2]), 2, CONTEXT)
        live.observe(events())
        counts.append(float(bandit.failures.sum()))
    assert counts == [0, 0, 3, 6]


def test_contexts_reach_a_contextual_bandit() -> None:
    bandit = LinearBandit(["a", "b"], 2)
    live = BanditPolicy(
        bandit, {"a": FixedPolicy([1]), "b": FixedPolicy([2])}, USERS,
        features=lambda users, context: np.column_stack([np.ones(len(users)), context["hour"] >= 17]),
    )  # fmt: skip
    served = live.serve(np.array([0, 1, 2]), 2, CONTEXT)
    live.observe(events(("product_clicked", "u2", "p1", "recommendation")))
    assert bandit.moments[0, served.arms[2]].tolist() == [1, 1]
    assert bandit.precision[0, :, 0, 0].sum() == 2 + 3


def test_interleaving_tells_rankers_apart_and_ties_a_ranker_with_itself(world: World) -> None:
    good, poor = best_sellers(world), RandomPolicy(len(world.item_ids))
    for scheme in ("team_draft", "probabilistic"):
        live = InterleavedPolicy(good, poor, world.user_ids, world.item_ids, scheme=scheme)  # type: ignore[arg-type]
        world.play(live, days=7)
        found = preference(live.credits["outcome"], live.credits["user_id"])
        assert found.z > 4
        same = InterleavedPolicy(good, good, world.user_ids, world.item_ids, scheme=scheme)  # type: ignore[arg-type]
        world.play(same, days=7)
        tied = preference(same.credits["outcome"], same.credits["user_id"])
        assert abs(tied.z) < 3
        assert same.credits[["a", "b"]].to_numpy().sum() > 50


def test_clicks_are_credited_by_shopper_and_product() -> None:
    live = InterleavedPolicy(FixedPolicy([1, 2]), FixedPolicy([5, 6]), USERS, ITEMS)
    live.recommend(np.array([0, 1]), 4, CONTEXT.head(2))
    live.observe(
        events(
            ("product_clicked", "u0", "p1", "recommendation"), ("product_clicked", "u0", "p1", "recommendation"),
            ("product_clicked", "u0", "p6", "recommendation"), ("product_clicked", "u1", "p5", "recommendation"),
            ("product_clicked", "u1", "p1", "search"), ("product_clicked", "u2", "p1", "recommendation"),
            ("product_clicked", "u1", "p9", "recommendation"),
        )
    )  # fmt: skip
    assert live.credits.to_dict("list") == {
        "user_id": ["u0", "u1"], "a": [1.0, 0.0], "b": [1.0, 1.0], "outcome": [0.0, -1.0],
    }  # fmt: skip


def test_an_ab_test_gives_each_shopper_one_algorithm_in_one_shop(world: World) -> None:
    arms = {"a": FixedPolicy([1]), "b": FixedPolicy([2])}
    split = SplitPolicy(arms, np.array([1, 0, 1]))
    assert split.recommend(np.array([2, 1, 0]), 2, CONTEXT).tolist() == [[2, -1], [1, -1], [2, -1]]
    good, poor = best_sellers(world), RandomPolicy(len(world.item_ids))
    codes = np.arange(len(world.user_ids)) % 2
    outcomes = world.play(SplitPolicy({"good": good, "poor": poor}, codes), days=14, events=False).outcomes
    means = outcomes.groupby(codes)["recommended_clicks"].mean()
    assert means[0] > 1.5 * means[1]
    with pytest.raises(InputError, match="2 algorithms"):
        SplitPolicy(arms, np.array([0, 2]))


def test_nothing_served_makes_empty_tables() -> None:
    arms = {"a": FixedPolicy([1]), "b": FixedPolicy([2])}
    assert BanditPolicy(BetaThompson(list(arms)), arms, USERS).log.empty
    assert InterleavedPolicy(arms["a"], arms["b"], USERS, ITEMS).credits.empty


def test_bad_settings_are_refused() -> None:
    arms = {"a": FixedPolicy([1]), "b": FixedPolicy([2])}
    with pytest.raises(InputError, match="policies a, b"):
        BanditPolicy(BetaThompson(["a", "c"]), arms, USERS)
    with pytest.raises(InputError, match="delay"):
        BanditPolicy(BetaThompson(["a", "b"]), arms, USERS, delay=-1)
    with pytest.raises(InputError, match="scheme"):
        InterleavedPolicy(arms["a"], arms["b"], USERS, ITEMS, scheme="coin")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="reward"):
        BanditPolicy(BetaThompson(["a", "b"]), arms, USERS, reward="joy")  # type: ignore[arg-type]
