"""Personal data and secrets taken out of texts that are kept: e-mail addresses, cards, accounts, phones, tokens.

For logs, the audit log, the search log, analytics and whatever leaves the house: what a shopper typed is looked at
before it is written down. `redact` takes out what is surely such a thing, each find a word in brackets; `covered` takes
out rather too much, for texts of which only the rest matters. Every pattern is bounded, so that the time grows with the
length of the text alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Redaction", "covered", "is_card", "is_iban", "names_a_person", "redact", "redact_values", "redacted",
    "suspect",
]  # fmt: skip

_MOST = 100_000
"""Characters that are looked at; the rest is cut off rather than kept unseen."""
_SUSPECT = re.compile(
    r"@|\d{4}|(?:\d\W{0,3}){7}|pass|pwd|secret|token|key|cookie|bearer|basic|cv[vc]|\bpin\b|eyJ|xox|gh[pousr]_|akia|[\w+/=-]{32}",
    re.IGNORECASE,
)
_PERSON = re.compile(r"@|^\+?\d[\d ()/-]{8,}$")
_WIDE = (
    re.compile(r"\S*@\S*"),
    re.compile(r"\bhttps?://\S*|\bwww\.\S*", re.IGNORECASE),
    re.compile(r"\b[A-Za-z]{2}\d{2}(?:\s?[A-Za-z0-9]{4}){2,}(?:\s?[A-Za-z0-9]{1,4})?\b"),
    # Seven digits or more, with what people put between them: phones, cards, accounts, order numbers.
    re.compile(r"\+?\(?\d(?:[\s().\-/]{0,2}\d){6,}"),
    # Codes of fourteen signs or more that mix letters and digits: IBANs, tokens.
    re.compile(r"\b(?=[^\W\d_]*\d)(?=\d*[^\W\d_])\w{14,}\b"),
)
_SECRET_NAME = re.compile(
    r"pass(?:word|wd|phrase)?|secret|token|api[_-]?key|authori[sz]ation|cookie|session[_-]?id|csrf|credential|private[_-]?key"
    r"|cvv|cvc|\bpin\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Redaction:
    """A text without what it should not tell.

    Attributes:
        text: with a word in brackets for each find.
        found: kind -> how often.
    """

    text: str
    found: Mapping[str, int] = field(default_factory=dict)


def suspect(text: str) -> bool:
    """Whether a text may hold anything that `redact` would take out; told quickly, and rather too often."""
    return _SUSPECT.search(text) is not None


def names_a_person(text: str) -> bool:
    """Whether an id is an e-mail address or a telephone number."""
    return _PERSON.search(text) is not None


def covered(text: str, mask: str) -> str:
    """The text with everything masked that may name a person: whatever has an @ in it, addresses of pages, codes, and
    every run of seven digits or more, an article number as well as a phone."""
    for pattern in _WIDE:
        text = pattern.sub(mask, text)
    return text


def redact(text: str) -> str:
    """The text without personal data and secrets."""
    return redacted(text).text


def redacted(text: str) -> Redaction:
    """The text without personal data and secrets, and what was found."""
    cut = text[:_MOST]
    plain = _ascii_digits(cut)
    # Patterns are looked for in a copy with plain digits of the same length, and cut out of the text itself.
    found: Counter[str] = Counter()
    for kind, pattern, accept in _PATTERNS:
        pieces, last = [], 0
        for match in pattern.finditer(plain):
            start, end = match.span(match.lastgroup or 0)
            if start < last or not accept(match.group(match.lastgroup or 0)):
                continue
            pieces += [(cut[last:start], plain[last:start]), (f"[{kind}]",) * 2]
            found[kind] += 1
            last = end
        if pieces:
            pieces.append((cut[last:], plain[last:]))
            cut, plain = ("".join(piece[side] for piece in pieces) for side in (0, 1))
    if len(text) > _MOST:
        cut += f"[{len(text) - _MOST} characters]"
    return Redaction(cut, dict(found))


def redact_values(value: Any, *, depth: int = 8) -> Any:
    """Texts inside lists and mappings redacted; whatever is called password, token or the like goes altogether."""
    if isinstance(value, str):
        return redact(value)
    if depth == 0:
        return "[too deep]"
    if isinstance(value, Mapping):
        return {
            redact(str(key)): "[secret]" if _SECRET_NAME.search(str(key)) else redact_values(item, depth=depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_values(item, depth=depth - 1) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else redact(str(value))


def is_card(text: str) -> bool:
    """Whether the digits of a text are a payment card's: 13 to 19 of them, a network's first digit, Luhn's check."""
    digits = [int(c) for c in text if c.isdecimal()]
    if not 13 <= len(digits) <= 19 or digits[0] not in (2, 3, 4, 5, 6) or len(set(digits)) < 2:
        return False
    doubled = sum(sum(divmod(2 * d, 10)) for d in digits[-2::-2])
    return (doubled + sum(digits[-1::-2])) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether a text is an international bank account number (ISO 13616)."""
    bare = "".join(text.split()).upper()
    if not 15 <= len(bare) <= 34 or not bare.isascii() or not bare.isalnum():
        return False
    return int("".join(str(int(c, 36)) for c in bare[4:] + bare[:4])) % 97 == 1


def _is_phone(text: str) -> bool:
    digits = sum(c.isdecimal() for c in text)
    return 9 <= digits <= 15 if text.lstrip(" (").startswith("0") else 10 <= digits <= 15 or text.startswith("+")


def _is_random(text: str) -> bool:
    """Whether a long word looks drawn at random: letters and digits mixed, few of them alike."""
    kinds = (any(c.isdigit() for c in text), any(c.islower() for c in text), any(c.isupper() for c in text))
    return sum(kinds) >= 2 and kinds[0] and len(set(text)) >= 10


def _always(text: str) -> bool:
    return True


# In this order: what contains other finds comes first.
_PATTERNS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("key", re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,8000}(?:-----END [A-Z ]{0,30}-----)?"), _always),
    ("token", re.compile(r"\beyJ[\w-]{5,2000}\.[\w-]{2,4000}(?:\.[\w-]{0,2000})?"), _always),
    ("token", re.compile(r"\b(?:[sp]k_\w{8,200}|gh[pousr]_\w{20,255}|AKIA[A-Z0-9]{16})\b"), _always),
    ("token", re.compile(r"\b(?:xox[abprs]-[\w-]{10,200}|e1\.[\w-]{80,})"), _always),
    ("secret", re.compile(r"(?i)\b(?:bearer|basic)[ \t]+(?P<s>[\w.~+/=-]{8,2000})"), _always),
    ("secret", re.compile(r"(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s/@:]{0,100}:(?P<s>[^\s/@]{1,200})@"), _always),
    (
        "secret",
        re.compile(
            r"(?i)\b(?:password|passwd|passphrase|pwd|secret|api[_-]?key|access[_-]?token|token|cvv|cvc|pin)\b"
            r"[\"']?\s{0,3}(?:[:=]|\bis\b)\s{0,3}[\"']?(?P<s>[^\s\"',;&]{3,200})"
        ),
        _always,
    ),
    ("e-mail", re.compile(r"[\w.!#$%'*+~-]{1,64}@(?:[\w-]{1,63}\.){1,5}[^\W\d_]{2,24}\b"), _always),
    ("account", re.compile(r"\b[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?\b"), is_iban),
    ("card", re.compile(r"(?<![\w.])\d(?:[ .\u00a0\u2010-\u2015-]?\d){12,18}(?!\w)"), is_card),
    ("phone", re.compile(r"(?<![\w.,/-])\+\d{1,3}(?:[ .()/\u00a0\u2010-\u2015-]{0,2}\d){6,13}(?![\w])"), _is_phone),
    ("phone", re.compile(r"(?<![\w.,/-])\(?0\d{1,5}\)?(?:[ ./\u00a0\u2010-\u2015-]?\d){5,11}(?![\w])"), _is_phone),
    ("phone", re.compile(r"(?<![\w.,/-])(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])"), _is_phone),
    ("token", re.compile(r"(?<![\w/+=-])[0-9a-fA-F]{32,200}(?![\w/+=-])"), _is_random),
    ("token", re.compile(r"(?<![\w/+=.-])[\w+/=-]{40,400}(?![\w/+=-])"), _is_random),
)


def _ascii_digits(text: str) -> str:
    if text.isascii():
        return text
    return "".join(c if c.isascii() or not c.isdecimal() else str(unicodedata.decimal(c)) for c in text)
