"""A catalogue as the assistant looks at it: concepts, brands, colours, words, each as catalogue rows. Read-only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shopr.chat.lexicon import spoken
from shopr.chat.reading.phrases import PhraseBook
from shopr.chat.reading.tokens import fold, tokenise
from shopr.chat.reading.vocabulary import names, vocabulary
from shopr.chat.shelf_rows import Grouped, shelf_rows
from shopr.chat.shelving import Kinds
from shopr.data.catalog import Catalog

__all__ = ["Shelf"]

_COMPANY = frozenset(
    "technology technologies europe toys entertainment interactive electronics creative industries international group "
    "inc ltd gmbh co corp com".split()
)


class Shelf:
    """The range of one catalogue.

    Args:
        catalog: what is sold; another catalogue needs another shelf.
        kept: a folder from which what was read of the catalogue once is read again; None keeps nothing.

    Attributes:
        catalog: the catalogue.
        kinds: concept -> rows.
        brands: phrases of the catalogue's brands and of well-known others (table "brand", key: the brand as written).
        brand: brand of each row, folded.
    """

    def __init__(self, catalog: Catalog, kept: Path | None = None) -> None:
        self.catalog = catalog
        frame = catalog.frame
        self.titles: list[str] = frame["title"].tolist()
        self._rows = shelf_rows(catalog, kept)
        self.kinds: Kinds = self._rows.kinds
        self.brand_names: list[str] = frame["brand"].tolist()
        self.brand = np.array([fold(b) for b in self.brand_names], dtype=object)
        self.brands = _brand_book(self.brand_names)

    def __len__(self) -> int:
        return len(self.catalog)

    def has_id(self, product_id: str) -> bool:
        """Whether a product has this id."""
        return product_id in self.catalog

    def row(self, product_id: str) -> int:
        """The catalogue row of a product; -1 if it has none."""
        return int(self.catalog.product_ids.encode([product_id])[0])

    def word_count(self, word: str) -> int:
        """How many titles hold a folded word."""
        return self._rows.words.count(word)

    def word_rows(self, word: str) -> NDArray[np.int32]:
        """Rows whose titles hold a folded word."""
        return self._rows.words.get(word)

    def sells(self, brand: str) -> bool:
        """Whether any product is of this brand."""
        return self._brand_rows.count(fold(brand)) > 0

    def brand_rows(self, brand: str) -> NDArray[np.int32]:
        """Rows of a brand."""
        return self._brand_rows.get(fold(brand))

    @cached_property
    def _brand_rows(self) -> Grouped:
        return Grouped.of((folded, i) for i, folded in enumerate(self.brand) if folded)

    def colour_rows(self, colour: str) -> NDArray[np.int32]:
        """Rows that have a colour, by the lexicon's key."""
        return self._rows.colours.get(colour)

    def material_rows(self, material: str) -> NDArray[np.int32]:
        """Rows that name a material in title or attributes."""
        return self._named("materials", material)

    def attribute_rows(self, attribute: str) -> NDArray[np.int32]:
        """Rows that name a property in title, description or attributes."""
        return self._named("attributes", attribute)

    def _named(self, table: str, key: str) -> NDArray[np.int32]:
        kept = self._kept_names
        if (table, key) not in kept:
            phrases = [p for code in spoken() for p in getattr(vocabulary(code).lexicon, table).get(key, ())]
            patterns = sorted({re.escape(fold(p)).replace(r"\ ", r"[\s-]?") for p in phrases if len(p) > 1})
            pattern = re.compile(r"(?<!\w)(?:" + "|".join(patterns) + r")(?!\w)") if patterns else None
            hits = [] if pattern is None else [i for i, text in enumerate(self._folded) if pattern.search(text)]
            kept[table, key] = np.array(hits, np.int32)
        return kept[table, key]

    @cached_property
    def _kept_names(self) -> dict[tuple[str, str], NDArray[np.int32]]:
        return {}

    @cached_property
    def _folded(self) -> list[str]:
        """Title and short description of each row, folded, for properties that stand in the text."""
        frame = self.catalog.frame
        both = zip(frame["title"], frame["description"], strict=True)
        return [" ".join(f"{title} {text[:300]}".casefold().split()) for title, text in both]

    @cached_property
    def title_starts(self) -> dict[str, int]:
        """Folded title -> row."""
        return {fold(title): i for i, title in enumerate(self.titles)}


def _brand_book(brands: Sequence[str]) -> PhraseBook:
    """Brands as they may be typed: in full, without company words, and well-known ones that the shop does not carry."""
    book = PhraseBook()
    counts = Counter(b for b in brands if b)
    short: dict[str, str] = {}
    for brand, _ in counts.most_common():
        words = [t.key for t in tokenise(brand) if t.kind == "word"]
        bare = [w for w in words if w not in _COMPANY]
        for variant in {" ".join(bare), *(w.split(".")[0] for w in words if "." in w), fold(brand).replace(" ", "")}:
            if variant:
                short.setdefault(variant, brand)
        book.add(brand, "brand", brand)
    held = {fold(b) for b in counts}
    for variant, brand in short.items():
        if variant not in held:
            book.add(variant, "brand", brand)
    as_held = {fold(b): b for b in counts}
    for brand, forms in names().written.items():
        for form in forms:
            book.add(form, "brand", as_held.get(brand, brand))
    for brand in names().brands:
        if fold(brand) not in held and brand not in short:
            book.add(brand, "brand", brand)
    return book
