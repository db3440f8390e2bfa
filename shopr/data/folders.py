"""Writing a folder or a file whole or not at all: what was there before stays until the new one is complete."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from shopr.errors import StorageError

__all__ = ["carry", "recover", "replaced", "replaced_file", "storage_error", "to_disk"]

_HINTS = {
    errno.ENOSPC: ("the disk is full", "Free some space and run it again; what was stored before is intact"),
    errno.EDQUOT: ("the disk quota is used up", "Free some space and run it again; what was stored before is intact"),
    errno.EFBIG: (
        "a file would grow beyond the limit",
        "Raise the limit of file sizes; what was stored before is intact",
    ),
    errno.EROFS: ("the file system is read-only", "Choose another place with SHOPR_HOME or --out"),
    errno.EACCES: ("permission denied", "Change its permissions, or choose another place with SHOPR_HOME or --out"),
    errno.EPERM: ("permission denied", "Change its permissions, or choose another place with SHOPR_HOME or --out"),
    errno.ENOTDIR: ("a part of the path is a file", "Choose another place"),
    errno.EEXIST: ("a file of that name is in the way", "Choose another place"),
}


def storage_error(path: Path, error: OSError) -> StorageError:
    """What went wrong while writing at `path`, with the fix."""
    what, hint = _HINTS.get(error.errno or 0, (error.strerror or str(error), "Check the path"))
    return StorageError(f"cannot write {path}: {what}", hint=hint)


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """A fresh file beside `path` to write to; on success it takes its place, on failure it is removed.

    Raises:
        StorageError: if it cannot be written. What was at `path` before is then untouched.
    """
    fresh = path.with_name(f".{path.name}.new-{uuid4().hex[:8]}")
    try:
        yield fresh
        fresh.replace(path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """A fresh folder beside `folder` to write into; on success it takes its place, on failure it is removed.

    Raises:
        StorageError: if the disk is full, the place is read-only or not permitted, or `folder` is a file. What was in
            `folder` before is then untouched.
    """
    folder = Path(folder).absolute()
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"cannot write {folder}: it is a file", hint="Choose another folder")
    fresh = folder.parent / f".{folder.name}.new-{uuid4().hex[:8]}"
    try:
        recover(folder)
        fresh.mkdir(parents=True)
        yield fresh
        _swap(fresh, folder)
    except OSError as error:
        raise storage_error(folder, error) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def carry(folder: Path, fresh: Path, *patterns: str) -> None:
    """Copy the files of a folder that match one of some patterns into the one that replaces it."""
    for path in (path for pattern in patterns for path in folder.glob(pattern) if path.is_file()):
        shutil.copy2(path, fresh / path.name)


def recover(folder: Path) -> None:
    """Put back what a crash between the two renames of a replacement left aside."""
    previous = _previous(folder)
    if previous.is_dir():
        if folder.exists():
            shutil.rmtree(previous, ignore_errors=True)
        else:
            previous.rename(folder)


def _previous(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.previous"


def _swap(fresh: Path, folder: Path) -> None:
    for path in fresh.rglob("*"):
        if path.is_file():
            to_disk(path)
    previous = _previous(folder)
    if folder.exists():
        folder.rename(previous)
    try:
        fresh.rename(folder)
    except OSError:
        if previous.is_dir():
            previous.rename(folder)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def to_disk(path: Path) -> None:
    """Come back when a file, or the names in a folder, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
