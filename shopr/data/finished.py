"""What earlier runs of a chain of steps finished, so that the next run only does what changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from shopr.config import Settings
from shopr.data.fingerprint import fingerprint_bytes
from shopr.data.folders import replaced_file
from shopr.errors import ShoprError
from shopr.progress import Step

__all__ = ["Finished"]


class Finished:
    """What earlier demos finished, by step and by the key of what went in; a small JSON file."""

    def __init__(self, settings: Settings, *, forget: bool = False) -> None:
        self.path = settings.home / "demo.json"
        self.reused: list[str] = []
        self.known: dict[str, Any] = {}
        if not forget:
            with suppress(OSError, ValueError):
                self.known = json.loads(self.path.read_text(encoding="utf-8"))

    def recall(self, name: str, key: Mapping[str, Any], doing: Step) -> Any | None:
        """What the step gave for this key; None if it must be done."""
        found = self.known.get(f"{name} {self._digest(key)}")
        if found is not None:
            self.reused.append(name)
            doing.description += " (kept from before)"
        return found

    def keep(self, name: str, key: Mapping[str, Any], value: Any) -> None:
        """Remember what the step gave; a full disk only costs the memory, not the result."""
        if name in self.reused:
            self.reused.remove(name)
        self.known[f"{name} {self._digest(key)}"] = value
        with suppress(OSError, ShoprError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replaced_file(self.path) as fresh:
                fresh.write_text(json.dumps(self.known), encoding="utf-8")

    @staticmethod
    def _digest(key: Mapping[str, Any]) -> str:
        return fingerprint_bytes(json.dumps(dict(key), sort_keys=True, default=str).encode())
