"""Queries with known answers, made from a catalogue: what search finds, how sure it rightly is, what it refuses.

A plain query names the colour and kind of a product ("navy blue dress"); what it asks for are the products of that kind
and colour. The same with one typing error. And queries for kinds that were taken out of the catalogue first, for which
"nothing" is the right answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.catalog import Catalog
from shopr.errors import InputError
from shopr.randomness import DEFAULT_SEED, generator
from shopr.search.searching.engine import ProductSearch

__all__ = ["Probes", "calibration", "probe", "without_kinds"]

DEPTH = 10
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Probes:
    """What came of the queries.

    Attributes:
        queries: one row a query: `sort` (plain, typing error, not sold), `query`, `searched`, `precision` among the ten
            first (of kind and colour), `of_kind` (of the kind alone), `abstained`, `best` confidence.
        matches: one row a product found: `confidence`, `relevant` (of the kind).
    """

    queries: pd.DataFrame
    matches: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """Means by sort of query."""
        grouped = self.queries.groupby("sort", sort=False)
        columns = {"query": "queries", "precision": "precision", "of_kind": "of the kind", "abstained": "abstained"}
        means = grouped.agg({"query": "size", "precision": "mean", "of_kind": "mean", "abstained": "mean"})
        return means.rename(columns=columns)


def without_kinds(catalog: Catalog, share: float = 0.1, *, seed: int = DEFAULT_SEED) -> tuple[Catalog, list[str]]:
    """The catalogue without some kinds of things (last parts of category paths), and their names.

    Raises:
        InputError: if the share would leave nothing in or out.
    """
    kinds = np.unique(_kinds(catalog))
    count = round(share * len(kinds))
    if not 0 < count < len(kinds):
        raise InputError(f"a share of {share:g} of {len(kinds)} kinds is {count}", hint="Leave some in and some out")
    gone = generator(seed, "search-probes", "kinds").choice(kinds, count, replace=False).tolist()
    return catalog.take(~np.isin(_kinds(catalog), gone)), sorted(gone)


def probe(
    search: ProductSearch, catalog: Catalog, gone: list[str], n: int = 200, *, seed: int = DEFAULT_SEED
) -> Probes:
    """Ask for n products by colour and kind, with and without an error, and for each kind that is gone."""
    draw = generator(seed, "search-probes", "queries")
    kinds, colours = _kinds(catalog), catalog.frame["colour"].to_numpy(dtype=object).astype(str)
    known = np.flatnonzero((kinds != "") & (colours != ""))
    chosen = draw.choice(known, min(n, len(known)), replace=False)
    rows: list[tuple[object, ...]] = []
    matches: list[tuple[float, bool]] = []
    for at in chosen.tolist():
        query = f"{colours[at]} {kinds[at]}".lower()
        for sort, asked in (("plain", query), ("typing error", _mistyped(query, draw))):
            found = search.search(asked, DEPTH)
            kind, colour = kinds[found.rows] == kinds[at], colours[found.rows] == colours[at]
            wanted = min(DEPTH, int(((kinds == kinds[at]) & (colours == colours[at])).sum()))
            good = float((kind & colour)[:wanted].sum()) / wanted
            share = float(kind.mean()) if len(kind) else 0.0
            rows.append((sort, asked, found.corrected or asked, good, share, found.abstained, _best(found.confidences)))
            matches += zip(found.confidences.tolist(), kind.tolist(), strict=True)
    for name in gone:
        found = search.search(name.lower(), DEPTH)
        best = _best(found.confidences)
        rows.append(("not sold", name.lower(), found.corrected or name.lower(), np.nan, np.nan, found.abstained, best))
        matches += [(c, False) for c in found.confidences.tolist()]
    columns = ["sort", "query", "searched", "precision", "of_kind", "abstained", "best"]
    return Probes(pd.DataFrame(rows, columns=columns), pd.DataFrame(matches, columns=["confidence", "relevant"]))


def calibration(matches: pd.DataFrame, bins: int = 10) -> tuple[pd.DataFrame, float]:
    """Said and true shares in bins of equal width, and the expected calibration error (Guo et al. 2017)."""
    said, true = matches["confidence"].to_numpy(float), matches["relevant"].to_numpy(float)
    at = np.minimum((said * bins).astype(int), bins - 1)
    count = np.bincount(at, minlength=bins)
    with np.errstate(invalid="ignore"):
        table = pd.DataFrame(
            {
                "said": np.bincount(at, said, bins) / count,
                "true": np.bincount(at, true, bins) / count,
                "products": count,
            }
        )
    table = table[table["products"] > 0].reset_index(drop=True)
    error = float(((table["said"] - table["true"]).abs() * table["products"]).sum() / max(int(count.sum()), 1))
    return table, error


def _kinds(catalog: Catalog) -> NDArray[np.str_]:
    leaves: NDArray[np.str_] = catalog.frame["category"].str.rpartition(" > ")[2].to_numpy(dtype=object).astype(str)
    return leaves


def _best(confidences: NDArray[np.float64]) -> float:
    return float(confidences.max()) if len(confidences) else 0.0


def _mistyped(query: str, draw: np.random.Generator) -> str:
    """One letter left out, doubled, exchanged with its neighbour or replaced, in a word of four letters or more."""
    words = query.split()
    long = [i for i, word in enumerate(words) if len(word) >= 4]
    if not long:
        return query
    i = int(draw.choice(long))
    word, at, how = words[i], int(draw.integers(1, len(words[i]) - 1)), int(draw.integers(4))
    other = _LETTERS[int(draw.integers(len(_LETTERS)))]
    changed = (word[at + 1 :], word[at] + word[at:], word[at + 1] + word[at] + word[at + 2 :], other + word[at + 1 :])
    words[i] = word[:at] + changed[how]
    return " ".join(words)
