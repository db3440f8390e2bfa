"""Searching, narrowing down, cheaper, better, more, and going back to an earlier search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shopr.chat.commands import Command
from shopr.chat.facts import Line, Many, Money, Product, What, Word
from shopr.chat.finder import Hits
from shopr.chat.need import Need
from shopr.chat.reading.vocabulary import names
from shopr.chat.turn import MOST_SHOWN, Turn

__all__ = ["FLOWS", "present", "search"]


def search(turn: Turn, command: Command) -> None:
    """A new search, or the one under way with what was said now."""
    state = turn.state
    if command.value == "refuse_discount":
        turn.say("no_discount")
        turn.flags |= {"refuses", "price_unchanged"}
    wanted = command.need
    if command.value == "instead":
        need = wanted
    elif command.value and command.value != "refuse_discount":
        need = state.need.without(*command.value.split()).refined(wanted)
    elif _continues(turn, wanted):
        need = state.need.refined(wanted)
    else:
        need = wanted
    state.search(need)
    if not (need.has_subject or need.brands or need.colours or need.materials or need.attributes):
        turn.say("clarify_what")
        turn.flags.add("clarifies")
        return
    present(turn, need)


def _continues(turn: Turn, wanted: Need) -> bool:
    """Whether a need narrows down the search under way, rather than beginning another one."""
    current = turn.state.need
    if not current:
        return False
    if not current.has_subject:
        return not current.brands or not wanted.brands
    if wanted.concepts:
        return bool(set(wanted.concepts) & set(current.concepts)) and not (wanted.names and not current.names)
    return not wanted.names or bool(current.concepts)


def present(turn: Turn, need: Need, *, start: int = 0) -> None:
    """Find and show what meets a need, saying honestly what did not fit."""
    turn.state.topic = "search"
    turn.state.page = start
    if need.contradictory and need.price_min is not None and need.price_max is not None:
        turn.say("contradiction", low=_money(turn, need.price_min), high=_money(turn, need.price_max))
        turn.flags.add("clarifies")
        return
    hits = turn.find(need)
    rows = hits.rows[start : start + MOST_SHOWN]
    if not len(rows):
        _nothing(turn, need, hits)
        return
    products = [_product(turn, need, int(row), hits, place) for place, row in enumerate(rows, start)]
    _head(turn, need, hits, len(rows), start)
    turn.show(products, "search")
    if hits.dropped:  # what comes next starts from what could be shown
        turn.state.need = need.without(*hits.dropped)
    turn.quick += ["quick_cheaper", "quick_in_stock", "quick_compare"]
    if len(hits) > start + MOST_SHOWN:
        turn.quick.append("quick_more")


def _product(turn: Turn, need: Need, row: int, hits: Hits, place: int) -> Product:
    product_id = str(turn.shelf.catalog.frame["product_id"].iat[row])
    sure = float(hits.sure[place]) if place < len(hits.sure) else 0.5
    return turn.product(product_id, sure if hits.exact else min(sure, 0.3), _why(turn, need, row, hits))


def _why(turn: Turn, need: Need, row: int, hits: Hits) -> list[Line]:
    """What speaks for a product, as far as it is true of it."""
    out: list[Line] = []
    words = [w for w in (*need.names, *need.words) if row in turn.shelf.word_rows(w.casefold())]
    if words:
        out.append(Line("why_words", {"words": " ".join(words)}))
    price = turn.offers.prices[row]
    if (need.price_max is not None and price <= need.price_max) or (
        need.price_min is not None and price >= need.price_min
    ):
        out.append(Line("why_price"))
    if turn.offers.stock[row] > 0:
        out.append(Line("why_stock"))
    return out if hits.exact else out[-1:]


def _head(turn: Turn, need: Need, hits: Hits, shown: int, start: int) -> None:
    what = What(need, turn.currency)
    if hits.missing:
        turn.say("no_exact_match", what=hits.missing)
        turn.say("alternatives")
        turn.flags.add("no_exact_match")
        turn.bare_stock = True
    elif hits.dropped:
        turn.say("nothing_found_but", what=what, dropped=Many(tuple(_dropped(turn, need, hits.dropped))))
        turn.flags.add("no_exact_match")
        turn.bare_stock = True
    elif len(hits) > shown or start:
        turn.say("found_one_of", shown=shown, count=len(hits), what=what)
    else:
        turn.say("found_all", n=len(hits), count=len(hits), what=what)


def _dropped(turn: Turn, need: Need, names: tuple[str, ...]) -> list[What]:
    """The constraints that were set aside, each described alone."""
    out = []
    for name in names:
        value = getattr(need, name)
        if value and name != "price_min":
            out.append(What(replace(Need(), **{name: value}), turn.currency))
        elif name == "price_min" and value is not None and "price_max" not in names:
            out.append(What(Need(price_min=value), turn.currency))
    return out or [What(need, turn.currency)]


def _nothing(turn: Turn, need: Need, hits: Hits) -> None:
    turn.flags.add("no_exact_match")
    if hits.missing:
        turn.say("no_exact_match", what=hits.missing)
    elif need.has_subject:
        turn.say("nothing_found", what=What(need, turn.currency))
    else:
        turn.say("not_understood")
    turn.say("clarify_what")
    turn.quick += ["quick_recommend", "quick_human"]


def _money(turn: Turn, minor: int) -> Money:
    return Money(minor, turn.currency)


def _shown_prices(turn: Turn, ids: tuple[str, ...] = ()) -> list[int]:
    prices = [turn.price(i) for i in (ids or tuple(turn.state.shown))]
    return [p.amount for p in prices if p is not None]


def cheaper(turn: Turn, command: Command) -> None:
    """What costs less than all that was shown; else less than the dearest of it."""
    _beyond(turn, command, down=True)


def dearer(turn: Turn, command: Command) -> None:
    """What costs more than all that was shown; else more than the cheapest of it."""
    _beyond(turn, command, down=False)


def _beyond(turn: Turn, command: Command, *, down: bool) -> None:
    state = turn.state
    need = state.need.refined(replace(command.need, sort="relevance"))
    prices = _shown_prices(turn, command.ids)
    if not prices:
        search(turn, Command("search", replace(command.need, sort="cheap" if down else "dear")))
        return
    for bound, kept in _attempts(prices, need, down=down):
        low, high = _bounds(kept, bound, down=down)
        bounded = replace(kept, sort="relevance", price_min=low, price_max=high)
        hits = turn.find(bounded)
        if len(hits) and hits.exact:
            state.need = bounded
            turn.say("cheaper_ones" if down else "dearer_ones", price=_money(turn, bound))
            _present_found(turn, bounded, hits)
            return
    turn.say("no_cheaper" if down else "no_dearer", price=_money(turn, min(prices) if down else max(prices)))
    state.topic = "search"


def _attempts(prices: list[int], need: Need, *, down: bool) -> list[tuple[int, Need]]:
    """Bounds to try: beyond all that was shown, then without the bound that forbids it, then beyond one of it."""
    nearest, farthest = (min(prices), max(prices)) if down else (max(prices), min(prices))
    free = need.without("price_min" if down else "price_max")
    return [(nearest, need), (nearest, free), (farthest, need)]


def _bounds(need: Need, bound: int, *, down: bool) -> tuple[int | None, int | None]:
    """Lowest and highest price beyond a bound; what would exclude everything is let go of."""
    if down:
        low = need.price_min if need.price_min is not None and need.price_min < bound else None
        return low, bound - 1
    high = need.price_max if need.price_max is not None and need.price_max > bound else None
    return bound + 1, high


def _present_found(turn: Turn, need: Need, hits: Hits) -> None:
    turn.state.topic, turn.state.page = "search", 0
    rows = hits.rows[:MOST_SHOWN]
    turn.show([_product(turn, need, int(row), hits, place) for place, row in enumerate(rows)], "search")
    turn.quick += ["quick_cheaper", "quick_in_stock", "quick_more"]


def more(turn: Turn, command: Command) -> None:
    """The next products of the same search."""
    start = turn.state.page + MOST_SHOWN
    if turn.state.listed != "search" or start >= len(turn.find(turn.state.need)):
        turn.say("no_more")
        return
    present(turn, turn.state.need, start=start)


def resume(turn: Turn, command: Command) -> None:
    """Back to an earlier search, with what was said now."""
    state = turn.state
    kinds = command.need.concepts
    earlier = state.topic_of(kinds) or state.topic_of(_narrower(kinds)) if kinds else state.need
    if earlier is None:
        search(turn, Command("search", command.need))
        return
    need = earlier.refined(replace(command.need, concepts=(), called=()))
    state.search(need)
    turn.say("resumed", what=What(Need(concepts=need.concepts, names=need.names, words=need.words), turn.currency))
    present(turn, need)


_LOOSELY = {"desktop_pc": ("laptop", "workstation"), "case": ("backpack",), "smartphone": ("landline_phone",)}
"""Kinds that another word stands for, loosely, once they were spoken of: "back to the computers", of laptops."""


def _narrower(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """What else may be meant by kinds that were not looked for: "back to those bags", of laptop bags."""
    return tuple(n for kind in kinds for n in (*names().wider.get(kind, ()), *_LOOSELY.get(kind, ())))


def clarify(turn: Turn, command: Command) -> None:
    """Ask what is meant."""
    turn.say(command.value or "clarify_what")
    turn.flags.add("clarifies")


def median_price(turn: Turn, need: Need) -> tuple[list[int], Word] | None:
    """Prices of all that meets a need."""
    rows = turn.find(need).rows
    prices = turn.offers.prices[rows]
    known = sorted(int(p) for p in prices[~np.isnan(prices)])
    return (known, Word("products")) if known else None


FLOWS = {
    "search": search,
    "cheaper": cheaper,
    "dearer": dearer,
    "more": more,
    "resume": resume,
    "clarify": clarify,
}
