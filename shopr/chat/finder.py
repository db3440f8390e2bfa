"""Finds what a need asks for: constraints as masks over the rows, the rest as rank; facts of now are commerce's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shopr.chat.need import Need
from shopr.chat.reading.tokens import fold, stemmed
from shopr.chat.reading.vocabulary import names
from shopr.chat.shelf import Shelf
from shopr.chat.shelving import EXACT, LIKELY, SURE

if TYPE_CHECKING:
    from shopr.commerce.offers import Snapshot
    from shopr.search import ProductSearch

__all__ = ["Hits", "find"]

_ENOUGH = 3
"""Products below which less sure ones are let in."""
_FEW = 8
_USUAL = 0.2
"""What being called by the usual name adds to how sure a product is."""
_RARE = 0.15
"""Share of the usual name from which another name of a kind is as good."""
_SOFT = frozenset(
    {
        "small",
        "large",
        "office",
        "home",
        "travel",
        "compact",
        "lightweight",
        "men",
        "women",
        "kids",
        "automatic",
        "digital",
        "original",
        "compatible",
        "running",
        "sport",
        "outdoor",
        "wide_screen",
        "portable",
        "wired",
    }
)
"""Properties that catalogues seldom write down: they rank, and never exclude."""
_WELL_STOCKED = 10
_NARROWER = 0.5
"""How much surer than a doubtful one a narrower kind is: printers come before photo printers, these before parts."""
_NO_ROWS = np.zeros(0, np.int32)


@dataclass(frozen=True)
class Hits:
    """What was found.

    Attributes:
        rows: catalogue rows, best first; all of them.
        exact: whether they are what was asked for; else they are the nearest there is.
        missing: what nothing met ("iPhone 11", a brand that is not sold).
        dropped: fields of the need that had to be set aside to find anything.
        sure: how sure each row is of the kind, 0 to 1.
    """

    rows: NDArray[np.int64]
    exact: bool = True
    missing: str = ""
    dropped: tuple[str, ...] = ()
    sure: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        return len(self.rows)


def find(need: Need, shelf: Shelf, offers: Snapshot, search: ProductSearch | None = None) -> Hits:
    """All products that meet a need, best first; where none does, the nearest with what was set aside."""
    pool, sure, missing = _pool(need, shelf, search)
    hits = _ranked(need, shelf, offers, pool, sure)
    if missing:
        return replace(hits, exact=False, missing=missing)
    if len(hits) or not len(pool):
        return hits
    return _relaxed(need, shelf, offers, pool, sure)


_DROPS = (
    ("attributes",),
    ("measures",),
    ("materials",),
    ("in_stock",),
    ("colours",),
    ("price_max", "price_min"),
    ("brands",),
)


def _relaxed(need: Need, shelf: Shelf, offers: Snapshot, pool: NDArray[np.int64], sure: NDArray[np.float64]) -> Hits:
    """The nearest products where the constraints exclude each other: without the one whose absence helps."""
    for fields in _DROPS:
        if any(getattr(need, name) for name in fields):
            hits = _ranked(need.without(*fields), shelf, offers, pool, sure)
            if len(hits):
                return replace(hits, exact=False, dropped=fields)
    everything = tuple(n for fields in _DROPS for n in fields if getattr(need, n))
    hits = _ranked(need.without(*everything), shelf, offers, pool, sure)
    return replace(hits, exact=False, dropped=everything)


# -- which products it may be ------------------------------------------------------------------------------------------


def _pool(need: Need, shelf: Shelf, search: ProductSearch | None) -> tuple[NDArray[np.int64], NDArray[np.float64], str]:
    """Candidate rows, how sure each is, and what of the need's names no product has."""
    rows, sure = _of_concepts(need, shelf)
    missing = ""
    unsold = [b for b in need.brands if not shelf.sells(b)]
    wanted = [fold(n) for n in need.names]
    if wanted:
        named = _with_words(shelf, wanted)
        inside = np.isin(rows, named) & (sure >= SURE) if len(rows) else np.zeros(0, bool)
        if len(rows) and inside.any():
            rows, sure = rows[inside], sure[inside]
        elif not need.concepts and len(named):
            rows, sure = named, np.full(len(named), 1.0)
        else:
            missing = " ".join(dict.fromkeys((*unsold, *need.names)))
    if unsold and len(unsold) == len(need.brands) and not missing:
        missing = " ".join(unsold)
    if not len(rows) and not need.concepts:
        rows, sure, missing = _by_search(need, shelf, search, missing)
    return rows, sure, missing


