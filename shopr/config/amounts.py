"""Amounts as people write them in settings."""

from __future__ import annotations

import re

__all__ = ["parse_bytes"]

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def parse_bytes(value: object) -> object:
    """`"4GB"`, `"512 MiB"` or a number of bytes as bytes (powers of 1024); other types are left to the type check.

    Raises:
        ValueError: if a text is no amount of memory.
    """
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?\s*", value, re.IGNORECASE)
    if match is None:
        raise ValueError(f"{value!r} is no amount of memory; write 4GB or 512MB")
    return int(float(match[1]) * _UNITS[match[2].upper()])
