"""What the rules see in all views of a text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shopr.security.canonical import View
from shopr.security.detectors.rules import Rule, RuleBook
from shopr.security.detectors.sqltokens import prints_of

__all__ = ["Finding", "gather"]

_MAY_BE_SQL = re.compile(
    r"['\"`;()@=|#]|--|/\*|\b(?:select|union|order\s+by|group\s+by|having|insert|drop|exec|waitfor|between|like)\b"
)
# Views that undo a disguise rather than decode: rules about what was undone would only see it again.
_SIDE = frozenset({"comments", "comments_joined", "joined"})


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


def gather(book: RuleBook, views: Sequence[View]) -> dict[str, Finding]:
    """Rule id -> its first finding, over every view."""
    found: dict[str, Finding] = {}
    for place, view in enumerate(views):
        low = view.text.lower()
        for hit in book.match(low):
            if hit.rule.id not in found:
                found[hit.rule.id] = Finding(hit.rule, place, hit.start, hit.end)
        if place < 3 and view.name not in _SIDE:
            for hit in book.match(low, "raw"):
                if hit.rule.id not in found:
                    found[hit.rule.id] = Finding(hit.rule, place, hit.start, hit.end)
        if _MAY_BE_SQL.search(low):
            for printed in prints_of(low):
                for hit in book.match(printed, "sql"):
                    if hit.rule.id not in found:
                        found[hit.rule.id] = Finding(hit.rule, place, 0, len(low))
    return found
