"""Which of the things named in a clause are denied: "white, not black", "neither HP nor Canon", "deri olmasın"."""

from __future__ import annotations

from collections.abc import Sequence

from shopr.chat.reading.phrases import Match
from shopr.chat.reading.tokens import Token

__all__ = ["denied"]

_REACH = 5
"""Tokens between a word of denial and what it denies, at most."""


def denied(content: Sequence[Match], marks: Sequence[Match], tokens: Sequence[Token]) -> list[Match]:
    """The matches of `content` that a word of denial before or behind them denies."""
    out: list[Match] = []
    ordered = sorted(content, key=lambda m: m.start)
    joints = {i for m in marks if m.key in ("or",) for i in range(m.start, m.end)}
    for mark in marks:
        if mark.key == "negation_before":
            first = _next(ordered, mark.end, tokens)
            out += [] if first is None else _joined(ordered, first, joints, tokens)
        elif mark.key == "negation_after":
            before = [m for m in ordered if m.end <= mark.start and mark.start - m.end <= 2]
            if before and not any(t.kind in ("end", "pause") for t in tokens[before[-1].end : mark.start]):
                out += [m for m in before if m.start == before[-1].start]
    return out


def _next(ordered: Sequence[Match], start: int, tokens: Sequence[Token]) -> Match | None:
    """The first match behind a position, unless a sentence or another part of it begins in between."""
    found = next((m for m in ordered if m.start >= start), None)
    if found is None or found.start - start > _REACH:
        return None
    return None if any(t.kind in ("end", "pause") for t in tokens[start : found.start]) else found


def _joined(ordered: Sequence[Match], first: Match, joints: set[int], tokens: Sequence[Token]) -> list[Match]:
    """`first` with all of its span, what directly follows it ("not leather bags"), and what "or" joins to it."""
    out = [m for m in ordered if m.start == first.start]
    end = first.end
    for match in ordered:
        if match.start < end or match in out:
            continue
        between = range(end, match.start)
        if (
            between
            and all(i in joints or tokens[i].kind == "pause" for i in between)
            and any(i in joints for i in between)
        ):
            out.append(match)
            end = match.end
        else:
            break
    return out
