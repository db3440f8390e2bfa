"""Master keys: in memory, read from the environment, or held by a key service; `crypto_keyfile` keeps them in a file.

A master key wraps data keys and nothing else, so that it can be rotated by wrapping those few rows anew while records
stay as they are. A retired key still unwraps; a destroyed one does not, and says so.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, Self, runtime_checkable

from shopr.clock import Clock, SystemClock
from shopr.errors import ConfigError, SecurityError
from shopr.security.crypto_aead import KEY_BYTES, unwrap, wrap

__all__ = ["KEYS_VARIABLE", "KeyService", "Keyring", "MasterKey", "State", "checked", "new_key"]

KEYS_VARIABLE = "SHOPR_KEYS"
"""`id:base64,id:base64`, the active key first; instead of a file, where a platform hands secrets over this way."""
State = Literal["active", "retired", "destroyed"]
_ID = re.compile(r"^[A-Za-z0-9_.-]{1,64}\Z")


@runtime_checkable
class KeyService(Protocol):
    """Whoever wraps and unwraps data keys: a keyring here, or a key management service elsewhere."""

    def active(self) -> str:
        """Id of the master key that wraps new data keys."""

    def wrap(self, key: bytes) -> tuple[str, bytes]:
        """`key` wrapped by the active master key, and that key's id."""

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """What the master key `key_id` wrapped.

        Raises:
            SecurityError: if there is no such key (any more), or the bytes are not what it wrapped.
        """


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One master key.

    Attributes:
        id: its name, no secret.
        secret: 32 bytes; none of a destroyed key.
        state: active (wraps and unwraps), retired (unwraps), destroyed.
        created: ISO 8601, "" where nobody knows.
    """

    id: str
    secret: bytes = field(repr=False)
    state: State = "active"
    created: str = ""

    def __post_init__(self) -> None:
        if not _ID.match(self.id):
            raise ConfigError(f"key id {self.id[:80]!r}", hint="Use 1 to 64 letters, digits, '_', '.' or '-'")
        if len(self.secret) != (0 if self.state == "destroyed" else KEY_BYTES):
            raise ConfigError(
                f"master key {self.id!r} has {len(self.secret)} bytes", hint=f"Give {KEY_BYTES} bytes in Base64"
            )


class Keyring:
    """Master keys in memory; the base of those in files.

    Args:
        keys: exactly one of them active.

    Raises:
        ConfigError: if none or several are active, or two have one id.
    """

    def __init__(self, keys: tuple[MasterKey, ...]) -> None:
        self._keys = checked(keys)

    @classmethod
    def generate(cls, *, clock: Clock | None = None) -> Self:
        """One new key, in memory: for trying things out."""
        return cls((new_key(clock or SystemClock()),))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The keys of SHOPR_KEYS, the first of them active, the others retired.

        Raises:
            ConfigError: if it is not set, or no such list. The message repeats no part of it.
        """
        value = (os.environ if environ is None else environ).get(KEYS_VARIABLE, "").strip()
        hint = "Write id:base64,id:base64 with 32-byte keys, the active one first"
        if not value:
            raise ConfigError(f"{KEYS_VARIABLE} is not set", hint=hint)
        keys = []
        for place, part in enumerate(value.split(",")):
            name, _, secret = part.strip().partition(":")
            try:
                raw = base64.b64decode(secret, validate=True)
                keys.append(MasterKey(name, raw, "retired" if place else "active"))
            except (binascii.Error, ConfigError):
                raise ConfigError(f"key {place + 1} of {KEYS_VARIABLE} cannot be read", hint=hint) from None
        return cls(tuple(keys))

    def active(self) -> str:
        """Id of the key that wraps."""
        return next(key.id for key in self._keys if key.state == "active")

    @property
    def keys(self) -> tuple[MasterKey, ...]:
        """All keys, oldest first."""
        return self._keys

    def wrap(self, key: bytes) -> tuple[str, bytes]:
        """`key` wrapped by the active master key, and that key's id."""
        current = next(known for known in self._keys if known.state == "active")
        return current.id, wrap(current.secret, key)

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """What the master key `key_id` wrapped.

        Raises:
            SecurityError: if there is no such key (any more), or the bytes are not what it wrapped.
        """
        found = self._find(key_id)
        if found is None:
            raise SecurityError(
                f"master key {key_id!r} is not on this keyring",
                hint="Restore the folder of keys that belongs to these data, or add the key to SHOPR_KEYS",
            )
        if found.state == "destroyed":
            raise SecurityError(f"master key {key_id!r} was destroyed", hint="What only it unlocks is gone for good")
        return unwrap(found.secret, wrapped)

    def _find(self, key_id: str) -> MasterKey | None:
        return next((key for key in self._keys if key.id == key_id), None)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key.id}: {key.state}' for key in self._keys)})"


def new_key(clock: Clock) -> MasterKey:
    """A new active key; its id tells the day."""
    now = clock.now()
    return MasterKey(f"k{now:%Y%m%d}-{os.urandom(4).hex()}", os.urandom(KEY_BYTES), "active", now.isoformat())


def checked(keys: tuple[MasterKey, ...]) -> tuple[MasterKey, ...]:
    """The keys, if they make a keyring.

    Raises:
        ConfigError: if not exactly one of them is active, or two have one id.
    """
    active = sum(key.state == "active" for key in keys)
    if active != 1:
        raise ConfigError(f"{active} of {len(keys)} master keys are active", hint="Let exactly one be active")
    if len({key.id for key in keys}) != len(keys):
        raise ConfigError("two master keys have the same id", hint="Give each key an id of its own")
    return keys
