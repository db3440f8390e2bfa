"""Which of the things named in a clause are denied: "white, not black", "neither HP nor Canon", "deri olmasın"."""

from __future__ import annotations

from collections.abc import Sequence

from shopr.chat.reading.phrases import Match
from shopr.chat.reading.tokens import Token

__all__ = ["denied", "denied_places"]

_REACH = 5
"""Tokens between a word of denial and what it denies, at most."""


def denied(content: Sequence[Match], marks: Sequence[Match], tokens: Sequence[Token]) -> list[Match]:
    """The matches of `content` that a word of denial before or behind them denies."""
    out: list[Match] = []
    ordered = sorted(content, key=lambda m: m.start)
    joints = {i for m in marks if m.key in ("or",) for i in range(m.start, m.end)}
    both = {(m.start, m.end) for m in marks if m.key == "negation_before"}
    for mark in marks:
        if mark.key == "negation_after" and (mark.start, mark.end) in both and not _closes(mark, tokens):
            continue  # "que no sea HP"; but "de HP no"
        if mark.key == "negation_before" and _answers(mark, marks):
            continue  # "no my bad it's a Lexmark"
        if mark.key == "negation_before":
            first = _next(ordered, mark.end, tokens)
            out += [] if first is None else _joined(ordered, first, joints, tokens)
        elif mark.key == "negation_after":
            before = [m for m in ordered if m.end <= mark.start and mark.start - m.end <= 2]
            if before and not any(t.kind in ("end", "pause") for t in tokens[before[-1].end : mark.start]):
                out += [m for m in before if m.start == before[-1].start]
    return out


def _answers(mark: Match, marks: Sequence[Match]) -> bool:
    """Whether a "no" only answers, before a word that puts right what was said."""
    alone = any(m.key == "no" and (m.start, m.end) == (mark.start, mark.end) for m in marks)
    return alone and any(m.key in ("correction", "slip", "only") and 0 <= m.start - mark.end <= 1 for m in marks)


def _closes(mark: Match, tokens: Sequence[Token]) -> bool:
    return mark.end == len(tokens) or tokens[mark.end].kind in ("end", "pause")


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


_NEAR = 2
"""Tokens between a word of denial and the place that it denies, at most."""


def denied_places(places: Sequence[Match], marks: Sequence[Match], tokens: Sequence[Token]) -> list[Match]:
    """The places of a list that are named only to be denied: "the second, not the first"; never all of them."""
    opening = {m.start for m in marks if m.key == "no" and m.start == 0}  # "no the second one": an answer
    before = [m for m in marks if m.key == "negation_before" and m.start not in opening]
    behind = [m for m in marks if m.key == "negation_after"]
    taken_back = _taken_back(places, marks, tokens)
    out = [
        place
        for place in places
        if place in taken_back
        or (place.start >= _since(taken_back) and any(_reaches(tokens, m.end, place.start, _NEAR) for m in before))
        or any(_reaches(tokens, place.end, m.start, 1) for m in behind)
    ]
    return out if len(out) < len(places) else list(taken_back)


def _taken_back(places: Sequence[Match], marks: Sequence[Match], tokens: Sequence[Token]) -> list[Match]:
    """The places before a word of correction that is followed by another place: "the first, no wait, the second"."""
    denials = {(m.start, m.end) for m in marks if m.key == "negation_before"}
    twice = {m.start for m in marks if m.key == "negation_before" and any(a == m.end for a, _ in denials)}
    words = [m for m in marks if m.key in ("correction", "slip") and (m.start, m.end) not in denials]
    starts = {*(m.start for m in words), *twice}  # "no no, the first"
    last = max((s for s in starts if any(p.start > s for p in places)), default=-1)
    gone = [p for p in places if p.end <= last]
    apart = any(t.kind == "pause" for p in gone[-1:] for t in tokens[p.end : last + 1])  # not "is 3 better than 2"
    return gone if apart else []


def _since(taken_back: Sequence[Match]) -> int:
    """Where what was put right begins, in which a "no" only answers."""
    return 99 if taken_back else 0


def _reaches(tokens: Sequence[Token], start: int, end: int, most: int) -> bool:
    return 0 <= end - start <= most and not any(t.kind in ("end", "pause") for t in tokens[start:end])
