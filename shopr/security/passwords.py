"""Passwords as Argon2id hashes (RFC 9106): slow on purpose, salted, and stored with their own parameters."""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from shopr.errors import InputError

__all__ = ["LEAST", "Passwords"]

LEAST, MOST = 12, 1024
"""Characters of a password: NIST SP 800-63B asks for length, not for kinds of characters."""
_DUMMY = "nobody has this password"


class Passwords:
    """Hashes and verifies passwords.

    Args:
        time_cost, memory_kib, lanes: Argon2id's parameters; by default RFC 9106's second recommendation.
    """

    def __init__(self, *, time_cost: int = 3, memory_kib: int = 65_536, lanes: int = 4) -> None:
        self._hasher = PasswordHasher(time_cost, memory_kib, lanes, type=Type.ID)
        self._nobody = ""

    def hash(self, password: str) -> str:
        """The hash to store.

        Raises:
            InputError: if the password has fewer than 12 or more than 1024 characters.
        """
        text = _normal(password)
        if not LEAST <= len(text) <= MOST:
            raise InputError(
                f"password of {len(text)} characters, the bounds are {LEAST} and {MOST}", hint="Use a few random words"
            )
        return self._hasher.hash(text)

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password fits the hash. Where there is no hash (None), it takes as long and says no."""
        text = _normal(password[: 4 * MOST])
        # Made for whoever comes first, so that not even the first unknown name takes longer than a known one.
        self._nobody = self._nobody or self._hasher.hash(_DUMMY)
        try:
            return self._hasher.verify(stored or self._nobody, text) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters, so that it should be made anew at the next login."""
        return self._hasher.check_needs_rehash(stored)


def _normal(password: str) -> str:
    # The same password typed on another keyboard or system must be the same characters (SP 800-63B, 3.1.1.2).
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode()
