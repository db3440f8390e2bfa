"""An index as a folder: arrays as `.npy` that are memory-mapped, names as text, and a manifest that vouches for all."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.data.folders import recover, replaced
from shopr.errors import DataError

__all__ = ["LAYOUT", "Parts", "fill", "read", "write"]

Parts = tuple[Mapping[str, NDArray[Any]], Mapping[str, list[str]], Mapping[str, Any]]
"""Arrays, lists of texts without line breaks, and facts that JSON can hold: what a folder is made of."""

LAYOUT = 2
"""Version of the folder's layout; an index of another version is built again, never guessed at."""
_MANIFEST = "index.json"
_FORMAT = "shopr search index"
_AGAIN = "Build it again with 'shopr search index'"


def write(
    folder: Path | str, arrays: Mapping[str, NDArray[Any]], lists: Mapping[str, list[str]], facts: Mapping[str, Any]
) -> Path:
    """Write an index in place of what `folder` held; a failure leaves that as it was.

    Args:
        lists: texts without line breaks.
        facts: anything JSON can hold.

    Raises:
        StorageError: if it cannot be written.
    """
    folder = Path(folder)
    with replaced(folder) as fresh:
        fill(fresh, arrays, lists, facts)
    return folder


def fill(
    folder: Path, arrays: Mapping[str, NDArray[Any]], lists: Mapping[str, list[str]], facts: Mapping[str, Any]
) -> None:
    """Write the files of an index into an empty folder.

    Raises:
        OSError: if they cannot be written.
    """
    sums = {}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
        sums[f"{name}.npy"] = _sum(folder / f"{name}.npy")
    for name, texts in lists.items():
        (folder / f"{name}.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8", newline="")
        sums[f"{name}.txt"] = _sum(folder / f"{name}.txt")
    manifest = {"format": _FORMAT, "layout": LAYOUT, "facts": dict(facts), "files": sums}
    (folder / _MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def read(folder: Path | str) -> tuple[dict[str, NDArray[Any]], dict[str, list[str]], dict[str, Any]]:
    """The arrays (memory-mapped, read-only), lists and facts of an index.

    Raises:
        DataError: if the folder holds no index, one of another layout, or one that is damaged.
    """
    folder = Path(folder)
    recover(folder.absolute())
    manifest = _manifest(folder)
    arrays: dict[str, NDArray[Any]] = {}
    lists: dict[str, list[str]] = {}
    for name, wanted in manifest["files"].items():
        path = folder / name
        if Path(name).name != name:
            raise DataError(f"the index {folder} names the file {name!r} outside of it", hint=_AGAIN)
        try:
            if _sum(path) != wanted:
                raise DataError(f"the index {folder} is damaged: {name} is not what was written", hint=_AGAIN)
            if path.suffix == ".npy":
                arrays[path.stem] = np.load(path, mmap_mode="r", allow_pickle=False)
            else:
                lists[path.stem] = path.read_text(encoding="utf-8").split("\n")[:-1]
        except (OSError, ValueError) as error:
            raise DataError(f"the index {folder} is damaged: {name}: {error}", hint=_AGAIN) from error
    return arrays, lists, manifest["facts"]


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / _MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["format"] != _FORMAT:
            raise DataError(f"{folder} holds no search index", hint=_AGAIN)
        if manifest["layout"] != LAYOUT:
            raise DataError(
                f"the index {folder} has layout {manifest['layout']!r}, this version reads {LAYOUT}", hint=_AGAIN
            )
        if not all(isinstance(manifest[name], dict) for name in ("facts", "files")):
            raise TypeError("facts and files")
    except FileNotFoundError as error:
        raise DataError(f"{folder} holds no search index", hint=_AGAIN) from error
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"the index {folder} is damaged: {_MANIFEST} is not readable", hint=_AGAIN) from error
    return manifest  # type: ignore[no-any-return]


def _sum(path: Path) -> list[int]:
    """Size and CRC-32 of a file: enough against damage; against malice, the loader runs nothing from the folder."""
    value, size = 0, 0
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            value = zlib.crc32(chunk, value)
            size += len(chunk)
    return [size, value]
