"""Master keys in a file: made on first use with mode 0600, followed while other processes rotate it.

The file lies in `keys/` below SHOPR_HOME, apart from the data: a backup of one without the other is no use to a thief.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.errors import ConfigError, InputError, StorageError
from shopr.security.crypto_keyring import KEYS_VARIABLE, Keyring, MasterKey, checked, new_key

__all__ = ["FileKeyring", "keyring_file", "keyring_of", "keys_folder"]

_VERSION = 1


class FileKeyring(Keyring):
    """Master keys in a file that its owner alone may read, made on first use.

    Other processes may rotate it: a key that is not known here is looked for in the file again.

    Args:
        path: of the file; its folder is made.

    Raises:
        ConfigError: if others may read the file, or it is no keyring.
        StorageError: if it cannot be read or made.
    """

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        self.path, self._clock, self._lock = path, clock or SystemClock(), threading.Lock()
        if not path.exists():
            self._create()
        super().__init__(_read(path))
        self._stamp = self._state_of_file()

    def active(self) -> str:
        """Id of the key that wraps, as the file says now."""
        self._follow()
        return super().active()

    @property
    def keys(self) -> tuple[MasterKey, ...]:
        """All keys, oldest first, as the file says now."""
        self._follow()
        return super().keys

    def wrap(self, key: bytes) -> tuple[str, bytes]:
        """`key` wrapped by the active master key, and that key's id."""
        self._follow()
        return super().wrap(key)

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """As the keyring in memory; a destroyed key is destroyed for every process at once."""
        self._follow()
        return super().unwrap(key_id, wrapped)

    def rotate(self) -> str:
        """Make a new active key and retire the one before; its id. Nothing stops working in between."""

        def turned(keys: tuple[MasterKey, ...]) -> tuple[MasterKey, ...]:
            old = tuple(
                MasterKey(k.id, k.secret, "retired" if k.state == "active" else k.state, k.created) for k in keys
            )
            return (*old, new_key(self._clock))

        self._change(turned)
        return self.active()

    def destroy(self, key_id: str) -> None:
        """Forget a retired key's secret; its id stays known as destroyed.

        Raises:
            InputError: if there is no such key, or it is the active one.
        """
        found = next((key for key in self.keys if key.id == key_id), None)
        if found is None or found.state == "active":
            raise InputError(
                f"key {key_id!r} is {'active' if found else 'not on this keyring'}", hint="Destroy a retired key"
            )
        self._change(
            lambda keys: tuple(MasterKey(k.id, b"", "destroyed", k.created) if k.id == key_id else k for k in keys)
        )

    def _change(self, step: Callable[[tuple[MasterKey, ...]], tuple[MasterKey, ...]]) -> None:
        # Two processes that rotate at once must not lose each other's key: a lock file, held for one rewrite.
        with self._lock, _locked(self.path.with_suffix(".lock")):
            after = checked(step(_read(self.path)))
            _write(self.path, after, replace=True)
            self._keys, self._stamp = after, self._state_of_file()

    def _create(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(self.path, (new_key(self._clock),), replace=False)
        except OSError as error:
            raise StorageError(
                f"keyring {self.path} cannot be made: {error.strerror}", hint="Make its folder writable"
            ) from error

    def _follow(self) -> None:
        stamp = self._state_of_file()
        if stamp != self._stamp:
            with self._lock:
                self._keys, self._stamp = checked(_read(self.path)), stamp

    def _state_of_file(self) -> tuple[int, int, int]:
        try:
            found = self.path.stat()
        except OSError as error:
            raise StorageError(
                f"keyring {self.path} cannot be read: {error.strerror}",
                hint="Restore the folder of keys from its backup",
            ) from error
        return found.st_ino, found.st_mtime_ns, found.st_size


def keys_folder(settings: Settings) -> Path:
    """Where keys and tombstones of erased keys lie: apart from the data, to be backed up apart."""
    return settings.home / "keys"


def keyring_file(settings: Settings) -> Path:
    """Where the keyring's file is, whether it exists or not."""
    return keys_folder(settings) / "keyring.json"


def keyring_of(settings: Settings) -> Keyring:
    """The master keys of this installation: SHOPR_KEYS where it is set, else the file in `keys/`.

    Raises:
        ConfigError: if they cannot be read, or in production no key was given and none was made before.
    """
    if os.environ.get(KEYS_VARIABLE, "").strip():
        return Keyring.from_environment()
    path = keyring_file(settings)
    if settings.posture.require_secrets and not path.exists():
        raise ConfigError(
            f"there is no keyring at {path}, and {settings.environment.value} makes up none",
            hint=f"Set {KEYS_VARIABLE}, or run 'shopr keys create' once",
        )
    return FileKeyring(path)


def _read(path: Path) -> tuple[MasterKey, ...]:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"keyring {path} cannot be read: {error.strerror}", hint="Restore the folder of keys from its backup"
        ) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            f"keyring {path} may be read by others (mode {mode & 0o777:o})", hint=f"Run: chmod 600 {path}"
        )
    try:
        rows = json.loads(text)["keys"]
        return tuple(
            MasterKey(row["id"], base64.b64decode(row["secret"], validate=True), row["state"], row["created"])
            for row in rows
        )
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{path} is no keyring", hint="Restore it from the backup of the folder of keys") from None


def _write(path: Path, keys: tuple[MasterKey, ...], *, replace: bool) -> None:
    """Write the whole file beside its place, then put it there at once; without `replace` whoever came first stays."""
    rows = [
        {"id": k.id, "secret": base64.b64encode(k.secret).decode(), "state": k.state, "created": k.created}
        for k in keys
    ]
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".keyring-")  # mode 0600 from the start
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(json.dumps({"version": _VERSION, "keys": rows}, indent=1))
            out.flush()
            os.fsync(out.fileno())
        if replace:
            Path(name).replace(path)
        else:
            with suppress(FileExistsError):
                os.link(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


class _locked:  # noqa: N801 - reads as a verb where it is used
    """Holds an exclusive lock on a file; other processes wait."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        with suppress(ImportError):
            import fcntl

            fcntl.flock(self._handle, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)
