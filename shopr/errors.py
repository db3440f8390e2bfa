"""The error tree. Every error says what was wrong (the value and its bound) and how to mend it.

ShoprError                    code, hint, exit_status
├── InputError                the call was wrong (exit status 2)
│   ├── UnknownNameError      a name that no registry holds; suggests the nearest
│   ├── DataError             a file or table that cannot be read as asked
│   ├── SpecError             an experiment spec with a bad or unknown key
│   └── ConfigError           a setting outside its bounds
├── NotReadyError             something must be run first (no shop, no champion)
├── StorageError              a database or file store refused: locked, read-only, full
├── CapacityError             the work would not fit into the stated memory or time
├── RunError                  a notebook run failed, was killed or was lost
├── SecurityError             a check of integrity or authority failed: altered text, erased key, broken chain
└── GateError                 the promotion gate refused
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "CapacityError",
    "ConfigError",
    "DataError",
    "GateError",
    "InputError",
    "NotReadyError",
    "RunError",
    "SecurityError",
    "ShoprError",
    "SpecError",
    "StorageError",
    "UnknownNameError",
]


class ShoprError(Exception):
    """Base of every error that a user may see.

    Args:
        message: what is wrong, with the offending value and its bound.
        hint: how to mend it, as an imperative sentence.
    """

    code = "shopr"
    exit_status = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message

    def one_line(self) -> str:
        """The error as one printable line, whatever the message held."""
        return " ".join(str(self).split())


class InputError(ShoprError):
    """The call was wrong: a value outside its bounds."""

    code = "input"
    exit_status = 2


class UnknownNameError(InputError):
    """A name that is not known; carries the known ones and suggests the nearest."""

    code = "unknown_name"

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.known = sorted(known)
        near = get_close_matches(name, self.known, n=1, cutoff=0.5)
        guess = f"Did you mean {near[0]!r}? " if near else ""
        super().__init__(f"unknown {kind} {name!r}", hint=f"{guess}Known: {', '.join(self.known) or 'none'}")


class DataError(InputError):
    """A file or table cannot be read as asked."""

    code = "data"


class SpecError(InputError):
    """An experiment spec has a bad or unknown key."""

    code = "spec"


class ConfigError(InputError):
    """A setting is outside its bounds or contradicts another."""

    code = "config"


class NotReadyError(ShoprError):
    """Something else must be run first."""

    code = "not_ready"


class StorageError(ShoprError):
    """A store refused: locked, read-only, full or damaged."""

    code = "storage"


class CapacityError(ShoprError):
    """The work would not fit into the stated memory or time."""

    code = "capacity"


class RunError(ShoprError):
    """A notebook run failed, was killed or was lost."""

    code = "run"


class SecurityError(ShoprError):
    """A check of integrity or authority failed: an altered text, an erased key, a broken chain."""

    code = "security"


class GateError(ShoprError):
    """The promotion gate refused a candidate."""

    code = "gate"
