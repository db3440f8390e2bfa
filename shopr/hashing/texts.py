"""Ids as they come (lists, arrays, table columns) turned into whole numbers or one run of bytes with offsets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.errors import InputError

__all__ = ["Ids", "as_integers", "as_list", "as_texts", "code_points", "pack"]

Ids = Sequence[str] | Sequence[int] | NDArray[np.generic] | Iterable[object]
"""One dimension of ids: text, or whole numbers, which stand for their decimal text."""

_HINT = "Give ids as text or whole numbers, none missing"


def as_integers(ids: Ids) -> NDArray[np.uint64] | None:
    """The ids as whole numbers if they are an array of non-negative ones, else None."""
    if isinstance(ids, str | bytes):
        raise InputError(f"ids must be a sequence, got the single text {ids!r}", hint="Give a list of ids")
    dtype = getattr(ids, "dtype", None)
    if dtype is None or getattr(dtype, "kind", "") not in "iu":
        return None
    if getattr(ids, "hasnans", False) is True:  # a nullable integer column with gaps
        raise InputError("an id is missing", hint=_HINT)
    numbers = np.asarray(ids)
    if numbers.ndim != 1:
        raise InputError(f"ids must have one dimension, got {numbers.ndim}", hint="Give a flat list of ids")
    if numbers.dtype.kind not in "iu" or (numbers.dtype.kind == "i" and numbers.size and numbers.min() < 0):
        return None
    return numbers.astype(np.uint64, copy=False)


def as_list(ids: Ids) -> list[Any]:
    """The ids as a list, not looked into.

    Raises:
        InputError: if the ids are not one-dimensional.
    """
    if isinstance(ids, list):
        return ids
    if not hasattr(ids, "__array__"):
        return list(ids)
    array = np.asarray(ids)
    if array.ndim != 1:
        raise InputError(f"ids must have one dimension, got {array.ndim}", hint="Give a flat list of ids")
    values: list[Any] = array.tolist()
    return values


def joined(values: list[Any], separator: str) -> str:
    """All values as text, in one; whole numbers become their decimal text.

    Raises:
        InputError: if a value is missing, a float or a boolean.
    """
    try:
        return separator.join(values)  # checks the type of all on the way
    except TypeError:
        values[:] = [_text(value) for value in values]
        return separator.join(values)


def as_texts(ids: Ids) -> list[str]:
    """The ids as a list of `str` of its own.

    Raises:
        InputError: if an id is missing, a float, a boolean, or the ids are not one-dimensional.
    """
    values = list(as_list(ids))
    joined(values, "")
    return values


def _text(value: object) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_):
        return str(int(value))
    raise InputError(f"id {value!r} is neither text nor a whole number", hint=_HINT)


def pack(values: list[Any]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All values in UTF-8 one after the other, with one byte between them, and where each ends.

    Args:
        values: not empty; turned into `str` in place where they are not.

    Returns:
        data, uint8, shape (bytes,), and ends, shape (n,): text i is data[ends[i-1] + 1 : ends[i]], the first
        begins at 0.

    Raises:
        InputError: as `joined`.
    """
    data = np.frombuffer(joined(values, "\x00").encode("utf-8", "surrogatepass"), dtype=np.uint8)
    ends = np.flatnonzero(data == 0)
    if len(ends) == len(values) - 1:
        return data, np.append(ends, len(data))
    # A text holds the separator itself.
    lengths = np.fromiter((len(text.encode("utf-8", "surrogatepass")) for text in values), np.int64, len(values))
    return data, np.cumsum(lengths + 1) - 1


def code_points(texts: list[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The Unicode code points of all texts in a row, and the length of each text."""
    data = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return data, np.fromiter(map(len, texts), np.int64, len(texts))
