"""A shop as a world that can be played: its history under the shop's own lists, and futures under any policy.

Futures all start from the same day and the same memory, and meet the same luck: a shopper who is shown the same product
on the same day decides the same. The difference between two policies is theirs, up to what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.ids import IdMap
from shopr.data.simulator.aftermath import add_aftermath
from shopr.data.simulator.calendar import COUNTRIES, draw_calendar
from shopr.data.simulator.catalogue import draw_prices, draw_products
from shopr.data.simulator.draws import Draws, settle
from shopr.data.simulator.journal import event_table
from shopr.data.simulator.log import Log
from shopr.data.simulator.policy import Policy
from shopr.data.simulator.sessions import Day, seconds_from_epoch
from shopr.data.simulator.shelves import HOME_SLOTS, Shelves, Shown
from shopr.data.simulator.shoppers import DEVICES, draw_personas, draw_shoppers
from shopr.data.simulator.taste import Memory, Taste
from shopr.data.simulator.truth import Truth
from shopr.data.simulator.vocabulary import KINDS, LANGUAGES
from shopr.errors import InputError

__all__ = ["Play", "Progress", "World", "compare"]

Codes = NDArray[np.int64]
Progress = Callable[[str, int, int], None]
"""Called with the step's name, what is done and the total."""
_LINES_PER_VISIT = 2.0
_SPARE = 2
_BOUNDS = {"products": (len(KINDS), 100_000), "shoppers": (1, 1_000_000), "days": (7, 1_500), "horizon": (0, 1_500)}


class Play(NamedTuple):
    """A future played under one policy.

    Attributes:
        events: the flat event table of those days.
        outcomes: one row a user: user_id, sessions, clicks, recommended_clicks, orders, lines, revenue (minor units).
    """

    events: pd.DataFrame
    outcomes: pd.DataFrame


