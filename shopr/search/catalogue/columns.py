"""The facts of products that filters, facets and sorting use, as arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.search.text.lexicon import Words, colours, materials
from shopr.search.text.tokens import fold

__all__ = ["Columns", "Names", "mask_of"]

_DATES = ("date_released", "release_date", "launch_date", "date_added", "created_at", "published")
_POPULARITY = ("popularity", "sales", "sales_rank_inverse", "reviews", "number_of_reviews")
_COLOUR_KEYS = ("product_colour", "colour", "color", "product_color")
_MATERIAL_KEYS = ("material", "housing_material", "case_material", "materials", "fabric")


@dataclass(frozen=True)
class Names:
    """One name a product, as codes.

    Attributes:
        names: the distinct names, most frequent spelling. codes: shape (n,), -1 for none.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int32]

    @classmethod
    def of(cls, column: pd.Series) -> Names:
        """Codes of a text column; spellings that differ in case or accents are one name."""
        values = column.fillna("").astype(str)
        folded = {value: fold(value).strip() for value in values.unique()}
        keys = values.map(folded)
        counts = (
            values.groupby(keys.to_numpy()).agg(lambda v: v.value_counts().index[0])
            if len(values)
            else pd.Series([], dtype=str)
        )
        ordered = [key for key in counts.index if key]
        place = {key: i for i, key in enumerate(ordered)}
        codes = keys.map(lambda key: place.get(key, -1)).to_numpy(dtype=np.int32)
        return cls(tuple(str(counts[key]) for key in ordered), codes)

    def matching(self, wanted: tuple[str, ...]) -> NDArray[np.bool_]:
        """Which products bear one of the names."""
        asked = {fold(name).strip() for name in wanted}
        return np.isin(self.codes, [i for i, name in enumerate(self.names) if fold(name).strip() in asked])


@dataclass(frozen=True)
class Columns:
    """Facts by product.

    Attributes:
        price: int64 minor units, -1 where unknown. stock: int64, -1 where not counted.
        brand, category: names. colour, colour_said, material: uint32 bits, one a name of the reviewed tables; `said`
            is what only the title tells.
        released: int32 days since 1970, or the row where the catalogue gives no date; newest is highest.
        popularity: float32, 0 where unknown.
    """

    price: NDArray[np.int64]
    stock: NDArray[np.int64]
    brand: Names
    category: Names
    colour: NDArray[np.uint32]
    colour_said: NDArray[np.uint32]
    material: NDArray[np.uint32]
    released: NDArray[np.int32]
    popularity: NDArray[np.float32]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Columns:
        """The facts of a catalogue's frame."""
        attributes = [json.loads(text) if text else {} for text in frame["attributes"]]
        named = frame["colour"].tolist()
        tinted = [named[i] or _first(a, _COLOUR_KEYS) for i, a in enumerate(attributes)]
        titles = frame["title"].tolist()
        return cls(
            price=frame["price"].fillna(-1).to_numpy(dtype=np.int64),
            stock=frame["stock"].fillna(-1).to_numpy(dtype=np.int64),
            brand=Names.of(frame["brand"]),
            category=Names.of(frame["category"]),
            colour=np.array([_bits(text, "colours") for text in tinted], np.uint32),
            colour_said=np.array(
                [0 if tinted[i] else _bits(title, "colours") for i, title in enumerate(titles)], np.uint32
            ),
            material=np.array(
                [
                    _bits(_first(a, _MATERIAL_KEYS), "materials") or _bits(titles[i], "materials")
                    for i, a in enumerate(attributes)
                ],
                np.uint32,
            ),
            released=_days(attributes),
            popularity=np.array([_number(a) for a in attributes], np.float32),
        )

    def __len__(self) -> int:
        return len(self.price)


def mask_of(kind: str, names: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """The bits of colour or material names, and the names that the tables do not know."""
    known, strange = 0, []
    for name in names:
        found = _bits(name, kind)
        known |= found
        if not found:
            strange.append(name)
    return known, tuple(strange)


@lru_cache(maxsize=100_000)
def _bits(text: str, kind: str) -> int:
    if not text:
        return 0
    reviewed: Words = colours() if kind == "colours" else materials()
    bits = 0
    for name in reviewed.named(text):
        bits |= 1 << reviewed.names.index(name)
    return bits


def _first(attributes: dict[str, Any], keys: tuple[str, ...]) -> str:
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, str) and value:
            return value
    return ""


def _number(attributes: dict[str, Any]) -> float:
    for key in _POPULARITY:
        value = attributes.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    return 0.0


def _days(attributes: list[dict[str, Any]]) -> NDArray[np.int32]:
    """Days of the release dates; without any, the row, since catalogues grow at their end."""
    texts = pd.Series([_first(a, _DATES) for a in attributes], dtype=object)
    dates = pd.to_datetime(texts, errors="coerce", utc=True, format="mixed")
    if not dates.notna().any():
        return np.arange(len(attributes), dtype=np.int32)
    days = (dates - pd.Timestamp("1970-01-01", tz="UTC")).dt.days
    known: NDArray[np.int32] = days.fillna(-(2**30)).to_numpy(dtype=np.int32)
    return known
