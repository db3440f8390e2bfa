"""The cipher's building blocks: AES-256-GCM, key wrap, key derivation. Nothing here keeps a state that could repeat.

- AES-256-GCM (NIST SP 800-38D) with 96-bit nonces and 128-bit tags alone: other sizes are refused, not adapted.
- AES-KWP (RFC 5649) wraps keys by keys; it needs no nonce, so a master key may wrap any number of them.
- HKDF-SHA-256 (RFC 5869) derives keys of one purpose from a key of another.
- Record keys are hedged: they come from the system's random numbers *and* from what they will protect. Should a virtual
  machine be restored from a snapshot and draw the same numbers again, another text still gets another key.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)

from shopr.errors import InputError, SecurityError

__all__ = [
    "KEY_BYTES",
    "NONCE_BYTES",
    "TAG_BYTES",
    "Random",
    "derive",
    "joined",
    "open_sealed",
    "record_key",
    "seal",
    "unwrap",
    "wrap",
]

KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
MOST_BYTES = 64 * 2**20
"""Bytes that one record may hold: far below GCM's bound of 64 GiB, far above any text of ours."""
MOST_DERIVED = 255 * 32
Random = Callable[[int], bytes]
"""Gives that many random bytes; the system's own in earnest."""


def seal(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """The ciphertext with its tag.

    Raises:
        InputError: if the key has not 256 bits, the nonce not 96, or the text is too long.
    """
    _check(key, nonce)
    if len(plaintext) > MOST_BYTES:
        raise InputError(f"text of {len(plaintext)} bytes, the bound is {MOST_BYTES}", hint="Split it into records")
    return AESGCM(key).encrypt(nonce, plaintext, associated)


def open_sealed(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    """The plaintext of `seal`.

    Raises:
        InputError: if the key has not 256 bits or the nonce not 96.
        SecurityError: if text, tag, nonce, key or associated data are not those it was sealed with.
    """
    _check(key, nonce)
    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except (InvalidTag, ValueError, OverflowError):
        raise SecurityError(
            f"a sealed text of {len(sealed)} bytes is not what was sealed here",
            hint="It was altered, cut off, or moved from another record; restore it from a backup",
        ) from None


def wrap(key: bytes, other: bytes) -> bytes:
    """`other` wrapped by `key` (AES-KWP); 8 bytes longer than `other`, rounded up to blocks of 8.

    Raises:
        InputError: if the wrapping key has not 256 bits, or there is nothing to wrap.
    """
    if len(key) != KEY_BYTES or not other:
        raise InputError(f"wrapping key of {len(key)} bytes around {len(other)}", hint=f"Give {KEY_BYTES}-byte keys")
    return aes_key_wrap_with_padding(key, other)


def unwrap(key: bytes, wrapped: bytes) -> bytes:
    """What `wrap` wrapped.

    Raises:
        InputError: if the wrapping key has not 256 bits.
        SecurityError: if it was altered, or wrapped by another key.
    """
    if len(key) != KEY_BYTES:
        raise InputError(f"wrapping key of {len(key)} bytes", hint=f"Give {KEY_BYTES} bytes")
    try:
        return aes_key_unwrap_with_padding(key, wrapped)
    except (InvalidUnwrap, ValueError):
        raise SecurityError(
            f"a wrapped key of {len(wrapped)} bytes does not fit the key that should unwrap it",
            hint="It was altered or wrapped by another key; restore it from a backup",
        ) from None


def derive(key: bytes, purpose: bytes, *, salt: bytes = b"", length: int = KEY_BYTES) -> bytes:
    """A key of `length` bytes for one purpose (HKDF-SHA-256).

    Raises:
        InputError: if `length` is outside 1 … 8160.
    """
    if not 1 <= length <= MOST_DERIVED:
        raise InputError(f"a derived key of {length} bytes", hint=f"Ask for 1 to {MOST_DERIVED} bytes")
    return HKDF(SHA256(), length, salt or None, purpose).derive(key)


def record_key(hedge: bytes, plaintext: bytes, associated: bytes, random: Random = os.urandom) -> bytes:
    """A key for one record, fresh by the system's random numbers and, should those repeat, by what it protects.

    Args:
        hedge: a secret that no one else has.
    """
    drawn = random(KEY_BYTES)
    return hmac.digest(hedge, joined(drawn, associated, sha256(plaintext).digest()), "sha256")


def joined(*parts: bytes) -> bytes:
    """The parts as one string that no other parts give: each follows its length."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _check(key: bytes, nonce: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise InputError(f"key of {8 * len(key)} bits", hint="AES-256-GCM takes 256 bits")
    if len(nonce) != NONCE_BYTES:
        raise InputError(f"nonce of {8 * len(nonce)} bits", hint="Only 96-bit nonces are taken")
