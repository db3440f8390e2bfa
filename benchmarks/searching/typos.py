"""One slip in one word of each query: a letter left out, put in, changed, or swapped with its neighbour."""

from __future__ import annotations

import string

import numpy as np

__all__ = ["slip", "slipped"]


def slip(query: str, rng: np.random.Generator) -> str:
    """`query` with one slip in a word of letters, of four or more, else three, else none."""
    words = query.split(" ")
    for least in (4, 3):
        places = [i for i, word in enumerate(words) if len(word) >= least and word.isalpha()]
        if places:
            break
    else:
        return query
    i = int(rng.choice(places))
    words[i] = _changed(words[i], rng)
    return " ".join(words)


def _changed(word: str, rng: np.random.Generator) -> str:
    while True:
        at, kind = int(rng.integers(len(word))), int(rng.integers(4))
        letter = str(rng.choice(list(string.ascii_lowercase)))
        if kind == 0:
            new = word[:at] + word[at + 1 :]
        elif kind == 1:
            new = word[:at] + letter + word[at:]
        elif kind == 2:
            new = word[:at] + letter + word[at + 1 :]
        else:
            at = min(at, len(word) - 2)
            new = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        if new != word:
            return new


def slipped(queries: list[str], seed: int) -> dict[str, str]:
    """Query -> the same with one slip."""
    rng = np.random.default_rng(seed)
    return {query: slip(query, rng) for query in queries}
