"""A run as somebody at a terminal follows it: a bar of its cells, and what it prints."""

from __future__ import annotations

from shopr.progress import Counter
from shopr.workbench.running.execution import Listener

__all__ = ["Shown"]


class Shown(Listener):
    """Shows each cell that starts, and on request each line that the notebook prints, with the cell's number."""

    def __init__(self, counter: Counter, logs: bool) -> None:
        self._counter = counter
        self._logs = logs
        self._cells = 0

    def cell(self, cell: int, cells: int) -> None:
        self._cells = cells
        self._counter.at(cell, cells, "cell")

    def line(self, cell: int, text: str) -> None:
        if self._logs:
            self._counter.say(f"[{cell}/{self._cells}] {text}")
