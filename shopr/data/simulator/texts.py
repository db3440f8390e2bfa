"""Names and descriptions of the products in twelve languages.

Templates set nouns side by side ("Marke: …", "Farbe: …") instead of bending them into sentences, so that no language's
gender or case can go wrong.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.simulator.catalogue import Products
from shopr.data.simulator.vocabulary import BRANDS, COLOURS, KINDS, LANGUAGES, PATTERNS, SERIES, STYLES, Kind, words

__all__ = ["attributes", "categories", "title_table"]

_COMMA = {"ar": "، ", "zh": "，", "ja": "、", "hi": ", "}
_COLON = {"fr": " : ", "zh": "：", "ja": "："}
_STOP = {"zh": "。", "ja": "。", "hi": "। "}
_USES = {
    "Women": "made to be worn often and to last",
    "Men": "cut for comfort from morning to evening",
    "Shoes": "with a sole that forgives long days",
    "Accessories": "the small thing that finishes an outfit",
    "Toys": "for curious hands and long afternoons",
    "Home": "a quiet favourite for living room and bedroom",
    "Kitchen": "for the table you come back to every day",
    "Garden": "for balconies, beds and slow evenings outside",
    "Electronics": "set up in minutes and easy to live with",
    "Beauty": "gentle, with a scent that stays close",
    "Sports": "ready for training days and weekends away",
    "Gifts": "for the moments worth marking",
    "Food": "packed fresh in small batches",
}
_EATEN = {"Beauty", "Food"}


def _parts(products: Products, item: int) -> tuple[Kind, str, str, str, str, str]:
    kind = KINDS[products.kind[item]]
    return (
        kind,
        BRANDS[products.brand[item]].name,
        SERIES[products.series[item]],
        COLOURS[products.colour[item]],
        PATTERNS[products.pattern[item]],
        kind.materials[products.material[item]],
    )


def _english(products: Products, item: int) -> tuple[str, str]:
    kind, brand, series, colour, pattern, material = _parts(products, item)
    noun, hue, stuff = (
        words(t)[k]["en"] for t, k in (("kinds", kind.key), ("colours", colour), ("materials", material))
    )
    small = noun if noun == "T-shirt" else noun[:1].lower() + noun[1:]
    look = "" if pattern == "plain" else f"{words('patterns')[pattern]['en']} "
    made = "" if kind.department in _EATEN or material == "natural" else f"{stuff} "
    title = f"{brand} {series} {look}{made}{small}, {hue}"
    style, second = (STYLES[c[item]] for c in (products.style, products.second_style))
    manner = style if style == second else f"{style} with a {second} touch"
    of = f"With {stuff}. " if not made else ""
    sizes = f" Sizes {kind.sizes[0]} to {kind.sizes[-1]}." if kind.sizes else ""
    season = "" if not kind.season else f" {words('labels')[kind.season]['en']}."
    text = f"{noun} in {hue}, {_USES[kind.department]}. {of}The {series} line by {brand}: {manner}.{sizes}{season}"
    return title, text


def _foreign(products: Products, item: int, language: str) -> tuple[str, str]:
    kind, brand, series, colour, pattern, material = _parts(products, item)
    comma, colon, stop = _COMMA.get(language, ", "), _COLON.get(language, ": "), _STOP.get(language, ". ")
    noun, hue = words("kinds")[kind.key][language], words("colours")[colour][language]
    stuff, labels = words("materials")[material][language], words("labels")
    title = f"{brand} {series} – {noun}{comma}{hue}"
    facts = [("brand", brand), ("colour", hue)]
    if pattern != "plain":
        look = words("patterns")[pattern][language]
        title += f"{comma}{look}"
        facts.append(("pattern", look))
    facts.append(("contents" if kind.department in _EATEN else "material", stuff))
    if kind.sizes:
        facts.append(("size", f"{kind.sizes[0]}–{kind.sizes[-1]}"))
    purpose = labels[kind.season or "daily"][language]
    told = [noun, *(f"{labels[name][language]}{colon}{value}" for name, value in facts), purpose]
    return title, stop.join(told) + stop.rstrip()


def title_table(products: Products, item_ids: NDArray[np.object_]) -> pd.DataFrame:
    """One row a product and language: `product_id, language, title, description`, English first."""
    rows = [
        (
            item_ids[item],
            language,
            *(_english(products, item) if language == "en" else _foreign(products, item, language)),
        )
        for language in LANGUAGES
        for item in range(len(products))
    ]
    return pd.DataFrame(rows, columns=["product_id", "language", "title", "description"]).astype("str")


def attributes(products: Products) -> list[str]:
    """JSON text of a flat object for each product: what a shop would print on the label."""
    texts = []
    for item in range(len(products)):
        kind, _, series, colour, pattern, material = _parts(products, item)
        facts = {
            "colour": colour,
            "line": series,
            "material": words("materials")[material]["en"],
            "pattern": pattern,
            "season": kind.season or "all year",
            "style": STYLES[products.style[item]],
            "type": words("kinds")[kind.key]["en"].lower(),
        }
        if kind.sizes:
            facts["sizes"] = "/".join(kind.sizes)
        texts.append(json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    return texts


def categories(products: Products) -> list[str]:
    """The category path of each product, three levels."""
    paths = [f"{k.department} > {k.group} > {words('kinds')[k.key]['en']}" for k in KINDS]
    return [paths[code] for code in products.kind]
