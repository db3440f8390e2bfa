"""Queries without what may name a person: people paste e-mails, card numbers and phones into any box they see.

Rather too much is masked than too little: an article number of seven digits or more goes, too.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["LONGEST", "MASK", "masked"]

LONGEST = 100
"""Characters of a query that are kept."""
MASK = "•••"
_READ = 4 * LONGEST
_SECRETS = (
    re.compile(r"\S*@\S*"),
    re.compile(r"\bhttps?://\S*|\bwww\.\S*", re.IGNORECASE),
    re.compile(r"\b[A-Za-z]{2}\d{2}(?:\s?[A-Za-z0-9]{4}){2,}(?:\s?[A-Za-z0-9]{1,4})?\b"),
    # Seven digits or more, with what people put between them: phones, cards, accounts, order numbers.
    re.compile(r"\+?\(?\d(?:[\s().\-/]{0,2}\d){6,}"),
    # Codes of fourteen signs or more that mix letters and digits: IBANs, tokens.
    re.compile(r"\b(?=[^\W\d_]*\d)(?=\d*[^\W\d_])\w{14,}\b"),
)


def masked(query: str) -> str:
    """A query as it may be kept: one case, single spaces, secrets masked, bounded.

    >>> masked("Call  +44 20 7946 0958 about the red Kettle")
    'call ••• about the red kettle'
    """
    text = unicodedata.normalize("NFKC", query[:_READ])
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))
    for secret in _SECRETS:
        text = secret.sub(MASK, text)
    return " ".join(text.casefold().split())[:LONGEST].strip()
