"""What is named only to be put right within a clause: "an HP printer, no wait, Canon", "惠普的,啊不是,佳能的"."""

from __future__ import annotations

from collections.abc import Sequence

from shopr.chat.reading.choosing import without_reasons
from shopr.chat.reading.phrases import Match
from shopr.chat.reading.tokens import Token

__all__ = ["meant", "without_alternatives_asked", "without_retracted"]

_TABLES = ("brand", "colours", "materials", "concepts")
_REACH = 5
"""Tokens between a word of correction and what takes the place of what was said, at most."""
_OPENING = 2
"""Tokens between the pause and the word of correction, at most: the "啊" of ",啊不是"."""
_PAUSES = frozenset({"-", "…", "–", "—"})


def without_retracted(chosen: list[Match], marks: Sequence[Match], tokens: Sequence[Token]) -> list[Match]:
    """Without the values before a word of correction behind which others of their kind are named."""
    gone: set[Match] = set()
    for mark in marks:
        if mark.key not in ("correction", "slip", "no") or not _turns(mark, marks, chosen, tokens):
            continue
        for table in _TABLES:
            behind = [m for m in chosen if m.table == table and 0 <= m.start - mark.end <= _REACH]
            ahead = [m for m in chosen if m.table == table and m.end <= mark.start]
            if behind and ahead and not _goes_on(mark.end, behind[0].start, table, marks):
                gone |= {m for m in ahead if m.key not in {b.key for b in behind}}
    return [m for m in chosen if m not in gone]


def _turns(mark: Match, marks: Sequence[Match], chosen: Sequence[Match], tokens: Sequence[Token]) -> bool:
    """Whether a word of correction stands apart: behind a pause, and before one too where it may be a denial.

    In "wait, grey rather than white" the value is between: "rather" takes nothing back.
    """
    ahead = range(max(0, mark.start - _OPENING), mark.start)
    opened = next((i for i in reversed(ahead) if _pause(tokens, i)), None)
    if opened is None or any(m.table in _TABLES and opened < m.start < mark.start for m in chosen):
        return False
    denies = any(m.key == "negation_before" and (m.start, m.end) == (mark.start, mark.end) for m in marks)
    return _pause(tokens, mark.end) if denies or mark.key == "no" else True


def _pause(tokens: Sequence[Token], place: int) -> bool:
    return place < len(tokens) and (tokens[place].kind in ("end", "pause") or tokens[place].key in _PAUSES)


def _goes_on(start: int, end: int, table: str, marks: Sequence[Match]) -> bool:
    """Whether what is named behind is added to what was named, or only says what a kind is for."""
    keys = {m.key for m in marks if start <= m.start < end}
    return bool(keys & {"also", "and"}) or (table == "concepts" and "link" in keys)


def without_alternatives_asked(chosen: list[Match], marks: Sequence[Match]) -> list[Match]:
    """Without what is only asked about behind a wish of its kind: "silver, or do you only do black"."""
    for joint in (m for m in marks if m.key == "or"):
        behind = [m for m in chosen if m.start >= joint.end and m.table in _TABLES[:3]]
        tables = {m.table for m in chosen if m.end <= joint.start} & {m.table for m in behind}
        if tables and any(m.key == "only" and m.start >= joint.end for m in marks):
            return [m for m in chosen if not (m in behind and m.table in tables)]
    return chosen


def meant(chosen: list[Match], marks: Sequence[Match], tokens: Sequence[Token]) -> list[Match]:
    """The values that are wanted, of all that are named: none of a reason, none taken back, none only asked about."""
    kept = without_retracted(without_reasons(chosen, marks), marks, tokens)
    return without_alternatives_asked(kept, marks)
