"""Character n-grams as a table of 2^15 small integers: a linear model that reads text at several scales at once.

Each place of a text gets the sum of the weights of the 1- to 5-grams that start there. Cumulative sums give the score
of every window in one subtraction, and a window's score is divided by the root of its length, so that forty suspicious
characters weigh the same alone and in the middle of a sentence.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["BITS", "SCALES", "Table", "buckets", "codes"]

BITS = 15
"""The table has 2^15 places: 2^18 gained nothing."""

LONGEST = 5
SCALES = (12, 24, 48, 96)
"""Lengths of the windows, beside the whole text."""

_OTHER = 127
_CLASSES = np.arange(129, dtype=np.uint32)
_CLASSES[ord("0") : ord("9") + 1] = ord("0")  # every digit is one class
_CLASSES[ord("A") : ord("Z") + 1] += 32
_CLASSES[[9, 10, 11, 12, 13]] = 32
_CLASSES[128] = _OTHER  # and so is every character beyond ASCII
_STEP, _MIX = np.uint32(0x01000193), np.uint32(0x9E3779B1)
_SHIFT = np.uint32(32 - BITS)
_ROOTS = {scale: float(scale) ** 0.5 for scale in SCALES}


def codes(text: str) -> npt.NDArray[np.uint32]:
    """The class of each character, from 1."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return _CLASSES[np.minimum(points, 128)] + np.uint32(1)


def buckets(text_codes: npt.NDArray[np.uint32]) -> list[npt.NDArray[np.uint32]]:
    """For n = 1 to 5, the place in the table of the n-gram that starts at each character."""
    found = []
    state = text_codes
    for n in range(1, LONGEST + 1):
        if n > 1:
            if len(text_codes) < n:
                break
            state = state[:-1] * _STEP + text_codes[n - 1 :]
        found.append((state * _MIX) >> _SHIFT)
    return found


class Table:
    """The compiled model.

    Args:
        weights: 2^15 integers of 8 bits.
        unit: what one of them is worth.
    """

    def __init__(self, weights: npt.NDArray[np.int8], unit: float) -> None:
        self.weights = weights
        self.unit = unit
        self._wide = weights.astype(np.int32)

    def scores(self, text: str) -> tuple[list[float], int]:
        """The score of the whole text and the highest of the windows of each scale; where the best short window
        starts."""
        if not text:
            return [0.0] * (1 + len(SCALES)), 0
        text_codes = codes(text)
        length = len(text_codes)
        sums = np.zeros(length + 1, dtype=np.int32)
        for places in buckets(text_codes):
            sums[1 : 1 + len(places)] += self._wide[places]
        np.cumsum(sums, out=sums)
        whole = float(sums[-1]) * self.unit / length**0.5
        found, best = [whole], 0
        for scale in SCALES:
            if length <= scale:
                found.append(whole)
                continue
            windows = sums[scale:] - sums[:-scale]
            place = int(windows.argmax())
            if scale == SCALES[1]:
                best = place
            found.append(float(windows[place]) * self.unit / _ROOTS[scale])
        return found, best
