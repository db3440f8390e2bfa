"""Archives and packed tables: unpacked with a counter, whatever their heads say about sizes."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict, Field

from shopr.security.upload_names import UploadError

__all__ = ["ArchivePolicy", "check_zip", "gunzipped"]

_CHUNK = 1 << 16
_PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")


class ArchivePolicy(BaseModel):
    """Which archives are taken.

    Attributes:
        entries: files in it.
        bytes_: all of them unpacked.
        ratio: unpacked over packed, above which it is a bomb; small files may be packed better.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: int = Field(2000, ge=1)
    bytes_: int = Field(256 * 2**20, ge=1)
    ratio: float = Field(200.0, ge=1)
    free: int = Field(2**20, ge=0)


def check_zip(data: bytes, policy: ArchivePolicy | None = None) -> list[str]:
    """The names in a ZIP archive, if it is harmless.

    Raises:
        UploadError: if it is no archive, would unpack to too much, or an entry leads out of it, is encrypted, a
        link, or
            an archive itself.
    """
    policy = policy or ArchivePolicy()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > policy.entries:
                raise UploadError("entries", f"archive of {len(entries)} files, the bound is {policy.entries}")
            total = 0
            for entry in entries:
                _check_entry(entry)
                total = _unpack(archive, entry, total, len(data), policy)
            return [entry.filename for entry in entries]
    except UploadError:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError, RuntimeError, KeyError,
            IndexError, OverflowError):  # fmt: skip
        raise UploadError("damaged", "the archive cannot be unpacked", hint="Pack it anew as ZIP") from None


def gunzipped(data: bytes, policy: ArchivePolicy | None = None) -> bytes:
    """What a gzip file holds.

    Raises:
        UploadError: if it is damaged, or would unpack to too much.
    """
    policy = policy or ArchivePolicy()
    out, left = io.BytesIO(), data
    try:
        while left:
            engine = zlib.decompressobj(wbits=31)
            while not engine.eof:
                part = engine.decompress(left, _CHUNK)
                left = engine.unconsumed_tail
                out.write(part)
                _bound(out.tell(), len(data), policy)
                if not part and not left and not engine.eof:
                    raise zlib.error("cut off")
            left = engine.unused_data.lstrip(b"\0")
    except zlib.error:
        raise UploadError("damaged", "the gzip file cannot be unpacked", hint="Pack it anew") from None
    return out.getvalue()


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    path = PurePosixPath(name.replace("\\", "/"))
    if "\0" in entry.orig_filename or path.is_absolute() or ".." in path.parts or ":" in name or len(name) > 1024:
        raise UploadError("path", "an entry of the archive leads out of it", hint="Pack files by plain names")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise UploadError("link", "the archive holds a link", hint="Pack the file itself")
    if entry.flag_bits & 0x1:
        raise UploadError("encrypted", "the archive is encrypted", hint="Pack it without a password")


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, total: int, packed: int, policy: ArchivePolicy) -> int:
    """Read an entry to its end, counting; the new total. Nothing is kept."""
    with archive.open(entry) as stream:
        first = True
        while chunk := stream.read(_CHUNK):
            if first and chunk.startswith(_PACKED):
                raise UploadError("nested", "the archive holds another archive", hint="Unpack that one first")
            first = False
            total += len(chunk)
            _bound(total, packed, policy)
    return total


def _bound(unpacked: int, packed: int, policy: ArchivePolicy) -> None:
    if unpacked > policy.bytes_ or unpacked > max(policy.free, policy.ratio * packed):
        raise UploadError(
            "bomb", f"{packed} bytes unpack to more than {min(unpacked, policy.bytes_)}", hint="Send it in parts"
        )
