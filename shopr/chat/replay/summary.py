"""What a replay came to: turns, dialogues, capabilities, invented facts, time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shopr.chat.replay.play import Played

__all__ = ["Summary", "summary"]


@dataclass(frozen=True)
class Summary:
    """Counts and shares of a replay.

    Attributes:
        turns, turns_passed, dialogues, dialogues_passed: counts.
        capabilities: name -> (dialogues passed, dialogues).
        invented: failures that say something other than the records.
        first_p50, first_p95, later_p50, later_p95: processor milliseconds of first and of later replies.
    """

    turns: int
    turns_passed: int
    dialogues: int
    dialogues_passed: int
    capabilities: dict[str, tuple[int, int]]
    invented: int
    first_p50: float
    first_p95: float
    later_p50: float
    later_p95: float

    @property
    def turn_accuracy(self) -> float:
        """Share of turns that passed."""
        return self.turns_passed / max(self.turns, 1)

    @property
    def dialogue_success(self) -> float:
        """Share of dialogues of which every turn passed."""
        return self.dialogues_passed / max(self.dialogues, 1)

    def as_dict(self) -> dict[str, Any]:
        """As JSON's own types."""
        return {
            "turns": self.turns,
            "turns_passed": self.turns_passed,
            "turn_accuracy": round(self.turn_accuracy, 4),
            "dialogues": self.dialogues,
            "dialogues_passed": self.dialogues_passed,
            "dialogue_success": round(self.dialogue_success, 4),
            "invented_facts": self.invented,
            "capabilities": {k: {"passed": p, "dialogues": n} for k, (p, n) in self.capabilities.items()},
            "cpu_ms": {
                "first_p50": self.first_p50,
                "first_p95": self.first_p95,
                "later_p50": self.later_p50,
                "later_p95": self.later_p95,
            },
        }


def summary(played: Sequence[Played]) -> Summary:
    """Sum up a replay."""
    lines = [line for p in played for line in p.lines]
    capabilities: dict[str, tuple[int, int]] = {}
    for p in played:
        passed, n = capabilities.get(p.dialogue.capability, (0, 0))
        capabilities[p.dialogue.capability] = (passed + p.passed, n + 1)
    first = [line["cpu_ms"] for line in lines if line["turn"] == 0]
    later = [line["cpu_ms"] for line in lines if line["turn"] > 0]
    return Summary(
        len(lines),
        sum(line["passed"] for line in lines),
        len(played),
        sum(p.passed for p in played),
        capabilities,
        sum(_invented(f) for line in lines for f in line["failures"]),
        *(_percentile(values, q) for values in (first, later) for q in (50, 95)),
    )


def _invented(failure: str) -> bool:
    return failure.startswith(("title of", "price of", "stock of", "product ", "another's order", "a discount"))


def _percentile(values: Sequence[float], q: float) -> float:
    return round(float(np.percentile(values, q)), 2) if values else 0.0
