"""Waiting for other processes and threads: only ever against hanging for good, never a bound on how long work may take.

A machine that runs other things beside the tests may be ten times as slow as an idle one.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable

__all__ = ["PATIENCE", "until"]

PATIENCE = 600.0
"""Seconds after which a test gives up on what it waits for."""


def until(
    happened: Callable[[], object], told: Callable[[], object] = lambda: "it did not happen", *, every: float = 0.05
) -> None:
    """Ask again and again, with the processor left to others in between; fail in the end.

    Args:
        told: what the failure says.
        every: seconds between two questions.
    """
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, told()
        select.select([], [], [], every)
