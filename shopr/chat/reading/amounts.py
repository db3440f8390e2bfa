"""Numbers in a message: money with its currency, measures, counts and ordinal groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal

from shopr.chat.reading.numerals import Number
from shopr.chat.reading.phrases import Match, without_overlaps
from shopr.chat.reading.tokens import Token, fold
from shopr.chat.reading.vocabulary import NUMBER, Vocabulary

__all__ = ["Amount", "Measure", "Number", "find_amounts", "find_groups", "find_measures", "reduced"]


@dataclass(frozen=True, slots=True)
class Amount:
    """A number that may be money; `currency` is "" where none stands beside it."""

    value: Decimal
    currency: str
    start: int
    end: int
    scale: int = 1


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with a unit."""

    value: Decimal
    unit: str
    start: int
    end: int


def find_measures(tokens: Sequence[Token], numbers: Sequence[Number], matches: Sequence[Match]) -> list[Measure]:
    """Numbers with a unit right behind them."""
    units: dict[int, Match] = {}
    for match in matches:
        if match.table == "units" and (match.start not in units or match.end > units[match.start].end):
            units[match.start] = match
    named = [n for n in numbers if n.end in units and not _quoted(tokens, n, units[n.end])]
    return [Measure(n.value, units[n.end].key, n.start, units[n.end].end) for n in named]


def _quoted(tokens: Sequence[Token], number: Number, unit: Match) -> bool:
    """Whether the mark for inches only ends a quotation that began before the number."""
    mark = tokens[unit.start].key
    return mark == '"' and sum(t.key == '"' for t in tokens[: number.start]) % 2 == 1


def find_amounts(
    tokens: Sequence[Token], numbers: Sequence[Number], matches: Sequence[Match], measures: Sequence[Measure]
) -> list[Amount]:
    """Numbers that may be money: those that are no measure, with a currency before or behind if one is named."""
    measured = {m.start for m in measures}
    currencies = without_overlaps(m for m in matches if m.table in ("currencies", "cents"))
    behind = {m.start: m for m in currencies}
    before = {m.end: m for m in currencies}
    out = []
    for number in numbers:
        if number.start in measured:
            continue
        start, end = number.start, number.end
        named = behind.get(end) or (behind.get(end + 1) if end < len(tokens) and tokens[end].key == "-" else None)
        if named is not None:
            end = named.end
        elif start in before:
            named, start = before[start], before[start].start
        value, currency = number.value, named.key if named else ""
        if currency == "cents":
            value, currency = value / 100, ""
        out.append(Amount(value, currency, start, end, number.scale))
    return out


def reduced(
    tokens: Sequence[Token], spans: Sequence[tuple[int, int]], word: str, dropped: Set[int] = frozenset()
) -> tuple[list[Token], list[int]]:
    """The tokens with every span as one token `word`, and the position that each one had."""
    starts = dict(spans)
    out, positions, i = [], [], 0
    while i < len(tokens):
        if i in dropped:
            i += 1
            continue
        positions.append(i)
        if i in starts:
            out.append(Token(word, word, tokens[i].start, tokens[starts[i] - 1].end, "word"))
            i = starts[i]
        else:
            out.append(tokens[i])
            i += 1
    positions.append(len(tokens))
    return out, positions


_OF_ONE = frozenset("vom zum dem du del dal do pelo".split())
"""Small words before one thing only: what they stand before is no group."""


def find_groups(
    tokens: Sequence[Token], numbers: Sequence[Number], vocabulary: Vocabulary
) -> list[tuple[str, int, int, int]]:
    """Ordinal groups such as "the first two": (first or last, how many, start, end)."""
    known = vocabulary.pairs.words
    alone = {fold(p) for p in (*vocabulary.lexicon.ordinal_groups.first, *vocabulary.lexicon.ordinal_groups.last)}
    pairs = without_overlaps(
        m
        for m in vocabulary.pairs.find(tokens)
        if _written(tokens[m.start : m.end], known) and (m.end - m.start > 1 or tokens[m.start].key in alone)
    )
    out = [(match.key, 2, match.start, match.end) for match in pairs]  # "die ersten beiden"
    short, positions = reduced(tokens, [(n.start, n.end) for n in numbers], NUMBER)
    at = {n.start: n for n in numbers}
    known = vocabulary.groups.words
    found = [m for m in vocabulary.groups.find(short) if _written(short[m.start : m.end], known)]
    for match in without_overlaps(found) if numbers else ():
        if match.start and short[match.start - 1].key in _OF_ONE:
            continue  # "vom ersten zwei": two of the first
        for i in range(match.start, match.end):
            number = at.get(positions[i])
            if number is not None and 1 <= number.value <= 20 and number.value == int(number.value):
                out.append((match.key, int(number.value), positions[match.start], positions[match.end]))
    return out


def _written(tokens: Sequence[Token], known: Mapping[str, int]) -> bool:
    """Whether words stand as they are listed, not only with their stem: "ilkinden iki" is two of the first."""
    return all(t.key in known or t.key == "-" for t in tokens)
