"""The texts of a product: what each field of the index is made of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

__all__ = ["KIND_KEYS", "attribute", "contents", "texts"]

KIND_KEYS = ("product_type", "type_of_product", "item_type", "kind", "type")
"""Attributes that may name the kind of product, the surest first."""
_MAX_VALUE = 300
_LETTER = re.compile(r"[^\W\d_]")
_YES = {True, "Y", "Yes", "yes", "true", "True"}
_NO = {"N", "No", "no", "false", "False", "n/a", "None", "-"}
_CONTENT = ("title", "description", "brand", "category", "colour", "attributes", "language")


def contents(frame: pd.DataFrame) -> pd.Series:
    """A 64-bit hash of all text of each product, by which an update finds what changed."""
    return pd.Series(pd.util.hash_pandas_object(frame[list(_CONTENT)], index=False))


def attribute(attributes: dict[str, Any], names: tuple[str, ...]) -> str:
    """The first of the named attributes that holds text."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def texts(row: Any) -> Iterator[tuple[int, str]]:
    """(field number, text) of one product, a text a time, in the order of `config.FIELDS`.

    Args:
        row: a named tuple of the catalogue's columns.
    """
    attributes: dict[str, Any] = json.loads(row.attributes) if row.attributes else {}
    yield 0, row.title
    levels = row.category.split(" > ") if row.category else []
    kind = attribute(attributes, KIND_KEYS[:-1])
    if levels:
        yield 1, levels[-1]
    if kind and (not levels or kind.lower() != levels[-1].lower()):
        yield 1, kind
    if row.brand:
        yield 2, row.brand
    if row.description:
        yield 3, row.description
    for level in levels[:-1]:
        yield 4, level
    if row.colour:
        yield 4, row.colour
    for name, value in attributes.items():
        text = _worth(name, value)
        if text and text not in (row.colour, kind):
            yield 4, text


def _worth(name: str, value: Any) -> str:
    """What an attribute adds to the text: a text with letters, or the name of a property that the product has."""
    if isinstance(value, (bool, str)) and value in _YES:
        return name.replace("__", " ").replace("_", " ")
    if isinstance(value, str) and value not in _NO and _LETTER.search(value):
        return value[:_MAX_VALUE]
    return ""
