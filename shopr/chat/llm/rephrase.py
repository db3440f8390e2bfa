"""Rewording a reply without touching a fact.

The model never sees a fact: prices, titles, stock, dates and ids are replaced by numbered marks before it is asked,
and put back afterwards exactly as they were. An answer that lost, doubled, added or reordered a mark, or that brings a
digit, an address or markup of its own, is thrown away.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence

from shopr.chat.llm.asking import Asker
from shopr.chat.llm.client import LanguageModelError

__all__ = ["Rephraser", "marked", "restored"]

log = logging.getLogger("shopr.chat")

_MARK = "⟦{}⟧"
_MARKS = re.compile(r"⟦(\d{1,3})⟧")
_FOREIGN = re.compile(r"[<>{}\[\]`|\\]|https?:|www\.|%|[€$£¥₹₺]", re.IGNORECASE)
_SYSTEM = (
    "You reword one reply of a shop's assistant in the language with BCP 47 tag {language}. Keep its meaning exactly: "
    "do not add, drop or change any statement, promise, number, offer or question. Marks such as ⟦1⟧ stand for facts: "
    "keep each exactly once, in the same order. Tone: {tone}. Answer with the reworded reply alone."
)


def marked(text: str, facts: Sequence[str]) -> tuple[str, list[str]]:
    """The text with every fact and every number replaced by a mark, and what each mark stands for.

    Args:
        facts: pieces of the text that must stay as they are; longer ones win.
    """
    pieces = sorted({f for f in facts if f.strip()}, key=len, reverse=True)
    number = r"[^\s\w]?\d[\d.,:/-]*\d|\d"
    pattern = re.compile("|".join([*(re.escape(piece) for piece in pieces), number]))
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        held.append(match.group())
        return _MARK.format(len(held))

    return pattern.sub(hold, text), held


def restored(answer: str, held: Sequence[str]) -> str | None:
    """The answer with its facts put back; None if it is not to be trusted."""
    found = [int(n) for n in _MARKS.findall(answer)]
    if found != list(range(1, len(held) + 1)):
        return None
    bare = _MARKS.sub("", answer)
    if any(c.isdigit() or c.isnumeric() for c in bare) or _FOREIGN.search(bare) or "⟦" in bare or "⟧" in bare:
        return None
    return _MARKS.sub(lambda match: held[int(match.group(1)) - 1], answer)


class Rephraser:
    """Rewords replies; gives them back as they are wherever the model is of no use.

    Args:
        language_of: what language a text is in, to throw away an answer in another one; None does not check.
        longest: an answer may be so many times as long as the reply.
    """

    def __init__(self, asker: Asker, *, language_of: Callable[[str], str] | None = None, longest: float = 1.6) -> None:
        self._asker, self._language_of, self._longest = asker, language_of, longest

    def __call__(self, text: str, *, facts: Sequence[str], language: str, tone: str = "neutral") -> str:
        """The reply in other words, with the same facts in the same order.

        Args:
            facts: pieces of `text` that must not change: titles, prices, stock, dates, ids, product lines.
            language: of the reply, BCP 47.
        """
        hidden, held = marked(text, facts)
        if len(_MARKS.sub("", hidden).split()) < 3:  # nothing but facts
            return text
        try:
            answer = self._asker.ask(_SYSTEM.format(language=language, tone=tone), hidden)
        except LanguageModelError as error:
            log.info("the built-in reply stands: %s", error.one_line())
            return text
        made = restored(answer, held)
        if made is None or len(made) > self._longest * len(text) + 40:
            log.info("the built-in reply stands: the model changed facts or said more")
            return text
        if self._language_of is not None and self._language_of(_MARKS.sub(" ", answer)) != language:
            log.info("the built-in reply stands: the model answered in another language")
            return text
        return made
