"""What the rules see in all views of a text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from shopr.security.canonical import SIDE_VIEWS, View
from shopr.security.detectors.rules import Rule, RuleBook
from shopr.security.detectors.sqltokens import prints_of

__all__ = ["Finding", "gather"]

_MAY_BE_SQL = re.compile(
    r"['\"`;()@=|#]|--|/\*|\b(?:select|union|order\s+by|group\s+by|having|insert|drop|exec|waitfor|between|like)\b"
)
# Views that undo a disguise rather than decode: rules about what was undone would only see it again.
_UNDONE = frozenset({"comments", "comments_joined", "joined"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that matched somewhere.

    Attributes:
        rule: which.
        view: place of the view among the views.
        start: where the match starts in the view's text (in the view itself for a rule on SQL tokens: 0).
        end: and where it ends.
    """

    rule: Rule
    view: int
    start: int
    end: int


MUCH = 1200
"""Characters of all views together above which only the last decoded one and what differs from it are read whole."""

STRINGS = 100
"""A record with more strings is read as one text."""


def gather(book: RuleBook, views: Sequence[View]) -> dict[str, Finding]:
    """Rule id -> its first finding, over every view."""
    found: dict[str, Finding] = {}
    last = max((i for i, view in enumerate(views) if view.name not in SIDE_VIEWS), default=0)
    much = sum(len(view.text) for view in views) > MUCH
    for place, view in enumerate(views):
        if much and place < last:
            _add(found, book, view.text.lower(), "raw", place)
            continue
        low = view.text.lower()
        _add(found, book, low, "text", place)
        if place < 3 and view.name not in _UNDONE:
            _add(found, book, low, "raw", place)
        if _MAY_BE_SQL.search(low):
            for printed in (one for part in _strings(low) for one in prints_of(part)):
                for hit in book.match(printed, "sql"):
                    if hit.rule.id not in found:
                        found[hit.rule.id] = Finding(hit.rule, place, 0, len(low))
    return found


def _strings(low: str) -> list[str]:
    """What may be SQL in a text: of a record in JSON its strings one by one, since its own quotes open nothing."""
    if low[:1] not in ("{", "[") or low[-1:] not in ("}", "]"):
        return [low]
    try:
        waiting = [json.loads(low)]
    except (ValueError, RecursionError):
        return [low]
    found: list[str] = []
    while waiting and len(found) < STRINGS:
        value = waiting.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend([*value, *value.values()])
    return found if len(found) < STRINGS else [low]


def _add(found: dict[str, Finding], book: RuleBook, low: str, reads: str, place: int) -> None:
    for hit in book.match(low, reads):
        if hit.rule.id not in found:
            found[hit.rule.id] = Finding(hit.rule, place, hit.start, hit.end)