class World:
    """A shop with its people, its days and its hidden law.

    Args:
        seed: everything follows from it and from the sizes.
        products, shoppers, days: size of shop, customers and history.
        horizon: days beyond the history that can be played.
        visits: scales how often shoppers come.

    Raises:
        InputError: if a size is outside its bounds.
    """

    def __init__(
        self, seed: int = 42, *, products: int = 4000, shoppers: int = 6000, days: int = 365, horizon: int = 90,
        visits: float = 1.0,
    ) -> None:  # fmt: skip
        sizes = {"products": products, "shoppers": shoppers, "days": days, "horizon": horizon}
        for name, value in sizes.items():
            low, high = _BOUNDS[name]
            if not low <= value <= high:
                raise InputError(f"{name} is {value}", hint=f"Give {low} to {high}")
        self.seed, self.days, self.horizon = seed, days, horizon
        draws = Draws(seed)
        weekly = shoppers * visits * 0.04 * _LINES_PER_VISIT * 7 / products
        self.products = draw_products(products, draws, days=days, demand=weekly)
        self.prices = draw_prices(self.products, draws, days=days + horizon)
        self.calendar = draw_calendar(days + horizon, draws)
        personas = draw_personas(draws)
        self.shoppers = draw_shoppers(shoppers, personas, draws, days=days, visits=visits)
        self.taste = Taste(self.shoppers, personas, self.products, self.calendar, draws)
        self._draws, self._shelves = draws, Shelves(self.products, draws)

    @cached_property
    def user_ids(self) -> IdMap:
        """Ids of shoppers in code order, which is also their sorted order."""
        return IdMap([f"U{code:07d}" for code in range(len(self.shoppers))])

    @cached_property
    def item_ids(self) -> IdMap:
        """Ids of products in code order, which is also their sorted order."""
        return IdMap([f"P{code:06d}" for code in range(len(self.products))])

    @cached_property
    def truth(self) -> Truth:
        """What nobody in the shop knows: for tests, notebooks and proofs; no part of a dataset."""
        return Truth(self.taste, self.prices)

    # -- the past -----------------------------------------------------------------------------------------------------

    @cached_property
    def _past(self) -> tuple[Log, Memory]:
        return self._live_through(None)

    def _live_through(self, on_progress: Progress | None) -> tuple[Log, Memory]:
        log, memory = Log(), Memory.fresh(len(self.shoppers), self.products)
        for day in range(self.days):
            self._play_day(day, memory, log, draws=self._draws, chosen=None, policy=None)
            if on_progress is not None:
                on_progress("sessions", day + 1, self.days)
        add_aftermath(log, self.taste, until=seconds_from_epoch(self.taste, self.days))
        return log, memory

    def history(self, on_progress: Progress | None = None) -> pd.DataFrame:
        """The flat event table of the shop's past; played at the first call."""
        if "_past" not in self.__dict__:
            self.__dict__["_past"] = self._live_through(on_progress)
        return event_table(self._past[0], self.taste, self.user_ids.ids, self.item_ids.ids)

    @property
    def stock(self) -> Codes:
        """Shape (products,): pieces in the shop at the end of the history."""
        return self._past[1].stock.copy()

    # -- futures ------------------------------------------------------------------------------------------------------

    def play(
        self, policy: Policy | None, *, users: Sequence[int] | NDArray[np.integer] | None = None, days: int = 28,
        seed: int = 0, events: bool = True,
    ) -> Play:  # fmt: skip
        """Play `days` days on from the end of the history, with the home page's list chosen by `policy`.

        Args:
            policy: None keeps the shop's own list.
            users: codes of the shoppers who take part; all by default.
            days: at most the world's horizon.
            seed: of the luck in this future; policies compared under one seed meet the same luck.
            events: whether to make the event table; without, `Play.events` is empty.

        Raises:
            InputError: if there are too few or too many days, or a user code is unknown.
        """
        if not 1 <= days <= self.horizon:
            raise InputError(
                f"{days} days to play", hint=f"Give 1 to {self.horizon}, or make the world with a larger horizon"
            )
        chosen = np.arange(len(self.shoppers)) if users is None else np.unique(np.asarray(users, dtype=np.int64))
        if len(chosen) and not (chosen[0] >= 0 and chosen[-1] < len(self.shoppers)):
            raise InputError(
                f"user codes span {chosen[0]} to {chosen[-1]}", hint=f"Known: 0 to {len(self.shoppers) - 1}"
            )
        memory, log, luck = self._past[1].copy(), Log(), Draws(self.seed, f"play {seed}")
        name = "shop" if policy is None else str(getattr(policy, "name", type(policy).__name__))
        for day in range(self.days, self.days + days):
            today = log.sequel()
            self._play_day(day, memory, today, draws=luck, chosen=chosen, policy=policy)
            log.extend(today)
            observe = getattr(policy, "observe", None)
            if observe is not None:
                observe(self._table(today, name))
        table = self._table(log if events else Log(), name)
        return Play(table, _outcomes(log, chosen, self.user_ids))

    def _table(self, log: Log, policy: str) -> pd.DataFrame:
        return event_table(log, self.taste, self.user_ids.ids, self.item_ids.ids, policy=policy, prefix="play-")

    def _play_day(
        self, day: int, memory: Memory, log: Log, *, draws: Draws, chosen: Codes | None, policy: Policy | None
    ) -> None:
        self._deliver(day, memory)
        memory.weariness *= np.float32(0.97)
        users = self._visitors(day, memory, draws)
        if chosen is not None:
            users = users[np.isin(users, chosen)]
        self._shelves.open(day, memory)
        if not len(users):
            return
        shelves = self._shelves if draws is self._draws else self._shelves.with_luck(draws)
        today = Day.begin(self.taste, shelves, memory, log, draws=draws, prices=self.prices[day], day=day, users=users)
        rows = np.arange(len(users))
        if policy is None:
            today.run(shelves.home(users, rows, day))
        else:
            today.run(self._recommended(policy, today))

    def _visitors(self, day: int, memory: Memory, draws: Draws) -> Codes:
        who = self.shoppers
        here = (who.joined <= day) & (day <= who.left)
        chance = settle(who.visits * self.calendar.traffic[day] * (0.75 + 0.5 * memory.mood))
        # The first visit is on the day of joining: nobody is a customer before.
        arrives = (who.joined == day) & (day > 0)
        comes = draws.uniform("visit", np.arange(len(who)), day) < chance
        return np.flatnonzero(here & (comes | arrives))

    def _deliver(self, day: int, memory: Memory) -> None:
        due = (np.arange(len(self.products)) + day) % 7 == 0
        low = memory.stock < self.products.target_stock // 2 + 1
        memory.stock[due & low] = self.products.target_stock[due & low]

    def _recommended(self, policy: Policy, today: Day) -> Shown:
        users = today.moment.users
        wanted = HOME_SLOTS * _SPARE
        items = np.asarray(policy.recommend(users, wanted, self._context(today)), dtype=np.int64)
        if items.ndim != 2 or len(items) != len(users) or items.max(initial=-1) >= len(self.products):
            raise InputError(
                f"the policy gave lists of shape {items.shape} with codes up to {items.max(initial=-1)}",
                hint=f"Give ({len(users)}, k) codes below {len(self.products)}; -1 for none",
            )
        usable = (items >= 0) & self._shelves.on_sale[items]
        order = np.argsort(~usable, axis=1, kind="stable")[:, :HOME_SLOTS]
        row = np.arange(len(users))[:, None]
        best = np.where(usable[row, order], items[row, order], -1)
        shown = Shown.of(np.arange(len(users)), best, np.zeros(best.shape), np.full(len(users), 4))
        return Shown(shown.rows, shown.positions, shown.items, np.ones(len(shown.rows)), shown.source)

    def _context(self, today: Day) -> pd.DataFrame:
        who, users, day = self.shoppers, today.moment.users, today.moment.day
        country = who.country[users]
        columns = {
            "date": np.full(len(users), np.datetime64(self.calendar.date(day), "s")),
            "hour": today.moment.hour,
            "device": np.array(DEVICES, dtype=object)[who.device[users]],
            "country": np.array([c.code for c in COUNTRIES], dtype=object)[country],
            "language": np.array(LANGUAGES, dtype=object)[who.language[users]],
            "temperature": self.calendar.temperature[day, country] / 10.0,
            "rain": self.calendar.rain[day, country],
        }
        return pd.DataFrame(columns)


