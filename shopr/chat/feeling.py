"""The tone of a message: words of the lexicon, shouting, and a trained classifier where there is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shopr.chat.reading.result import Reading

__all__ = ["Feeling", "tone_of"]

Feeling = Callable[[str, str], str]
"""Text and language -> neutral, angry, anxious, pleased or hurried."""
_LOUD = 2


def tone_of(text: str, readings: Sequence[Reading], language: str, feeling: Feeling | None = None) -> str:
    """The tone of a message. Words decide before the classifier, and anger before worry."""
    words: dict[str, int] = {}
    for reading in readings:
        for tone, count in reading.tone.items():
            words[tone] = words.get(tone, 0) + count
    loud = text.count("!") + text.count("！") >= _LOUD
    shouted = sum(len(w) > 3 and w.isupper() and w.isalpha() for w in text.split())
    late = any(r.asks.get("late") for r in readings)
    if words.get("angry") or (loud and (shouted or late)) or (shouted >= 3 and shouted * 2 > len(text.split())):
        return "angry"
    if words.get("anxious"):
        return "anxious"
    for tone in ("hurried", "pleased"):
        if words.get(tone):
            return tone
    return feeling(text, language) if feeling is not None else "neutral"
