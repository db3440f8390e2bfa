"""Ids that name a person: an e-mail address or a telephone number never stands in an event, a stand-in does.

Whoever looks a person up, to copy, erase or link what is theirs, has to look for the stand-in as well.
"""

from __future__ import annotations

from hashlib import blake2b

from shopr.redaction import names_a_person

__all__ = ["private_id", "pseudonym"]


def private_id(given: str | None) -> str | None:
    """An id of a user or session, or its stand-in where it is an e-mail address or a telephone number."""
    return given if given is None or not names_a_person(given) else pseudonym(given)


def pseudonym(given: str) -> str:
    """A stable stand-in for an id that is an e-mail address or a telephone number."""
    return f"p-{blake2b(given.strip().lower().encode('utf-8', 'surrogatepass'), digest_size=12).hexdigest()}"
