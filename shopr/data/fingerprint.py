"""Content fingerprints: the same data gives the same text, whatever held it. For lineage and caches, not for secrets.

A fingerprint is 32 hexadecimal digits of BLAKE2b over a canonical form. It does not depend on the order of columns, on
how pandas stores text (object, str, Arrow, categories), on the width of numbers (int32, Int64, or float64 that hold the
same whole numbers), on the resolution of times down to microseconds, or on how Parquet encoded and split the file. It
does depend on the order of rows, unless asked not to, and on every value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.ids import IdMap
from shopr.errors import DataError

if TYPE_CHECKING:
    from shopr.data.interactions import Interactions

__all__ = [
    "fingerprint_bytes",
    "fingerprint_file",
    "fingerprint_folder",
    "fingerprint_frame",
    "fingerprint_interactions",
    "fingerprint_parts",
]

DIGEST_SIZE = 16


def _hash() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=DIGEST_SIZE)


def fingerprint_bytes(content: bytes) -> str:
    """Of raw bytes."""
    return hashlib.blake2b(content, digest_size=DIGEST_SIZE).hexdigest()


def fingerprint_parts(parts: Mapping[str, str]) -> str:
    """Of named fingerprints, whatever their order."""
    digest = _hash()
    for name in sorted(parts):
        for text in (name, parts[name]):
            encoded = text.encode()
            digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()


def fingerprint_file(path: Path) -> str:
    """Of a file's bytes, read in pieces.

    Raises:
        DataError: if the file cannot be read.
    """
    digest = _hash()
    try:
        with Path(path).open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}", hint="Check the path and its permissions"
        ) from error
    return digest.hexdigest()


def fingerprint_folder(folder: Path) -> str:
    """Of the names and bytes of all files below a folder.

    Raises:
        DataError: if a file cannot be read.
    """
    files = sorted(p for p in Path(folder).rglob("*") if p.is_file())
    return fingerprint_parts({p.relative_to(folder).as_posix(): fingerprint_file(p) for p in files})


def fingerprint_frame(frame: pd.DataFrame, *, ordered: bool = True) -> str:
    """Of a table's column names and values; the index does not count.

    Args:
        ordered: whether the order of rows counts. Without, rows are hashed one by one and the sorted hashes are hashed.

    Raises:
        DataError: if a column holds something other than text, numbers, booleans, times or missing values.
    """
    names = sorted(map(str, frame.columns))
    if len(set(names)) != len(names):
        raise DataError(f"columns {names} are not unique", hint="Rename them")
    columns = {str(name): _canonical(str(name), frame[name]) for name in frame.columns}
    if not ordered and len(frame):
        order = _row_order([columns[name] for name in names])
        columns = {name: _canonical(name, frame[name].iloc[order]) for name in names}
    digest = _hash()
    digest.update(f"table {len(frame)}".encode())
    for name in names:
        kind, arrays = columns[name]
        digest.update(f"\0{name}\0{kind}\0".encode())
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def fingerprint_interactions(interactions: Interactions) -> str:
    """Of an interaction log with its id maps: ids, codes, times, weights and ratings, in order."""
    digest = _hash()
    for ids in (interactions.user_ids, interactions.item_ids):
        digest.update(_ids(ids).encode())
    for name in ("users", "items", "times", "weights", "ratings"):
        values = getattr(interactions, name)
        digest.update(f"\0{name}\0".encode())
        if values is not None:
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _ids(ids: IdMap) -> str:
    return fingerprint_frame(pd.DataFrame({"id": pd.Series(ids.ids, dtype="str")}))


Canonical = tuple[str, list[NDArray[Any]]]


def _canonical(name: str, column: pd.Series) -> Canonical:
    """A kind, and arrays whose bytes say everything about the column: first the mask of missing values."""
    values: Any = (
        column.astype(column.dtype.categories.dtype) if isinstance(column.dtype, pd.CategoricalDtype) else column
    )
    missing = values.isna().to_numpy(dtype=bool)
    if missing.all():
        return "missing", [missing]
    if pd.api.types.is_bool_dtype(values.dtype):
        return "bool", [missing, values.to_numpy(dtype=bool, na_value=False)]
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        utc = values if values.dt.tz is None else values.dt.tz_convert("UTC").dt.tz_localize(None)
        return "time", [missing, np.where(missing, 0, utc.to_numpy().astype("datetime64[us]").astype(np.int64))]
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _canonical_numbers(values, missing)
    return _canonical_text(name, values, missing)


def _canonical_numbers(values: Any, missing: NDArray[np.bool_]) -> Canonical:
    if pd.api.types.is_integer_dtype(values.dtype):
        return "whole", [missing, values.to_numpy(dtype=np.int64, na_value=0)]
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.where(missing, 0.0, numbers)
    if np.isfinite(known).all() and (np.abs(known) <= 2**53).all() and (known == np.floor(known)).all():
        return "whole", [missing, known.astype(np.int64)]
    return "number", [missing, known + 0.0]  # + 0.0 turns -0.0 into 0.0


def _canonical_text(name: str, values: Any, missing: NDArray[np.bool_]) -> Canonical:
    import pyarrow as pa

    try:
        texts = pa.array(values.to_numpy(dtype=object), type=pa.large_string(), mask=missing)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(f"column {name!r} mixes text with other values", hint="Convert it to text first") from error
    texts = texts.fill_null("")
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int64)[: len(texts) + 1]
    content = texts.buffers()[2]
    data = np.frombuffer(content, dtype=np.uint8)[offsets[0] : offsets[-1]] if content else np.empty(0, np.uint8)
    return "text", [missing, np.diff(offsets), data]


def _row_order(columns: list[Canonical]) -> NDArray[np.int64]:
    """Positions that sort the rows by all their values."""
    keys: list[NDArray[Any]] = []
    for kind, (missing, *arrays) in columns:
        if kind == "text":
            ends = np.cumsum(arrays[0])
            content = arrays[1].tobytes()
            words = [content[end - n : end] for n, end in zip(arrays[0], ends, strict=True)]
            keys.append(np.unique(np.array(words, dtype=object), return_inverse=True)[1])
        elif kind != "missing":
            keys.append(arrays[0])
        keys.append(missing)
    return np.lexsort(keys) if keys else np.arange(0)
