"""BM25F with everything that does not depend on the query worked out beforehand: one impact for each term and product.

Robertson & Zaragoza (2009), The Probabilistic Relevance Framework, section 3.6: fields are weighted and normalised by
their length before saturation, so that a word in title and description is not counted as two finds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopr.search.asking.config import FIELDS, SearchConfig

__all__ = ["Postings"]


@dataclass(frozen=True)
class Postings:
    """For each term the products that hold it, ascending, and what it adds to their score.

    Attributes:
        start: shape (terms + 1,). rows: int32. impacts: float32. fields: uint8, bit f set where field f holds the term.
        idf: float32, shape (terms,). count: int32, number of products with the term.
    """

    start: NDArray[np.int64]
    rows: NDArray[np.int32]
    impacts: NDArray[np.float32]
    fields: NDArray[np.uint8]
    idf: NDArray[np.float32]
    count: NDArray[np.int32]

    @classmethod
    def build(
        cls,
        term: NDArray[np.integer],
        row: NDArray[np.integer],
        part: NDArray[np.integer],
        *,
        n_terms: int,
        n_rows: int,
        config: SearchConfig,
    ) -> Postings:
        """Postings of tokens: the term, the product and the field of each."""
        lengths = np.zeros((len(FIELDS), n_rows))
        weight = np.zeros(len(term))
        for number, importance in enumerate(config.field_weights()):
            own = part == number
            lengths[number] = np.bincount(row[own], minlength=n_rows)
            filled = lengths[number][lengths[number] > 0]
            mean = filled.mean() if len(filled) else 1.0
            weight[own] = importance / (1 - config.b + config.b * lengths[number][row[own]] / mean)
        key = term.astype(np.int64) * max(n_rows, 1) + row
        order = np.argsort(key, kind="stable")
        key = key[order]
        first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.zeros(0, np.int64)
        total = np.add.reduceat(weight[order], first) if len(first) else np.zeros(0)
        bits = (
            np.bitwise_or.reduceat((1 << part[order].astype(np.uint8)).astype(np.uint8), first)
            if len(first)
            else np.zeros(0, np.uint8)
        )
        terms, rows = np.divmod(key[first], max(n_rows, 1))
        count = np.bincount(terms, minlength=n_terms).astype(np.int32)
        idf = np.log1p((n_rows - count + 0.5) / (count + 0.5)).astype(np.float32)
        impacts = idf[terms] * total * (config.k1 + 1) / (config.k1 + total)
        start = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        return cls(start, rows.astype(np.int32), impacts.astype(np.float32), bits.astype(np.uint8), idf, count)

    def of(self, term: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Products with a term, and its impact on each."""
        cut = slice(int(self.start[term]), int(self.start[term + 1]))
        return self.rows[cut], self.impacts[cut]
