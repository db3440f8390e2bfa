"""Experiments that serve lists: a bandit over algorithms, two rankers interleaved, and an A/B test.

All are policies as a played world asks them (`shopr.data.simulator.Policy`) and see of it what a shop sees: requests,
and each day's events. `BanditPolicy.serve` is the same choice for a live shop, with the propensity that goes into
the impressions' events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.abtest.checks import one_of
from shopr.abtest.policies.bandit import Bandit
from shopr.abtest.policies.interleaving import SCHEMES, Interleaved, Scheme, credit, interleave
from shopr.data.ids import IdMap
from shopr.data.simulator.policy import Policy
from shopr.errors import InputError
from shopr.randomness import DEFAULT_SEED

__all__ = ["BanditPolicy", "InterleavedPolicy", "Served", "SplitPolicy"]

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
Reward = Literal["clicked", "ordered", "revenue"]
REWARDS: tuple[Reward, ...] = ("clicked", "ordered", "revenue")
_SOURCE = "recommendation"


class Served(NamedTuple):
    """Lists with who made them.

    Attributes:
        items: shape (n, k), item codes, -1 for none.
        arms: shape (n,), codes of the algorithms.
        policies: shape (n,), what an impression's `policy` says, such as "bandit:ease".
        propensities: shape (n,), the chance that this algorithm served this request.
    """

    items: Codes
    arms: Codes
    policies: NDArray[np.object_]
    propensities: Floats


class BanditPolicy:
    """A bandit decides which algorithm serves each request, and learns from what shoppers do.

    Args:
        bandit: its arms are the names of `policies`.
        policies: the algorithms.
        user_ids: the id map of the user codes that requests carry.
        reward: of a shopper's day: `clicked` (1 if any recommended product was clicked), `ordered` (1 if anything was
            bought), `revenue` (minor units).
        features: makes contexts, shape (n, features), of users and the request table; for contextual bandits.
        delay: days after which a day's rewards are known.

    Raises:
        InputError: if arms and policies do not match, or the delay is negative.
    """

    name = "bandit"

    def __init__(
        self, bandit: Bandit, policies: Mapping[str, Policy], user_ids: IdMap, *, reward: Reward = "clicked",
        features: Callable[[Codes, pd.DataFrame], Floats] | None = None, delay: int = 0,
    ) -> None:  # fmt: skip
        if set(bandit.arms) != set(policies):
            raise InputError(
                f"arms {', '.join(bandit.arms)} and policies {', '.join(policies)}", hint="Give a policy for each arm"
            )
        if delay < 0:
            raise InputError(f"delay {delay} is below 0", hint="Give 0 or more days")
        self.bandit, self.reward = bandit, one_of("reward", reward, REWARDS)
        self._policies = [policies[arm] for arm in bandit.arms]
        self._user_ids, self._features, self._delay = user_ids, features, delay
        self._today: list[tuple[Codes, Served, Floats | None]] = []
        self._waiting: deque[tuple[int, Codes, Floats, Floats | None]] = deque()
        self._log: list[pd.DataFrame] = []
        self._days = 0

    def serve(self, users: Codes, k: int, context: pd.DataFrame) -> Served:
        """Lists of `k` for each of `users` (codes of the id map), with the algorithm's propensity."""
        users = np.asarray(users, np.int64)
        x = None if self._features is None else self._features(users, context)
        choice = self.bandit.choose(len(users), contexts=x)
        items = _listed(self._policies, choice.arms, users, k, context)
        names = np.array([f"{self.name}:{arm}" for arm in self.bandit.arms], object)
        served = Served(items, choice.arms, names[choice.arms], choice.propensities)
        self._today.append((users, served, x))
        return served

    def recommend(self, users: Codes, k: int, context: pd.DataFrame) -> NDArray[np.integer]:
        """As a played world asks it: `serve(...).items`."""
        return self.serve(users, k, context).items

    def observe(self, events: pd.DataFrame) -> None:
        """Learn from a day's events; those of the lists served since the last call."""
        earned = self._earned(events)
        for users, served, x in self._today:
            gains = earned[users]
            self._waiting.append((self._days, served.arms, gains, x))
            columns = {
                "day": self._days, "user_id": self._user_ids.decode(users),
                "arm": np.array(self.bandit.arms, object)[served.arms], "propensity": served.propensities,
                "reward": gains,
            }  # fmt: skip
            self._log.append(pd.DataFrame(columns))
        self._today.clear()
        while self._waiting and self._waiting[0][0] <= self._days - self._delay:
            _, arms, gains, x = self._waiting.popleft()
            self.bandit.update(arms, gains, contexts=x)
        self._days += 1
        self.bandit.decay()
        _tell(self._policies, events)

    @property
    def log(self) -> pd.DataFrame:
        """One row a request: day, user_id, arm, propensity, reward; what `Logged.from_frame` reads."""
        if not self._log:
            return pd.DataFrame({"day": [], "user_id": [], "arm": [], "propensity": [], "reward": []})
        return pd.concat(self._log, ignore_index=True)

    def _earned(self, events: pd.DataFrame) -> Floats:
        """Shape (users,): each known user's reward from the events."""
        if self.reward == "clicked":
            part = events[(events["type"] == "product_clicked") & (events["source"] == _SOURCE)]
            gain = np.ones(len(part))
        else:
            part = events[events["type"] == "order_completed"]
            paid = part["price"].to_numpy(np.float64) * part["quantity"].to_numpy(np.float64)
            gain = np.nan_to_num(paid) if self.reward == "revenue" else np.ones(len(part))
        codes = self._user_ids.encode(part["user_id"])
        known = codes >= 0
        sums = np.bincount(codes[known], gain[known], len(self._user_ids)).astype(np.float64)
        return sums if self.reward == "revenue" else np.asarray(sums > 0, np.float64)


