"""Checks of the numbers that every method takes: they name the value, its bound and the fix."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shopr.errors import InputError, UnknownNameError

__all__ = ["ALTERNATIVES", "Alternative", "alternative", "floats", "one_of", "positive", "share", "sides"]

Name = TypeVar("Name", bound=str)
Alternative = Literal["two-sided", "greater", "less"]
ALTERNATIVES: tuple[Alternative, ...] = ("two-sided", "greater", "less")


def share(name: str, value: float) -> float:
    """`value` if it lies strictly between 0 and 1.

    Raises:
        InputError: otherwise.
    """
    if not 0 < value < 1:
        raise InputError(f"{name} {value} is outside 0 … 1", hint=f"Give {name} strictly between 0 and 1")
    return float(value)


def positive(name: str, value: float) -> float:
    """`value` if it is finite and above 0.

    Raises:
        InputError: otherwise.
    """
    if not (np.isfinite(value) and value > 0):
        raise InputError(f"{name} {value} is not above 0", hint=f"Give {name} as a number above 0")
    return float(value)


def one_of(kind: str, value: str, known: Collection[Name]) -> Name:
    """`value` if it is one of `known`; underscores may stand for hyphens, as they do in specs.

    Raises:
        UnknownNameError: otherwise.
    """
    for name in known:
        if name in (value, value.replace("_", "-")):
            return name
    raise UnknownNameError(kind, str(value), known)


def alternative(value: str) -> Alternative:
    """`value` if it names an alternative: two-sided, greater or less."""
    return one_of("alternative", value, ALTERNATIVES)


def sides(value: str) -> int:
    """2 for the two-sided alternative, 1 for the others."""
    return 2 if alternative(value) == "two-sided" else 1


def floats(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """`values` as an array of floats.

    Raises:
        InputError: if they are no numbers.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} {values!r} holds what is no number", hint="Give numbers") from None