def _outcomes(log: Log, users: Codes, user_ids: IdMap) -> pd.DataFrame:
    def total(kind: str, weights: NDArray[np.int64] | None = None, mask: NDArray[np.bool_] | None = None) -> Codes:
        who = log.column(kind, "user") if mask is None else log.column(kind, "user")[mask]
        sums = np.bincount(who, weights=weights, minlength=len(user_ids))
        return np.asarray(np.round(sums).astype(np.int64)[users])

    recommended = np.isin(log.column("product_clicked", "source"), [0, 4])
    _, first = np.unique(log.column("order_completed", "order"), return_index=True)
    single = np.zeros(log.count("order_completed"), bool)
    single[first] = True
    revenue = log.column("order_completed", "price") * log.column("order_completed", "quantity")
    columns = {
        "user_id": pd.Series(user_ids.decode(users), dtype="str"),
        "sessions": total("page_viewed", mask=log.column("page_viewed", "detail") == 0),
        "clicks": total("product_clicked"),
        "recommended_clicks": total("product_clicked", mask=recommended),
        "orders": total("order_completed", mask=single),
        "lines": total("order_completed"),
        "revenue": total("order_completed", revenue),
    }
    return pd.DataFrame(columns)


def compare(
    world: World, policies: Mapping[str, Policy | None], *, users: Sequence[int] | NDArray[np.integer] | None = None,
    days: int = 28, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Outcomes of each policy under the same luck: one row a user and policy, `policy` first, else as `Play.outcomes`.

    Rows of different policies pair up by `user_id`. None as a policy is the shop's own list.
    """
    parts = []
    for name, policy in policies.items():
        outcomes = world.play(policy, users=users, days=days, seed=seed, events=False).outcomes
        outcomes.insert(0, "policy", pd.Series([name] * len(outcomes), dtype="str"))
        parts.append(outcomes)
    return pd.concat(parts, ignore_index=True)
