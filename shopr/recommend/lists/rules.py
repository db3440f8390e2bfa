"""Merchandising rules: what may be recommended and how a list must look, as data that a merchandiser edits.

Filters become one candidate mask before the top k is taken, so that a rule never shortens a list that could be full;
caps, diversity, calibration and sponsored slots arrange the list afterwards (`listing`). A rules file is checked when
it is loaded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from pydantic import Field, ValidationError, field_validator, model_validator

from shopr.money import to_minor
from shopr.recommend.contract.base import MAX_K, Config
from shopr.yamlfile import first_error, in_words, line_of, parse, read_text, refusal

__all__ = ["Choice", "Filtered", "Merchandising", "PriceBand", "Slot", "apply", "check", "load"]


class PriceBand(Config):
    """Prices that may be shown, in major units of the product's own currency, both ends included."""

    min: Decimal | None = Field(None, ge=0)
    max: Decimal | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> PriceBand:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Choice(Config):
    """Names to keep to and names to leave out; an empty `include` means all."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Slot(Config):
    """A paid place: `product` stands at `position` (from 1) and is shown with `label`."""

    position: int = Field(ge=1, le=MAX_K)
    product: str
    label: str = Field("Sponsored", min_length=1)


class Merchandising(Config):
    """The rules of one shop; the defaults change nothing but hide what is sold out and what was already bought."""

    name: str = "rules"
    kind: Literal["rules"] = "rules"
    description: str = ""
    in_stock: bool = True
    already_bought: Literal["hide", "show"] = "hide"
    price: PriceBand = PriceBand()
    categories: Choice = Choice()
    brands: Choice = Choice()
    exclude_products: tuple[str, ...] = ()
    min_margin: float | None = Field(None, ge=-1, le=1)
    max_per_brand: int | None = Field(None, ge=1)
    max_per_category: int | None = Field(None, ge=1)
    category_level: int = Field(1, ge=1, le=10)
    diversity: float = Field(0.0, ge=0, le=1)
    calibration: float = Field(0.0, ge=0, le=1)
    sponsored: tuple[Slot, ...] = ()
    most: int = Field(MAX_K, ge=1, le=MAX_K)

    @field_validator("sponsored")
    @classmethod
    def _once(cls, slots: tuple[Slot, ...]) -> tuple[Slot, ...]:
        for name in ("position", "product"):
            values = [getattr(slot, name) for slot in slots]
            twice = next((v for v in values if values.count(v) > 1), None)
            if twice is not None:
                raise ValueError(f"{name} {twice} occurs twice")
        return slots

    @model_validator(mode="after")
    def _share(self) -> Merchandising:
        if self.diversity + self.calibration > 1:
            raise ValueError(f"diversity {self.diversity:g} + calibration {self.calibration:g} is above 1")
        return self

    @property
    def exclude_seen(self) -> bool:
        """Whether a shopper's own purchases are left out."""
        return self.already_bought == "hide"


@dataclass(frozen=True)
class Filtered:
    """What the filters leave.

    Attributes:
        mask: shape (n_items,), True where an item may be recommended.
        removed: rule -> how many items it took away from those that the rules before it had left.
    """

    mask: NDArray[np.bool_]
    removed: dict[str, int]

    @property
    def candidates(self) -> NDArray[np.int64]:
        """The item codes that are left."""
        return np.flatnonzero(self.mask)

    @property
    def reason(self) -> str:
        """Which rule removed how many, in words."""
        parts = ", ".join(f"{rule} removed {count}" for rule, count in self.removed.items() if count)
        left = int(self.mask.sum())
        return f"{left or 'nothing'} left of {len(self.mask)} products" + (f": {parts}" if parts else "")


def load(path: Path | str) -> Merchandising:
    """Read and check a rules file.

    Raises:
        SpecError: naming the file, the line, the key and the nearest known one.
    """
    path = Path(path)
    text = read_text(path, "rules", hint="Start from experiments/rules.yaml")
    content, root = parse(path, text, hint="Start with name: and kind: rules")
    return check(path, content, root)


