"""From the cart to the order: second thoughts, stock, checkout and payment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shopr.data.simulator.draws import Draws, logistic
from shopr.data.simulator.vocabulary import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shopr.data.simulator.sessions import Day

__all__ = ["REASONS", "Cart", "settle_orders"]

Codes = NDArray[np.int64]
REASONS = ("changed_mind", "out_of_stock")
# Kinds of which people take several at once.
_SEVERAL = np.isin([k.key for k in KINDS], "mug plate card giftbag seeds soap chocolate pot candle notebook".split())


@dataclass
class Cart:
    """Cart lines of the day's sessions: shape (n,) each; `rows` are sessions, `times` Unix seconds."""

    rows: Codes
    items: Codes
    times: Codes
    impressions: Codes
    sources: Codes
    quantity: Codes
    prices: Codes

    @classmethod
    def of(cls, rows: Codes, items: Codes, times: Codes, impressions: Codes, sources: Codes) -> Cart:
        """Lines whose quantity, price and moment are yet to be filled in."""
        return cls(
            rows, items, times, impressions, sources, np.ones(len(rows), np.int64), np.zeros(len(rows), np.int64)
        )

    @classmethod
    def join(cls, carts: Sequence[Cart]) -> Cart:
        """All lines, in the order of `carts`, at least one."""
        return cls(*(np.concatenate([getattr(c, n) for c in carts]) for n in cls.__dataclass_fields__))

    def take(self, chosen: NDArray[np.bool_] | Codes) -> Cart:
        """The chosen lines."""
        return Cart(*(getattr(self, n)[chosen] for n in self.__dataclass_fields__))

    def fill(self, draws: Draws, users: Codes, day: int, kind: Codes, prices: NDArray[np.integer]) -> None:
        """Set how many are taken, at which price, and when."""
        u = draws.uniform("quantity", users, self.items, day)
        several = 1 + (u < 0.45) + (u < 0.25) + (u < 0.15) + 2 * (u < 0.05)
        self.quantity = np.where(_SEVERAL[kind], several, 1 + (u < 0.06)).astype(np.int64)
        self.prices = prices.astype(np.int64)
        self.times = (
            self.times + 3 + np.floor(40 * draws.uniform("hesitation", users, self.items, day)).astype(np.int64)
        )

    def columns(self) -> dict[str, NDArray[Any]]:
        """The lines as columns of the log."""
        names = {"time": "times", "item": "items", "quantity": "quantity", "price": "prices"}
        names |= {"impression": "impressions", "source": "sources"}
        return {column: getattr(self, name) for column, name in names.items()}


def _log(day: Day, kind: str, cart: Cart, times: Codes, **more: Codes) -> None:
    columns = cart.columns() | {"time": times} | more
    del columns["impression"], columns["source"]
    day.log.add(kind, session=day.sessions[cart.rows], user=day.moment.users[cart.rows], **columns)


def settle_orders(day: Day, cart: Cart, closing: Codes) -> Cart:
    """Log what becomes of the carts of a day, and return the order lines.

    Args:
        closing: shape (sessions,), Unix seconds at which each session turns to the checkout.
    """
    users, draws, today = day.moment.users, day.draws, day.moment.day
    doubt = draws.uniform("second thoughts", users[cart.rows], cart.items, today) < 0.07
    _log(day, "cart_item_removed", cart.take(doubt), closing[cart.rows[doubt]] - 40, detail=np.zeros(doubt.sum(), int))
    cart = cart.take(~doubt)
    goes, pays = _decisions(day, cart)
    checkout = np.flatnonzero(goes)
    cart = cart.take(goes[cart.rows])
    gone = ~_in_stock(cart, closing, day.memory.stock, pays)
    _log(day, "cart_item_removed", cart.take(gone), closing[cart.rows[gone]] - 20, detail=np.ones(gone.sum(), int))
    cart = cart.take(~gone)
    checkout = checkout[np.isin(checkout, cart.rows)]
    day.log.add("checkout_started", session=day.sessions[checkout], user=users[checkout], time=closing[checkout])
    cart = cart.take(pays[cart.rows])
    paid = closing + 40 + np.floor(60 * draws.uniform("paying", users, today)).astype(np.int64)
    _log(day, "order_completed", cart, paid[cart.rows], order=day.sessions[cart.rows])
    return cart


def _decisions(day: Day, cart: Cart) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which sessions go to the checkout, and which would pay there; dear carts and small screens less often."""
    users, draws, today = day.moment.users, day.draws, day.moment.day
    shoppers = day.taste.shoppers
    total = np.bincount(cart.rows, weights=cart.quantity * cart.prices, minlength=len(users)) / 100.0
    strain = np.log1p(total) - 4.0 - 1.6 * shoppers.budget[users]
    goes = draws.uniform("to checkout", users, today) < logistic(1.3 - 0.8 * strain)
    slip = np.array([0.16, 0.07, 0.1])[shoppers.device[users]]
    return goes & (total > 0), draws.uniform("pays", users, today) >= slip


def _in_stock(cart: Cart, closing: Codes, stock: Codes, pays: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which lines the stock covers, first come, first served; lines that will not be paid for take nothing."""
    order = np.lexsort((cart.rows, closing[cart.rows], cart.items))
    items, quantity = cart.items[order], (cart.quantity * pays[cart.rows])[order]
    running = np.cumsum(quantity)
    first = np.searchsorted(items, items, side="left")
    before = running[first] - quantity[first]
    enough = np.empty(len(items), bool)
    enough[order] = (running - before <= stock[items]) & (stock[items] > 0)
    return enough
