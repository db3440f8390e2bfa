"""How a version does as shadow or canary: sums over its answers, kept in storage, and the bounds they are held to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from shopr.clock import Clock, SystemClock
from shopr.storage.database import Database
from shopr.storage.tables import model_trials as table
from shopr.tracking.rules import RolloutRules

__all__ = ["Tally", "TrialStore"]

_SUMS = ("answers", "errors", "slow", "milliseconds", "shared", "compared")


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over answers.

    Attributes:
        answers: attempts, failed ones among them.
        errors: attempts that failed.
        slow: answers above the bound of the stage.
        milliseconds: of all answers together.
        shared: sum over compared answers of the share of products that the champion's list has, too.
        compared: answers that were compared with the champion's.
        first_at, last_at: of the attempts; None while there is none.
    """

    answers: int = 0
    errors: int = 0
    slow: int = 0
    milliseconds: float = 0.0
    shared: float = 0.0
    compared: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None

    def __add__(self, other: Tally) -> Tally:
        first = [t for t in (self.first_at, other.first_at) if t is not None]
        last = [t for t in (self.last_at, other.last_at) if t is not None]
        sums = {name: getattr(self, name) + getattr(other, name) for name in _SUMS}
        return Tally(**sums, first_at=min(first, default=None), last_at=max(last, default=None))

    @property
    def overlap(self) -> float | None:
        """Mean share of products in common with the champion's lists; None where none was compared."""
        return self.shared / self.compared if self.compared else None

    def problems(self, rules: RolloutRules) -> list[str]:
        """Why a version may not go on yet, in words; empty if it may."""
        found = []
        if self.answers < rules.least_answers:
            found.append(f"{self.answers:,} answers so far, {rules.least_answers:,} are asked for")
        return found + self.breaches(rules)

    def breaches(self, rules: RolloutRules) -> list[str]:
        """The bounds that are broken, in words."""
        if not self.answers:
            return []
        errors, slow = self.errors / self.answers, self.slow / self.answers
        found = []
        if errors > rules.most_error_share:
            found.append(f"{errors:.1%} of {self.answers:,} answers failed, {rules.most_error_share:.1%} may")
        if slow > rules.most_slow_share:
            bound = f"{rules.most_slow_share:.1%} may"
            found.append(f"{slow:.1%} of {self.answers:,} answers took over {rules.slow_ms:g} ms, {bound}")
        return found

    def document(self) -> dict[str, float | int | str | None]:
        """As plain values, for the record."""
        moments = {name: None if t is None else t.isoformat() for name, t in
                   (("first_at", self.first_at), ("last_at", self.last_at))}  # fmt: skip
        return {**{name: getattr(self, name) for name in _SUMS}, "overlap": self.overlap, **moments}


class TrialStore:
    """The sums of all processes together.

    Args:
        database: where they are kept.
        clock: tells when an answer was given.
    """

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()

    def add(self, version: str, stage: str, more: Tally) -> None:
        """Add to the sums of a version at a stage; exact however many processes add at once.

        Raises:
            StorageError: if the database refuses.
        """
        now = self._clock.now()
        sums = {name: getattr(more, name) for name in _SUMS}
        make = sqlite.insert if self._database.is_sqlite else postgresql.insert
        statement = make(table).values(
            version=version, stage=stage, **sums, first_at=more.first_at or now, last_at=more.last_at or now
        )
        grown = {name: table.c[name] + statement.excluded[name] for name in _SUMS}
        grown["last_at"] = statement.excluded["last_at"]
        with self._database.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["version", "stage"], set_=grown))

    def read(self, version: str, stage: str) -> Tally:
        """The sums so far."""
        wanted = (table.c.version == version) & (table.c.stage == stage)
        with self._database.read() as connection:
            row = connection.execute(select(table).where(wanted)).mappings().first()
        return Tally() if row is None else Tally(**{k: v for k, v in row.items() if k not in ("version", "stage")})

    def forget(self, version: str) -> None:
        """Drop the sums of a version: it starts anew."""
        with self._database.begin() as connection:
            connection.execute(table.delete().where(table.c.version == version))
