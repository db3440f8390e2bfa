"""Which products are variants of each other: the same thing in another size, colour or make."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from shopr.data.catalog import Catalog

__all__ = ["VARIANT_OF", "Variants"]

VARIANT_OF = "variant_of"
"""The attribute of a product that names the group it is a variant in; all other attributes are its options."""


class Variants:
    """The groups of variants in the catalogue.

    Args:
        catalog: gives the catalogue now.
    """

    def __init__(self, catalog: Callable[[], Catalog]) -> None:
        self._catalog = catalog
        self._read: tuple[Catalog, dict[str, list[str]]] | None = None

    def group(self, product_id: str) -> str | None:
        """The group of a product; None where it has none."""
        found = self._attributes(product_id).get(VARIANT_OF)
        return found if isinstance(found, str) and found else None

    def options(self, product_id: str) -> dict[str, str]:
        """What tells a product from its variants, such as size and colour."""
        found = self._attributes(product_id)
        return {name: str(value) for name, value in found.items() if name != VARIANT_OF}

    def alike(self, one: str, other: str) -> bool:
        """Whether two products are variants of each other."""
        group = self.group(one)
        return group is not None and group == self.group(other)

    def of(self, group: str) -> list[str]:
        """The products of a group, in the order of the catalogue."""
        catalog = self._catalog()
        if self._read is None or self._read[0] is not catalog:
            groups: dict[str, list[str]] = {}
            texts = catalog.frame["attributes"]
            for place in texts.str.contains(f'"{VARIANT_OF}"', regex=False).to_numpy().nonzero()[0]:
                name = json.loads(texts.iloc[place]).get(VARIANT_OF)
                groups.setdefault(str(name), []).append(str(catalog.frame["product_id"].iloc[place]))
            self._read = catalog, groups
        return list(self._read[1].get(group, ()))

    def _attributes(self, product_id: str) -> dict[str, Any]:
        catalog = self._catalog()
        row = int(catalog.product_ids.encode([product_id])[0])
        text = catalog.frame["attributes"].iloc[row] if row >= 0 else ""
        found = json.loads(text) if text else {}
        return found if isinstance(found, dict) else {}
