"""How sure the search is that a product is a match: a logistic of eight observations, and when to say "nothing".

The weights are in `tables/confidence.json` with the card of their training. Coverage is counted in idf mass: a rare
word that a product lacks weighs more than a common one; a word that no product has weighs most.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shopr.search.query.understanding import Query

if TYPE_CHECKING:
    from shopr.search.searching.index import Index
    from shopr.search.searching.ranking import Ranked

__all__ = ["OBSERVATIONS", "Evidence", "Logistic", "observe", "shipped"]

OBSERVATIONS = ("text", "title", "coverage", "head", "accessory", "foreign", "agreement", "list")
"""Text score over what the words could give at most; share of the idf in the title, and anywhere; of the kind asked
for; unasked accessory; of another kind; share of the ten best that are of the same kind; mean coverage of those."""
_LOOKED_AT = 10
_TITLE = 0b11


@dataclass(frozen=True)
class Logistic:
    """Weights of a logistic regression over `OBSERVATIONS`."""

    weights: tuple[float, ...]
    bias: float

    def probability(self, observations: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shape (n,): how likely each row of observations is a match."""
        score = observations @ np.array(self.weights) + self.bias
        result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(score, -30, 30)))
        return result


@lru_cache(maxsize=1)
def shipped() -> Logistic:
    """The weights that come with the package."""
    card = json.loads(files("shopr.search").joinpath("tables/confidence.json").read_text(encoding="utf-8"))
    return Logistic(tuple(card["weights"][name] for name in OBSERVATIONS), card["bias"])


@dataclass(frozen=True)
class Evidence:
    """What was observed of the first products of a list.

    Attributes:
        observations: shape (n, 8). coverage: shape (candidates,), share of the query's idf mass that each covers.
    """

    observations: NDArray[np.float64]
    coverage: NDArray[np.float64]

    @property
    def best(self) -> float:
        """The most that any candidate covers."""
        return float(self.coverage.max(initial=0.0))


def observe(query: Query, index: Index, ranked: Ranked, count: int) -> Evidence:
    """Look closely at the first `count` candidates."""
    rows = ranked.rows
    covered, titled, mass = _covered(query, index, rows)
    if query.kind is not None:
        # A product of the kind asked for has the kind's words, whatever it calls itself.
        own = _mass(query, index, query.span)
        spanned, in_title, _ = _covered(query, index, rows, query.span)
        covered += np.where(ranked.head, own - spanned, 0.0)
        titled += np.where(ranked.head, own - in_title, 0.0)
    coverage = covered / mass
    first = slice(0, count)
    ten = slice(0, _LOOKED_AT)
    kinds = index.kinds.main[rows[ten]]
    agreement = (kinds[None, :] == index.kinds.main[rows[first]][:, None]).mean(axis=1) if len(rows) else np.zeros(0)
    asks_accessory = query.kind is not None and bool(index.kinds.accessory[query.kind.codes].any())
    observations = np.column_stack(
        [
            np.minimum(ranked.text[first] / (mass * (index.config.k1 + 1)), 1.0),
            titled[first] / mass,
            coverage[first],
            ranked.head[first],
            ranked.accessory[first] & ~ranked.head[first] & (not asks_accessory),
            ranked.foreign[first],
            agreement,
            np.full(len(rows[first]), coverage[ten].mean() if len(rows) else 0.0),
        ]
    ).astype(np.float64)
    return Evidence(observations, coverage)


def _idf(query: Query, index: Index, i: int) -> float:
    term = query.terms[i]
    if not term.codes:
        return float(np.log1p((len(index) + 0.5) / 0.5))
    return max(float(index.postings.idf[code]) for code, _ in term.codes)


def _mass(query: Query, index: Index, span: tuple[int, int]) -> float:
    return sum(_idf(query, index, i) for i in range(*span))


def _covered(
    query: Query, index: Index, rows: NDArray[np.int64], span: tuple[int, int] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """The idf mass that each product covers anywhere and in its title, and that of the query or a span of it."""
    begin, end = span or (0, len(query.terms))
    anywhere, titled = np.zeros(len(rows)), np.zeros(len(rows))
    has = [_has(query, index, i, rows) for i in range(begin, end)]
    for i in range(begin, end):
        found, in_title = has[i - begin]
        joined = query.terms[i].joined if i + 1 < end else -1
        before = query.terms[i - 1].joined if i > begin else -1
        for code in (joined, before):
            if code >= 0:
                also, also_title = _holds(index, code, rows)
                found, in_title = found | also, in_title | also_title
        weight = _idf(query, index, i)
        anywhere += weight * found
        titled += weight * in_title
    return anywhere, titled, max(_mass(query, index, (begin, end)), 1e-9)


def _has(query: Query, index: Index, i: int, rows: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    found, titled = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    for code, _ in query.terms[i].codes:
        here, in_title = _holds(index, code, rows)
        found |= here
        titled |= in_title
    return found, titled


def _holds(index: Index, code: int, rows: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of `rows` hold a term, and which hold it in title or type."""
    postings = index.postings
    start, stop = int(postings.start[code]), int(postings.start[code + 1])
    if start == stop:
        none = np.zeros(len(rows), bool)
        return none, none
    place = np.minimum(np.searchsorted(postings.rows[start:stop], rows), stop - start - 1) + start
    found = postings.rows[place] == rows
    return found, found & ((postings.fields[place] & _TITLE) > 0)
