"""One day of the simulated shop: visits, pages, clicks, carts and orders of all its sessions at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.data.simulator.calendar import COUNTRIES
from shopr.data.simulator.catalogue import KIND_LASTS
from shopr.data.simulator.checkout import Cart, settle_orders
from shopr.data.simulator.draws import Draws, logistic, settle
from shopr.data.simulator.log import Log
from shopr.data.simulator.shelves import Shelves, Shown
from shopr.data.simulator.shoppers import DEVICES
from shopr.data.simulator.taste import Memory, Moment, Taste
from shopr.data.simulator.vocabulary import COLOURS, KINDS

__all__ = ["CART_BAR", "CLICK_BAR", "EXAMINATION", "PAGE_SECONDS", "Day", "examination", "seconds_from_epoch"]

Codes = NDArray[np.int64]
PAGE_SECONDS = 180
EXAMINATION = {"mobile": 0.75, "desktop": 0.45, "tablet": 0.6}
"""A product in position s is looked at with probability s^-power; smaller screens, steeper power."""
_POWERS = np.array([EXAMINATION[d] for d in DEVICES])
CLICK_BAR, CART_BAR = 3.0, 1.9
"""What appeal must overcome for a click, and for the cart."""
_PAGES = np.array([0.12, 0.48, 0.28, 0.12])
_OFFSETS = np.array([c.offset for c in COUNTRIES])
_PALETTE = np.array([[c in k.colours for c in COLOURS] for k in KINDS], dtype=np.float64)
_SLOPPY = 0.7
_SEARCH_SHARE, _COLOUR_SEARCH_SHARE = 0.6, 0.4


def examination(device: Codes, positions: Codes) -> NDArray[np.float64]:
    """Probability that a product in a position is looked at, by device."""
    return settle(positions.astype(np.float64) ** -_POWERS[device])


def seconds_from_epoch(taste: Taste, day: int) -> int:
    """Unix seconds of midnight UTC of a day."""
    return (taste.calendar.date(day).toordinal() - 719_163) * 86_400


@dataclass
class Day:
    """The sessions of one day while they run.

    Attributes:
        moment: who is there; `start`: shape (sessions,), Unix seconds of each session's first page.
        clicks: shape (sessions,), clicks on the home page's list so far.
    """

    taste: Taste
    shelves: Shelves
    memory: Memory
    log: Log
    draws: Draws
    prices: NDArray[np.int32]
    moment: Moment
    start: Codes
    clicks: Codes
    carts: list[Cart] = field(default_factory=list)

    @classmethod
    def begin(
        cls, taste: Taste, shelves: Shelves, memory: Memory, log: Log, *, draws: Draws,
        prices: NDArray[np.int32], day: int, users: Codes,
    ) -> Day:  # fmt: skip
        """Choose each visitor's hour and the persona at work; `users` are the day's visitors."""
        calendar = taste.calendar
        hour = draws.choice("hour", calendar.hour_weights(day), users, day)
        persona = draws.choice("persona of the day", taste.shoppers.personas[users], users, day)
        offset = _OFFSETS[taste.shoppers.country[users]]
        second = np.floor(3600 * draws.uniform("second", users, day)).astype(np.int64)
        start = seconds_from_epoch(taste, day) + (hour - offset) * 3600 + second
        bought = np.zeros((len(users), len(KINDS)), bool)
        moment = Moment(day, users, persona, hour, calendar.weekday(day) >= 5, bought)
        return cls(taste, shelves, memory, log, draws, prices, moment, start, np.zeros(len(users), np.int64))

    @property
    def sessions(self) -> Codes:
        """Shape (sessions,): keys, unique over all days."""
        return self.moment.day * len(self.taste.shoppers) + self.moment.users

    def run(self, first: Shown) -> None:
        """Play the day: the home page with the list `first`, then listings, then the checkout; remember all of it."""
        users, day = self.moment.users, self.moment.day
        everyone = np.arange(len(users))
        needs = self.taste.needs(self.moment, self.memory)
        self._page(everyone, 0, np.zeros(len(users), np.int64), np.full(len(users), -1))
        first = first.join(self.shelves.reorder(users, everyone, day, self.memory))
        self._look(first, 0, needs)
        pages = self.draws.choice("pages", _PAGES, users, day)
        for page in range(1, len(_PAGES)):
            rows = np.flatnonzero(pages >= page)
            needs = self.taste.needs(self.moment, self.memory)
            kind, colour = self._intent(rows, page, needs)
            searched = colour > -2
            query = np.where(searched, kind * (len(COLOURS) + 1) + colour + 1, -1)
            self._page(rows, page, np.where(searched, 2, 1), kind)
            self.log.add(
                "search_performed", session=self.sessions[rows][searched], user=users[rows][searched],
                time=self.start[rows][searched] + page * PAGE_SECONDS, query=query[searched],
            )  # fmt: skip
            found = self.shelves.candidates(users[rows], day, page, kind, colour)
            fit = self._filters(rows, found)
            self._look(Shelves.listing(rows, found, fit, np.where(searched, 2, 1)), page, needs)
        closing = self.start + (pages + 1) * PAGE_SECONDS
        self._close(closing)

    def _page(self, rows: Codes, page: int, name: Codes, kind: Codes) -> None:
        self.log.add(
            "page_viewed",
            session=self.sessions[rows],
            user=self.moment.users[rows],
            time=self.start[rows] + page * PAGE_SECONDS,
            detail=name,
            query=kind,
        )

    def _intent(self, rows: Codes, page: int, needs: NDArray[np.float64]) -> tuple[Codes, Codes]:
        """The kind each session looks for next, and the colour: -1 any, -2 where the category is browsed."""
        users, persona, day = self.moment.users[rows], self.moment.persona[rows], self.moment.day
        liking = self.taste.personas.kind[persona] + self.taste.shoppers.kind_tilt[users] + needs[rows]
        kind = self.draws.choice("intent", np.exp(np.minimum(settle(liking), 6.0)), users, day, page)
        palette = np.exp(1.5 * self.taste.personas.colour[persona]) * _PALETTE[kind]
        wished = self.draws.choice("wished colour", palette, users, day, page)
        with_colour = self.draws.uniform("colour in search", users, day, page) < _COLOUR_SEARCH_SHARE
        searches = self.draws.uniform("search", users, day, page) < _SEARCH_SHARE
        return kind, np.where(searches, np.where(with_colour, wished, -1), -2)

    def _filters(self, rows: Codes, found: Codes) -> NDArray[np.float64]:
        """How well candidates pass the filters that shoppers set: looks, brands, and above all prices."""
        users, persona = self.moment.users[rows][:, None], self.moment.persona[rows][:, None]
        fit = self.taste.lasting(users, persona, found) + 1.5 * self.taste.price(users, found, self.prices[found])
        return settle(fit + _SLOPPY * self.draws.bell("filters", users, found, self.moment.day))

    def _look(self, shown: Shown, page: int, needs: NDArray[np.float64]) -> None:
        """Examine, click, view and put into the cart what is on a page."""
        moment, day, rows, items = self.moment, self.moment.day, shown.rows, shown.items
        users, kind = moment.users[rows], self.taste.products.kind[items]
        number = self.log.number_impressions(len(rows))
        when = self.start[rows] + page * PAGE_SECONDS
        common: dict[str, NDArray[Any]] = {
            "session": self.sessions[rows],
            "user": users,
            "item": items,
            "price": self.prices[items],
        }
        common |= {"impression": number, "position": shown.positions, "source": shown.source}
        self.log.add("product_shown", time=when, propensity=shown.propensity, **common)
        price = self.taste.price(users, items, self.prices[items])
        appeal = self.taste.lasting(users, moment.persona[rows], items) + needs[rows, kind] + price
        appeal = settle(appeal + self.taste.passing(moment, rows, items, self.memory, self.draws))
        device = self.taste.shoppers.device[users]
        luck = self.draws.uniform("examine", users, day, page, shown.positions + 100 * (shown.source == 3))
        seen = luck < examination(device, shown.positions)
        clicked = seen & (self.draws.uniform("click", users, items, day) < logistic(1.2 * appeal - CLICK_BAR))
        np.add.at(self.memory.weariness, (users, kind), np.where(clicked, -1.0, 0.35 * seen).astype(np.float32))
        np.add.at(self.clicks, rows[clicked & (page == 0)], 1)
        wait = 4 + 9 * shown.positions + np.floor(5 * self.draws.uniform("pause", users, items, day)).astype(np.int64)
        hit = {name: column[clicked] for name, column in common.items()}
        self.log.add("product_clicked", time=(when + wait)[clicked], **hit)
        self.log.add("product_viewed", time=(when + wait + 1)[clicked], **hit)
        wanted = self.draws.uniform("cart", users, items, day) < logistic(0.9 * appeal + 0.6 * price - CART_BAR)
        taken = np.flatnonzero(clicked & wanted)
        self._put(Cart.of(rows[taken], items[taken], (when + wait)[taken], number[taken], shown.source[taken]))

    def _put(self, cart: Cart) -> None:
        """Into the cart: one of a kind where goods last, each product once."""
        kind = self.taste.products.kind[cart.items]
        lasting = KIND_LASTS[kind] > 0
        clash = np.where(lasting, len(KINDS) + cart.items, kind)
        key = cart.rows * (len(KINDS) + len(self.taste.products)) + clash
        earlier = [self._clash(part) for part in self.carts]
        fresh = np.zeros(len(key), bool)
        fresh[np.unique(key, return_index=True)[1]] = True
        if earlier:
            fresh &= ~np.isin(key, np.concatenate(earlier))
        cart = cart.take(fresh)
        users, day = self.moment.users[cart.rows], self.moment.day
        cart.fill(self.draws, users, day, self.taste.products.kind[cart.items], self.prices[cart.items])
        self.moment.bought[cart.rows, self.taste.products.kind[cart.items]] = True
        self.carts.append(cart)
        self.log.add("cart_item_added", session=self.sessions[cart.rows], user=users, **cart.columns())

    def _clash(self, cart: Cart) -> Codes:
        kind = self.taste.products.kind[cart.items]
        clash = np.where(KIND_LASTS[kind] > 0, len(KINDS) + cart.items, kind)
        return np.asarray(cart.rows * (len(KINDS) + len(self.taste.products)) + clash)

    def _close(self, closing: Codes) -> None:
        """Check out, and remember the day."""
        cart = Cart.join(self.carts)
        bought = settle_orders(self, cart, closing)
        users, memory, day = self.moment.users, self.memory, self.moment.day
        kind = self.taste.products.kind[bought.items]
        memory.last_day[users[bought.rows], kind] = day
        memory.last_item[users[bought.rows], kind] = bought.items
        np.subtract.at(memory.stock, bought.items, bought.quantity)
        memory.buzz[:] = settle(memory.buzz * 0.96)
        np.add.at(memory.buzz, cart.items, 0.25)
        np.add.at(memory.buzz, bought.items, 1.0)
        memory.mood[users] = settle(0.8 * memory.mood[users] + 0.2 * np.minimum(self.clicks / 1.5, 1.0))
