"""Words that are written together and apart: "smart watch" and "smartwatch", "head set" and "headset", "hard drive".

Which spelling counts is learnt from the catalogue: the one that more products bear. Products that bear the other are
indexed under both, and a query is brought to the one that counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.search.catalogue.forward import Forward
from shopr.search.text.tokens import BREAK, JOINED

__all__ = ["Compounds"]

_PARTS = frozenset((0, 1, 3))
"""Fields whose running text is looked at: title, type, description."""
_SHORTEST = 5
"""Letters of the shortest compound: shorter ones meet by chance."""
_USUAL = 0.3
"""Written together is the usual spelling if so many products, per product that writes it apart, do."""


@dataclass(frozen=True)
class Compounds:
    """What was learnt.

    Attributes:
        together: (first, second) term -> the term of both written together, where that is the usual spelling.
        apart: term -> the two terms that it is usually written as.
        pairs: ascending keys of the pairs of terms that stand side by side in some product.
        size: by which a key is made of two terms.
        extra_row, extra_term, extra_part: tokens to index beside those of the text.
    """

    together: dict[tuple[int, int], int]
    apart: dict[int, tuple[int, int]]
    pairs: NDArray[np.int64]
    size: int
    extra_row: NDArray[np.int32]
    extra_term: NDArray[np.int32]
    extra_part: NDArray[np.uint8]

    @classmethod
    def learn(cls, forward: Forward) -> Compounds:
        """The compounds of a catalogue."""
        rows, first, second, part = _neighbours(forward)
        size = max(len(forward.terms), 1)
        pairs, place, products = _distinct(first.astype(np.int64) * size + second, rows)
        solid = _products(forward)
        whole = _written_together(forward, pairs, size)
        together: dict[tuple[int, int], int] = {}
        apart: dict[int, tuple[int, int]] = {}
        often: dict[int, int] = {}
        for i in np.flatnonzero(whole >= 0).tolist():
            code, pair = int(whole[i]), divmod(int(pairs[i]), size)
            if solid[code] >= _USUAL * products[i]:
                together[pair] = code
                continue
            whole[i] = -1
            if solid[code] and products[i] > often.get(code, 0):
                apart[code], often[code] = pair, int(products[i])
        hit = whole[place] >= 0
        extra = (rows[hit], whole[place[hit]].astype(np.int32), part[hit])
        return cls(together, apart, pairs, size, *_with_parted(forward, apart, *extra))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a saved index keeps: all but the extra tokens, which the postings hold already."""
        return {
            "compounds_together": np.array([(*k, v) for k, v in self.together.items()], np.int32).reshape(-1, 3),
            "compounds_apart": np.array([(k, *v) for k, v in self.apart.items()], np.int32).reshape(-1, 3),
            "compounds_pairs": self.pairs,
            "compounds_size": np.array([self.size], np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Compounds:
        """The reverse of `arrays`."""
        return cls(
            {(a, b): c for a, b, c in arrays["compounds_together"].tolist()},
            {a: (b, c) for a, b, c in arrays["compounds_apart"].tolist()},
            arrays["compounds_pairs"],
            int(arrays["compounds_size"][0]),
            np.zeros(0, np.int32),
            np.zeros(0, np.int32),
            np.zeros(0, np.uint8),
        )

    def beside(self, first: int, second: int) -> bool:
        """Whether two terms stand side by side in some product."""
        key = first * self.size + second
        place = int(np.searchsorted(self.pairs, key))
        return place < len(self.pairs) and int(self.pairs[place]) == key


def _written_together(forward: Forward, pairs: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """For each pair of terms the term of both written together, -1 where there is none."""
    names = forward.terms.names
    plain = np.array([name.isalpha() and len(name) > 1 for name in names] + [False])
    first, second = np.divmod(pairs, size)
    found = np.full(len(pairs), -1, np.int64)
    for i in np.flatnonzero(plain[first] & plain[second]).tolist():
        a, b = names[int(first[i])], names[int(second[i])]
        if len(a) + len(b) >= _SHORTEST:
            found[i] = forward.terms.get(a + b)
    return found


def _neighbours(forward: Forward) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8]]:
    """Row, first term, second term and field of words that stand side by side."""
    keep = ((forward.flags & JOINED) == 0) & np.isin(forward.part, list(_PARTS))
    term, part, rows, flags = forward.term[keep], forward.part[keep], forward.rows()[keep], forward.flags[keep]
    side = (rows[1:] == rows[:-1]) & (part[1:] == part[:-1]) & ((flags[1:] & BREAK) == 0)
    return rows[1:][side], term[:-1][side], term[1:][side], part[1:][side]


def _distinct(
    keys: NDArray[np.int64], rows: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The distinct keys, the place of each key among them, and the number of rows with each."""
    pairs, place = np.unique(keys, return_inverse=True)
    both = np.unique(place.astype(np.int64) * (int(rows.max(initial=0)) + 1) + rows)
    products = np.bincount(both // (int(rows.max(initial=0)) + 1), minlength=len(pairs))
    return pairs, place, products


def _products(forward: Forward) -> NDArray[np.int64]:
    """The number of products with each term, joined forms of parts that stand in the text left out."""
    keep = (forward.flags & JOINED) == 0
    key = np.unique(forward.term[keep].astype(np.int64) * max(len(forward), 1) + forward.rows()[keep])
    return np.bincount(key // max(len(forward), 1), minlength=len(forward.terms))


def _with_parted(
    forward: Forward,
    apart: dict[int, tuple[int, int]],
    row: NDArray[np.int32],
    term: NDArray[np.int32],
    part: NDArray[np.uint8],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8]]:
    """The extra tokens with the two parts of every word that is usually written apart."""
    if not apart:
        return row, term, part
    found = np.isin(forward.term, list(apart))
    codes = forward.term[found]
    halves = np.array([apart[code] for code in codes.tolist()], np.int32).reshape(-1, 2)
    rows, parts = forward.rows()[found], forward.part[found]
    return (
        np.concatenate([row, rows, rows]),
        np.concatenate([term, halves[:, 0], halves[:, 1]]),
        np.concatenate([part, parts, parts]),
    )
