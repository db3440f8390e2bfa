"""The catalogue: what a shop sells, one row a product."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.ids import IdMap
from shopr.data.rejects import Checked, Sieve
from shopr.data.schema import as_category, as_id, as_int, as_json_object, as_language, as_text, by_unique
from shopr.errors import DataError

__all__ = ["CATALOG_COLUMNS", "Catalog", "validate_catalog"]

CATALOG_COLUMNS = (
    "product_id",
    "title",
    "description",
    "category",
    "brand",
    "price",
    "currency",
    "colour",
    "attributes",
    "stock",
    "image",
    "language",
)
_PLAIN = ("title", "description", "brand", "colour", "image")


@dataclass(frozen=True)
class Catalog:
    """Products of a shop.

    Attributes:
        frame: one row a product, unique `product_id`, in the order of the source. `category` is a path with " > "
            between levels; `price` is Int64 minor units of `currency`, NA where unknown; `stock` Int64 pieces, NA where
            it is not counted; `attributes` JSON text of a flat object; `image` a path within the shop's folder or "";
            `language` BCP 47 ("und": undetermined). Text columns are `str` and "" where unknown, never NA.
    """

    frame: pd.DataFrame

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Catalog:
        """A catalogue from a table of which every row must be sound; only `product_id` and `title` are required.

        Raises:
            DataError: naming the first bad row and how many there are; `validate_catalog` sets them aside instead.
        """
        checked = validate_catalog(frame)
        if len(checked.rejects):
            raise DataError(
                f"catalogue: {len(checked.rejects)} of {len(frame)} rows are bad; {checked.rejects.first()}",
                hint="Mend them, or import with rejects",
            )
        return cls(checked.good)

    @classmethod
    def empty(cls) -> Catalog:
        """A catalogue without products."""
        return cls.from_frame(pd.DataFrame({"product_id": [], "title": []}, dtype="str"))

    def __len__(self) -> int:
        return len(self.frame)

    def __contains__(self, product_id: object) -> bool:
        return product_id in self.product_ids

    @cached_property
    def product_ids(self) -> IdMap:
        """The id map in row order."""
        return IdMap(self.frame["product_id"])

    def align(self, item_ids: IdMap) -> pd.DataFrame:
        """Rows in item-code order, all NA but `product_id` where the catalogue does not know the item."""
        rows = self.product_ids.encode(item_ids.ids)
        aligned = self.frame.reindex(np.where(rows >= 0, rows, -1)).reset_index(drop=True)
        aligned["product_id"] = pd.Series(item_ids.ids, dtype="str")
        return aligned

    def level(self, depth: int) -> pd.Series:
        """The category path of every product cut to its first `depth` levels."""
        return by_unique(self.frame["category"], lambda path: " > ".join(path.split(" > ")[:depth])).astype("str")

    def take(self, mask: NDArray[np.bool_] | NDArray[np.integer]) -> Catalog:
        """The products selected by a mask or by positions."""
        rows = self.frame[mask] if np.asarray(mask).dtype == bool else self.frame.iloc[mask]
        return Catalog(rows.reset_index(drop=True))


def validate_catalog(
    frame: pd.DataFrame, *, file: str = "catalogue", rows: NDArray[np.integer] | None = None
) -> Checked:
    """The sound products in the catalogue's types, and the other rows with column, reason and value.

    Args:
        frame: some or all catalogue columns, of any dtype; `product_id` and `title` are required, `price` is in minor
            units already (`shopr.data.sources.tabular` converts decimal prices).
        file, rows: what rejects are said to come from, and the row number of each row there.

    Raises:
        DataError: if a required column is missing or a column is not of the catalogue.
    """
    for name in ("product_id", "title"):
        if name not in frame.columns:
            raise DataError(
                f"{file}: column {name!r} is missing; found {', '.join(map(str, frame.columns))[:200]}",
                hint="A catalogue needs product_id and title",
            )
    strange = [str(c) for c in frame.columns if c not in CATALOG_COLUMNS]
    if strange:
        raise DataError(f"{file}: column {strange[0]!r} is not known", hint=f"Known: {', '.join(CATALOG_COLUMNS)}")
    frame = frame.reset_index(drop=True)
    sieve = Sieve(len(frame), file=file, rows=rows)
    blank = pd.Series([""] * len(frame), dtype="str")
    out = {name: as_text(frame[name]).fillna("") if name in frame else blank for name in _PLAIN}
    out["product_id"], bad = as_id(frame["product_id"])
    sieve.reject(bad, "product_id", "id too long or with control characters", frame["product_id"])
    sieve.reject(out["product_id"].isna(), "product_id", "missing", frame["product_id"])
    sieve.reject(out["title"] == "", "title", "missing", frame["title"])
    _check_numbers(frame, sieve, out)
    _check_terms(frame, sieve, out, blank)
    # Of several rows with one id the first sound one stands.
    twice = np.zeros(len(frame), bool)
    twice[sieve.alive] = out["product_id"][sieve.alive].duplicated().to_numpy()
    sieve.reject(twice, "product_id", "duplicate id", frame["product_id"])
    return sieve.checked(pd.DataFrame(out, columns=list(CATALOG_COLUMNS)))


def _check_numbers(frame: pd.DataFrame, sieve: Sieve, out: dict[str, pd.Series]) -> None:
    unknown = pd.Series([pd.NA] * len(frame), dtype="Int64")
    for name in ("price", "stock"):
        out[name] = unknown
        if name in frame:
            out[name], bad = as_int(frame[name])
            sieve.reject(bad, name, "not a whole number", frame[name])
            sieve.reject((out[name] < 0).to_numpy(dtype=bool, na_value=False), name, "negative", frame[name])


def _check_terms(frame: pd.DataFrame, sieve: Sieve, out: dict[str, pd.Series], blank: pd.Series) -> None:
    out["currency"] = as_text(frame["currency"]).fillna("") if "currency" in frame else blank
    wrong = (out["currency"] != "") & ~out["currency"].str.fullmatch("[A-Z]{3}")
    sieve.reject(wrong, "currency", "not an ISO 4217 code", out["currency"])
    bare = out["price"].notna() & (out["currency"] == "")
    sieve.reject(bare, "currency", "missing beside a price", out["currency"])
    out["category"] = as_category(frame["category"]) if "category" in frame else blank
    out["attributes"], bad = as_json_object(frame.get("attributes", blank))
    flat = by_unique(out["attributes"], _is_flat).to_numpy(dtype=bool)
    if "attributes" in frame:
        sieve.reject(bad | ~flat, "attributes", "not a flat JSON object", frame["attributes"])
    out["language"], bad = as_language(frame.get("language", blank))
    sieve.reject(bad, "language", "not a BCP 47 tag", frame.get("language", blank))
    outside = ~by_unique(out["image"], _is_inside).to_numpy(dtype=bool)
    sieve.reject(outside, "image", "not a path within the shop's folder", out["image"])


def _is_flat(text: Any) -> bool:
    if not isinstance(text, str):
        return False
    return not any(isinstance(value, (dict, list)) for value in json.loads(text).values())


def _is_inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return not (pure.is_absolute() or ".." in pure.parts or "\\" in path or ":" in path)
