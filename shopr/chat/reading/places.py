"""Numbers that name places in a list rather than pieces: "number 3", "I'll take the 3", "2 नंबर वाला"."""

from __future__ import annotations

from collections.abc import Sequence

from shopr.chat.reading.numerals import Number
from shopr.chat.reading.phrases import Match
from shopr.chat.reading.tokens import Token

__all__ = ["MOST_PLACES", "numbered_places", "outside_references"]

MOST_PLACES = 20
"""The furthest place of a list that is spoken of."""
_MOST_BARE = 9
"""The furthest place that a number names by its article alone; "the 20" is an amount or a day."""
_OF_MANY = frozenset("the die den der de".split())
"""Articles that may stand before several: "the three" are as many, "the 3" after a list is a place."""
_TO = frozenset({"a", "al"})
"""Articles that also mean "to": "5 a 8"."""
_COUNTED = frozenset(
    {"currencies", "cents", "units", "concepts", "groups", "colours", "materials", "attributes", "ordinals"}
)
_COUNTING = frozenset("of quantity glue cheapest dearest cheaper dearer new trending deals".split())


def numbered_places(
    tokens: Sequence[Token], numbers: Sequence[Number], free: Sequence[Match]
) -> list[tuple[Number, int, int]]:
    """The numbers that a word such as "number", or an article with nothing to count behind it, makes places."""
    marks = [m for m in free if m.table == "markers"]
    before = {m.end: m.start for m in marks if m.key == "number_word"}
    ends = {m.end for m in free if m.table == "ordinals"}
    before |= {m.end: m.end for m in free if m.key == "and" and m.start in ends}  # "den 1. und 2"
    worded = {i for m in free if m.table == "ordinals" for i in range(m.start, m.end)}
    articles = {m.end: m.start for m in marks if m.key == "place_article"}
    behind: dict[int, int] = {}
    for mark in marks:
        if mark.key == "place_word":
            behind[mark.start] = max(mark.end, behind.get(mark.start, 0))
    out: list[tuple[Number, int, int]] = []
    for number in numbers:
        digits = tokens[number.start].kind == "number"
        if number.value != int(number.value) or number.value < 1:
            continue
        if before.get(number.start) == number.start and number.end < len(tokens):
            continue  # "2 of the first and 1 of the third"
        if digits and number.start in before and number.value <= MOST_PLACES:
            out.append((number, before[number.start], number.end))
        elif number.start in worded:
            continue  # "2番目" is an ordinal as it is
        elif digits and number.end in behind and number.value <= _MOST_BARE:
            out.append((number, number.start, behind[number.end]))
        elif number.start in articles and number.value <= _MOST_BARE and _counts_nothing(tokens, number, free):
            start = articles[number.start]
            sure = digits or tokens[start].key not in _OF_MANY
            if sure and not (tokens[start].key in _TO and any(n.end == start for n in numbers)):
                out.append((number, start, number.end))
    return out


def _counts_nothing(tokens: Sequence[Token], number: Number, free: Sequence[Match]) -> bool:
    """Whether nothing stands behind a number that it could count: "the 3 please", but not "the 3 cheapest ones"."""
    if number.end >= len(tokens) or tokens[number.end].kind in ("end", "pause"):
        return True
    here = [m for m in free if m.start == number.end]
    if any(m.table in _COUNTED or m.key in _COUNTING for m in here) or tokens[number.end].kind != "word":
        return False
    return any(m.table in ("commands", "markers", "tone", "anaphora") for m in here)


def outside_references(numbers: Sequence[Number], matches: Sequence[Match]) -> list[Number]:
    """The numbers that are no part of "the two" or of "the other one"; but "ikiye çıkar" are two pieces."""
    found = [m for m in matches if m.table == "anaphora"]
    counting = any(m.key in ("other", "set_quantity") for m in matches)
    keys = {"other", "former", "latter"} if counting else {"both", "former", "latter"}
    spans = [(m.start, m.end) for m in found if m.key in keys]
    return [n for n in numbers if not any(a <= n.start and n.end <= b for a, b in spans)]
