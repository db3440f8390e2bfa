"""Numbers in a message: digits, words, and what they are made of ("three hundred fifty", "1.5k", "dreihundert")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from shopr.chat.reading.phrases import Match, without_overlaps
from shopr.chat.reading.tokens import Token

if TYPE_CHECKING:
    from shopr.chat.reading.vocabulary import Vocabulary

__all__ = ["Number", "compound", "find_numbers", "parse_number"]

_LARGEST = Decimal(10) ** 15
_LONGEST_WORD = 40
_SHORTEST_WORD = 6
_FEW_HUNDREDS = 20
"""Hundreds that are said as such: "nineteen hundred", but fifty "cents" are no five thousand."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number in digits or words, at token positions.

    Attributes:
        scale: what its last part was multiplied with ("5 hundred": 100), 1 for nothing.
    """

    value: Decimal
    start: int
    end: int
    scale: int = 1


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
    """Numbers in digits and in words, in order of place; parts of one number are put together."""
    single = _single(tokens, matches, vocabulary)
    named = {i for m in matches if m.table in ("attributes", "units") for i in range(m.start + 1, m.end)}
    scales = {
        i: vocabulary.scales[t.key] for i, t in enumerate(tokens) if t.key in vocabulary.scales and i not in named
    }
    out: list[Number] = []
    for number in single:
        last = out[-1] if out else None
        joined = None if last is None else _joined(last, number, tokens, scales, vocabulary)
        if joined is not None:
            out[-1] = joined
        elif last is None or number.start >= last.end:
            out.append(number)
        if out:
            out[-1] = _scaled(out[-1], scales)
    return out


def _single(tokens: Sequence[Token], matches: Sequence[Match], vocabulary: Vocabulary) -> list[Number]:
    out = []
    for i, token in enumerate(tokens):
        if token.kind == "number":
            value = parse_number(token.key, vocabulary.lexicon.decimal)
            if value is not None:
                out.append(Number(value, i, i + 1))
    named = [m for m in matches if m.table == "numbers"]
    words = without_overlaps(m for m in named if not _goes_on(m, named, tokens, vocabulary))
    taken = {n.start for n in out}
    out += [Number(Decimal(m.key), m.start, m.end) for m in words if m.start not in taken]
    return sorted(out, key=lambda n: n.start)


def _goes_on(match: Match, others: Sequence[Match], tokens: Sequence[Token], vocabulary: Vocabulary) -> bool:
    """Whether a phrase begins with a scale of the number before it: the "hundred and fifty" of "three hundred …"."""
    scaled = match.end - match.start > 1 and tokens[match.start].key in vocabulary.scales
    return scaled and any(o.start < match.start <= o.end for o in others)


def _scaled(number: Number, scales: Mapping[int, int]) -> Number:
    """With the scales that stand right behind it: "3 hundred", "2k", "5 千"."""
    scale = scales.get(number.end)
    if scale is None or number.value >= scale or (scale == 100 and number.value >= _FEW_HUNDREDS):
        return number
    return _scaled(Number(number.value * scale, number.start, number.end + 1, scale), scales)


def _joined(
    left: Number, right: Number, tokens: Sequence[Token], scales: Mapping[int, int], vocabulary: Vocabulary
) -> Number | None:
    """Two neighbours as one number: hundreds and tens, tens and units; None where they are two numbers."""
    between = tokens[left.end : right.start]
    if right.start < left.end or any(t.kind == "number" for t in tokens[right.start : right.end]):
        return None
    linked = len(between) == 1 and between[0].key in vocabulary.number_joints
    if between and not linked and not all(t.key == "-" for t in between):
        return None
    digits = any(t.kind == "number" for t in tokens[left.start : left.end])
    room = 10 ** len(str(int(right.value)))
    tens = left.value >= 100 or left.value in _TENS
    fits = 0 < right.value < left.value and left.value % room == 0 and tens and not (digits and left.scale == 1)
    if linked and scales.get(right.end) is not None:
        return None  # "between one hundred and two hundred"
    return Number(left.value + right.value, left.start, right.end, 1) if fits else None


_TENS = frozenset(Decimal(n) for n in range(20, 100, 10))


def compound(word: str, vocabulary: Vocabulary) -> int | None:
    """The number that one long word of several number words is ("zweihundertdreißig"); None for other words."""
    if not _SHORTEST_WORD < len(word) < _LONGEST_WORD or not word.isalpha():
        return None
    parts = _split(word, vocabulary.number_parts)
    if parts is None or len(parts) < 2:
        return None
    total = current = 0
    for part in parts:
        if part == 1000:
            total, current = total + max(current, 1) * part, 0
        elif part == 100:
            current = max(current, 1) * part
        else:
            current += part
    return total + current


def _split(word: str, known: Mapping[str, int]) -> list[int] | None:
    """The values of the parts that a word is made of, the longest first part that leads anywhere."""
    if not word:
        return []
    for cut in range(min(len(word), 14), 0, -1):
        value = known.get(word[:cut])
        if value is not None:
            rest = _split(word[cut:], known)
            if rest is not None:
                return [value, *rest]
    return None
