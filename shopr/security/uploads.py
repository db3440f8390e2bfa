"""Uploads: checked by name, content and size, drawn anew, and stored under random names where no server serves them.

uploads = Uploads(settings.home / "uploads")
stored = uploads.picture(data, "holiday.jpg")     # raises UploadError with a rule and words for the sender
uploads.read(stored.name)
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from shopr.errors import ConfigError, StorageError, UnknownNameError
from shopr.security.clamav import Scanner
from shopr.security.upload_archives import ArchivePolicy, check_zip, gunzipped
from shopr.security.upload_images import ImagePolicy, drawn_anew
from shopr.security.upload_names import UploadError, ending

__all__ = ["StoredUpload", "UploadError", "Uploads", "checked_table"]

_NAME = re.compile(r"[0-9a-f]{32}\.(?:jpeg|png|webp)\Z")
_TABLES = ("csv", "tsv", "txt", "jsonl", "gz", "xlsx")
_MOST_TABLE = 64 * 2**20


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """A file that was taken.

    Attributes:
        name: its random name, by which it is read again.
        format, width, height, bytes: of what is stored.
        sha256: of what is stored.
    """

    name: str
    format: str
    width: int
    height: int
    bytes: int
    sha256: str


class Uploads:
    """Takes uploads into a folder.

    Args:
        folder: where they go; made for its owner alone.
        policy: which pictures are taken.
        scanner: looks for malware in what was sent; None does without.
        served: folders that some server serves: none may hold `folder`.

    Raises:
        ConfigError: if `folder` lies in one of them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        policy: ImagePolicy | None = None,
        scanner: Scanner | None = None,
        served: Iterable[Path] = (),
    ) -> None:
        self._folder, self._policy, self._scanner = folder.absolute(), policy or ImagePolicy(), scanner
        for place in served:
            if self._folder.resolve().is_relative_to(place.resolve()):
                raise ConfigError(
                    f"uploads {folder} lie in {place}, which is served", hint="Choose a folder outside it"
                )

    def picture(self, data: bytes, filename: str) -> StoredUpload:
        """Take a picture.

        Raises:
            UploadError: with the rule that refused it.
            StorageError: if it cannot be stored, or the scanner does not answer: then it is not taken.
        """
        if len(data) > self._policy.bytes_:
            raise UploadError(
                "bytes", f"file of {len(data)} bytes, the bound is {self._policy.bytes_}", hint="Make it smaller"
            )
        suffix = ending(filename)
        _scan(self._scanner, data)
        made = drawn_anew(data, suffix, self._policy)
        name = f"{secrets.token_hex(16)}.{made.format}"
        self._write(name, made.data)
        return StoredUpload(name, made.format, made.width, made.height, len(made.data), sha256(made.data).hexdigest())

    def read(self, name: str) -> bytes:
        """A stored file.

        Raises:
            UnknownNameError: if there is none of that name.
        """
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            raise UnknownNameError("upload", name[:64], ()) from None

    def remove(self, name: str) -> bool:
        """Forget a stored file; whether there was one."""
        with suppress(FileNotFoundError):
            self._path(name).unlink()
            return True
        return False

    def _path(self, name: str) -> Path:
        if not _NAME.match(name):
            raise UnknownNameError("upload", name[:64], ())
        return self._folder / name[:2] / name

    def _write(self, name: str, data: bytes) -> None:
        path = self._path(name)
        try:
            for folder in (self._folder, path.parent):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(data)
        except OSError as error:
            raise StorageError(
                f"upload cannot be stored: {error.strerror}", hint=f"Make {self._folder} writable"
            ) from error


def checked_table(
    data: bytes, filename: str, *, policy: ArchivePolicy | None = None, scanner: Scanner | None = None
) -> bytes:
    """The bytes of an uploaded table, unpacked where it was packed by gzip; a workbook stays as it is.

    Raises:
        UploadError: if it is no text table or workbook, is too large, or would unpack to too much.
    """
    suffix = ending(filename)
    if suffix not in _TABLES:
        raise UploadError("type", f"tables are not taken as .{suffix}", hint=f"Use {', '.join(_TABLES)}")
    if len(data) > _MOST_TABLE:
        raise UploadError("bytes", f"file of {len(data)} bytes, the bound is {_MOST_TABLE}", hint="Send it in parts")
    _scan(scanner, data)
    if suffix == "xlsx":
        names = check_zip(data, policy)
        if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
            raise UploadError("type", "the content is no workbook", hint="Save it as .xlsx")
        if any("vbaproject" in name.lower() or "externallinks/" in name.lower() for name in names):
            raise UploadError("macro", "the workbook holds macros or links to others", hint="Save it as plain .xlsx")
        return data
    text = gunzipped(data, policy) if suffix == "gz" else data
    if b"\0" in text or text[:4].startswith((b"PK\x03\x04", b"\x1f\x8b", b"MZ", b"%PDF", b"\x7fELF")):
        raise UploadError("type", "the content is no text", hint="Send a table as text in UTF-8")
    try:
        text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UploadError("encoding", f"byte {error.start} is not UTF-8", hint="Save the table in UTF-8") from None
    return text


def _scan(scanner: Scanner | None, data: bytes) -> None:
    found = scanner.scan(data) if scanner is not None else None
    if found is not None:
        raise UploadError("malware", "the file holds malware", hint="Clean your device")
