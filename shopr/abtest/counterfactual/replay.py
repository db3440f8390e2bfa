"""How a bandit would have done: replayed on a log, or played against arms whose truth is known.

Replay (Li, Chu, Langford & Wang 2011) walks through a log of random choices in order. Where the bandit would have
chosen what was logged, the row counts and the bandit learns from it; other rows are passed over. For a log whose
choices are uniform and whose rows are independent, the rows that count are as if the bandit had served them itself.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from shopr.abtest.checks import one_of, positive, share
from shopr.abtest.counterfactual.logged import Logged
from shopr.abtest.policies.bandit import Bandit
from shopr.errors import InputError
from shopr.randomness import DEFAULT_SEED, generator

__all__ = ["Replayed", "Trial", "play", "replay"]

Floats = NDArray[np.float64]
Rewards = Literal["bernoulli", "normal"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found.

    Attributes:
        value: mean reward of the rows that counted, NaN if none did.
        se, lo, hi: its standard error and normal interval.
        accepted, rows: rows that counted, and rows of the log.
        counted: shape (accepted,), their row numbers.
    """

    value: float
    se: float
    lo: float
    hi: float
    accepted: int
    rows: int
    counted: NDArray[np.int64]


def replay(
    bandit: Bandit, log: Logged, *, batch: int = 100, learn: bool = True, level: float = 0.95, seed: int = DEFAULT_SEED
) -> Replayed:
    """Replay a bandit on a log, in its order; the bandit learns as it goes.

    Where propensities differ, a row counts only with chance p_min / p, which makes the log as if it were uniform; that
    costs rows, so logs with very small propensities are better read by `shopr.abtest.counterfactual.offpolicy`.

    Args:
        bandit: with the log's actions as arms, and either one slot or those of the log.
        batch: rows between updates; a bandit that learns in batches is what production has.
        learn: whether rewards are fed back.
        seed: of the thinning of rows.

    Raises:
        InputError: if arms and actions differ in number, slots do not fit, or batch < 1.
    """
    share("level", level)
    if bandit.n_arms != log.n_actions:
        raise InputError(f"{bandit.n_arms} arms and {log.n_actions} actions", hint="Make one arm for each action")
    if bandit.slots not in {1, log.n_positions}:
        raise InputError(f"{bandit.slots} slots and {log.n_positions} positions", hint="Make 1 slot, or one a position")
    if batch < 1:
        raise InputError(f"batch is {batch}", hint="Give 1 or more")
    thin = generator(seed, "replay").random(len(log)) < log.propensities.min() / log.propensities
    slots = log.positions if bandit.slots > 1 else None
    counted = []
    for start in range(0, len(log), batch):
        rows = np.arange(start, min(start + batch, len(log)))
        where = None if slots is None else slots[rows]
        contexts = None if log.contexts is None or not _contextual(bandit) else log.contexts[rows]
        chosen = bandit.choose(len(rows), slots=where, contexts=contexts).arms
        kept = thin[rows] & (chosen == log.actions[rows])
        counted.append(rows[kept])
        if learn and kept.any():
            bandit.update(
                log.actions[rows[kept]], log.rewards[rows[kept]], slots=None if where is None else where[kept],
                contexts=None if contexts is None else contexts[kept],
            )  # fmt: skip
    used = np.concatenate(counted)
    gains, n = log.rewards[used], len(used)
    value = float(gains.mean()) if n else float("nan")
    se = float(gains.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    half = float(ndtri((1 + level) / 2)) * se
    return Replayed(value, se, value - half, value + half, n, len(log), used)


@dataclass(frozen=True, slots=True)
class Trial:
    """A bandit's life against known arms.

    Attributes:
        regret: shape (rounds,), cumulative: what the best arm of each round would have earned more, in expectation.
        arms: shape (rounds,), what was served; `propensities` with which chance; `rewards` what it earned.
    """

    regret: Floats
    arms: NDArray[np.int64]
    propensities: Floats
    rewards: Floats


def play(
    bandit: Bandit, means: ArrayLike, *, rounds: int, batch: int = 1, delay: int = 0, contexts: ArrayLike | None = None,
    rewards: Rewards = "bernoulli", noise: float = 1.0, decay_every: int = 0, seed: int = DEFAULT_SEED,
) -> Trial:  # fmt: skip
    """Play a bandit against arms of known means.

    Args:
        means: shape (arms,), or (rounds, arms) where they change or depend on contexts.
        rounds: requests.
        batch: requests served at once.
        delay: batches after which rewards arrive.
        contexts: shape (rounds, features), for contextual bandits.
        rewards: `bernoulli`, or `normal` with sd `noise`.
        decay_every: batches after each of which the bandit forgets once; 0 never.
        seed: of the rewards.

    Raises:
        InputError: if shapes do not fit or a setting is out of bounds.
    """
    one_of("rewards", rewards, ("bernoulli", "normal"))
    positive("noise", noise)
    if rounds < 1 or batch < 1 or delay < 0 or decay_every < 0:
        raise InputError(
            f"rounds {rounds}, batch {batch}, delay {delay}, decay_every {decay_every}",
            hint="Give rounds and batch of 1 or more, the others of 0 or more",
        )
    table = np.asarray(means, np.float64)
    if table.shape == (bandit.n_arms,):
        table = np.broadcast_to(table, (rounds, bandit.n_arms))
    if table.shape != (rounds, bandit.n_arms):
        raise InputError(
            f"means of shape {table.shape}", hint=f"Give ({bandit.n_arms},) or ({rounds}, {bandit.n_arms})"
        )
    x = None if contexts is None else np.asarray(contexts, np.float64)
    rng = generator(seed, "bandit trial")
    luck = rng.random(rounds) if rewards == "bernoulli" else rng.normal(0.0, noise, rounds)
    arms, chances, gains = np.empty(rounds, np.int64), np.empty(rounds), np.empty(rounds)
    waiting: deque[NDArray[np.int64]] = deque()
    for number, start in enumerate(range(0, rounds, batch)):
        rows = np.arange(start, min(start + batch, rounds))
        choice = bandit.choose(len(rows), contexts=None if x is None else x[rows])
        arms[rows], chances[rows] = choice
        mean = table[rows, choice.arms]
        gains[rows] = luck[rows] < mean if rewards == "bernoulli" else mean + luck[rows]
        waiting.append(rows)
        if len(waiting) > delay:
            due = waiting.popleft()
            bandit.update(arms[due], gains[due], contexts=None if x is None else x[due])
        if decay_every and (number + 1) % decay_every == 0:
            bandit.decay()
    lost = table.max(axis=1) - table[np.arange(rounds), arms]
    return Trial(np.cumsum(lost), arms, chances, gains)


def _contextual(bandit: Bandit) -> bool:
    return bool(getattr(bandit, "features", 0))
