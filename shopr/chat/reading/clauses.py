"""Splits a message into clauses, one request each: at the ends of sentences, and where a new command follows "and"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from shopr.chat.reading.phrases import Match
from shopr.chat.reading.tokens import Token
from shopr.chat.reading.vocabulary import Vocabulary, vocabulary

__all__ = ["MOST", "clauses"]

MOST = 6
"""Clauses of one message that are looked at; more is no shopper's request."""
_STRONG = frozenset(
    "add remove compare show_cart clear_cart total checkout order_status arrival handoff details trending new deals "
    "recommend return cancel_order".split()
)
_WEAK = frozenset({"find", "more", "cheaper"})
_ORDER = re.compile(r"#?[A-Za-z]{1,3}-?\d{3,12}")
"""What looks like an order's number: what is said of it is a request without a word for one ("where's A1001 and …")."""
_CLOSING = frozenset({"total", "checkout", "show_cart"})
"""Commands that a request ends with, in as few words as they take: "the first, and what's the total"."""
_SUBJECTS = ("commands", "concepts")
_NEAR, _FAR = 2, 7
_LEAST = 3
"""Words that a clause of its own has at least: "…, add it" goes with what stands before it."""


def clauses(tokens: Sequence[Token], words: Vocabulary) -> list[list[Token]]:
    """The clauses in order; a message without a second request is one."""
    out: list[list[Token]] = []
    part: list[Token] = []
    for i, token in enumerate(tokens):
        if token.kind == "end":
            if _abbreviates(tokens, i):
                continue
            if part:
                out.append(part)
            part = []
        else:
            part.append(token)
    if part:
        out.append(part)
    return [piece for sentence in out for piece in _pieces(sentence, words)][:MOST]


_SHORT = frozenset("no nr num art max min mind ca approx núm st tel bzw inkl incl ref".split())


def _abbreviates(tokens: Sequence[Token], place: int) -> bool:
    """Whether a full stop belongs to an abbreviation before a number: "no. 3", "max. 60"."""
    after = tokens[place + 1] if place + 1 < len(tokens) else None
    short = place > 0 and tokens[place - 1].key in _SHORT and tokens[place].key == "."
    return short and after is not None and any(c.isdigit() for c in after.key)


def _near(sentence: Sequence[Token], joint: int, words_of: Vocabulary) -> int:
    """Tokens behind a joint among which a command begins: further on where only small words come before it."""
    small = 0
    for token in sentence[joint + 1 : joint + 1 + _FAR]:
        if token.key not in words_of.stopwords:
            break
        small += 1
    return max(_NEAR, small)


def _asked_last(sentence: Sequence[Token], found: Sequence[Match], joint: int, words_of: Vocabulary) -> bool:
    """Whether a product is named soon behind a joint, and asked for by the verb at the end: "aur ek mouse dikhao"."""
    soon = sentence[joint + 1 : joint + _NEAR + 3]
    kind = any(m.table == "concepts" for m in (*words_of.book.find(soon), *vocabulary("en").book.find(soon)))
    return kind and any(
        m.table == "commands" and m.key == "find" and m.start > joint and m.end == len(sentence) for m in found
    )


def _goes_on(found: Sequence[Match], joint: int, starts: set[int]) -> bool:
    """Whether a joint binds two places of which nothing was asked before it."""
    places = [m for m in found if m.table == "ordinals"]
    ahead = any(m.end == joint for m in places)
    return ahead and any(m.start - joint in (1, 2) for m in places) and not any(i < joint for i in starts)


def _coded(tokens: Sequence[Token]) -> bool:
    """Whether an order's number stands soon behind a pause, where words are not written apart."""
    return any(_ORDER.fullmatch(t.text) for t in tokens[: _FAR + 2])


def _pieces(sentence: list[Token], words_of: Vocabulary) -> list[list[Token]]:
    """A sentence cut before each further command that follows a joint."""
    if len(sentence) < 4:
        return [sentence]
    found = words_of.book.find(sentence)
    commands = [m for m in found if m.table == "commands" and not m.gapped]
    starts = {m.start for m in commands if m.key in _STRONG} | {
        m.start for m in found if m.table == "commands" and m.gapped and m.key in _STRONG
    }
    weak = {m.start for m in commands if m.key in _WEAK}
    joints = sorted({m.start for m in found if m.table == "markers" and m.key == "and"})
    apart = words_of.lexicon.spaces
    joints += [i for i, t in enumerate(sentence) if t.kind == "pause" and (apart or _coded(sentence[i + 1 :]))]
    cuts: list[int] = []
    words_apart = words_of.lexicon.spaces
    for joint in sorted(joints):
        if any(m.gapped and m.start < joint < m.end - 1 and m.key in _STRONG for m in found if m.table == "commands"):
            continue  # "pop both the first and third into the cart" is one request
        if _goes_on(found, joint, starts):
            continue  # "both the first and second go in my cart" is one request
        after = range(joint + 1, min(joint + 1 + _near(sentence, joint, words_of), len(sentence)))
        left = {i for i in starts if i < joint} or {
            i for i, t in enumerate(sentence[:joint]) if _ORDER.fullmatch(t.text)
        }
        named = {m.start for m in found if m.table == "ordinals" and m.end <= joint}
        placed = left or named
        weakly = bool(placed) and any(i in weak for i in after)
        begins = any(i in starts for i in after) or weakly
        begins = begins or any(
            _ORDER.fullmatch(sentence[i].text) and i > joint + 1
            for i in range(joint + 1, min(joint + (_FAR + 2 if placed else 4), len(sentence)))
        )
        begins = begins or bool(left and _asked_last(sentence, found, joint, words_of))
        closes = any(m.key in _CLOSING and m.start in after and m.end == len(sentence) for m in commands)
        words = _LEAST if closes else sum(t.kind in ("word", "number") for t in sentence[joint + 1 :])
        if (
            begins
            and (words >= _LEAST or not words_apart)
            and (left or weakly or (closes and named) or any(m.start < joint and m.table in _SUBJECTS for m in found))
        ):
            cuts.append(joint)
    bounds = [0, *cuts, len(sentence)]
    return [sentence[a:b] for a, b in pairwise(bounds) if b > a]
