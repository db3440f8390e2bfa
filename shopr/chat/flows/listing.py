"""Lists that the shop makes: for you, popular, new, reduced, presents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from shopr.chat.calendar import occasions
from shopr.chat.commands import Command
from shopr.chat.facts import Line, Many, Money, Product
from shopr.chat.flows.product import stock_word
from shopr.chat.need import Need
from shopr.chat.turn import MOST_SHOWN, Turn

__all__ = ["FLOWS"]

_POOL = 200
"""Products of a list that a need is looked for in."""


def _within(turn: Turn, need: Need, ids: Sequence[str]) -> list[str]:
    """Those of the products that meet a need, in their order; all where it says nothing."""
    known = turn.sold(ids)
    bare = replace(need, gift_for="", in_stock=False, words=())
    if not bare:
        return known
    rows = set(turn.find(bare).rows.tolist())
    return [i for i in known if turn.shelf.row(i) in rows]


def _show(turn: Turn, key: str, pairs: Sequence[tuple[str, Line | None]]) -> None:
    turn.say(key)
    products = [turn.product(i, 1.0, () if why is None else (why,)) for i, why in pairs[:MOST_SHOWN]]
    turn.show(products, key)
    turn.state.topic = "search"
    turn.quick += ["quick_compare", "quick_cheaper"]


def _instead(turn: Turn, need: Need) -> bool:
    """Show what a need asks for, best first, where a list holds nothing of it; whether there was anything."""
    hits = turn.find(need)
    ids = [str(turn.shelf.catalog.frame["product_id"].iat[int(r)]) for r in hits.rows[:MOST_SHOWN]]
    if not ids:
        return False
    turn.show([turn.product(i, 0.5) for i in ids], "search")
    turn.state.topic = "search"
    return True


def _note(turn: Turn, need: Need) -> None:
    if need.has_subject or need.brands:
        turn.state.search(need)


def recommend(turn: Turn, command: Command) -> None:
    """What suits the shopper, by the shop's own recommender; else what is popular."""
    need = command.need
    pairs = list(turn.suggest(turn.user_id, _POOL)) if turn.suggest is not None else []
    reasons = {i: Line("why_history") if why == "history" else Line("why_popular") for i, why in pairs}
    ids = _within(turn, need, [i for i, _ in pairs]) or _within(turn, need, popular(turn, need))
    in_stock = [i for i in ids if turn.stock(i) != 0]
    key = "gift_ideas" if need.gift_for else "recommended"
    _note(turn, need)
    if not need.has_subject and not need.brands and _occasion(turn, need, pairs):
        return
    _show(turn, key, [(i, reasons.get(i)) for i in in_stock])


def _occasion(turn: Turn, need: Need, pairs: Sequence[tuple[str, str]]) -> bool:
    """For a present, or somebody of whom nothing is known: what people buy for the next occasion, where it is sold."""
    if any(why == "history" for _, why in pairs) and not need.gift_for:
        return False
    names, rows = [], []
    for occasion in occasions(turn.clock.now().date(), turn.state.language):
        idea = replace(need, concepts=occasion.concepts, gift_for="")
        found = [int(row) for row in turn.find(idea).rows if turn.offers.stock[int(row)] != 0][:MOST_SHOWN]
        if found:  # of several that are near, none is taken to be the shopper's own
            names.append(occasion.name)
            rows += [row for row in found if row not in rows]
    if not rows:
        return False
    turn.say("season_note", occasion=Many(tuple(names)))
    ids = [str(turn.shelf.catalog.frame["product_id"].iat[row]) for row in rows[:MOST_SHOWN]]
    turn.show([turn.product(i) for i in ids], "recommended")
    turn.state.topic = "search"
    turn.quick += ["quick_compare", "quick_cheaper"]
    return True


def popular(turn: Turn, need: Need) -> list[str]:
    """Products that are asked for; without any record of that, well stocked ones at middling prices."""
    if turn.suggest is not None:
        ids = [i for i, _ in turn.suggest(None, _POOL)]
        if ids:
            return ids
    prices, stock = turn.offers.prices, turn.offers.stock
    wanted = replace(need, gift_for="", words=())
    rows = turn.find(wanted).rows if wanted else np.arange(len(prices))
    usable = rows[~np.isnan(prices[rows]) & ~(stock[rows] <= 0)]
    if not len(usable):
        return []
    middle = np.median(prices[usable])
    order = np.lexsort((np.abs(np.log((prices[usable] + 1) / (middle + 1))), -np.minimum(stock[usable], 10)))
    ids = turn.shelf.catalog.frame["product_id"].to_numpy()
    return [str(i) for i in ids[usable[order[:_POOL]]]]


def trending(turn: Turn, command: Command) -> None:
    """What is popular now."""
    need = command.need
    ids = [i for i in _within(turn, need, popular(turn, need)) if turn.stock(i) != 0]
    _note(turn, need)
    if not ids and need.has_subject:
        turn.say("trending")
        _instead(turn, need)
        return
    _show(turn, "trending", [(i, Line("why_popular") if turn.suggest is not None else None) for i in ids])


def new(turn: Turn, command: Command) -> None:
    """What came last; the catalogue's last rows where no day is on record."""
    need = command.need
    ids = [n.product_id for n in turn.commerce.prices.new_products(_POOL)]
    if not ids:
        ids = [str(i) for i in turn.shelf.catalog.frame["product_id"].to_numpy()[::-1][:_POOL]]
    found = _within(turn, need, ids)
    _note(turn, need)
    if not found and need.has_subject:
        turn.say("new_products")
        _instead(turn, need)
        return
    _show(turn, "new_products", [(i, None) for i in found])


def deals(turn: Turn, command: Command) -> None:
    """What costs less than before, honestly; nothing is made up where nothing does."""
    need = command.need
    held = {d.product_id: d for d in turn.commerce.prices.deals(_POOL)}
    ids = _within(turn, need, list(held))[:MOST_SHOWN]
    _note(turn, need)
    if not ids:
        turn.say("no_deals")
        turn.flags.add("price_unchanged")
        if need.has_subject:
            _instead(turn, replace(need, sort="cheap"))
        return
    products = [turn.product(i) for i in ids]
    turn.show(products, "deals", lines=False)
    turn.state.topic = "search"
    turn.say("deals")
    for rank, product in enumerate(products, 1):
        _deal(turn, rank, product, held[product.id].reference)
    turn.state.listed = "deals"


def _deal(turn: Turn, rank: int, product: Product, reference: int) -> None:
    if product.price is not None:
        now, before = Money(product.price, product.currency), Money(reference, product.currency)
        title = turn.title(product.id)
        turn.say("deal_line", rank=rank, title=title, price=now, before=before, stock=stock_word(product.stock))


FLOWS = {"recommend": recommend, "trending": trending, "new": new, "deals": deals}