class InterleavedPolicy:
    """Two rankers share each list; clicks on their products are credited to them.

    Args:
        a, b: the rankers.
        user_ids, item_ids: the id maps of the codes in requests and lists.
        scheme: `team_draft` or `probabilistic`.
        seed: of the coins.
    """

    name = "interleaved"

    def __init__(
        self, a: Policy, b: Policy, user_ids: IdMap, item_ids: IdMap, *, scheme: Scheme = "team_draft",
        seed: int = DEFAULT_SEED,
    ) -> None:  # fmt: skip
        self._rankers, self._user_ids, self._item_ids = (a, b), user_ids, item_ids
        self._scheme, self._seed = one_of("scheme", scheme, SCHEMES), seed
        self._today: list[tuple[Codes, Interleaved]] = []
        self._served = 0
        self._credits: list[pd.DataFrame] = []

    def recommend(self, users: Codes, k: int, context: pd.DataFrame) -> NDArray[np.integer]:
        """Interleaved lists, shape (n, k)."""
        users = np.asarray(users, np.int64)
        a, b = (np.asarray(ranker.recommend(users, k, context), np.int64) for ranker in self._rankers)
        shown = interleave(a, b, k, scheme=self._scheme, seed=self._seed, stream=str(self._served))
        self._served += 1
        self._today.append((users, shown))
        return shown.items

    def observe(self, events: pd.DataFrame) -> None:
        """Credit a day's clicks on recommended products to the rankers that gave them."""
        part = events[(events["type"] == "product_clicked") & (events["source"] == _SOURCE)]
        who, what = self._user_ids.encode(part["user_id"]), self._item_ids.encode(part["product_id"])
        known = (who >= 0) & (what >= 0)
        pairs = np.unique(who[known].astype(np.int64) * len(self._item_ids) + what[known])
        for users, shown in self._today:
            key = np.where(shown.items >= 0, users[:, None] * len(self._item_ids) + shown.items, -1)
            found = credit(shown, np.isin(key, pairs) & (shown.items >= 0))
            columns = {"user_id": self._user_ids.decode(users), "a": found.a, "b": found.b, "outcome": found.outcome}
            self._credits.append(pd.DataFrame(columns))
        self._today.clear()
        _tell(self._rankers, events)

    @property
    def credits(self) -> pd.DataFrame:
        """One row a request: user_id, a and b (clicks credited to each), outcome (a - b)."""
        if not self._credits:
            return pd.DataFrame({"user_id": [], "a": [], "b": [], "outcome": []})
        return pd.concat(self._credits, ignore_index=True)


class SplitPolicy:
    """An A/B test in one shop: each shopper has an algorithm for good, and all share the stock.

    Playing each arm in a world of its own is no A/B test: there, every arm has the whole stock for half the shoppers.

    Args:
        policies: the algorithms.
        arms: shape (users,), for each user code the number of the algorithm, in the order of `policies`.

    Raises:
        InputError: if an arm is not among the algorithms.
    """

    name = "split"

    def __init__(self, policies: Mapping[str, Policy], arms: NDArray[np.integer]) -> None:
        self.arms = np.asarray(arms, np.int64)
        if not policies or not len(self.arms) or self.arms.min() < 0 or self.arms.max() >= len(policies):
            raise InputError(f"arms do not fit {len(policies)} algorithms", hint="Give one code from 0 for each user")
        self._policies = list(policies.values())

    def recommend(self, users: Codes, k: int, context: pd.DataFrame) -> NDArray[np.integer]:
        """Each shopper's list by their own algorithm, shape (n, k)."""
        users = np.asarray(users, np.int64)
        return _listed(self._policies, self.arms[users], users, k, context)

    def observe(self, events: pd.DataFrame) -> None:
        """Pass a day's events on to the algorithms."""
        _tell(self._policies, events)


def _listed(policies: Sequence[Policy], arms: Codes, users: Codes, k: int, context: pd.DataFrame) -> Codes:
    """Shape (n, k): each request's list by the policy of its arm."""
    items = np.full((len(users), k), -1, np.int64)
    for arm in np.unique(arms).tolist():
        rows = np.flatnonzero(arms == arm)
        listed = np.asarray(policies[arm].recommend(users[rows], k, context.iloc[rows]))
        items[rows, : listed.shape[1]] = listed
    return items


def _tell(policies: Sequence[Policy], events: pd.DataFrame) -> None:
    """Let those policies see a day's events that want to."""
    for policy in policies:
        observe: Any = getattr(policy, "observe", None)
        if observe is not None:
            observe(events)
