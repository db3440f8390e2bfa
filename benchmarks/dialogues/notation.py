"""Dialogues in a short notation, made into scripts of the format that `shopr chat --replay` reads.

    ## capability language      a dialogue begins (its id is the capability and a number)
    > what is said
    = expectation; expectation  of the answer to what was said before

Expectations: `CATEGORY max:30 min:10 brand:HP !brand:HP colour:red !colour:red stock cheaper:TURN n:LEAST p:PRECISION`,
`none`, `cart 0.2x3 0.-1x1` (turn.rank x pieces) or `cart empty`, `compare 0.1 0.2`, `order ID STATUS` or
`order none`, `says TEXT`, `never TEXT`, `lang xx`, `dir rtl`, `intent NAME`, `tone NAME`, `total`, `grounded`, and
names of flags, denied by a `!` before them. A capital of a brand counts, its spaces are written as `_`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["EXTRA", "blind_script", "read_notation"]

EXTRA = {
    "laptop_stand": {"include": r"\b(laptop|notebook)\b.*\b(stand|riser|arm)\b|\bstand\b.*\b(laptop|notebook)\b"},
    "mouse_pad": {"include": r"\bmouse ?(pad|mat)s?\b|\bmousepad\b", "exclude": ""},
}  # fmt: skip
"""Categories beside those of the development file."""
_LEAST = 1


def blind_script(path: Path, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The dialogues of a file of notation as a script over the fixtures and categories of `raw`."""
    return {**raw, "categories": {**raw["categories"], **EXTRA}, "dialogues": read_notation(path)}


def read_notation(path: Path) -> list[dict[str, Any]]:
    """The dialogues of a file of notation.

    Raises:
        ValueError: naming the line that is none.
    """
    found: list[dict[str, Any]] = []
    counts: dict[str, int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        mark, _, rest = line.partition(" ")
        if mark == "##":
            capability, language = rest.split()
            counts[capability] = counts.get(capability, 0) + 1
            name = f"{capability}-{counts[capability]}"
            found.append({"id": name, "capability": capability, "lang": language, "turns": []})
        elif mark == ">":
            found[-1]["turns"].append({"user": rest, "expect": {}})
        elif mark == "=":
            for part in rest.split(";"):
                _add(found[-1]["turns"][-1]["expect"], part.split(), f"{path.name}, line {number}")
        elif line.strip() and mark != "#":
            raise ValueError(f"{path.name}, line {number}: {line[:60]!r} is no notation")
    return found


def _add(expect: dict[str, Any], words: list[str], place: str) -> None:
    head, rest = words[0], words[1:]
    text = " ".join(rest)
    if head in ("says", "never"):
        expect.setdefault("reply_mentions" if head == "says" else "reply_not_contains", []).append(text)
    elif head == "none":
        expect["results"] = {"max": 0}
    elif head == "cart":
        expect["cart"] = [] if rest == ["empty"] else [_item(w) for w in rest]
    elif head == "compare":
        expect["compare"] = [_item(w) for w in rest]
    elif head == "order":
        expect["order"] = None if rest == ["none"] else dict(zip(("id", "status"), rest, strict=False))
    elif head in ("lang", "dir"):
        expect[f"reply_{head}"] = text
    elif head in ("intent", "tone"):
        expect[head] = text
    elif head in ("total", "grounded"):
        expect["reply_total" if head == "total" else head] = True
    elif head.lstrip("!") in _FLAGS:
        expect[head.lstrip("!")] = not head.startswith("!")
    else:
        expect["results"] = _results(head, rest, place)


_FLAGS = {"asks_confirmation", "handoff", "offers_handoff", "refuses", "no_exact_match", "stock_notice",
          "discount_applied", "price_unchanged"}  # fmt: skip
_NAMES = {"max": "price_max", "min": "price_min", "brand": "brand", "!brand": "not_brand",
          "colour": "colour", "!colour": "not_colour"}  # fmt: skip


def _item(word: str) -> dict[str, int]:
    place, _, pieces = word.partition("x")
    turn, _, rank = place.partition(".")
    return {"turn": int(turn), "rank": int(rank)} | ({"qty": int(pieces)} if pieces else {})


def _results(category: str, words: list[str], place: str) -> dict[str, Any]:
    constraints: dict[str, Any] = {"category": category}
    out: dict[str, Any] = {"min": _LEAST, "constraints": constraints, "precision_at_5": 0.8}
    for word in words:
        name, _, value = word.partition(":")
        if name == "stock":
            constraints["in_stock"] = True
        elif name in ("max", "min"):
            constraints[_NAMES[name]] = float(value)
        elif name in _NAMES:
            constraints[_NAMES[name]] = value.replace("_", " ")
        elif name in ("n", "p", "cheaper"):
            key = {"n": "min", "p": "precision_at_5", "cheaper": "cheaper_than_turn"}[name]
            out[key] = float(value) if name == "p" else int(value)
        else:
            raise ValueError(f"{place}: {word!r} is no notation")
    return out
