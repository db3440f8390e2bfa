"""Orders, stock and prices of scripted dialogues, read from the `fixtures` of their file.

The stock rule is a formula in text. It is read by a pattern and computed here, never evaluated: a file of dialogues is
input like any other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self, get_args

from shopr.commerce.facade import Commerce
from shopr.commerce.order_records import Order, OrderLine, Status
from shopr.errors import DataError
from shopr.money import exponent, to_minor

__all__ = ["Fixtures", "StockRule"]

_HASHES = ("sha256", "sha1", "md5", "sha512")
_RULE = re.compile(
    r"\s*(?:stock\s*=\s*)?int\(\s*(?P<hash>[a-z0-9]{3,8})\(\s*(?:product_)?id\s*\)\.hexdigest\(\)\s*"
    r"\[\s*:\s*(?P<digits>\d{1,2})\s*\]\s*,\s*16\s*\)\s*%\s*(?P<modulus>\d{1,9})\s*"
    r"(?:;\s*values?\s+(?P<zeros>\d{1,9}(?:\s*(?:,|and|,\s*and)\s*\d{1,9})*)\s*(?:->|become)\s*0)?\s*\.?\s*"
)
_LONGEST_RULE = 300
_STATUS_WORDS = {"return requested": "return_requested", "exchange requested": "exchange_requested"}


@dataclass(frozen=True, slots=True)
class StockRule:
    """Stock from a product's id: the first hexadecimal digits of a hash, modulo a number, some values counting as 0.

    Attributes:
        hash: its name.
        digits: how many hexadecimal digits are taken.
        modulus: one more than the greatest stock.
        zeros: remainders that mean none.
    """

    hash: str
    digits: int
    modulus: int
    zeros: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `stock=int(sha256(id).hexdigest()[:8],16)%20; values 0 and 1 -> 0`.

        Raises:
            DataError: if the text is no such rule.
        """
        match = _RULE.fullmatch(text) if isinstance(text, str) and len(text) <= _LONGEST_RULE else None
        if match is None or match["hash"] not in _HASHES or not int(match["digits"]) or not int(match["modulus"]):
            raise DataError(
                f"stock rule {str(text)[:80]!r} cannot be read",
                hint="Write stock=int(sha256(id).hexdigest()[:8],16)%20; values 0 and 1 -> 0",
            )
        zeros = frozenset(int(number) for number in re.findall(r"\d+", match["zeros"] or ""))
        return cls(match["hash"], int(match["digits"]), int(match["modulus"]), zeros)

    def of(self, product_id: str) -> int:
        """The stock of a product."""
        found = hashlib.new(self.hash, product_id.encode(), usedforsecurity=False).hexdigest()[: self.digits]
        pieces = int(found, 16) % self.modulus
        return 0 if pieces in self.zeros else pieces


