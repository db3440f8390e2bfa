"""Which of the phrases that were found hold: the widest, and none that is only a part of something else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shopr.chat.reading.phrases import Match
from shopr.chat.reading.tokens import Token

__all__ = ["answers", "interjected", "is_part", "no_false_denials", "no_short_for_number", "widest", "without_reasons"]


def no_false_denials(matches: list[Match]) -> list[Match]:
    """Without words of denial that are part of something longer: 有没有, "no more than", "why not"."""
    longer = [m for m in matches if m.table in ("commands", "concepts", "attributes") and not m.gapped]

    def inside(mark: Match) -> bool:
        size = mark.end - mark.start
        return any(m.start <= mark.start and mark.end <= m.end and m.end - m.start > size for m in longer)

    return [m for m in matches if not (m.key.startswith("negation") and inside(m))]


def is_part(match: Match, others: Iterable[Match]) -> bool:
    """Whether a place is only a part of another expression: "on second thought", "first of all", "second hand"."""
    wider = ("commands", "markers", "attributes", "tone")
    size = match.end - match.start
    return any(
        (m.table in wider or m.key in ("former", "latter"))
        and not m.gapped
        and m.key not in ("compare", "similar")
        and m.start <= match.start
        and match.end <= m.end
        and m.end - m.start > size
        for m in others
    )


def answers(match: Match, others: Iterable[Match]) -> bool:
    """Whether a command of one word is only a part of an answer of several: the "حال" of "ماشي الحال"."""
    longer = (m for m in others if m.key in ("yes", "no", "please") and m.words > 1 and not m.gapped)
    return match.words == 1 and any(m.start <= match.start and match.end <= m.end for m in longer)


_OPENING = 3
"""Tokens within which "hey, wait, one second, …" has come to its interjection."""


def interjected(matches: Iterable[Match], tokens: Sequence[Token]) -> set[int]:
    """The tokens of an interjection that a pause closes: "one second, …" is no second place, "دقيقة، …" no flour."""

    def apart(at: int) -> bool:
        return not 0 <= at < len(tokens) or tokens[at].kind in ("end", "pause")

    found = [m for m in matches if m.key in ("hold_on", "praise") and m.start <= _OPENING]
    return {i for m in found if apart(m.start - 1) and apart(m.end) for i in range(m.start, m.end)}


def no_short_for_number(matches: list[Match], tokens: Sequence[Token]) -> list[Match]:
    """Without the "no" of "no. 1381856"."""

    def short(m: Match) -> bool:
        if m.end - m.start > 1 or m.end >= len(tokens):
            return False
        behind = tokens[m.end]
        return behind.start > tokens[m.end - 1].end + 1 and any(c.isdigit() for c in behind.key)

    return [m for m in matches if not (m.key in ("no", "negation_before") and short(m))]


def widest(matches: Iterable[Match], rivals: Sequence[Match]) -> list[Match]:
    """Matches that do not overlap, longest first; of one span all keys of one table; rivals only keep others out."""
    order = {
        "brand": 0,
        "concepts": 1,
        "groups": 2,
        "colours": 3,
        "materials": 4,
        "attributes": 5,
        "units": 6,
        "recipients": 7,
    }
    chosen: list[Match] = []
    blocked = [(m.start, m.end) for m in rivals]
    ranked = sorted(matches, key=lambda m: (-(m.end - m.start), order.get(m.table, 9), m.start))
    for match in ranked:
        if match.table == "units":
            continue
        if any(a <= match.start and match.end <= b and b - a > match.end - match.start for a, b in blocked):
            continue
        over = [c for c in chosen if c.start < match.end and match.start < c.end]
        if all((c.start, c.end, c.table) == (match.start, match.end, match.table) for c in over):
            chosen.append(match)
    return sorted(dict.fromkeys(chosen), key=lambda m: m.start)


_OF_REASONS = frozenset({"colours", "materials", "brand"})


def without_reasons(chosen: list[Match], marks: Iterable[Match]) -> list[Match]:
    """Without what a reason names where the wish named its like: "a red one because I keep losing the black ones"."""
    since = min((m.start for m in marks if m.key == "because"), default=None)
    if since is None:
        return chosen
    wished = {m.table for m in chosen if m.start < since}
    return [m for m in chosen if m.start < since or m.table not in _OF_REASONS & wished]
