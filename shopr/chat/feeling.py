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
    if feeling is None or not any(reading.words or not reading.has_need for reading in readings):
        return "neutral"  # a request that is understood to its last word says nothing of how somebody feels
    return feeling(" ".join(_unnamed(reading) for reading in readings), language)


def _unnamed(reading: Reading) -> str:
    """The clause without the products that it names: scarves do not scare."""
    named = {at for slot in reading.slots for at in range(slot.start, slot.end)}
    return " ".join(token.text for at, token in enumerate(reading.tokens) if at not in named)
