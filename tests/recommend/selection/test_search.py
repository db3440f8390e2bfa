"""Hopeless trials are pruned on a part of the users, and only those."""

from __future__ import annotations

import numpy as np

from shopr.recommend.selection.search import hopeless
from shopr.recommend.selection.tuning import tune
from tests.recommend.selection.test_tuning import chains


def test_a_clearly_worse_candidate_is_hopeless_and_a_near_one_is_not() -> None:
    rng = np.random.default_rng(1)
    leader = rng.random(400)
    assert hopeless(leader - 0.05 + rng.normal(0, 0.1, 400), leader)  # 10 standard errors below
    assert not hopeless(leader - 0.005 + rng.normal(0, 0.1, 400), leader)  # 1 standard error below
    assert not hopeless(leader + 0.05, leader)


def test_users_without_a_value_do_not_count() -> None:
    leader = np.array([0.5, np.nan, 0.5, 0.5])
    assert not hopeless(np.array([np.nan, 0.1, np.nan, 0.1]), leader)


def test_an_equal_candidate_is_pruned_no_more_often_than_three_standard_errors_allow() -> None:
    rng = np.random.default_rng(2)
    pruned = [hopeless(rng.normal(0, 1, 100), np.zeros(100)) for _ in range(4000)]
    assert np.mean(pruned) < 0.004  # one-sided: 0.00135, and the tails of t with 99 degrees of freedom


def test_a_search_prunes_below_the_leader_and_never_crowns_what_it_pruned() -> None:
    result = tune(chains(users=1500), models=["markov"], budget_seconds=3600, max_trials=16, seed=3, k=5)
    board = result.leaderboard
    assert board["pruned"].any(), board
    assert not board["pruned"].iloc[0]
    assert (board.loc[board["pruned"], "ndcg"] < board.loc[~board["pruned"], "ndcg"].max()).all()
