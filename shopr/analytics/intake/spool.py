"""The spool: events on disk before anybody calls them received, so that kill -9 loses nothing that was acknowledged.

A folder of segments. Each belongs to one process, which holds a lock on it while it lives; a segment whose lock is free
was left behind and is taken over by whoever comes first. A record is its length, the CRC-32 of its bytes and its bytes:
a torn record at the end was never acknowledged and is passed over. Written means handed to the kernel, which survives
the process; `synchronous` asks for the disk as well, which survives a power cut.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from shopr.errors import StorageError

__all__ = ["Segment", "Spool"]

_HEAD = struct.Struct("<II")
_SUFFIX = ".spool"
_LONGEST = 1 << 26
"""Bytes of a record at most: a longer length is a damaged head."""


@dataclass
class Segment:
    """One file of the spool, locked by this process.

    Attributes:
        path: the file.
        handle: its descriptor, which holds the lock.
    """

    path: Path
    handle: int

    def records(self) -> Iterator[bytes]:
        """The records in order, up to the first that is torn or damaged."""
        size = os.fstat(self.handle).st_size
        at = 0
        while at + _HEAD.size <= size:
            length, check = _HEAD.unpack(os.pread(self.handle, _HEAD.size, at))
            at += _HEAD.size
            if length > _LONGEST or at + length > size:
                return
            record = os.pread(self.handle, length, at)
            if zlib.crc32(record) != check:
                return
            yield record
            at += length

    def done(self) -> None:
        """Everything in it is stored elsewhere: remove it."""
        with suppress(FileNotFoundError):
            self.path.unlink()
        os.close(self.handle)

    def release(self) -> None:
        """Leave it to another process."""
        os.close(self.handle)


class Spool:
    """The spool of one process; the caller sees to it that one thread writes at a time.

    Args:
        folder: made where it does not exist, readable by its owner alone: events are personal data.
        synchronous: wait for the disk at each write.

    Raises:
        StorageError: if the folder cannot be written.
    """

    def __init__(self, folder: Path, *, synchronous: bool = False) -> None:
        self.folder, self._synchronous = folder, synchronous
        self._segment: Segment | None = None
        self._size, self._owner = 0, os.getpid()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise self._refused(error) from error

    @property
    def size(self) -> int:
        """Bytes of the current segment."""
        return self._size

    def write(self, records: Iterable[bytes]) -> None:
        """Append records to the current segment: all of them or none.

        Raises:
            StorageError: if the disk refuses; what was acknowledged before stays.
        """
        block = b"".join([_HEAD.pack(len(r), zlib.crc32(r)) + r for r in records])
        if self._owner != os.getpid():  # after a fork the segment is the parent's
            self._segment, self._size, self._owner = None, 0, os.getpid()
        try:
            segment = self._segment or self._begin()
            written = os.write(segment.handle, block)
            while written < len(block):  # a full disk takes a part and refuses the rest
                written += os.write(segment.handle, block[written:])
            if self._synchronous:
                os.fsync(segment.handle)
        except OSError as error:
            if self._segment is not None:
                with suppress(OSError):
                    os.ftruncate(self._segment.handle, self._size)
            raise self._refused(error) from error
        self._size += len(block)

    def cut(self) -> Segment | None:
        """End the current segment and hand it over; None if nothing was written to it."""
        segment, size = self._segment, self._size
        self._segment, self._size = None, 0
        if segment is not None and size == 0:
            segment.done()
            return None
        return segment

    def orphans(self) -> Iterator[Segment]:
        """Segments that processes which are gone left behind, each locked by this one now."""
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            if self._segment is not None and path == self._segment.path:
                continue
            try:
                handle = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue
            if not _locked(handle) or os.fstat(handle).st_nlink == 0:  # its owner lives, or it was just done
                os.close(handle)
                continue
            yield Segment(path, handle)

    def _begin(self) -> Segment:
        while True:
            path = self.folder / f"{os.getpid()}-{uuid4().hex}{_SUFFIX}"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            # Between the two calls somebody who looks for orphans may have taken it for one: then begin another.
            if _locked(handle) and os.fstat(handle).st_nlink == 1:
                self._segment, self._size = Segment(path, handle), 0
                return self._segment
            os.close(handle)

    def _refused(self, error: OSError) -> StorageError:
        return StorageError(
            f"the spool {self.folder} cannot be written: {error.strerror}",
            hint="Free some space or make the folder writable; events are refused, not lost in silence",
        )


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
