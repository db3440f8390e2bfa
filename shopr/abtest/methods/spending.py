"""How much of the error a test may have spent at a share of its information: alpha-spending functions.

Lan and DeMets 1983 (O'Brien-Fleming and Pocock types), Kim and DeMets 1987 (power family), Hwang, Shih and DeCani 1990.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from shopr.abtest.checks import floats, one_of, share
from shopr.errors import InputError

__all__ = ["SPENDING", "Spending", "spent"]

Spending = Literal["obrien-fleming", "pocock", "power", "hwang-shih-decani"]
SPENDING: tuple[Spending, ...] = get_args(Spending)
_DEFAULTS = {"power": 2.0, "hwang-shih-decani": -4.0}


def spent(
    information: ArrayLike, alpha: float, spending: str = "obrien-fleming", parameter: float | None = None
) -> NDArray[np.float64]:
    """The error of one side spent up to each share of the planned information; all of `alpha` from 1 on.

    Args:
        information: shares of the planned information, 0 or more.
        alpha: the error of one side.
        parameter: the exponent of "power" (> 0; 2 unless told, 1 spends evenly); gamma of "hwang-shih-decani" (-4
            unless told, near O'Brien-Fleming; 1 is near Pocock; 0 spends evenly).

    Raises:
        InputError: if the parameter does not suit the function.
        UnknownNameError: for another name of a function.
    """
    kind = one_of("spending function", spending, SPENDING)
    share("alpha", alpha)
    t = np.clip(floats("information", information), 0.0, 1.0)
    shape = _DEFAULTS.get(kind, 0.0) if parameter is None else float(parameter)
    if kind == "obrien-fleming":
        with np.errstate(divide="ignore"):
            return np.asarray(2 * ndtr(ndtri(alpha / 2) / np.sqrt(t)), dtype=np.float64)
    if kind == "pocock":
        return np.asarray(alpha * np.log1p((np.e - 1) * t), dtype=np.float64)
    if kind == "power":
        if not shape > 0:
            raise InputError(f"exponent {shape} is not above 0", hint="Give the power family a positive parameter")
        return np.asarray(alpha * t**shape, dtype=np.float64)
    if not np.isfinite(shape):
        raise InputError(f"gamma {shape} is no number", hint="Give a finite gamma, such as -4")
    if abs(shape) < 1e-12:
        return np.asarray(alpha * t, dtype=np.float64)
    return np.asarray(alpha * np.expm1(-shape * t) / np.expm1(-shape), dtype=np.float64)