def _of_concepts(need: Need, shelf: Shelf) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    scores: dict[int, float] = {}
    for concept in need.concepts:
        held = shelf.kinds.rows.get(concept)
        if held is None:
            continue
        sure, typical = shelf.kinds.sure[concept], shelf.kinds.typical(concept)
        called = _called(need.called, shelf.kinds.phrase[concept])
        longer = np.array([" " in str(p) for p in shelf.kinds.phrase[concept]], dtype=np.float64)
        values = sure + 0.4 * called + 0.1 * (typical >= _RARE) + 0.1 * (typical == 1) + 0.1 * longer
        for row, value in zip(held.tolist(), values.tolist(), strict=True):
            scores[row] = max(value, scores.get(row, -1.0))
    for concept in (n for c in need.concepts for n in names().wider.get(c, ())):
        held, sure = shelf.kinds.rows.get(concept, _NO_ROWS), shelf.kinds.sure.get(concept, np.zeros(0, np.int8))
        for row, value in zip(held.tolist(), sure.tolist(), strict=True):
            scores.setdefault(row, min(float(value), SURE + _NARROWER))
    denied = {int(r) for c in need.not_concepts for r in shelf.kinds.rows.get(c, ())}
    kept = [(row, value) for row, value in scores.items() if row not in denied]
    return np.array([r for r, _ in kept], np.int64), np.array([v for _, v in kept], np.float64)


def _called(typed: tuple[str, ...], phrases: NDArray[np.object_]) -> NDArray[np.float64]:
    """Which rows are called by all the words that were typed: a "notebook PC" is a notebook."""
    if not typed:
        return np.zeros(len(phrases))
    wanted = [{stemmed(w, "english") for w in t.split()} for t in typed]
    same = {p: any(w <= {stemmed(v, "english") for v in str(p).split()} for w in wanted) for p in set(phrases)}
    return np.array([same[p] for p in phrases], dtype=np.float64)


def _with_words(shelf: Shelf, words: list[str]) -> NDArray[np.int64]:
    """Rows whose titles hold every word."""
    rows = shelf.word_rows(words[0])
    for word in words[1:]:
        rows = np.intersect1d(rows, shelf.word_rows(word))
    return np.asarray(rows, np.int64)


def _by_search(
    need: Need, shelf: Shelf, search: ProductSearch | None, missing: str
) -> tuple[NDArray[np.int64], NDArray[np.float64], str]:
    """Candidates by the words alone, as the product search finds them; brands alone are all of the brand."""
    query = " ".join((*need.names, *need.words, *need.called))
    if not query:
        rows = np.concatenate([shelf.brand_rows(b) for b in need.brands]) if need.brands else np.arange(len(shelf))
        return rows.astype(np.int64), np.ones(len(rows)), missing
    if search is None:
        folded = [fold(w) for w in (*need.names, *need.words) if shelf.word_count(fold(w))]
        rows = _with_words(shelf, folded) if folded else np.zeros(0, np.int64)
        return rows, np.ones(len(rows)), missing or ("" if len(rows) else query)
    found = search.search(query, 100)
    if found.abstained or not len(found.rows):
        near = np.array([shelf.row(i) for i in found.alternatives], np.int64)
        near = near[near >= 0]
        return near, np.zeros(len(near)), missing or query
    return found.rows.astype(np.int64), 3.0 * found.confidences.astype(np.float64), missing


# -- which of them meet it, and in which order -------------------------------------------------------------------------


def _ranked(need: Need, shelf: Shelf, offers: Snapshot, pool: NDArray[np.int64], sure: NDArray[np.float64]) -> Hits:
    """The candidates that meet every constraint, best first."""
    keep = _meets(need, shelf, offers, pool)
    keep &= _sure_enough(sure, keep)
    rows, sure = pool[keep], sure[keep]
    hard = [a for a in need.attributes if a not in _SOFT]
    if "wired" in need.attributes and len(rows):
        radio = np.concatenate([shelf.attribute_rows(a) for a in ("wireless", "bluetooth")])
        rows, sure = rows[~np.isin(rows, radio)], sure[~np.isin(rows, radio)]
    if hard and len(rows):
        fits = np.all([np.isin(rows, shelf.attribute_rows(a)) for a in hard], axis=0)
        rows, sure = rows[fits], sure[fits]
    if not len(rows):
        return Hits(rows)
    order = _order(need, shelf, offers, rows, sure)
    rows, sure = rows[order], sure[order]
    first = _first_of_title(shelf, rows)
    return Hits(rows[first], sure=np.clip(sure[first] / (EXACT + 0.7), 0, 1))


