"""Reads a message: its clauses, and what each of them names, bounds and asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise

from shopr.chat.reading.amounts import Amount, find_amounts, find_groups, find_measures
from shopr.chat.reading.bounds import find_prices
from shopr.chat.reading.choosing import (
    answers,
    interjected,
    is_part,
    no_false_denials,
    no_short_for_number,
    widest,
)
from shopr.chat.reading.clauses import clauses
from shopr.chat.reading.denial import denied, denied_places
from shopr.chat.reading.mending import Range, mended_text
from shopr.chat.reading.numerals import Number, find_numbers
from shopr.chat.reading.phrases import Match, without_overlaps
from shopr.chat.reading.places import MOST_PLACES, numbered_places, outside_references
from shopr.chat.reading.result import Reading, Slot
from shopr.chat.reading.retracting import meant
from shopr.chat.reading.tokens import Token
from shopr.chat.reading.vocabulary import CONTENT, Vocabulary, names, vocabulary

__all__ = ["Range", "Reader"]

_ORDER = re.compile(r"#?[A-Za-z]{1,4}-?\d{3,12}")
_SLIGHT = frozenset("deals new trending discount good_price off_topic help repeat".split())
"""Commands that a word of a longer expression does not ask for: the "offer" of "what can you offer"."""
_TIMES = re.compile(r"[x×](\d{1,2})")
_ASKING = frozenset("?？؟")
_RIVALS = frozenset("yes no correction each same_bounds".split())
_FALLBACK = ("concepts", "colours", "materials", "attributes", "units")


class Reader:
    """Reads messages about one range of products.

    Args:
        shelf: the range; asked anew for each message, so that a reloaded catalogue is met at once.
    """

    def __init__(self, shelf: Callable[[], Range]) -> None:
        self._shelf = shelf

    def read(self, text: str, language: str) -> list[Reading]:
        """The clauses of a cleaned text, each read; none for a text without words."""
        words = vocabulary(language)
        shelf = self._shelf()
        tokens, mended = mended_text(text, words, shelf)
        parts = [p for p in clauses(tokens, words) if any(t.kind in ("word", "number") for t in p)]
        out = [_Clause(part, words, shelf).read() for part in parts]
        for part, reading in zip(parts, out, strict=True):
            reading.question = next((t.key in _ASKING for t in tokens if t.start >= part[-1].end), False)
        if out:
            out[0].mended = mended
        return out


class _Clause:
    """The reading of one clause, step by step; what one step takes is not the next one's."""

    def __init__(self, tokens: Sequence[Token], words: Vocabulary, shelf: Range) -> None:
        self._tokens, self._words, self._shelf = list(tokens), words, shelf
        self._taken: set[int] = set()
        self._out = Reading(" ".join(t.text for t in tokens), self._tokens)

    def read(self) -> Reading:
        self._identify()
        self._matches = no_false_denials(self._words.book.find(self._tokens))
        self._matches = no_short_for_number(self._matches, self._tokens)
        self._taken |= interjected(self._matches, self._tokens)
        self._out.injection = any(m.table == "injection" for m in self._matches)
        self._measure()
        self._refer()
        self._want()
        self._ask()
        self._leave()
        self._model_or_order()
        return self._out

    def _model_or_order(self) -> None:
        """A number such as D850 is a model, not an order, where a product is asked for and no order is spoken of."""
        about = {*self._out.asks, *self._out.marks, *self._out.tone}  # nobody fears for a model
        spoken = bool(about & (_OF_ORDERS | {"order_word", "anxious", "angry"}))
        orders, near = self._out.orders, pairwise(self._tokens)
        spoken = spoken or any(a.key in _OUT_OF and b.text.upper() in orders for a, b in near)
        product = self._out.keys("brand") or self._out.keys("concepts")
        if self._out.orders and product and not spoken:
            self._out.names += [o.casefold() for o in self._out.orders]
            self._out.orders = []

    def _identify(self) -> None:
        """Product ids and order numbers."""
        for i, token in enumerate(self._tokens):
            text = token.text.strip("#")
            if token.kind not in ("word", "number") or not any(c.isdigit() for c in text):
                continue
            if self._is_id(i, text):
                self._out.ids.append(text)
                self._taken.add(i)
            elif self._is_order(i, text):
                self._out.orders.append(text.upper())
                self._taken.add(i)

    def _is_id(self, i: int, text: str) -> bool:
        return self._shelf.has_id(text) and (len(text) >= 5 or not text.isdigit() or self._after(i, "item_word"))

    def _is_order(self, i: int, text: str) -> bool:
        if _ORDER.fullmatch(text):
            return not self._shelf.word_count(self._tokens[i].key) or self._after(i, "order_word")
        return len(text) >= 4 and self._after(i, "order_word")

    def _after(self, i: int, marker: str) -> bool:
        """Whether a marker word stands in the three tokens before."""
        before = self._words.book.find(self._tokens[max(0, i - 3) : i])
        return any(m.table == "markers" and m.key == marker for m in before)

    def _measure(self) -> None:
        """Numbers: measures, price bounds, money, and what is left as counts and places."""
        free = [m for m in self._matches if not self._taken & set(range(m.start, m.end))]
        numbers = [n for n in find_numbers(self._tokens, free, self._words) if n.start not in self._taken]
        numbers = self._places(numbers, free)
        ordinals = without_overlaps(m for m in free if m.table == "ordinals" and not is_part(m, free))
        refused = denied_places(ordinals, [m for m in free if m.table == "markers"], self._tokens)
        self._out.refused_places, self._out.given_up = bool(refused), [int(m.key) for m in refused]
        for match in refused:
            self._take(match.start, match.end)
        groups = find_groups(self._tokens, numbers, self._words)
        for which, n, start, end in groups[:1]:
            others = any(m.end <= start or m.start >= end for m in ordinals)
            if n > 1 or not (others or self._out.ordinals):  # "the first and the last one" are two places
                self._out.group = (which, n)
                self._take(start, end)
        for match in ordinals:
            if not self._taken & set(range(match.start, match.end)):
                self._out.ordinals.append(int(match.key))
                self._out.ordinal_at.append(match.start)
                self._take(match.start, match.end)
        numbers = [n for n in numbers if not self._taken & set(range(n.start, n.end))]
        numbers = outside_references(numbers, free)
        measures = find_measures(self._tokens, numbers, free)
        amounts = find_amounts(self._tokens, numbers, free, measures)
        if not self._compares(amounts):
            makers = {i for m in self._shelf.brands.find(self._tokens) for i in range(m.start, m.end)}
            self._out.prices = find_prices(self._tokens, amounts, free, self._words, makers)
        for start, end in [(m.start, m.end) for m in measures] + [(p.start, p.end) for p in self._out.prices]:
            self._take(start, end)
        self._out.measures = measures
        self._out.money = [a for a in amounts if a.currency and a.start not in self._taken]
        for amount in self._out.money:
            self._take(amount.start, amount.end)
        self._out.counts = [n for n in numbers if n.start not in self._taken] + self._times()

    def _places(self, numbers: list[Number], free: Sequence[Match]) -> list[Number]:
        """The numbers without those that are places in a list."""
        for number, start, end in numbered_places(self._tokens, numbers, free):
            self._out.ordinals.append(int(number.value))
            self._out.ordinal_at.append(number.start)
            self._take(start, end)
        return [n for n in numbers if n.start not in self._taken]

    def _compares(self, amounts: Sequence[Amount]) -> bool:
        """Whether small numbers are places of what is compared: "the difference between 1 and 3"."""
        small = all(not a.currency and a.value <= MOST_PLACES for a in amounts)
        return small and any(m.table == "commands" and m.key == "compare" for m in self._matches)

    def _times(self) -> list[Number]:
        """Pieces as in "x2", where something is put into the cart."""
        adds = (
            self._out.ordinals
            or self._out.group
            or any(m.table == "commands" and m.key == "add" for m in self._matches)
        )
        found = ((i, _TIMES.fullmatch(t.key)) for i, t in enumerate(self._tokens)) if adds else ()
        times = [Number(Decimal(m.group(1)), i, i + 1) for i, m in found if m is not None and i not in self._taken]
        self._taken |= {n.start for n in times}
        return times

    def _refer(self) -> None:
        counted = {n.start for n in self._out.counts}
        free = (m for m in self._free() if m.table == "anaphora")
        found = without_overlaps(m for m in free if m.key != "both" or not counted & set(range(m.start, m.end)))
        self._out.references = list(dict.fromkeys(m.key for m in found))

    def _want(self) -> None:
        """Content: the longest phrases of concepts, colours, brands … that no command of more words covers."""
        rivals = [m for m in self._free() if m.table == "commands" and m.words > 1 and not m.gapped]
        rivals += [m for m in self._free() if m.table in ("injection", "language_switch") and m.words > 1]
        rivals += [m for m in self._free() if m.key in _RIVALS and m.words > 1]
        gapped = [m for m in self._free() if m.table == "commands" and m.gapped]
        said = {p for m in gapped for p in m.parts}  # "bota isso no carrinho"
        own = [
            m for m in self._free() if m.table in CONTENT and not (m.table == "concepts" and (m.start, m.end) in said)
        ]
        brands = [m for m in self._shelf.brands.find(self._tokens) if self._is_brand(m)]
        chosen = widest([*own, *brands, *self._english(own)], rivals)
        marks = [m for m in self._free() if m.table == "markers"]
        named, chosen = chosen, meant(chosen, marks, self._tokens)
        self._taken |= {i for m in named if m not in chosen for i in range(m.start, m.end)}
        refused = denied(chosen, marks, self._tokens)
        for match in chosen:
            self._out.slots.append(Slot(match.table, match.key, match.start, match.end, match in refused))
            self._take(match.start, match.end)
        for i, token in enumerate(self._tokens):
            concept = names().products.get(token.key)
            if concept is not None and not any(m.table == "brand" and m.start <= i < m.end for m in chosen):
                self._out.names.append(token.key)
                if not any(s.table == "concepts" for s in self._out.slots):
                    self._out.slots.append(Slot("concepts", concept, i, i + 1))
                self._taken.add(i)

    def _english(self, own: Sequence[Match]) -> list[Match]:
        """English product words inside another language's message."""
        if self._words.language == "en":
            return []
        covered = {i for m in own for i in range(m.start, m.end)}
        found = vocabulary("en").book.find(self._tokens)
        return [
            m
            for m in found
            if m.table in _FALLBACK
            and not any(i in covered or i in self._taken for i in range(m.start, m.end))
            and (m.words > 1 or (len(t := self._tokens[m.start].key) > 2 and not self._words.knows(t)))
        ]

    def _is_brand(self, match: Match) -> bool:
        """Whether a brand is meant: ordinary words need a capital, or a product kind or "from" beside them."""
        span = range(match.start, match.end)
        if any(i in self._taken for i in span):
            return False
        words = self._tokens[match.start : match.end]
        plain = words[0].key in names().ordinary and self._words.language == "en"
        alone = words[0].key in self._words.stopwords
        alone = alone or any((m.start, m.end) == (match.start, match.end) for m in self._matches)
        if len(words) > 1 or not (plain or (alone and self._words.knows(words[0].key))):
            return True
        if words[0].text[:1].isupper() and match.start > 0:
            return True
        beside = [m for m in self._matches if m.table == "concepts" and (m.start == match.end or m.end == match.start)]
        return bool(beside) or (0 < match.start <= 3 and self._tokens[match.start - 1].key in _BY)

    def _ask(self) -> None:
        spans = [(p.start, p.end) for p in self._out.prices] + [(s.start, s.end) for s in self._out.slots]
        for match in self._matches:
            inside = any(a <= match.start and match.end <= b for a, b in spans)
            inside = inside or (match.key in _SLIGHT and is_part(match, self._matches))
            inside = inside or (match.table == "commands" and self._is_said_otherwise(match))
            if match.table == "commands" and not inside:
                self._out.asks[match.key] = max(self._out.asks.get(match.key, 0), match.words)
            elif match.table == "markers":
                self._out.marks.add(match.key)
            elif match.table == "tone":
                self._out.tone[match.key] = self._out.tone.get(match.key, 0) + 1
        switch = any(m.table == "language_switch" for m in self._matches)
        named = [m for m in self._matches if m.table == "languages"]
        self._out.switch = max(named, key=lambda m: m.words).key if named and (switch or named[0].words > 1) else ""

    def _is_said_otherwise(self, match: Match) -> bool:
        """Whether the words of a command mean another thing here: "scrap that, white", "I'd like the second"."""
        out = self._out
        if match.key == "remove" and (out.counts or out.slots or out.ordinals or out.prices):
            wider = [m for m in self._matches if m.key == "correction" and not m.gapped and m.words > match.words]
            return any(m.start <= match.start and match.end <= m.end for m in wider)
        if answers(match, self._matches):
            return True
        wanting = ("want", "find", "add") if match.key == "similar" else ()
        return any(m.start < match.start < m.end for m in self._matches if m.key in wanting and not m.gapped)

    def _leave(self) -> None:
        """Content words that nothing took."""
        book = {i for m in self._matches if not m.gapped for i in range(m.start, m.end)}
        for i, token in enumerate(self._tokens):
            known = i in book or token.key in self._words.stopwords or _is_small(token, self._words)
            if token.kind == "word" and i not in self._taken and not known:
                self._out.words.append(token.text)

    def _free(self) -> list[Match]:
        return [m for m in self._matches if not any(i in self._taken for i in range(m.start, m.end))]

    def _take(self, start: int, end: int) -> None:
        self._taken.update(range(start, end))


_OF_ORDERS = frozenset("order_status arrival return cancel_order payment_problem late return_policy".split())
_OUT_OF = frozenset(
    "from in of order my aus von in uit van de du dans del da do dal dalla di su en mi min mein".split()
)
"""Small words before what is an order rather than a model: "the headphones from A1001"."""
_BY = frozenset("from by brand only von de di van da par by marke marca marque".split())


def _is_small(token: Token, words: Vocabulary) -> bool:
    return len(token.key) == 1 and not token.key.isdigit() and words.lexicon.spaces
