"""Encryption of what the shop knows of people: `cipher.encrypt(text, table=…, row=…, subject=…)` and `decrypt`.

Every record has a key of its own, wrapped by its person's data key, which a master key wraps. The envelope, as text:

    e1.<Base64url of: version 1 | data key's id 16 | wrapped record key 40 | nonce 12 | ciphertext | tag 16>

Table, row and person are bound as associated data: an envelope that is moved to another row, or whose head is changed,
does not open. Erasing the person's data key makes every record unreadable, in backups too.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

from shopr.clock import Clock
from shopr.config import Settings
from shopr.errors import SecurityError
from shopr.security.crypto_aead import (
    KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    Random,
    derive,
    joined,
    open_sealed,
    record_key,
    seal,
    unwrap,
    wrap,
)
from shopr.security.crypto_datakeys import DataKeys, Tombstones
from shopr.security.crypto_keyfile import keyring_of, keys_folder
from shopr.security.crypto_keyring import KeyService
from shopr.storage.database import Database
from shopr.storage.subjects import digest

__all__ = ["PREFIX", "Cipher", "Envelope", "TextCipher"]

VERSION = 1
PREFIX = "e1."
_ID, _WRAPPED = 16, KEY_BYTES + 8
_HEAD = 1 + _ID + _WRAPPED + NONCE_BYTES


@runtime_checkable
class TextCipher(Protocol):
    """What a store of personal texts takes: chat memory, profiles, feedback."""

    def encrypt(self, text: str, *, table: str, row: str, subject: str) -> str:
        """The text as an envelope that opens only with the same table, row and subject."""

    def decrypt(self, token: str, *, table: str, row: str, subject: str) -> str:
        """The text of an envelope.

        Raises:
            SecurityError: if it was altered or moved, or its key is gone.
        """


@dataclass(frozen=True, slots=True)
class Envelope:
    """The parts of an envelope.

    Attributes:
        key_id: of the data key, 32 hexadecimal digits.
        wrapped: the record's key, wrapped by it.
        nonce: 96 bits.
        sealed: ciphertext and tag.
    """

    key_id: str
    wrapped: bytes
    nonce: bytes
    sealed: bytes

    def text(self) -> str:
        """The envelope as it is stored."""
        body = bytes([VERSION]) + bytes.fromhex(self.key_id) + self.wrapped + self.nonce + self.sealed
        return PREFIX + base64.urlsafe_b64encode(body).decode().rstrip("=")

    @classmethod
    def parse(cls, token: str) -> Self:
        """The parts of a stored envelope.

        Raises:
            SecurityError: if it is none, was cut off, or is of another version.
        """
        hint = "It was altered or cut off; restore it from a backup"
        if not token.startswith(PREFIX):
            raise SecurityError(f"a text of {len(token)} characters is no envelope of version {VERSION}", hint=hint)
        body = token.removeprefix(PREFIX)
        try:
            raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise SecurityError("an envelope is not Base64", hint=hint) from None
        if len(raw) < _HEAD + TAG_BYTES or raw[0] != VERSION:
            raise SecurityError(f"an envelope of {len(raw)} bytes is cut off or of another version", hint=hint)
        made = cls(
            raw[1 : 1 + _ID].hex(), raw[1 + _ID : 1 + _ID + _WRAPPED], raw[_HEAD - NONCE_BYTES : _HEAD], raw[_HEAD:]
        )
        if made.text() != token:  # unused bits of the last character, padding: one envelope has one spelling
            raise SecurityError("an envelope is spelt in another way than it was written", hint=hint)
        return made


class Cipher:
    """Encrypts and decrypts texts under the keys of their persons.

    Args:
        keys: the data keys.
        random: where random bytes come from.
    """

    def __init__(self, keys: DataKeys, *, random: Random = os.urandom) -> None:
        self.keys, self._random = keys, random

    @classmethod
    def open(
        cls, settings: Settings, database: Database, *, masters: KeyService | None = None, clock: Clock | None = None
    ) -> Self:
        """The cipher of an installation.

        Args:
            masters: a key management service; by default SHOPR_KEYS, else the keyring in `keys/`.

        Raises:
            ConfigError: if the keyring cannot be read.
        """
        tombstones = Tombstones(keys_folder(settings) / "erased.txt")
        keys = DataKeys(database, masters or keyring_of(settings), tombstones, clock=clock)
        keys.settle()
        return cls(keys)

    def encrypt(self, text: str, *, table: str, row: str, subject: str) -> str:
        """The text as an envelope that opens only with the same table, row and subject.

        Args:
            row: the row's key, as text.
            subject: the person's user id (or session id); "" for texts about nobody.
        """
        key = self.keys.current(subject)
        plaintext = text.encode("utf-8", "surrogatepass")
        place = _place(table, row, subject)
        record = record_key(derive(key.secret, b"shopr hedge"), plaintext, place, self._random)
        wrapped = wrap(key.secret, record)
        nonce = self._random(NONCE_BYTES)
        sealed = seal(record, nonce, plaintext, _associated(key.id, wrapped, place))
        return Envelope(key.id, wrapped, nonce, sealed).text()

    def decrypt(self, token: str, *, table: str, row: str, subject: str) -> str:
        """The text of an envelope.

        Raises:
            SecurityError: if it was altered, cut off or moved, or its key was erased or never was here.
        """
        envelope = Envelope.parse(token)
        key = self.keys.by_id(envelope.key_id)
        if key.subject != digest(subject):
            raise SecurityError(
                "an envelope was sealed for another person",
                hint="It was moved between rows; restore both from a backup",
            )
        record = unwrap(key.secret, envelope.wrapped)
        associated = _associated(envelope.key_id, envelope.wrapped, _place(table, row, subject))
        return open_sealed(record, envelope.nonce, envelope.sealed, associated).decode("utf-8", "surrogatepass")

    def is_current(self, token: str) -> bool:
        """Whether an envelope is under the key that encrypts now, so that it need not be encrypted anew."""
        return self.keys.by_id(Envelope.parse(token).key_id).current


def _place(table: str, row: str, subject: str) -> bytes:
    return joined(*(part.encode("utf-8", "surrogatepass") for part in (table, row, subject)))


def _associated(key_id: str, wrapped: bytes, place: bytes) -> bytes:
    return joined(bytes([VERSION]), bytes.fromhex(key_id), wrapped, place)
