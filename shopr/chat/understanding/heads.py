"""Of kinds named side by side, which is wanted: the toner of "toner for my printer", a "computer monitor"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from shopr.chat.need import Need
from shopr.chat.reading.result import Reading, Slot
from shopr.chat.reading.tokens import fold
from shopr.chat.reading.vocabulary import names, vocabulary

__all__ = ["heads", "narrowed"]

_HEAD_LAST = frozenset({"en", "de", "nl", "tr", "hi", "zh", "ja"})
"""Languages in which the kind stands behind what describes it, where no word links the two."""
_ADJECTIVES = 2
"""Unknown words that may describe a kind, before the word that links it to what it is for."""
_FAR = 3
"""Words between two kinds that link them, at most."""


def heads(reading: Reading, language: str) -> list[str]:
    """The kinds wanted, in order of place: without those that only say what another one is for."""
    slots = [s for s in reading.slots if s.table == "concepts" and not s.denied]
    dropped: set[str] = set()
    instead: dict[str, str] = {}
    spans = sorted({(s.start, s.end) for s in slots})
    for before, after in pairwise(spans):
        first, second = _keys(slots, before), _keys(slots, after)
        if first & second:
            continue
        spans_of = [(m.start, m.end) for m in reading.measures] + [(s.start, s.end) for s in reading.slots]
        measured = {i for start, end in spans_of for i in range(start, end)}
        between = [t.key for i, t in enumerate(reading.tokens) if before[1] <= i < after[0] and i not in measured]
        order = _order(between, language)
        if not order and not between and any((m, h) in names().pairs for m in second for h in first):
            order = -1  # "housse ordinateur", "حقيبة حاسوب"
        if not order:
            continue
        head, modifier = (first, second) if order < 0 else (second, first)
        dropped |= modifier
        for h in head:
            pair = next((names().pairs[m, h] for m in sorted(modifier) if (m, h) in names().pairs), None)
            if pair is not None:
                instead[h] = pair
    dropped |= _used_with(slots, reading, language, dropped)
    for use, kind in ((t.key, s.key) for t in reading.tokens for s in slots):
        instead[kind] = _USED.get((use, kind), instead.get(kind, kind))
    return list(dict.fromkeys(instead.get(s.key, s.key) for s in slots if s.key not in dropped))


_NETWORK = "lan ethernet internet rj45 netzwerk netwerk reseau red rete rede ag network नेटवर्क इंटरनेट شبكه انترنت".split()
_USED = {(word, "cable"): "network_cable" for word in _NETWORK} | {("hdmi", "cable"): "hdmi_cable"}
"""Kinds by a word of what they are for, wherever in the sentence it stands: "cable for my lan", "hdmi wali cable"."""


def _used_with(slots: Sequence[Slot], reading: Reading, language: str, dropped: set[str]) -> set[str]:
    """The kinds that a word behind them makes a use of another one: "cable chahiye, tv ke liye"."""
    found = vocabulary(language).book.find(reading.tokens)
    uses = {m.start for m in found if m.table == "markers" and m.key == "used_for"}
    used = {s.key for s in slots if s.end in uses}
    left = {s.key for s in slots} - used - dropped
    return used if left else set()


def narrowed(need: Need, had: Need) -> Need:
    """A need whose kind is a part of what was looked for: the "carry case" asked for after laptops is one of theirs."""
    if len(need.concepts) != 1 or need.names or not had.concepts or need.concepts[0] in had.concepts:
        return need
    own = next((k for h in had.concepts if (k := names().pairs.get((h, need.concepts[0]))) is not None), None)
    return need if own is None else replace(need, concepts=(own,))


def _keys(slots: Sequence[Slot], span: tuple[int, int]) -> set[str]:
    return {s.key for s in slots if (s.start, s.end) == span}


def _order(between: Sequence[str], language: str) -> int:
    """Which of two kinds is the head by the words between them: -1 the first, 1 the second, 0 where both are wanted."""
    words = vocabulary(language)
    links = {fold(w) for phrase in words.lexicon.markers.get("link", ()) for w in phrase.split()}
    glue = {fold(w) for phrase in words.lexicon.markers.get("glue", ()) for w in phrase.split()}
    if not between or all(key in glue for key in between):
        return 1 if language in _HEAD_LAST else 0
    small = links | words.stopwords
    described = list(between)
    while described and described[0] not in links and described[0].isalpha() and described[0] not in words.known:
        described.pop(0)  # "calculadora científica para el cole"
    linked = 0 < len(described) <= _FAR and described[0] in links and all(key in small for key in described)
    return -1 if linked and len(between) - len(described) <= _ADJECTIVES else 0
