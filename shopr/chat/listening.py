"""Which language a message is in: what is identified, weighed by what each language understands of it."""

from __future__ import annotations

from shopr.chat.language import identify
from shopr.chat.lexicon import spoken
from shopr.chat.reading.tokens import tokenise
from shopr.chat.reading.vocabulary import Vocabulary, vocabulary
from shopr.chat.romanised import romanised_hindi
from shopr.chat.scripts import OTHER_SCRIPT

__all__ = ["heard_language"]

_LONGEST_WORD = 60
"""Letters of a word beyond which it says nothing about a language."""
_MOSTLY = 0.8
"""Share of a message's words that a language must know to be taken for its language on that ground."""
_HALF = 0.5
"""Share of the words below which the language identified is doubted, and from which another one is taken instead."""
_PLAINLY = 2
"""Words that a language understands at least where it is taken instead of the one identified."""


def heard_language(text: str, before: str, *, first: bool) -> str:
    """The language of a message; the conversation's where it understands the message just as well.

    A message full of slips tells n-grams little ("imprimente canno pas cher" looks Italian): where the language
    identified knows less than half of the words, the one that understands most of them, slips mended, is taken.

    Args:
        text: cleaned.
        before: of the conversation so far; what is assumed, before the first message.
        first: whether it is the first message.
    """
    words = " ".join(w for w in text.split() if len(w) <= _LONGEST_WORD)
    if romanised_hindi(words, spoken=before == "hi"):
        return "hi"
    found = identify(words, previous=None if first else before, languages=spoken(), default=before)
    if not found.supported or found.language == before:
        return before
    keys = [t.key for t in tokenise(words) if t.kind == "word" and not any(c.isdigit() for c in t.key)]
    old, new = (_known(keys, vocabulary(language)) for language in (before, found.language))
    if keys and old >= max(new, _MOSTLY * len(keys)):
        return before
    if found.language in OTHER_SCRIPT or len(keys) < _PLAINLY or new >= _HALF * len(keys):
        return found.language
    rivals = [code for code in spoken() if code not in OTHER_SCRIPT] if first else [before]
    rivals = [code for code in rivals if _known(keys, vocabulary(code))]  # slips alone are no language
    scores = {code: _understood(keys, vocabulary(code)) for code in (found.language, *rivals)}
    best = max(scores, key=lambda code: (scores[code], code == before))
    return best if scores[best] >= max(_PLAINLY, _HALF * len(keys)) else found.language


def _known(keys: list[str], words: Vocabulary) -> int:
    return sum(words.knows(key) for key in keys)


def _understood(keys: list[str], words: Vocabulary) -> int:
    """How many words a language knows, or knows but for a slip."""
    return sum(words.knows(k) or (words.sounding(k) or words.speller.mend(k)) is not None for k in keys)
