"""What a clause wants, as a need."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from shopr.chat.need import Need
from shopr.chat.reading.result import Reading
from shopr.chat.reading.tokens import fold
from shopr.chat.reading.vocabulary import vocabulary
from shopr.chat.shelf import Shelf
from shopr.chat.state import State
from shopr.chat.understanding.heads import heads, narrowed
from shopr.money import to_minor

__all__ = ["corrected", "need_of"]

_MOST_MINOR = 10**12
_LEAST_PRICE = 5
"""Bare numbers below are places or pieces rather than prices."""
_FEW_WORDS = 3
_TIMES = 4
"""How much larger or smaller than the bound that holds a bare number may be, to be a new one."""


def need_of(reading: Reading, shelf: Shelf, currency: str, language: str = "en") -> Need:
    """The need that a clause speaks of; an empty one where it speaks of none."""
    concepts = _sold_first(heads(reading, language), shelf)
    named = _names(reading, shelf)
    low, high = _bounds(reading, currency)
    called = tuple(
        dict.fromkeys(
            " ".join(t.key for t in reading.tokens[s.start : s.end])
            for s in reading.slots
            if s.table == "concepts" and not s.denied
        )
    )
    words = tuple(w for w in reading.words if fold(w) not in {fold(n) for n in named} and shelf.word_count(fold(w)))
    recipients = reading.keys("recipients")
    return Need(
        concepts=concepts,
        called=called if concepts else (),
        names=named,
        words=words[:8],
        brands=tuple(reading.keys("brand")),
        not_brands=tuple(reading.keys("brand", denied=True)),
        colours=tuple(reading.keys("colours")),
        not_colours=tuple(reading.keys("colours", denied=True)),
        materials=tuple(reading.keys("materials")),
        not_materials=tuple(reading.keys("materials", denied=True)),
        not_concepts=tuple(reading.keys("concepts", denied=True))
        if concepts or reading.keys("concepts", denied=True)
        else (),
        attributes=tuple(reading.keys("attributes")),
        not_attributes=tuple(reading.keys("attributes", denied=True)),
        measures=tuple(f"{_plain(m.value)} {m.unit}" for m in reading.measures),
        price_min=low,
        price_max=high,
        in_stock="stock" in reading.asks,
        sort="cheap" if "cheapest" in reading.asks else "dear" if "dearest" in reading.asks else "relevance",
        gift_for=recipients[0] if recipients else ("anyone" if "gift" in reading.asks else ""),
    )


def corrected(need: Need, reading: Reading, state: State, currency: str) -> Need:
    """A need without the values that are named only to be given up: "I said black but I want white"."""
    need = _repriced(need, reading, state, currency)
    if reading.placed and state.shown and not (need.concepts or need.names):
        measures = tuple(m for m in need.measures if not m.endswith(" pack"))  # "two packs of the first"
        need = replace(need, words=(), measures=measures)  # "stick number 2 in there": the words are no product's
    kinds = set(need.concepts)
    if reading.placed and state.shown and kinds and kinds <= set(state.need.concepts) and not reading.asks.get("find"):
        need = replace(need, concepts=(), called=(), words=())  # "the second mouse too", of the mice shown
    if _counts_again(reading, state) and kinds and kinds <= set(state.need.concepts):
        need = replace(need, concepts=(), called=(), words=())  # "no, just two packs of batteries", of those put in
    need = _for_what_one_has(_without_complaint(need, reading, state), reading, state)
    need = _in_the_same_bounds(narrowed(need, state.need), reading, state)
    if reading.marks & {"or", "also"}:
        return need
    for name in ("colours", "brands", "materials"):
        values, had = getattr(need, name), set(getattr(state.need, name))
        fresh = tuple(v for v in values if v not in had)
        if fresh and len(fresh) < len(values) and not need.concepts:
            changed: dict[str, Any] = {name: fresh}
            need = replace(need, **changed)
    return need


def _for_what_one_has(need: Need, reading: Reading, state: State) -> Need:
    """Without a kind that only says what the thing looked for goes with: "black, to match my desk"."""
    had = set(state.need.concepts)
    if "goes_with" not in reading.marks or not had or had & set(need.concepts):
        return need
    ends = [m.end for m in vocabulary(state.language).book.find(reading.tokens) if m.key == "goes_with"]
    kinds = [s for s in reading.slots if s.table == "concepts"]
    led = all(any(0 <= s.start - end <= 1 for end in ends) for s in kinds)
    return replace(need, concepts=(), called=()) if led else need


def _counts_again(reading: Reading, state: State) -> bool:
    """Whether pieces are put right of what was just put into the cart."""
    fresh = state.topic == "cart" and bool(state.touched) and bool(reading.counts)
    return fresh and bool(reading.marks & {"correction", "only"}) and not set(reading.asks) & {"find", "more"}


def _without_complaint(need: Need, reading: Reading, state: State) -> Need:
    """Without the kinds of what is said behind a denial, while another is looked for: "no HP, the ink costs a bomb"."""
    had = set(state.need.concepts)
    refused = [s.end for s in reading.slots if s.denied and s.table in ("brand", "colours", "materials")]
    kinds = [s for s in reading.slots if s.table == "concepts" and not s.denied]
    apart = (i for i, t in enumerate(reading.tokens) if t.kind == "pause" or t.key == "-")
    since = next((i for i in apart if refused and i >= min(refused)), None)
    if since is None or not had or had & {s.key for s in kinds} or any(s.start < since for s in kinds):
        return need
    asked = set(reading.asks) & {"find", "want", "add"} or reading.prices or "also" in reading.marks
    return need if asked else replace(need, concepts=(), called=(), words=(), in_stock=False)


def _in_the_same_bounds(need: Need, reading: Reading, state: State) -> Need:
    """With the price bounds that hold, for another kind of product too: "mice in that price range"."""
    if "same_bounds" not in reading.marks or need.price_min is not None or need.price_max is not None:
        return need
    return replace(need, price_min=state.need.price_min, price_max=state.need.price_max)


def _repriced(need: Need, reading: Reading, state: State, currency: str) -> Need:
    """With a bare number as the new bound where a bound was just spoken of: "let's say 80", "make it 60 instead"."""
    had = state.need
    old = {had.price_min, had.price_max}
    counts = [n for n in reading.counts if n.value >= _LEAST_PRICE and _minor(n.value, currency) not in old]
    told = need.price_min is not None or need.price_max is not None
    lone = len(counts) == 1 and not reading.placed and not reading.ids and not reading.orders and not need.has_subject
    if told and had.price_min is not None and had.price_max is None and not reading.prices:
        return replace(need, price_min=need.price_max, price_max=None)  # "over 25", "30 euros then"
    if told or not lone or state.topic != "search" or not (had.price_min or had.price_max):
        return need
    moved = set(reading.asks) & {"cheaper", "dearer"} or reading.marks & {"correction"} or _short(reading)
    if set(reading.asks) & {"add", "compare", "find"} or not (moved or _of_its_size(counts[0].value, had, currency)):
        return need
    value = _minor(counts[0].value, currency)
    return replace(need, price_max=value) if had.price_max is not None else replace(need, price_min=value)


def _of_its_size(value: Decimal, had: Need, currency: str) -> bool:
    """Whether a number is about as large as the bound that holds: "can you go a bit higher, say 750"."""
    old, new = had.price_max or had.price_min or 0, _minor(value, currency)
    return old <= _TIMES * new and new <= _TIMES * old


def _short(reading: Reading) -> bool:
    return sum(t.kind in ("word", "number") for t in reading.tokens) <= _FEW_WORDS


def _sold_first(concepts: list[str], shelf: Shelf) -> tuple[str, ...]:
    """The concepts that the catalogue has; where it has none, all, so that the reply can say what is missing."""
    sold = tuple(c for c in concepts if c in shelf.kinds.rows)
    return sold or tuple(concepts)


def _names(reading: Reading, shelf: Shelf) -> tuple[str, ...]:
    """Words that must stand in the title: known names with the numbers behind them, and model names."""
    names: list[str] = list(reading.names)
    keys = [t.key for t in reading.tokens]
    for name in reading.names:
        place = keys.index(name)
        for at in range(place + 1, min(place + 4, len(reading.tokens))):
            token = reading.tokens[at]
            numbered = token.kind == "number" and any(n.start == at for n in reading.counts)
            slotted = any(s.start <= at < s.end for s in reading.slots)
            named = token.kind == "word" and not slotted and (_digits(token.key) or token.text[:1].isupper())
            if numbered or named:
                names.append(token.key)
            else:
                break
    first = next((t.text for t in reading.tokens if t.kind == "word"), "")
    for word in reading.words:
        model = any(c.isdigit() for c in word)
        proper = word[:1].isupper() and not word.isupper() and word != first and not shelf.word_count(fold(word))
        if model or (proper and len(reading.tokens) > 2 and _latin(word)):
            names.append(fold(word))
    return tuple(dict.fromkeys(names))[:6]


def _digits(word: str) -> bool:
    return any(c.isdigit() for c in word)


def _latin(word: str) -> bool:
    return all("a" <= c <= "z" for c in fold(word))


def _bounds(reading: Reading, currency: str) -> tuple[int | None, int | None]:
    low = high = None
    for bound in reading.prices:
        low = _minor(bound.low, currency) if bound.low is not None else low
        high = _minor(bound.high, currency) if bound.high is not None else high
    if not reading.prices and reading.money:
        high = _minor(reading.money[0].value, currency)
    return low, high


def _minor(value: Decimal, currency: str) -> int:
    return min(to_minor(value, currency), _MOST_MINOR)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
