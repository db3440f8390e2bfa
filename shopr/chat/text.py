"""What a shopper sent, made safe to read: bounded, normalised, without markup, controls or hidden characters."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

__all__ = ["MAX_BYTES", "Cleaned", "clean"]

MAX_BYTES = 2048
"""As much of a message as is read; the rest is not looked at, whatever it says."""
_LOOKED_AT = 8 * MAX_BYTES
"""Characters that are normalised at most: compatibility forms may grow, markup may shrink."""
_SCRIPT = re.compile(
    r"<\s*(script|style)\b[^<>]*>[^<]*(<\s*/\s*\1\s*>)?"
    r"|<\s*(iframe|svg|object)\b[^<>]*>([^<]*<\s*/\s*\3\s*>)?",  # what stands behind one left open is the shopper's
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]{0,300}>")
_QUOTED_ROLE = re.compile(r"\[[^\[\]]{0,300}\]|【[^【】]{0,300}】|\{\{[^{}]{0,300}\}\}|\{[^{}]{0,300}\}")
_ROLE = re.compile(r"(?im)^\s*#*\s*(system|assistant|developer|admin)\s*:[^\n.!?]{0,300}")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A message that may be read.

    Attributes:
        text: NFKC, single spaces, no markup, no control, format or private characters.
        truncated: whether the message was longer than what is read.
        markup: whether tags or quoted orders to the assistant were taken out.
    """

    text: str
    truncated: bool
    markup: bool


def clean(message: str) -> Cleaned:
    """Make a message safe to read. Never raises, whatever the message holds."""
    truncated = len(message.encode("utf-8", "ignore")) > MAX_BYTES
    text = unicodedata.normalize("NFKC", message[:_LOOKED_AT])
    text = "".join(" " if c in "\t\r\n\u2028\u2029" else c for c in text if _visible(c))
    bare = _ROLE.sub(" ", _QUOTED_ROLE.sub(" ", _TAG.sub(" ", _SCRIPT.sub(" ", text))))
    short = bare.encode("utf-8", "ignore")[:MAX_BYTES].decode("utf-8", "ignore")
    return Cleaned(_SPACE.sub(" ", short).strip(), truncated, bare != text)


def _visible(character: str) -> bool:
    """Whether a character may stay: no controls (but spaces), format marks, surrogates, private or unassigned ones."""
    if character in "\t\r\n\u2028\u2029":
        return True
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
