"""What to say about exceptions that are not the house's own, and where their tracebacks are kept."""

from __future__ import annotations

import errno
import os
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["explain", "log_traceback"]

_FIXES = {
    errno.ENOSPC: "Free some disk space, or set SHOPR_HOME to another disk",
    errno.EDQUOT: "The disk quota is used up: free some space, or set SHOPR_HOME to another disk",
    errno.EACCES: "Check the permissions of the file and its folder",
    errno.EPERM: "Check the permissions of the file and its folder",
    errno.EROFS: "The disk is read-only: write elsewhere, or set SHOPR_HOME to a writable folder",
    errno.ENOENT: "Check the path",
    errno.EISDIR: "Name a file, not a folder",
    errno.ENOTDIR: "A part of the path is a file, not a folder",
    errno.ENAMETOOLONG: "Use a shorter name",
    errno.EMFILE: "Too many files are open: raise `ulimit -n`",
    errno.ENOMEM: "Close other programs, or work on less data",
}


def explain(error: Exception) -> str | None:
    """One line with the fix for a failure of the machine (disk, permissions, memory); None for anything else."""
    if isinstance(error, MemoryError):
        return "the machine ran out of memory. Close other programs, or work on less data"
    if isinstance(error, OSError) and error.errno in _FIXES:
        what = os.strerror(error.errno).lower()
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{what}. {_FIXES[error.errno]}"
    return None


def log_traceback(error: BaseException) -> Path | None:
    """Write the traceback under SHOPR_HOME/logs, or in the folder for temporary files; None if neither takes it."""
    now = datetime.now(UTC)
    name = f"error-{now:%Y%m%dT%H%M%S}-{os.getpid()}.log"
    text = "".join(traceback.format_exception(error))
    for folder in (_log_folder, lambda: Path(tempfile.gettempdir())):
        try:
            path = folder() / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{now.isoformat()}\n{text}", encoding="utf-8")
            return path
        except Exception:  # the settings themselves may be what is broken
            continue
    return None


def _log_folder() -> Path:
    from shopr.config import Settings

    return Settings().home / "logs"
