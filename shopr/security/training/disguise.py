"""Disguises of an attack, one function each: to train against, and to measure what each of them hides."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

import numpy as np

__all__ = ["DISGUISES", "disguise"]

_KEYWORDS = re.compile(
    r"\b(?:union|select|from|where|and|or|insert|update|delete|drop|exec|script|javascript|alert|onerror|onload|img|"
    r"iframe|svg|prompt|confirm|eval|document|system|order|having|group|sleep|passwd|cat|etc)\b",
    re.IGNORECASE,
)
_LOOKALIKES = str.maketrans("aceopxyis", "асеорхуіѕ")
_PUNCTUATION = re.compile(r"[^\w\s]")


def _quote_all(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def _in_keywords(text: str, mark: str) -> str:
    return _KEYWORDS.sub(lambda m: mark.join(m.group()), text)


def _after_first(text: str, mark: str) -> str:
    return _KEYWORDS.sub(lambda m: m.group()[0] + mark + m.group()[1:], text)


def _case(text: str, generator: np.random.Generator) -> str:
    flips = generator.random(len(text)) < 0.5
    return "".join(c.upper() if flip else c.lower() for c, flip in zip(text, flips, strict=True))


def _fullwidth(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _overlong(text: str) -> str:
    hidden = {"'": "%c0%a7", '"': "%c0%a2", "<": "%c0%bc", ">": "%c0%be", "/": "%c0%af"}
    return "".join(hidden.get(c, c) for c in text)


def _smart(text: str) -> str:
    return text.replace("'", "’").replace('"', "”")


DISGUISES: dict[str, Callable[[str, np.random.Generator], str]] = {
    "url1": lambda t, g: quote(t, safe=""),
    "url2": lambda t, g: quote(quote(t, safe=""), safe=""),
    "url3": lambda t, g: quote(quote(quote(t, safe=""), safe=""), safe=""),
    "url_all": lambda t, g: _quote_all(t),
    "ent_dec": lambda t, g: _PUNCTUATION.sub(lambda m: f"&#{ord(m.group())};", t),
    "ent_hex": lambda t, g: "".join(f"&#x{ord(c):x};" for c in t),
    "case": _case,
    "ws_alt": lambda t, g: t.replace(" ", str(g.choice(["\t", "\n", "\x0b", "\x0c", "\xa0"]))),
    "sql_comment": lambda t, g: t.replace(" ", "/**/"),
    "fullwidth": lambda t, g: _fullwidth(t),
    "zero_width": lambda t, g: _in_keywords(t, "\u200b"),
    "soft_hyphen": lambda t, g: _after_first(t, "\xad"),
    "null_byte": lambda t, g: _after_first(t, "\x00"),
    "u_escape": lambda t, g: "".join(c if c.isalnum() else f"%u{ord(c):04x}" for c in t),
    "js_escape": lambda t, g: _PUNCTUATION.sub(lambda m: f"\\u{ord(m.group()):04x}", t),
    "homoglyph": lambda t, g: _KEYWORDS.sub(lambda m: m.group()[:1] + m.group()[1:].translate(_LOOKALIKES), t),
    "smart_quote": lambda t, g: _smart(t),
    "overlong": lambda t, g: _overlong(t),
    "plus": lambda t, g: t.replace(" ", "+"),
}
"""Name -> function of a text and a generator."""


def disguise(text: str, generator: np.random.Generator) -> str:
    """`text` under one disguise, drawn at random."""
    names = list(DISGUISES)
    return DISGUISES[names[int(generator.integers(len(names)))]](text, generator)
