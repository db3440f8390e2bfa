"""Makes scripted dialogues of paraphrases, with expectations computed from the catalogue and the categories."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from shopr.chat.replay.script import Category, Script, parse_script
from shopr.commerce.fixtures import Fixtures
from shopr.data.catalog import Catalog

__all__ = ["Generator", "generated"]

_HERE = Path(__file__).parent
_WORDS: dict[str, Any] = yaml.safe_load((_HERE / "words.yaml").read_text(encoding="utf-8"))
_ENGLISH: dict[str, Any] = yaml.safe_load((_HERE / "english.yaml").read_text(encoding="utf-8"))
CATEGORIES, COLOURS, TYPED = _WORDS["categories"], _WORDS["colours"], _WORDS["typed"]
NUMBERS, _LANGUAGE = _WORDS["numbers"], _WORDS["languages"]
_NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth"}
_ORDERS = {"A1001": ("shipped", "2026-11-25"), "B2044": ("processing", "2026-11-30")}
_ENOUGH = 6
"""Matching products that the catalogue must hold for an expectation to be fair."""


class Generator:
    """Draws dialogues over one catalogue.

    Args:
        raw: the file of scripted dialogues whose fixtures and categories hold.
    """

    def __init__(self, catalog: Catalog, raw: Mapping[str, Any], seed: int) -> None:
        self._raw, self._draw = raw, random.Random(seed)
        frame = catalog.frame
        fixtures = Fixtures.parse(raw["fixtures"])
        self._table = pd.DataFrame(
            {
                "id": frame["product_id"],
                "title": frame["title"],
                "brand": frame["brand"],
                "colour": frame["colour"].str.casefold(),
                "price": frame["price"].astype("float64") / 100,
                "stock": [fixtures.rule.of(i) if fixtures.rule else 1 for i in frame["product_id"]],
            }
        )
        self._of: dict[str, pd.DataFrame] = {}
        for name in CATEGORIES:
            category = _category(raw["categories"][name])
            self._of[name] = self._table[[category.holds(t) for t in self._table["title"]]]

    def english(self, capability: str, steps: list[Any], n: int) -> Iterator[dict[str, Any]]:
        """`n` English dialogues of a capability."""
        made = tries = 0
        while made < n and tries < 40 * n:
            tries += 1
            values = self._values(capability)
            if values is None:
                continue
            turns = []
            for step in steps:
                said = self._filled(self._draw.choice(step["say"]), values)
                turns.append({"user": said, "expect": self._expect(step["expect"], values)})
            if any(t["expect"] is None for t in turns):
                continue
            made += 1
            yield {"id": f"{capability}-{made}", "capability": capability, "lang": "en", "turns": turns}

    def foreign(self, language: str, n: int) -> Iterator[dict[str, Any]]:
        """`n` dialogues in another language: a search under a price, then the second into the cart."""
        texts = _LANGUAGE[language]
        made = 0
        while made < n:
            values = self._values("price_max")
            if values is None:
                continue
            word = CATEGORIES[values["key"]][language][0]
            fill = {**values, "cat": word}
            first = {
                "user": self._draw.choice(texts["ask"]).format(**fill),
                "expect": {**(self._expect({"R": {"max": 1}}, values) or {}), "reply_lang": language},
            }
            add = {
                "user": self._draw.choice(texts["add"]),
                "expect": {"cart": [{"turn": 0, "rank": 2, "qty": 1}], "reply_lang": language},
            }
            made += 1
            if language == "ar":
                first["expect"]["reply_dir"] = "rtl"
            yield {
                "id": f"lang_{language}-{made}",
                "capability": f"lang_{language}",
                "lang": language,
                "turns": [first, add],
            }

    # -- drawing ------------------------------------------------------------------------------------------------------

    def _values(self, capability: str) -> dict[str, Any] | None:
        draw = self._draw
        typo = capability == "typos"
        key = draw.choice(sorted(TYPED if typo else CATEGORIES))
        rows = self._of[key]
        if len(rows) < _ENOUGH:
            return None
        colours = [c for c in COLOURS if rows["colour"].str.contains(c).sum() >= _ENOUGH]
        brands = [b for b, n in rows["brand"].value_counts().items() if n >= _ENOUGH and b and str(b).isascii()]
        needs = {"colour": 2, "slot_correction": 2}.get(capability, 0)
        if len(colours) < needs or (capability in ("brand_refine", "negation", "memory") and not brands):
            return None
        price = rows["price"].quantile
        brand = draw.choice(brands) if brands else ""
        chosen = draw.sample(colours, 2) if len(colours) > 1 else [*colours, *colours]
        low, high = float(price(0.2)), float(price(0.8))
        n = draw.randint(2, 3)
        q, q2 = draw.sample([2, 3, 4, 5], 2)
        own = rows[rows["brand"] == brand]["price"]
        words = CATEGORIES[key]["en"]
        oos = self._table[(self._table["stock"] == 0) & self._table["title"].isin(rows["title"])]["id"]
        order = draw.choice(sorted(_ORDERS))
        number = draw.random() < 0.5
        return {
            "key": key, "rows": rows, "a_cat": words[0], "cats": words[-1], "brand": brand,
            "colour": chosen[0] if chosen else "", "colour2": chosen[-1] if chosen else "",
            "max": _round(float(price(draw.uniform(0.3, 0.8)))), "low": _round(low), "high": _round(high),
            "low2": _round(low * 1.3), "high2": _round(high * 1.4), "n": n, "nth": _NTH[n],
            "bmax": _round(float(own.quantile(0.6))) if len(own) else 0,
            "q": q, "q2": q2, "qw": NUMBERS[q] if number else str(q), "q2w": NUMBERS[q2] if number else str(q2),
            "order": order, "oos": draw.choice(sorted(oos)) if len(oos) else None, "typo": TYPED.get(key, ""),
        }  # fmt: skip

    def _filled(self, text: str, values: Mapping[str, Any]) -> str:
        fill = {**values, "q": values["qw"], "q2": values["q2w"]}
        out = text.replace("{{", "\0").replace("}}", "\1")
        for name, value in fill.items():
            out = out.replace("{" + name + "}", str(value))
        return out.replace("\0", "{{").replace("\1", "}}")

    # -- expecting ----------------------------------------------------------------------------------------------------

    def _expect(self, short: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any] | None:
        out: dict[str, Any] = {}
        if "R" in short:
            results = self._results(short["R"], values)
            if results is None:
                return None
            out["results"] = results
        if short.get("none"):
            out["results"] = {"max": 0}
        if "cart" in short:
            if short.get("stock_notice") and values["oos"] is None:
                return None
            out["cart"] = [
                {"turn": 0, "rank": values.get(rank, rank), "qty": values.get(qty, qty)} for rank, qty in short["cart"]
            ]
        if "compare" in short:
            out["compare"] = [{"turn": 0, "rank": values.get(rank, rank)} for rank in short["compare"]]
        if "order" in short:
            out |= _order(short["order"], values)
        names = {
            "mentions": "reply_mentions",
            "not_contains": "reply_not_contains",
            "lang": "reply_lang",
            "total": "reply_total",
        }
        for name, value in short.items():
            if name not in ("R", "none", "cart", "compare", "order"):
                out[names.get(name, name)] = value
        return out

    def _results(self, wanted: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any] | None:
        rows = values["rows"]
        constraints: dict[str, Any] = {"category": values["key"]}
        if "max" in wanted:
            constraints["price_max"] = values["max"]
        if "bmax" in wanted:
            constraints["price_max"] = values["bmax"]
        if "low" in wanted:
            suffix = "" if wanted["low"] == 1 else "2"
            constraints |= {"price_min": values[f"low{suffix}"], "price_max": values[f"high{suffix}"]}
        if "colour" in wanted:
            constraints["colour"] = values["colour"] if wanted["colour"] == 1 else values["colour2"]
        for name in ("brand", "not_brand"):
            if name in wanted:
                constraints[name] = values["brand"]
        if "stock" in wanted:
            constraints["in_stock"] = True
        matching = int(_meets(rows, constraints).sum())
        if matching < _ENOUGH:
            return None
        out = {
            "min": 1 if len(constraints) > 2 or "cheaper" in wanted else 3,
            "constraints": constraints,
            "precision_at_5": 0.6 if "typo" in wanted else 0.8,
            "matching_in_catalogue": matching,
        }
        if "cheaper" in wanted:
            out["cheaper_than_turn"] = wanted["cheaper"]
        return out


def _meets(rows: pd.DataFrame, constraints: Mapping[str, Any]) -> pd.Series:
    keep = rows["price"].notna()
    for name, value in constraints.items():
        if name == "price_max":
            keep &= rows["price"] <= value
        elif name == "price_min":
            keep &= rows["price"] >= value
        elif name == "colour":
            keep &= rows["colour"].str.contains(value)
        elif name == "brand":
            keep &= rows["brand"] == value
        elif name == "not_brand":
            keep &= rows["brand"] != value
        elif name == "in_stock":
            keep &= rows["stock"] > 0
    return keep


def _order(short: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    order = values["order"]
    status, eta = _ORDERS[order]
    if short is None:
        return {"order": None}
    if short == "status":
        return {"order": {"id": order, "status": status}, "reply_mentions": [status]}
    if short == "eta":
        return {"order": {"id": order}, "reply_mentions": [eta]}
    if short == "any":
        return {}
    order_id, wanted = short
    return {"order": {"id": order_id} if wanted is None else {"id": order_id, "status": wanted}}


def _category(raw: Mapping[str, str]) -> Category:
    return parse_script({"dialogues": [], "categories": {"c": raw}}).categories["c"]


def _round(price: float) -> int:
    step = 5 if price < 100 else 10 if price < 500 else 50
    return max(int(round(price / step) * step), step)


def generated(
    catalog: Catalog, path: Path, *, seed: int, n: int, held_out: bool = False, languages: bool = True
) -> Script:
    """A script of `n` dialogues of each capability, and of each language where asked for."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    generator = Generator(catalog, raw, seed)
    dialogues: list[dict[str, Any]] = []
    for capability, steps in _ENGLISH["held_out" if held_out else "developed"].items():
        dialogues += generator.english(capability, steps, n)
    if languages:
        for language in _LANGUAGE:
            dialogues += generator.foreign(language, n)
    return parse_script({**raw, "dialogues": dialogues})
