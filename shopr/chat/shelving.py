"""What each product of a catalogue is: the concept that title, attributes or category name, and how sure that is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shopr.chat.reading.phrases import Match, without_overlaps
from shopr.chat.reading.tokens import Token, fold, tokenise
from shopr.chat.reading.vocabulary import Vocabulary, names

__all__ = ["EXACT", "LIKELY", "SURE", "Kinds", "Shelving", "kinds_of"]

EXACT, SURE, LIKELY, WEAK = 3, 2, 1, 0
"""How sure a concept is: the title's own head with nothing behind it; the head; named by an attribute or category;
elsewhere in the title."""
_CUTS = frozenset("for with w fur mit pour avec para con per voor met compatible including incl f f.".split())
"""Words behind which a title names what the thing goes with, not what it is."""
_DEVICES = frozenset("tablet smartphone laptop writing_notebook desktop_pc server tv monitor camera printer".split())
_TYPE_KEYS = ("product_type", "type", "kind")


@dataclass(frozen=True)
class Kinds:
    """Concept -> catalogue rows, how sure each is, and the folded phrase by which it is called."""

    rows: dict[str, NDArray[np.int32]]
    sure: dict[str, NDArray[np.int8]]
    phrase: dict[str, NDArray[np.object_]]

    def typical(self, concept: str) -> NDArray[np.float64]:
        """For each row of a concept, how usual the phrase is by which it is called here, 0 to 1."""
        called = self.phrase[concept]
        names, places, counts = np.unique(called.astype(str), return_inverse=True, return_counts=True)
        return np.asarray(counts[places] / counts.max() if len(names) else np.zeros(0), dtype=np.float64)


class Shelving:
    """Reads titles in one language."""

    def __init__(self, words: Vocabulary) -> None:
        self._words = words

    def concepts(self, title: str, category: str, attributes: str) -> list[tuple[str, int, str]]:
        """The concepts of a product, how sure each is and by which phrase; empty where nothing names one."""
        tokens = tokenise(title)
        found = self._found(tokens)
        head = self._head(tokens, found)
        out: dict[str, tuple[int, str]] = {}
        if head:
            last = head[-1]
            called = " ".join(t.key for t in tokens[last.start : last.end])
            keys = _decided({m.key for m in found if (m.start, m.end) == (last.start, last.end)}, tokens)
            if _is_cover(found, keys, tokens):
                keys = {_COVER}
            paired = _paired(head, keys, tokens)
            alone = not paired and {m.key for m in head} <= keys
            sure = EXACT if alone and self._ends(tokens, last) else SURE
            if '"compatib' in attributes or "_compatib" in attributes:
                keys = {names().parts.get(key, key) for key in keys}
            out |= dict.fromkeys(paired or keys, (sure, called))
        for text in (*_types(attributes), category.rsplit(" > ", 1)[-1]):
            named = self._found(tokenise(text)) if text else []
            for match in [m for m in named if m.end == max(n.end for n in named)]:
                out.setdefault(match.key, (LIKELY if not head else WEAK, ""))
        if not out:
            out |= {m.key: (WEAK, "") for m in found[:1]}
        return [(key, sure, called) for key, (sure, called) in out.items()]

    def _found(self, tokens: Sequence[Token]) -> list[Match]:
        matches = [m for m in self._words.book.find(tokens) if m.table == "concepts"]
        spans = {(m.start, m.end) for m in without_overlaps(matches)}
        return sorted({m for m in matches if (m.start, m.end) in spans}, key=lambda m: m.start)

    def _head(self, tokens: Sequence[Token], found: Sequence[Match]) -> list[Match]:
        """The concepts before the title turns to what the thing is for, or to its measures."""
        if not found:
            return []
        end = len(tokens)
        for i, token in enumerate(tokens):
            behind = i > found[0].start
            if i and token.key in _CUTS and not any(m.start <= i < m.end for m in found):
                end = i
                break
            if behind and (token.kind == "pause" or (token.key == "-" and not token.glued)):
                end = i
                break
            if i >= found[0].end and token.kind == "number" and self._measures(tokens, i):
                end = i
                break
        held = [m for m in found if m.end <= end]
        if any(t.key == "to" for t in tokens[held[-1].end : held[-1].end + 2]) if held else False:
            return []  # "hard drive to drive bay": what it leads to is something else
        while len(held) > 1 and tokens[held[-1].start].key in names().describing and held[-1].end - held[-1].start == 1:
            held = [m for m in held if m.start != held[-1].start]
        if len(held) > 1 and held[-1].key in _DEVICES and held[-2].key not in (*_DEVICES, held[-1].key):
            held = held[:-1]  # "screen protector Tablet": what it is for stands behind it
        return held

    def _measures(self, tokens: Sequence[Token], place: int) -> bool:
        """Whether a number is a measure: a unit, a mark or nothing follows it."""
        if place + 1 >= len(tokens):
            return True
        after = tokens[place + 1]
        if after.key == "pc":  # "6 pc(s)", but not "2.0 PC Card adapter"
            return place + 2 < len(tokens) and tokens[place + 2].key == "s"
        return after.key in self._units or (after.kind != "word" and after.key != "-")

    @cached_property
    def _units(self) -> frozenset[str]:
        words = self._words.lexicon.units.values()
        return frozenset(fold(w) for forms in words for w in forms) | _MEASURES

    def _ends(self, tokens: Sequence[Token], match: Match) -> bool:
        """Whether behind the concept come only words that describe it: colours, materials, attributes, marks."""
        for token in tokens[match.end : match.end + 2]:
            if token.kind in ("end", "pause", "number", "mark") or token.key in _CUTS:
                return True
            if not self._describes(token):
                return False
        return True

    def _describes(self, token: Token) -> bool:
        word = token.key
        return word in self._describing or any(c.isdigit() for c in word)

    @cached_property
    def _describing(self) -> frozenset[str]:
        lex = self._words.lexicon
        tables = (lex.colours, lex.materials, lex.attributes)
        phrases = (p for table in tables for words in table.values() for p in words)
        return frozenset(fold(w) for p in phrases for w in p.split()) | _PLAIN


def _decided(keys: set[str], tokens: Sequence[Token]) -> set[str]:
    """Of several concepts that one word names, those that the other words of the title speak for."""
    if len(keys) < 2:
        return keys
    words = {t.key for t in tokens}
    told = {key for key in keys if words & names().hints.get(key, frozenset())}
    return told or keys


_COVER = "warranty"


def _is_cover(found: Sequence[Match], keys: set[str], tokens: Sequence[Token]) -> bool:
    """Whether a title is that of a warranty for the kind it names: "1 year Notebook 3 year warranty"."""
    if not any(m.key == _COVER for m in found) or not keys & names().hints.keys():
        return False
    words = {t.key for t in tokens}
    return not any(words & names().hints.get(key, frozenset()) for key in keys)


def _paired(head: Sequence[Match], keys: set[str], tokens: Sequence[Token]) -> set[str]:
    """The concept that the last one is together with one before it, or with a word of the title."""
    before = {m.key for m in head if m.key not in keys} | {t.key for t in tokens}
    return {concept for (first, second), concept in names().pairs.items() if second in keys and first in before}


_MEASURES = frozenset("x ppm dpi va kva pcs head heads channels channel bit y yr year years sheets mhz ghz".split())
_PLAIN = frozenset(
    "original usb rf bluetooth wireless optical laser inkjet type head-band binaural monaural stereo lcd led full hd "
    "internal external male female pc pcs a4 a3 qwerty qwertz azerty intel amd windows android wi fi gigabit ethernet "
    "lte gsm bulk metallic multicolour high yield standard qhd hdd ssd ddr flat".split()
)


def _types(attributes: str) -> Iterable[str]:
    if not attributes or '"' not in attributes:
        return ()
    try:
        held = json.loads(attributes)
    except ValueError:
        return ()
    return [str(held[key]) for key in _TYPE_KEYS[:1] if held.get(key)]


def kinds_of(rows: Iterable[tuple[str, str, str, str]], shelvings: dict[str, Shelving]) -> Kinds:
    """The kinds of a catalogue's products.

    Args:
        rows: title, category, attributes and language of each product.
        shelvings: language -> its reader; English for all others.
    """
    found: dict[str, list[tuple[int, int, str]]] = {}
    for row, (title, category, attributes, language) in enumerate(rows):
        reader = shelvings.get(language.split("-")[0], shelvings["en"])
        for concept, sure, called in reader.concepts(title, category, attributes):
            found.setdefault(concept, []).append((row, sure, called))
    columns = {concept: list(zip(*triples, strict=True)) for concept, triples in found.items()}
    return Kinds(
        {concept: np.array(rows, np.int32) for concept, (rows, _, _) in columns.items()},
        {concept: np.array(sure, np.int8) for concept, (_, sure, _) in columns.items()},
        {concept: np.array(called, dtype=object) for concept, (_, _, called) in columns.items()},
    )
