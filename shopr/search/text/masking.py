"""Queries without what may name a person: people paste e-mails, card numbers and phones into any box they see.

Rather too much is masked than too little: an article number of seven digits or more goes, too.
"""

from __future__ import annotations

import unicodedata

from shopr.redaction import covered

__all__ = ["LONGEST", "MASK", "masked"]

LONGEST = 100
"""Characters of a query that are kept."""
MASK = "•••"
_READ = 4 * LONGEST


def masked(query: str) -> str:
    """A query as it may be kept: one case, single spaces, secrets masked, bounded.

    >>> masked("Call  +44 20 7946 0958 about the red Kettle")
    'call ••• about the red kettle'
    """
    text = unicodedata.normalize("NFKC", query[:_READ])
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))
    return " ".join(covered(text, MASK).casefold().split())[:LONGEST].strip()