@dataclass(frozen=True)
class Fixtures:
    """What holds in the shop while a scripted dialogue is played.

    Attributes:
        today: the day on which the dialogues play; None: now.
        user: who speaks, where a dialogue does not say.
        currency: of prices, where the catalogue does not say.
        locale: the language, where a dialogue does not say.
        rule: stock of every product, where `stock` does not say.
        stock: product id -> pieces, None: not counted.
        prices: product id -> minor units of `currency`.
        orders: order id -> the order as the file has it.
    """

    today: date | None = None
    user: str | None = None
    currency: str = "EUR"
    locale: str = "en"
    rule: StockRule | None = None
    stock: Mapping[str, int | None] = field(default_factory=dict)
    prices: Mapping[str, int] = field(default_factory=dict)
    orders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Self:
        """Read the `fixtures` of a file of dialogues; keys that are not known are left alone.

        Raises:
            DataError: naming the first value that is wrong.
        """
        if not isinstance(raw, Mapping):
            raise DataError("fixtures are no object", hint="Write an object of stock, prices and orders")
        currency = str(raw.get("currency", "EUR"))
        exponent(currency)
        rule = raw.get("stock_rule")
        orders = _table(raw, "orders")
        for order_id, order in orders.items():
            _checked_order(order_id, order)
        user = raw.get("user")
        return cls(
            today=_day(raw.get("today"), "today"),
            user=None if user is None else str(user),
            currency=currency,
            locale=str(raw.get("locale_default", "en")),
            rule=None if rule is None else StockRule.parse(rule),
            stock={str(i): _pieces(i, pieces) for i, pieces in _table(raw, "stock").items()},
            prices={str(i): to_minor(price, currency) for i, price in _table(raw, "prices").items()},
            orders=orders,
        )

    @property
    def noon(self) -> datetime | None:
        """The moment at which the clock stands: noon of `today` in UTC."""
        return None if self.today is None else datetime.combine(self.today, time(12), UTC)

    def apply(self, commerce: Commerce) -> None:
        """Make a shop as the fixtures say: no carts, these orders, this stock, these prices.

        Products that the fixtures name and the catalogue does not know are left out: they cannot be sold.
        """
        known = commerce.snapshot().catalog.product_ids
        stock: dict[str, int | None] = {}
        if self.rule is not None:
            stock = {str(i): self.rule.of(str(i)) for i in known.ids}
        stock |= {i: pieces for i, pieces in self.stock.items() if i in known}
        if stock:
            commerce.stock.set_many(stock)
        prices: dict[str, int | None] = {i: price for i, price in self.prices.items() if i in known}
        if prices:
            commerce.prices.set_many(prices, self.currency)
        commerce.forget_carts_and_orders()
        commerce.orders.put(self._order(commerce, order_id, raw) for order_id, raw in self.orders.items())

    def _order(self, commerce: Commerce, order_id: str, raw: Mapping[str, Any]) -> Order:
        now = commerce.clock.now()
        ids = [str(item["id"] if isinstance(item, Mapping) else item) for item in raw.get("items", ())]
        amounts = [int(item.get("qty", 1)) if isinstance(item, Mapping) else 1 for item in raw.get("items", ())]
        titles = commerce.titles(ids)
        lines = []
        for number, (product_id, quantity) in enumerate(zip(ids, amounts, strict=True), 1):
            price = commerce.prices.of(product_id)
            lines.append(
                OrderLine(
                    number,
                    product_id,
                    titles.get(product_id, product_id),
                    quantity,
                    None if price is None else price.amount,
                    self.currency if price is None else price.currency,
                )
            )
        arrived = _day(raw.get("delivered"), "delivered")
        placed = _day(raw.get("placed"), "placed")
        moment = now if placed is None else datetime.combine(placed, time(12), UTC)
        if placed is None and arrived is not None:
            moment = datetime.combine(arrived, time(12), UTC) - timedelta(days=7)
        return Order(
            order_id=order_id,
            owner=str(raw["user"]),
            status=_status(order_id, raw["status"]),
            placed_at=moment,
            updated_at=moment,
            eta=_day(raw.get("eta"), "eta"),
            delivered_on=arrived,
            lines=tuple(lines),
        )


def _table(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name) or {}
    if not isinstance(found, Mapping):
        raise DataError(f"fixtures: {name} is no object", hint="Write an object by id")
    return found


def _checked_order(order_id: str, order: object) -> None:
    if not isinstance(order, Mapping) or "user" not in order or "status" not in order:
        raise DataError(f"fixtures: order {order_id!r} lacks user or status", hint="Write both")
    _status(order_id, order["status"])
    for name in ("eta", "delivered", "placed"):
        _day(order.get(name), f"{name} of order {order_id}")
    items = order.get("items", ())
    if not isinstance(items, list | tuple):
        raise DataError(f"fixtures: items of order {order_id!r} are no list", hint="Write a list of product ids")
    for item in items:
        if isinstance(item, Mapping) and ("id" not in item or not str(item.get("qty", 1)).isdigit()):
            raise DataError(f"fixtures: item {item!r} of order {order_id!r}", hint='Write {"id": …, "qty": …}')


def _status(order_id: str, word: object) -> Status:
    status = _STATUS_WORDS.get(str(word), str(word))
    for known in get_args(Status):
        if status == known:
            return known  # type: ignore[no-any-return]
    raise DataError(
        f"fixtures: status {str(word)[:40]!r} of order {order_id!r}", hint=f"Known: {', '.join(get_args(Status))}"
    )


def _day(value: object, what: str) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise DataError(f"fixtures: {what} is {str(value)[:40]!r}", hint="Write a date such as 2026-11-22") from None


def _pieces(product_id: str, pieces: object) -> int | None:
    if pieces is None or (isinstance(pieces, int) and not isinstance(pieces, bool) and pieces >= 0):
        return pieces
    raise DataError(f"fixtures: stock {pieces!r} of {product_id}", hint="Write a whole number of 0 or more, or null")
