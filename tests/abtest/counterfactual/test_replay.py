from __future__ import annotations

import numpy as np
import pytest

from shopr.abtest.counterfactual.logged import Logged
from shopr.abtest.counterfactual.replay import play, replay
from shopr.abtest.policies.linearbandit import LinearBandit
from shopr.abtest.policies.thompson import BetaThompson
from shopr.errors import InputError

MEANS = np.array([0.1, 0.3, 0.2])


def logged(n: int, chances: list[float], seed: int = 0) -> Logged:
    rng = np.random.default_rng(seed)
    actions = rng.choice(3, n, p=chances)
    rewards = rng.random(n) < MEANS[actions]
    return Logged.of(actions, rewards, np.array(chances)[actions], n_actions=3, positions=rng.integers(0, 2, n))


def fixed(favourite: int) -> BetaThompson:
    """A bandit that is sure of one arm."""
    bandit = BetaThompson(["a", "b", "c"])
    others = [arm for arm in range(3) if arm != favourite]
    return bandit.update([favourite] * 5000 + others * 5000, [1] * 5000 + [0] * 10_000)


@pytest.mark.parametrize("chances", [[1 / 3] * 3, [0.5, 0.2, 0.3]])
def test_a_fixed_arm_earns_its_mean(chances: list[float]) -> None:
    log = logged(30_000, chances)
    found = replay(fixed(1), log, learn=False)
    assert found.lo < 0.3 < found.hi
    assert found.accepted == pytest.approx(30_000 * min(chances), rel=0.05)
    assert (log.actions[found.counted] == 1).all()


def test_a_learner_beats_chance_and_nears_the_best_arm() -> None:
    log = logged(30_000, [1 / 3] * 3, seed=1)
    found = replay(BetaThompson(["a", "b", "c"], slots=2), log, batch=100)
    assert log.rewards.mean() < 0.21
    assert 0.28 < found.value < 0.31
    assert found.accepted == pytest.approx(10_000, rel=0.05)


def test_replay_agrees_with_life() -> None:
    lived = [play(BetaThompson("abc", seed=s), MEANS, rounds=400, batch=20, seed=s).rewards.mean() for s in range(40)]
    replayed = [
        replay(BetaThompson("abc", seed=s), logged(1200, [1 / 3] * 3, seed=s), batch=60).value for s in range(40)
    ]
    error = np.sqrt((np.var(lived) + np.var(replayed)) / 40)
    assert abs(np.mean(lived) - np.mean(replayed)) < 3.5 * error


def test_contexts_are_passed_on() -> None:
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(6000), rng.choice([-1.0, 1.0], 6000)])
    actions = rng.integers(0, 2, 6000)
    rewards = rng.random(6000) < 0.3 + 0.25 * x[:, 1] * (1 - 2 * actions)
    log = Logged.of(actions, rewards, np.full(6000, 0.5), contexts=x)
    assert replay(LinearBandit("ab", 2, method="thompson", alpha=0.5), log).value > 0.5
    assert replay(BetaThompson("ab"), log).value < 0.35


def test_nothing_that_counts_gives_no_value() -> None:
    log = Logged.of([0] * 20, [1] * 20, [1.0] * 20, n_actions=3)
    found = replay(fixed(1), log)
    assert found.accepted == 0
    assert np.isnan(found.value)


def test_delayed_rewards_are_learned_late_but_all() -> None:
    bandit = BetaThompson("ab")
    play(bandit, [0.2, 0.4], rounds=100, batch=10, delay=3)
    assert bandit.successes.sum() + bandit.failures.sum() == 70


@pytest.mark.parametrize(
    ("bandit", "settings", "said"),
    [
        (BetaThompson("ab"), {}, "2 arms"), (BetaThompson("abc", slots=3), {}, "3 slots"),
        (BetaThompson("abc"), {"batch": 0}, "batch"), (BetaThompson("abc"), {"level": 0.0}, "level"),
    ],
)  # fmt: skip
def test_bad_replays_are_refused(bandit: BetaThompson, settings: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replay(bandit, logged(50, [1 / 3] * 3), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings", [{"rounds": 0}, {"rounds": 5, "batch": 0}, {"rounds": 5, "delay": -1}, {"rounds": 5, "noise": 0.0}]
)
def test_bad_trials_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InputError):
        play(BetaThompson("ab"), [0.1, 0.2], **settings)  # type: ignore[arg-type]


def test_means_must_fit_the_arms() -> None:
    with pytest.raises(InputError, match="means"):
        play(BetaThompson("ab"), np.zeros((4, 2)), rounds=5)
    with pytest.raises(InputError, match="means"):
        play(BetaThompson("ab"), [0.1, 0.2, 0.3], rounds=5)
