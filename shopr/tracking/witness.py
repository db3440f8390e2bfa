"""A small file for every run under way, so that a run whose process was killed is found without opening a store.

A process writes the file before it makes the run and removes it when the run has ended. What is left of a process that
is gone tells which run to end. Looking costs one listing of a folder: every command does so before it prints anything.
Runs of other hosts that share the folder are theirs to judge.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

__all__ = ["TAG", "Witness", "left_behind", "witnessed"]

TAG = "shopr.witness"
"""Tag of an MLflow run that names its file: the process may be killed between making the run and noting its id."""
_SAME_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Witness:
    """The file of one run.

    Attributes:
        token: its name, and the value of the run's tag.
        path: where it is.
        content: what it says.
    """

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self.path = path
        self.token = path.stem
        self.content = content

    def note(self, **values: Any) -> None:
        """Add to what the file says. A disk that refuses is no reason to end the run."""
        self.content |= values
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps(self.content), encoding="utf-8")
            part.replace(self.path)
        except OSError as error:
            _log.warning("%s cannot be written: a kill of this process will go unnoticed (%s)", self.path, error)

    def remove(self) -> None:
        """The run has ended, and everything that knows of it says so."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


@contextmanager
def witnessed(home: Path, kind: str, **values: Any) -> Iterator[Witness]:
    """Keep a file below `home` as long as the block runs.

    Args:
        kind: what to do about it when the process is gone: "mlflow" (end a run of the store) or "ledger".
        values: JSON values that say which run it is.
    """
    import psutil

    witness = Witness(_folder(home) / f"{uuid4().hex}.json", {"kind": kind})
    began = psutil.Process().create_time()
    witness.note(host=socket.gethostname(), pid=os.getpid(), began=began, **values)
    try:
        yield witness
    finally:
        witness.remove()


def left_behind(home: Path) -> list[Witness]:
    """Files of processes that are gone, oldest first; a file that cannot be read is removed."""
    try:
        paths = sorted(path for path in _folder(home).iterdir() if path.suffix == ".json")
    except OSError:
        return []
    found = []
    for path in paths:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            path.unlink(missing_ok=True)
            continue
        if content.get("host") == socket.gethostname() and not _alive(content):
            found.append(Witness(path, content))
    return found


def _alive(content: Mapping[str, Any]) -> bool:
    import psutil

    try:
        process = psutil.Process(int(content["pid"]))
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        # A number is given to another process in time: that one began at another moment.
        return bool(abs(process.create_time() - float(content["began"])) <= _SAME_SECONDS)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _folder(home: Path) -> Path:
    return home / "open"
