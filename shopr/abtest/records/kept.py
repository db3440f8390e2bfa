"""Readings of experiments that were kept: written whole or not at all, and never changed or lost afterwards.

    <home>/experiments/NAME/readings/0001/reading.json   the analysis, the verdict, what the next look must know of it
                                          spec.yaml      the spec that it was read by
                                          report.html    the decision report
                                          run.json       the MLflow run, if it was logged

A reading is written in a hidden folder beside its place and then renamed: the name is the lock. Of two processes that
keep the same number one succeeds, and the other reads anew, knowing the first one's look. A file that cannot be read is
named as such beside those that can.
"""

from __future__ import annotations

import os
import re
import shutil
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

from pydantic import ValidationError

from shopr.abtest.records.readings import Damage, History, Reading, TrackedRun
from shopr.data.folders import replaced_file, storage_error, to_disk
from shopr.errors import DataError, InputError, UnknownNameError

__all__ = ["Damage", "History", "Kept", "Reading", "TrackedRun"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_NUMBER = re.compile(r"\d{4,9}")
_LARGEST = 64 * 2**20  # bytes of a file that is read: a reading has some hundred kilobytes
_OLD = 86_400  # seconds after which what a killed process left behind is swept away


class Kept:
    """The readings below one home.

    Args:
        home: `Settings.home`.
    """

    def __init__(self, home: Path) -> None:
        self.folder = Path(home) / "experiments"

    def names(self) -> list[str]:
        """Names of the experiments that have a folder, in order."""
        try:
            return sorted(p.name for p in self.folder.iterdir() if _NAME.fullmatch(p.name) and p.is_dir())
        except OSError:
            return []

    def history(self, name: str) -> History:
        """All that is kept of an experiment; nothing in it stops this from being read.

        Raises:
            UnknownNameError: if nothing is kept under that name.
        """
        if name not in self.names():
            raise UnknownNameError("kept experiment", name, self.names())
        return self._history(name)

    def begun(self, name: str) -> History:
        """As `history`; empty where nothing is kept yet."""
        return self._history(name) if name in self.names() else History(name, (), (), {})

    def place(self, name: str, number: int) -> Path:
        """Folder of a reading."""
        return self.folder / name / "readings" / f"{number:04}"

    def report(self, name: str, number: int) -> str:
        """The decision report of a reading, HTML.

        Raises:
            DataError: if it is gone.
        """
        return _text(self.place(name, number) / "report.html")

    def next_number(self, name: str) -> int:
        """The number of the next reading; one that was ever used is not used again while its folder stands."""
        return max((int(p.name) for p in self._entries(name)), default=0) + 1

    def commit(self, reading: Reading, html: str) -> bool:
        """Keep a reading under its number; False if another process was first with that number.

        Raises:
            StorageError: if it cannot be written; nothing is kept then.
        """
        place = self.place(reading.analysis.experiment, reading.number)
        fresh = place.parent / f".new-{uuid4().hex}"
        try:
            fresh.mkdir(parents=True)
            self._sweep(place.parent)
            _write(fresh / "spec.yaml", reading.spec_text)
            _write(fresh / "report.html", html)
            _write(fresh / "reading.json", reading.model_dump_json(indent=1))
            if place.exists():  # an empty folder in the way would be replaced without a word
                return False
            fresh.rename(place)
            to_disk(place.parent)
        except OSError as error:
            if place.exists():
                return False
            raise storage_error(place, error) from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return True

    def note_run(self, reading: Reading, run: TrackedRun) -> None:
        """Note the MLflow run of a reading that is kept.

        Raises:
            StorageError: if it cannot be written.
        """
        path = self.place(reading.analysis.experiment, reading.number) / "run.json"
        with replaced_file(path) as fresh:
            _write(fresh, run.model_dump_json(indent=1))

    def _entries(self, name: str) -> list[Path]:
        try:
            return sorted(
                (p for p in (self.folder / name / "readings").iterdir() if _NUMBER.fullmatch(p.name)),
                key=lambda p: int(p.name),
            )
        except OSError:
            return []

    def _history(self, name: str) -> History:
        readings, damaged, runs = [], [], {}
        for path in self._entries(name):
            try:
                reading = _parsed(path, name, _stamp(path / "reading.json"))
            except DataError as error:
                damaged.append(Damage(path, error.message))
                continue
            readings.append(reading)
            try:
                if (path / "run.json").exists():
                    runs[reading.number] = TrackedRun.model_validate_json(_text(path / "run.json"))
            except (DataError, ValidationError) as error:
                damaged.append(Damage(path / "run.json", _first(error)))
        return History(name, tuple(readings), tuple(damaged), runs)

    def _sweep(self, folder: Path) -> None:
        """Remove what killed processes left behind long ago."""
        newest = max(p.stat().st_mtime for p in folder.glob(".new-*"))
        for left in folder.glob(".new-*"):
            if newest - left.stat().st_mtime > _OLD:
                shutil.rmtree(left, ignore_errors=True)


def _stamp(path: Path) -> tuple[int, int, int]:
    """What changes when a file does."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_ino, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=2048)
def _parsed(path: Path, name: str, stamp: tuple[int, int, int]) -> Reading:
    """The reading in a folder; as it never changes it is parsed once, and again where `stamp` says that it did.

    Raises:
        DataError: saying in a few words what is wrong with it.
    """
    text = _text(path / "reading.json")
    try:
        reading = Reading.model_validate_json(text)
        owner = reading.spec.name
    except (ValidationError, InputError) as error:
        raise DataError(_first(error)) from error
    if not owner == reading.analysis.experiment == name:
        raise DataError(f"it belongs to experiment {owner!r}")
    if reading.number != int(path.name):
        raise DataError(f"it is reading {reading.number}, in the place of another")
    return reading


def _first(error: Exception) -> str:
    """What is wrong, in one line."""
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        where = ".".join(str(part) for part in found["loc"])
        if where == "version":
            return "it was written by a newer version of Shopr"
        return f"{where}: {found['msg']}" if where else str(found["msg"])
    return getattr(error, "message", str(error))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path.name} is larger than {_LARGEST // 2**20} MiB")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path.name}: {error.strerror}", hint="Restore it from a backup") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name} is no text", hint="Restore it from a backup") from error


def _write(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
