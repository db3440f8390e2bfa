"""Mends words that neither the lexicon nor the catalogue knows, and only those."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Speller", "distance"]

_SHORTEST = 3
_TWO_EDITS_FROM = 7
"""Letters from which two edits may be mended; shorter words meet too many others."""
_SOUNDS = (("f", "ph"), ("ph", "f"), ("k", "c"), ("c", "k"), ("z", "s"), ("i", "y"))
"""Letters that sound alike: "headfones" is two edits away, and one mishearing."""


class Speller:
    """Nearest words of a vocabulary, by an index of words with one letter left out.

    Args:
        words: the vocabulary with a weight each; the heavier of two equally near words wins.
    """

    def __init__(self, words: Mapping[str, int]) -> None:
        self._weights = {w: n for w, n in words.items() if len(w) >= _SHORTEST and w.isalpha()}
        self._index: dict[str, list[str]] = {}
        for word in self._weights:
            for short in {word, *_shortened(word)}:
                self._index.setdefault(short, []).append(word)

    def mend(self, word: str) -> str | None:
        """The word that was meant; None where none is near enough, or the word is not one of letters."""
        if len(word) < _SHORTEST or not word.isalpha() or word in self._weights:
            return None
        alike = next((w for a, b in _SOUNDS if (w := word.replace(a, b)) != word and w in self._weights), None)
        if alike is not None:
            return alike
        bound = 2 if len(word) >= _TWO_EDITS_FROM else 1
        keys = {word, *_shortened(word)}
        if bound == 2:
            keys |= {shorter for short in list(keys) for shorter in _shortened(short)}
        near = {c for key in keys for c in self._index.get(key, ())}
        best: tuple[int, bool, int, int, str] | None = None
        for candidate in near:
            if not _same_start(word, candidate):
                continue
            if len(word) == _SHORTEST and not (
                len(candidate) == _SHORTEST + 1 or (len(candidate) == _SHORTEST and sorted(word) == sorted(candidate))
            ):
                continue  # of three letters, only a letter left out or two of them swapped is mended
            edits = 1 if _moved(word, candidate) else distance(word, candidate, bound)
            if edits <= bound:
                vowels = _consonants(word) != _consonants(candidate)  # "blck" is black before it is back
                rank = (edits, vowels, -self._weights[candidate], abs(len(candidate) - len(word)), candidate)
                best = rank if best is None or rank < best else best
        return None if best is None else best[-1]


def _same_start(word: str, other: str) -> bool:
    return word[0] == other[0] or (word[:2] == other[1::-1])


def _moved(word: str, other: str) -> bool:
    """Whether one letter stands in another place: "erou" is euro."""
    same = len(word) == len(other) > _SHORTEST and sorted(word) == sorted(other)
    return same and not _shortened(word).isdisjoint(_shortened(other))


def _consonants(word: str) -> str:
    """The consonants, doubled ones once: "mauss" is Maus before it is muss."""
    plain = [c for c in word if c not in "aeiou"]
    return "".join(c for c, before in zip(plain, ["", *plain], strict=False) if c != before)


def _shortened(word: str) -> set[str]:
    return {word[:i] + word[i + 1 :] for i in range(len(word))} if len(word) > 2 else set()


def distance(left: str, right: str, bound: int = 99) -> int:
    """Optimal string alignment distance (edits and swaps of neighbours); `bound + 1` where it is more than `bound`."""
    if abs(len(left) - len(right)) > bound:
        return bound + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        oldest, before, row = before, row, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, oldest[j - 2] + 1)
            row.append(cost)
        if min(row) > bound:
            return bound + 1
    return min(row[-1], bound + 1)
