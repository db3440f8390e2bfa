"""Numbers in a message: money with its currency, price bounds, measures, counts and ordinals."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from shopr.chat.reading.phrases import Match, without_overlaps
from shopr.chat.reading.tokens import Token
from shopr.chat.reading.vocabulary import AMOUNT, NUMBER, Vocabulary

__all__ = [
    "Amount",
    "Measure",
    "Number",
    "PriceBound",
    "find_amounts",
    "find_groups",
    "find_measures",
    "find_numbers",
    "find_prices",
]

_LARGEST = Decimal(10) ** 15


@dataclass(frozen=True, slots=True)
class Number:
    """A number in digits or words, at token positions."""

    value: Decimal
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Amount:
    """A number that may be money; `currency` is "" where none stands beside it."""

    value: Decimal
    currency: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with a unit."""

    value: Decimal
    unit: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PriceBound:
    """A price that bounds or centres what is wanted: kind max, min, between or around."""

    kind: str
    low: Decimal | None
    high: Decimal | None
    currency: str
    start: int
    end: int


def parse_number(text: str, decimal: str) -> Decimal | None:
    """Digits with separators as a number: one mark before three digits groups thousands, else it is decimal."""
    text = text.replace("٫", ".").strip(".,")
    marks = [c for c in text if c in ".,"]
    if len(set(marks)) == 2:
        last = text[max(text.rfind("."), text.rfind(","))]
        text = text.replace("," if last == "." else ".", "").replace(last, ".")
    elif len(marks) == 1:
        head, tail = text.split(marks[0])
        groups = len(tail) == 3 and head.lstrip("0") != "" and len(head) <= 3 and (marks[0] != decimal or head != "0")
        text = head + tail if groups else f"{head}.{tail}"
    elif marks:
        text = text.replace(marks[0], "")
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if 0 <= value < _LARGEST else None


def find_numbers(tokens: Sequence[Token], matches: Sequence[Match], vocabulary: Vocabulary) -> list[Number]:
    """Numbers in digits and in words, in order of place."""
    out = []
    for i, token in enumerate(tokens):
        if token.kind == "number":
            value = parse_number(token.key, vocabulary.lexicon.decimal)
            if value is not None:
                out.append(Number(value, i, i + 1))
    words = without_overlaps(m for m in matches if m.table == "numbers")
    taken = {n.start for n in out}
    out += [Number(Decimal(m.key), m.start, m.end) for m in words if m.start not in taken]
    return sorted(out, key=lambda n: n.start)


def find_measures(numbers: Sequence[Number], matches: Sequence[Match]) -> list[Measure]:
    """Numbers with a unit right behind them."""
    units: dict[int, Match] = {}
    for match in matches:
        if match.table == "units" and (match.start not in units or match.end > units[match.start].end):
            units[match.start] = match
    return [Measure(n.value, units[n.end].key, n.start, units[n.end].end) for n in numbers if n.end in units]


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
        out.append(Amount(value, currency, start, end))
    return out


def _reduced(
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


_OPPOSITE = {"min": "max", "max": "min"}


def find_prices(
    tokens: Sequence[Token], amounts: Sequence[Amount], matches: Sequence[Match], vocabulary: Vocabulary
) -> list[PriceBound]:
    """The price bounds of a message, longest pattern first; a denial right before one turns it round."""
    if not amounts:
        return []
    denials = {m.end: m.start for m in matches if m.table == "markers" and m.key == "negation_before"}
    behind = {m.start for m in matches if m.table == "markers" and m.key == "negation_after"}
    wanted = {i for m in matches if m.table in _CONTENT for i in range(m.start, m.end)}
    named = {m.start for m in matches if m.table == "markers" and m.key == "price_word" and m.end - m.start == 1}
    dropped = {a.start - 1 for a in amounts} & named  # "not above a price of 30" bounds as "not above 30" does
    reduced, positions = _reduced(tokens, [(a.start, a.end) for a in amounts], AMOUNT, dropped)
    at = {a.start: a for a in amounts}
    out = []
    for match in without_overlaps(vocabulary.prices.find(reduced)):
        held = [at[positions[i]] for i in range(match.start, match.end) if positions[i] in at]
        start, end = positions[match.start], positions[match.end]
        kind = match.key
        denied = _denied_at(tokens, start, denials, wanted)
        if denied is not None and kind in _OPPOSITE:  # "not more expensive than", "nothing costing more than"
            kind, start = _OPPOSITE[kind], denied
        elif kind == "min" and any(_free(tokens, end, i, wanted) for i in behind if 0 <= i - end <= 1):
            kind = "max"  # verbs last: "30 eurodan pahalı olmasın"
        bound = _bound(kind, held, start, end)
        if bound is not None:
            out.append(bound)
    return out


_CONTENT = ("concepts", "colours", "materials", "brand")
_REACH = 5


def _denied_at(tokens: Sequence[Token], start: int, denials: dict[int, int], wanted: Set[int]) -> int | None:
    """Where a denial begins that holds for a bound at `start`: "mustn't cost me more than", no product between."""
    for end in range(start, max(-1, start - _REACH), -1):
        if end in denials:
            return denials[end] if _free(tokens, end, start, wanted) else None
    return None


def _free(tokens: Sequence[Token], start: int, end: int, wanted: Set[int]) -> bool:
    """Whether only small words stand between two places."""
    return not any(i in wanted or tokens[i].kind in ("end", "pause", "number") for i in range(start, end))


def _bound(kind: str, held: list[Amount], start: int, end: int) -> PriceBound | None:
    if not held:
        return None
    currency = next((a.currency for a in held if a.currency), "")
    values = sorted(a.value for a in held)
    if kind == "between":
        return PriceBound(kind, values[0], values[-1], currency, start, end) if len(held) > 1 else None
    if kind == "min":
        return PriceBound(kind, values[0], None, currency, start, end)
    if kind == "max":
        return PriceBound(kind, None, values[0], currency, start, end)
    value = values[0]
    return PriceBound(kind, (value * Decimal("0.8")), (value * Decimal("1.2")), currency, start, end)


def find_groups(
    tokens: Sequence[Token], numbers: Sequence[Number], vocabulary: Vocabulary
) -> list[tuple[str, int, int, int]]:
    """Ordinal groups such as "the first two": (first or last, how many, start, end)."""
    if not numbers:
        return []
    reduced, positions = _reduced(tokens, [(n.start, n.end) for n in numbers], NUMBER)
    at = {n.start: n for n in numbers}
    out = []
    for match in without_overlaps(vocabulary.groups.find(reduced)):
        for i in range(match.start, match.end):
            number = at.get(positions[i])
            if number is not None and 1 <= number.value <= 20 and number.value == int(number.value):
                out.append((match.key, int(number.value), positions[match.start], positions[match.end]))
    return out