def _meets(need: Need, shelf: Shelf, offers: Snapshot, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    prices, stock = offers.prices[rows], offers.stock[rows]
    keep = np.ones(len(rows), bool)
    for bound, fits in (
        (need.price_min, np.greater_equal),
        (need.price_max, np.less_equal),
        (need.cheaper_than, np.less),
        (need.dearer_than, np.greater),
    ):
        if bound is not None:
            keep &= fits(prices, bound, where=~np.isnan(prices), out=np.zeros(len(rows), bool))
    if need.in_stock:
        keep &= ~(stock <= 0)
    for held, wanted, denied in (
        (shelf.brand_rows, tuple(b for b in need.brands if shelf.sells(b)), need.not_brands),
        (shelf.colour_rows, need.colours, need.not_colours),
        (shelf.material_rows, need.materials, need.not_materials),
        (shelf.attribute_rows, (), need.not_attributes),
    ):
        if wanted:
            keep &= np.isin(rows, np.concatenate([held(value) for value in wanted]))
        for value in denied:
            keep &= ~np.isin(rows, held(value))
    for measure in need.measures:
        number, unit = measure.split()
        keep &= np.isin(rows, _measured(shelf, number, unit)) if unit not in ("day", "hour", "percent") else True
    return keep


def _measured(shelf: Shelf, number: str, unit: str) -> NDArray[np.int32]:
    """Rows whose titles hold a number; with inches, the screen size in brackets is met as well."""
    return shelf.word_rows(number)


def _sure_enough(sure: NDArray[np.float64], keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The sure ones, and less sure ones only where those are few."""
    if keep.sum() <= _FEW:  # of few, the doubtful ones would fill the list
        for bound in (EXACT + _USUAL, EXACT):
            if (keep & (sure >= bound)).sum() >= _ENOUGH:
                return np.asarray(sure >= bound)
    for bound, enough in ((SURE, _ENOUGH), (LIKELY, 1)):
        if (keep & (sure >= bound)).sum() >= enough:
            return np.asarray(sure >= bound)
    return np.asarray(sure >= LIKELY) if (sure >= LIKELY).any() else np.ones(len(sure), bool)


def _order(
    need: Need, shelf: Shelf, offers: Snapshot, rows: NDArray[np.int64], sure: NDArray[np.float64]
) -> NDArray[np.int64]:
    prices, stock = offers.prices[rows], offers.stock[rows]
    known = np.where(np.isnan(prices), np.inf, prices)
    if need.sort in ("cheap", "dear"):
        doubt = (sure < EXACT).astype(float) if (sure >= EXACT).any() else np.zeros(len(rows))
        value = known if need.sort == "cheap" else -np.where(np.isnan(prices), -np.inf, prices)
        return np.lexsort((-sure, value, stock <= 0, doubt))
    words = sum((np.isin(rows, shelf.word_rows(fold(w))).astype(float) for w in need.words), np.zeros(len(rows)))
    words = words + sum((np.isin(rows, shelf.attribute_rows(a)) for a in need.attributes), np.zeros(len(rows)))
    pure = np.zeros(len(rows))
    for colour in need.colours:
        pure = np.maximum(pure, [fold(c) == colour for c in shelf.catalog.frame["colour"].to_numpy()[rows]])
    finite = known[np.isfinite(known)]
    middle = np.median(finite) if len(finite) else 1.0
    far = np.abs(np.log((np.where(np.isfinite(known), known, 1e12) + 1) / (middle + 1)))
    tier = np.where(np.isnan(stock), 2, np.select([stock <= 0, stock < 3, stock < _WELL_STOCKED], [3, 2, 1], 0))
    return np.lexsort((np.round(far, 3), tier, -pure, -np.round(sure, 1), -words, stock <= 0))


def _first_of_title(shelf: Shelf, rows: NDArray[np.int64]) -> list[int]:
    """Places with those whose title came before moved to the end: variants of one product do not fill a list."""
    seen: set[str] = set()
    fresh: list[int] = []
    again: list[int] = []
    for place, row in enumerate(rows.tolist()):
        title = shelf.titles[row]
        (again if title in seen else fresh).append(place)
        seen.add(title)
    return fresh + again
