"""Seeded randomness: independent streams from one seed and a name.

Streams are named, so that adding a draw in one place never shifts the numbers drawn in another.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from shopr.errors import InputError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["DEFAULT_SEED", "generator"]

DEFAULT_SEED = 42


def generator(seed: int = DEFAULT_SEED, *stream: str | int) -> np.random.Generator:
    """A PCG64 generator for the stream `stream` of `seed`.

    The same seed and names give the same numbers on every platform; different names give independent numbers.

    Raises:
        InputError: if the seed is negative.
    """
    import numpy as np  # here, so that the settings, which need only the default seed, stay light

    if seed < 0:
        raise InputError(f"seed {seed} is negative", hint="Give a whole number of 0 or more")
    words = [int.from_bytes(blake2b(str(name).encode(), digest_size=8).digest(), "little") for name in stream]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))
