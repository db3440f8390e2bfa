"""Numbers, dates and reasons as people read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from shopr.money import format_minor, from_minor
from shopr.shop import Card, Reason

__all__ = [
    "bare",
    "compact_money",
    "count",
    "day",
    "measure_name",
    "model_name",
    "moment",
    "percent",
    "pieces_left",
    "plain",
    "short",
    "stock",
    "why",
]

_MODELS = {
    "popular": "Popularity",
    "item_knn": "Item neighbours",
    "user_knn": "Shopper neighbours",
    "ease": "EASE",
    "ease_time": "EASE with time",
    "edlae": "EDLAE",
    "ials": "iALS",
    "markov": "Transitions",
    "item_filter": "Item filter",
    "spectral": "Spectral filter",
    "content": "Content",
    "hybrid": "Hybrid",
    "svd": "SVD",
    "svdpp": "SVD++",
    "knn_baseline": "KNN baseline",
}

_VERBS = ("you bought ", "you looked at ")


def count(number: int, one: str = "", many: str = "") -> str:
    """A whole number with its noun: `count(1204, "order")` is "1,204 orders"."""
    noun = (one if number == 1 else many or f"{one}s") if one else ""
    return f"{number:,} {noun}".strip()


def compact_money(minor: int, currency: str) -> str:
    """An amount for a tile, to three digits: "£1.23M", "£45.6k", "£980"."""
    major = from_minor(minor, currency)
    scale, letter = next(((s, n) for s, n in ((10**9, "bn"), (10**6, "M"), (10**3, "k")) if abs(major) >= s), (1, ""))
    value = major / scale
    digits = max(0, 3 - len(str(int(abs(value))))) if letter else 0
    return re.sub(r"[\d.,]+", f"{abs(value):,.{digits}f}{letter}", format_minor(minor, currency), count=1)


def percent(share: float) -> str:
    """A share as whole percent; never 0 % for something."""
    return f"{share:.0%}".replace("%", " %") if share >= 0.005 else "< 1 %"


def day(when: datetime) -> str:
    """A date: "3 Nov 2026"."""
    return f"{when.day} {when:%b %Y}"


def moment(when: datetime, time_zone: str) -> str:
    """A moment in the shop's time zone: "3 Nov 2026, 14:05"."""
    local = when.astimezone(ZoneInfo(time_zone)) if when.tzinfo else when
    return f"{day(local)}, {local:%H:%M}"


def model_name(name: str) -> str:
    """A model's name for people."""
    return _MODELS.get(name, name.replace("_", " "))


def measure_name(name: str) -> str:
    """A measure's name for people: "ndcg@10" is "nDCG@10"."""
    base, at, k = name.rpartition("/")[2].replace("_at_", "@").partition("@")
    return {"ndcg": "nDCG", "map": "MAP", "mrr": "MRR"}.get(base.lower(), base.replace("_", " ").capitalize()) + at + k


def stock(card: Card) -> tuple[str, str]:
    """(words, tone) about what is left; tone is "good", "low", "out" or "" where it is not counted."""
    return pieces_left(card.stock)


def pieces_left(pieces: int | None) -> tuple[str, str]:
    """The same for a number of pieces, None where they are not counted."""
    if pieces is None:
        return "", ""
    if pieces <= 0:
        return "Out of stock", "out"
    return (f"Only {pieces} left", "low") if pieces <= 5 else ("In stock", "good")


def why(reasons: Sequence[Reason], model: str) -> str:
    """One plain sentence: "Because you bought “A” and “B”"; "" where nothing is known."""
    named = [r for r in reasons if r.product_id is not None][:2]
    if named:
        verb = next(v for v in (*_VERBS, "") if named[0].label.startswith(v))
        same = [f"“{short(bare(r.label))}”" for r in named if r.label.startswith(verb)]
        return f"Because {verb.strip() or 'of'} {' and '.join(same)}"
    others = [r.label for r in reasons if r.label != model]
    if others:
        return f"{others[0][0].upper()}{others[0][1:]}"
    return "It fits your purchases as a whole" if reasons else ""


def bare(label: str) -> str:
    """The product's title in the label of a reason."""
    return next((label.removeprefix(verb) for verb in _VERBS if label.startswith(verb)), label)


def short(text: str, most: int = 42) -> str:
    """A text cut at a word, with an ellipsis, to at most `most` characters or so."""
    return text if len(text) <= most else f"{text[:most].rsplit(' ', 1)[0].rstrip(' ,;:-')} …"


def plain(text: str) -> str:
    """Text that Markdown shows as it is written."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+-.!|<>~$:&" else c for c in text)


def sentence(text: str) -> str:
    """A text with a capital in front and a full stop behind."""
    text = text.strip()
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}" if text else ""
