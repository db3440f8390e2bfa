"""How many pieces a clause speaks of: numbers that count, that name places, and those that are taken back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from shopr.chat.reading.numerals import Number
from shopr.chat.reading.tokens import Token
from shopr.chat.reading.vocabulary import vocabulary
from shopr.chat.understanding.scene import Scene

__all__ = ["MOST", "counts_relatively", "pieces_off", "places_by_number", "quantity"]

MOST = 999
"""Pieces of one product, at most."""
_FEW = 99
_BESIDE = 3
"""Tokens beside a number among which a word that denies it stands."""
_PLACING = frozenset("the that this which last".split())
"""Words before a "one" that is a product, not a number."""
_COUNTING = frozenset("add take only just".split())


def quantity(scene: Scene) -> int | None:
    """Pieces named in the clause: the first number that is not the "one" of "the second one"."""
    for number in _said_last(scene):
        if _denied(scene, number) or _stands_for_product(scene, number):
            continue  # "four, not five"; "the black one"
        if number.value == int(number.value) and 0 <= number.value <= MOST:
            return int(number.value)
    packs = [m.value for m in scene.reading.measures if m.unit == "pack"] if scene.reading.placed else []
    return int(packs[0]) if packs and packs[0] <= _FEW else _bounding(scene)


def _said_last(scene: Scene) -> Sequence[Number]:
    """The numbers; of two with a pause between them the later first, where it puts right: "no, 4 is too many, 3"."""
    counts, tokens = scene.reading.counts, scene.reading.tokens
    corrects = scene.state.topic == "cart" and scene.marks("correction") and not scene.reading.placed
    apart = len(counts) == 2 and any(t.kind == "pause" for t in tokens[counts[0].end : counts[1].start])
    return counts[::-1] if corrects and apart else counts


def _stands_for_product(scene: Scene, number: Number) -> bool:
    """Whether a "one" is a product: "the black one"; but "sorry, I only need one", "make it one"."""
    reading = scene.reading
    if number.value != 1 or reading.tokens[number.start].key.isdigit():
        return False
    before = reading.tokens[number.start - 1].key if number.start else ""
    if before == "the" and number.start > 1 and not reading.ordinals:
        before = reading.tokens[number.start - 2].key if reading.tokens[number.start - 2].key in _COUNTING else before
    if before in _COUNTING or _of_a_place(scene, number):
        return False
    if reading.ordinals or before in _PLACING or any(s.end == number.start for s in reading.slots):
        return bool(reading.ordinals or "this" in reading.references or scene.marks("one"))
    if scene.marks("correction", "only") or scene.asks("set_quantity"):
        return False
    return "this" in reading.references or scene.marks("one")


def _of_a_place(scene: Scene, number: Number) -> bool:
    """Whether a number is of a place: "one of the first"."""
    behind = vocabulary(scene.state.language).book.find(scene.reading.tokens[number.end : number.end + 1])
    return bool(scene.reading.ordinals) and any(m.key == "of" for m in behind)


def _bounding(scene: Scene) -> int | None:
    """The number of a bound that can only be pieces: "bump that up to five", after something was put in."""
    prices = scene.reading.prices
    if scene.state.topic != "cart" or len(prices) != 1 or prices[0].currency or prices[0].kind not in ("max", "min"):
        return None
    value = prices[0].high if prices[0].high is not None else prices[0].low
    said = scene.asks("set_quantity") or scene.marks("correction", "only")
    if not said or value is None or value != int(value) or value > _FEW or scene.reading.slots:
        return None
    return int(value)


def _denied(scene: Scene, number: Number) -> bool:
    """Whether a word of denial stands right before a number, or behind it: "not five", "iki değil"."""
    if not scene.marks("negation_before", "negation_after"):
        return False
    tokens, book = scene.reading.tokens, vocabulary(scene.state.language).book
    ahead = tokens[max(number.start - _BESIDE, 0) : number.start]
    if any(m.key == "negation_before" and m.end == len(ahead) for m in book.find(ahead)):
        return True
    behind = tokens[number.end : number.end + _BESIDE]
    return len(scene.reading.counts) > 1 and any(
        m.key == "negation_after" and m.start <= 1 and not _parts(behind[: m.start]) for m in book.find(behind)
    )


def _parts(tokens: Sequence[Token]) -> bool:
    return any(t.kind in ("pause", "end", "number") for t in tokens)


def places_by_number(scene: Scene) -> tuple[str, ...]:
    """The products shown whose places are named as bare numbers side by side: "1 and 3 into the cart"."""
    counts, shown = scene.reading.counts, scene.state.shown
    if len(counts) < 2 or scene.reading.placed or not all(_is_place(n, len(shown)) for n in counts):
        return ()
    words = vocabulary(scene.state.language)
    for left, right in pairwise(counts):
        between = scene.reading.tokens[left.end : right.start]
        joint = any(t.kind == "pause" for t in between) or any(m.key == "and" for m in words.book.find(between))
        if not joint or not all(t.kind == "pause" or t.key in words.stopwords or len(t.key) < 2 for t in between):
            return ()
    return tuple(dict.fromkeys(shown[int(n.value) - 1] for n in counts))


def _is_place(number: Number, shown: int) -> bool:
    return number.value == int(number.value) and 1 <= number.value <= shown


def counts_relatively(scene: Scene) -> bool:
    """Whether the word for fewer or for more stands beside the number: "no, one less", "make it two more"."""
    found = vocabulary(scene.state.language).book.find(scene.reading.tokens)
    said = [m for m in found if m.table == "commands" and m.key in ("fewer", "another") and not m.gapped]
    return any(m.start <= n.end and n.start <= m.end for m in said for n in scene.reading.counts)


def pieces_off(scene: Scene) -> int | None:
    """Pieces to take out of more: "remove one of them", "take one out"."""
    reading = scene.reading
    if not scene.counts or reading.ordinals or reading.ids:
        return None
    if scene.marks("of"):
        return scene.counts[0]
    plain = scene.state.topic == "cart" and not reading.slots and "this" not in reading.references
    return scene.counts[0] if plain else None
