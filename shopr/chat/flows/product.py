"""About single products: details, price, stock, delivery, price history, comparison, and what is like them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from shopr.chat.commands import Command
from shopr.chat.facts import Line, Money, Title, Word
from shopr.chat.flows.search import present
from shopr.chat.need import Need
from shopr.chat.turn import MOST_SHOWN, Turn

__all__ = ["FLOWS", "HISTORY_DAYS", "comparable", "stock_word"]

_LOW = 3
"""Pieces up to which stock is said to be low."""
_MOST_DETAILS = 8
HISTORY_DAYS = 90


def _known(turn: Turn, command: Command) -> list[str]:
    """The products meant that are sold; the others are said not to be."""
    known = turn.sold(command.ids)
    for product_id in command.ids:
        if product_id not in known:
            turn.say("unknown_product", id=product_id)
            turn.flags.add("no_exact_match")
    return known


def _focus(turn: Turn, ids: list[str]) -> None:
    turn.state.focus, turn.state.topic = ids, "product"
    turn.products = [turn.product(i) for i in ids]
    turn.tell_prices(turn.products)


def details(turn: Turn, command: Command) -> None:
    """What the catalogue says of a product."""
    for product_id in _known(turn, command)[:1]:
        _focus(turn, [product_id])
        product = turn.products[0]
        title = turn.title(product_id)
        if product.price is None:
            turn.say("details_none", title=title)
        else:
            price = Money(product.price, product.currency)
            turn.say("details_head", title=title, price=price, stock=stock_word(product.stock))
        if product.stock is not None and product.stock <= 0:
            turn.flags.add("stock_notice")
        row = turn.offers.catalog.frame.iloc[turn.shelf.row(product_id)]
        if row["brand"]:
            turn.say("details_brand", brand=row["brand"])
        if row["colour"]:
            turn.say("details_colour", colour=row["colour"].replace(",", ", "))
        for name, value in _attributes(row["attributes"])[:_MOST_DETAILS]:
            turn.say("details_line", name=name, value=value)
        turn.quick += ["quick_add_first", "quick_human"]


def _attributes(text: str) -> list[tuple[str, str]]:
    """The attributes worth telling, as the catalogue names them."""
    held = json.loads(text) if text else {}
    return [
        (key.replace("__", " ").replace("_", " ").strip(), str(value))
        for key, value in held.items()
        if value not in ("", None, False, True) and len(str(value)) <= 60 and key not in ("ean", "date_released")
    ]


def stock_word(stock: int | None) -> Word:
    """The stock as words: in stock, only so many left, out of stock."""
    if stock is None:
        return Word("stock_unknown")
    if stock <= 0:
        return Word("stock_out")
    return Word("stock_low", stock, {"count": stock}) if stock <= _LOW else Word("stock_in")


def price(turn: Turn, command: Command) -> None:
    """What products cost."""
    ids = _known(turn, command)
    _focus(turn, ids)
    for product in turn.products:
        if product.price is not None:
            turn.say("price_of", title=turn.title(product.id), price=Money(product.price, product.currency))
    turn.quick += ["quick_add_first"]


def stock(turn: Turn, command: Command) -> None:
    """How many pieces there are; alternatives where there are none."""
    ids = _known(turn, command)
    _focus(turn, ids)
    out = []
    for product in turn.products:
        title = turn.title(product.id)
        if product.stock is None:
            turn.say("stock_not_counted", title=title)
        elif product.stock <= 0:
            turn.say("stock_none", title=title)
            turn.flags.add("stock_notice")
            out.append(product.id)
        else:
            key = "stock_is_low" if product.stock <= _LOW else "stock_some"
            turn.say(key, n=product.stock, count=product.stock, title=title)
    if out:
        from shopr.chat.flows.cart import offer_alternatives

        offer_alternatives(turn, out[0])


def delivery(turn: Turn, command: Command) -> None:
    """Delivery times and costs are not known here, and are not made up."""
    ids = turn.sold(command.ids)[:1]
    if not ids:
        turn.say("delivery_general")
        return
    _focus(turn, ids)
    turn.say("delivery_unknown", title=turn.title(ids[0]), stock=stock_sentence(turn, ids[0]))


def stock_sentence(turn: Turn, product_id: str) -> Word:
    """The stock of a product as a sentence."""
    pieces = turn.stock(product_id)
    values: dict[str, object] = {"title": turn.title(product_id)}
    if pieces is None:
        return Word("stock_not_counted", values=values)
    if pieces <= 0:
        return Word("stock_none", values=values)
    return Word("stock_is_low" if pieces <= _LOW else "stock_some", pieces, {**values, "count": pieces})


def good_price(turn: Turn, command: Command) -> None:
    """What the past and comparable products say of a price."""
    for product_id in _known(turn, command)[:1]:
        _focus(turn, [product_id])
        now = turn.price(product_id)
        if now is None:
            turn.say("details_none", title=turn.title(product_id))
            return
        _history(turn, product_id, now)
        _compared(turn, product_id, now)


def _history(turn: Turn, product_id: str, now: Money) -> None:
    insight = turn.commerce.prices.insight(product_id, HISTORY_DAYS)
    title = turn.title(product_id)
    if insight is None or insight.known_days < 2:
        turn.say("price_no_history", title=title, price=now)
        return
    low, high = Money(insight.lowest, insight.currency), Money(insight.highest, insight.currency)
    if insight.lowest == insight.highest:
        turn.say("price_steady", title=title, price=now)
        return
    turn.say("price_history", title=title, price=now, days=insight.days, low=low, high=high)
    if insight.now == insight.lowest:
        turn.say("price_lowest")
    if insight.drop and insight.drop > 0 and insight.previous is not None:
        amount, before = Money(insight.drop, insight.currency), Money(insight.previous, insight.currency)
        turn.say("price_drop", amount=amount, before=before)
    elif insight.lowest < insight.now:
        turn.say("price_rise", low=low)


def comparable(turn: Turn, product_id: str) -> list[int]:
    """Prices of products of the same kinds."""
    row = turn.shelf.row(product_id)
    kinds = [c for c, rows in turn.shelf.kinds.rows.items() if row in rows]
    if not kinds:
        return []
    rows = turn.find(Need(concepts=tuple(kinds))).rows
    prices = [float(turn.offers.prices[r]) for r in rows.tolist() if r != row]
    return sorted(int(p) for p in prices if not math.isnan(p))


def _compared(turn: Turn, product_id: str, now: Money) -> None:
    prices = comparable(turn, product_id)
    if len(prices) >= 5:
        cheaper = sum(p < now.amount for p in prices)
        median = Money(prices[len(prices) // 2], now.currency)
        turn.say("price_compare", count=len(prices), cheaper=cheaper, median=median)


def compare(turn: Turn, command: Command) -> None:
    """Products side by side: price, stock, and the properties in which they differ."""
    ids = turn.sold(command.ids)[:MOST_SHOWN]
    if len(ids) < 2:
        turn.say("compare_need_two")
        turn.flags.add("clarifies")
        return
    _focus(turn, ids)
    turn.compare = ids
    products = turn.products
    turn.say("compare_head")
    for rank, p in enumerate(products, 1):
        priced = None if p.price is None else Money(p.price, p.currency)
        key = "product_line_noprice" if priced is None else "product_line"
        turn.say(key, rank=rank, title=Title(p.id, p.title), price=priced, stock=stock_word(p.stock))
    rows = [turn.offers.catalog.frame.iloc[turn.shelf.row(i)] for i in ids]
    _row(turn, "compare_price", [None if p.price is None else Money(p.price, p.currency) for p in products])
    _row(turn, "compare_brand", [r["brand"] for r in rows])
    _row(turn, "compare_colour", [r["colour"] for r in rows])
    for name, values in _differences([dict(_attributes(r["attributes"])) for r in rows]):
        _row(turn, name, values)
    _verdict(turn)
    turn.quick += ["quick_add_first"]


def _row(turn: Turn, name: str, values: list[object]) -> None:
    if any(v not in ("", None) for v in values):
        label = Word(name) if name.startswith("compare_") else name
        turn.say(
            "compare_row", name=label, values=Line("", {"parts": tuple("–" if v in ("", None) else v for v in values)})
        )


def _differences(held: list[dict[str, str]]) -> list[tuple[str, list[object]]]:
    """Properties that at least two of the products have, and not alike."""
    out: list[tuple[str, list[object]]] = []
    for name in held[0]:
        values: list[object] = [h.get(name, "") for h in held]
        if len(set(values)) > 1 and sum(bool(v) for v in values) > 1:
            out.append((name, values))
    return out[:6]


def _verdict(turn: Turn) -> None:
    priced = [p for p in turn.products if p.price is not None]
    if len(priced) == 2 and priced[0].currency == priced[1].currency:
        first, second = sorted(priced, key=lambda p: p.price or 0)
        gap = (second.price or 0) - (first.price or 0)
        if gap:
            turn.say("compare_cheaper", title=Title(first.id, first.title), amount=Money(gap, first.currency))
        else:
            turn.say("compare_same_price")


def similar(turn: Turn, command: Command) -> None:
    """Products of the same kind, nearest in price."""
    for product_id in _known(turn, command)[:1]:
        row = turn.shelf.row(product_id)
        kinds = [c for c, rows in turn.shelf.kinds.rows.items() if row in rows]
        need = replace(Need(concepts=tuple(kinds)), in_stock=False)
        if not kinds:
            present(turn, Need(words=tuple(turn.shelf.titles[row].split()[:4])))
            return
        found = [int(r) for r in turn.find(need).rows if int(r) != row]
        price = turn.offers.prices[row]
        colour = turn.offers.catalog.frame["colour"].to_numpy()
        found.sort(
            key=lambda r: (turn.offers.stock[r] <= 0, colour[r] != colour[row], abs(turn.offers.prices[r] - price))
        )
        ids = [str(turn.shelf.catalog.frame["product_id"].iat[r]) for r in found[:MOST_SHOWN]]
        turn.say("similar_to", title=turn.title(product_id))
        turn.show([turn.product(i, 0.6) for i in ids], "similar")
        turn.state.topic = "search"


FLOWS = {
    "details": details,
    "price": price,
    "stock": stock,
    "delivery": delivery,
    "good_price": good_price,
    "compare": compare,
    "similar": similar,
}