def check(path: Path, content: dict[str, Any], root: yaml.Node | None) -> Merchandising:
    """Rules from the content of a file; `root` tells the lines. Raises as `load`."""
    try:
        return Merchandising.model_validate(content)
    except ValidationError as error:
        first = first_error(error)
        keys = list(first["loc"])
        message, hint = in_words(first, lambda: _known(keys[:-1]))
        raise refusal(f"{path}, line {line_of(root, keys)}", keys, message, hint) from error


def apply(rules: Merchandising, products: pd.DataFrame) -> Filtered:
    """Which items may be recommended to anyone.

    Args:
        rules: the rules.
        products: the catalogue in item-code order (`catalog.align(item_ids)`). What the catalogue does not know passes
            a rule that needs it (stock, price, margin), but is in no included category or brand.
    """
    mask = np.ones(len(products), bool)
    removed: dict[str, int] = {}
    for rule, keep in _filters(rules, products):
        removed[rule] = int((mask & ~keep).sum())
        mask &= keep
    return Filtered(mask, removed)


def _filters(rules: Merchandising, products: pd.DataFrame) -> list[tuple[str, NDArray[np.bool_]]]:
    """The rules in force and what each keeps, in the order of their counting."""
    n = len(products)
    out: list[tuple[str, NDArray[np.bool_]]] = []
    if rules.in_stock:
        out.append(("in_stock", ~(products["stock"] <= 0).to_numpy(dtype=bool, na_value=False)))
    if rules.exclude_products:
        out.append(("exclude_products", ~products["product_id"].isin(rules.exclude_products).to_numpy(bool)))
    if rules.price.min is not None or rules.price.max is not None:
        out.append(("price", _in_band(rules.price, products)))
    paths = products["category"].fillna("").to_numpy(dtype=object)
    if rules.categories.include:
        out.append(("categories.include", _within(paths, rules.categories.include)))
    if rules.categories.exclude:
        out.append(("categories.exclude", ~_within(paths, rules.categories.exclude)))
    brands = products["brand"].fillna("").astype(str).str.casefold()
    if rules.brands.include:
        out.append(("brands.include", brands.isin([b.casefold() for b in rules.brands.include]).to_numpy(bool)))
    if rules.brands.exclude:
        out.append(("brands.exclude", ~brands.isin([b.casefold() for b in rules.brands.exclude]).to_numpy(bool)))
    if rules.min_margin is not None:
        margin = _margins(products)
        out.append(("min_margin", np.isnan(margin) | (margin >= rules.min_margin)))
    return out if n else []


def _in_band(band: PriceBand, products: pd.DataFrame) -> NDArray[np.bool_]:
    price = products["price"].to_numpy(dtype=np.float64, na_value=np.nan)
    currency = products["currency"].fillna("").to_numpy(dtype=object)
    keep = np.ones(len(products), bool)
    for code in {str(c) for c in currency if c}:
        low = to_minor(str(band.min or 0), code)
        high = np.inf if band.max is None else to_minor(str(band.max), code)
        keep &= ~((currency == code) & ((price < low) | (price > high)))
    return keep


def _within(paths: NDArray[np.object_], names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Whether a category path is one of `names`, or below one."""
    unique, place = np.unique(paths.astype(str), return_inverse=True)
    inside = np.array([any(p == name or p.startswith(f"{name} > ") for name in names) for p in unique], bool)
    return np.asarray(inside[place], bool)


def _margins(products: pd.DataFrame) -> NDArray[np.float64]:
    """Margin as a share of the price, from the attribute `margin`; NaN where unknown."""

    def margin(text: object) -> float:
        value = json.loads(text).get("margin") if isinstance(text, str) and '"margin"' in text else None
        try:
            return float("nan" if value is None else value)
        except (TypeError, ValueError):
            return float("nan")

    return np.array([margin(text) for text in products["attributes"]], np.float64)


def _known(parents: list[Any]) -> list[str]:
    """Keys that may stand where an unknown one was found."""
    inner: dict[str, type[Config]] = {"price": PriceBand, "categories": Choice, "brands": Choice, "sponsored": Slot}
    model = inner.get(str(parents[0]), Merchandising) if parents else Merchandising
    return list(model.model_fields)
