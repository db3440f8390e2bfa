"""Errors that somebody called resolved, and those of them that came back: regressions.

A group is resolved in a release. It regressed if it was seen after that in the same release or a later one; releases
that were out before may still fail where they still run. Releases are in the order in which they were first seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.rows import microseconds, moment
from shopr.clock import Clock, SystemClock
from shopr.errors import InputError
from shopr.storage.tables import error_states as table

__all__ = ["Resolution", "Resolutions"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What was said of a group of errors.

    Attributes:
        fingerprint: of the group.
        release: in which it is resolved.
        time: when that was said.
        actor: by whom.
    """

    fingerprint: str
    release: str
    time: datetime
    actor: str


class Resolutions:
    """The groups of errors of an event store that were called resolved.

    Args:
        store: where the errors are.
    """

    def __init__(self, store: EventStore, *, clock: Clock | None = None) -> None:
        self._store, self._database, self._clock = store, store.database, clock or SystemClock()
        self._insert = (sqlite if store.database.is_sqlite else postgresql).insert

    def resolve(self, fingerprint: str, release: str, *, actor: str) -> None:
        """Say that a group is resolved in a release; saying it again replaces what was said.

        Raises:
            InputError: if a text is empty or too long, or no error has that fingerprint.
        """
        for what, text, most in (("fingerprint", fingerprint, 64), ("release", release, 128), ("actor", actor, 256)):
            if not 1 <= len(text) <= most:
                raise InputError(f"{what} has {len(text)} characters", hint=f"Give 1 to {most}")
        with self._store.query() as events:
            known = events.execute(f"SELECT 1 FROM events WHERE {_IS} LIMIT 1", [[fingerprint]]).fetchall()
        if not known:
            raise InputError(f"no error has the fingerprint {fingerprint!r}", hint="See 'shopr events errors'")
        said = {"resolved_in": release, "time": microseconds(self._clock.now()), "actor": actor}
        statement = self._insert(table).values(fingerprint=fingerprint, **said)
        with self._database.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["fingerprint"], set_=said))

    def reopen(self, fingerprint: str) -> bool:
        """Take it back; whether there was something to take back."""
        with self._database.begin() as connection:
            return connection.execute(delete(table).where(table.c.fingerprint == fingerprint)).rowcount > 0

    def all(self) -> dict[str, Resolution]:
        """Fingerprint -> what was said of it."""
        with self._database.read() as connection:
            rows = connection.execute(select(table)).mappings().all()
        return {
            row["fingerprint"]: Resolution(row["fingerprint"], row["resolved_in"], moment(row["time"]), row["actor"])
            for row in rows
        }

    def regressions(self) -> pd.DataFrame:
        """Resolved groups that came back: `fingerprint resolved_in back_in back_at errors`, first back first."""
        resolved = self.all()
        columns = ["fingerprint", "resolved_in", "back_in", "back_at", "errors"]
        if not resolved:
            return pd.DataFrame(columns=columns)
        with self._store.query() as events:
            first = dict(
                events.sql(
                    "SELECT release, min(time) FROM events WHERE release IS NOT NULL GROUP BY release"
                ).fetchall()
            )
            seen = events.execute(
                f"SELECT {_PRINT} AS fingerprint, release, time, weight FROM events WHERE {_IS} ORDER BY time",
                [list(resolved)],
            ).fetchall()
        rows: dict[str, list[Any]] = {}
        for fingerprint, release, time, weight in seen:
            said = resolved[fingerprint]
            if time <= said.time or not _later(release, said, first):
                continue
            row = rows.setdefault(fingerprint, [fingerprint, said.release, release, time, 0.0])
            row[-1] += weight
        return pd.DataFrame(list(rows.values()), columns=columns)

    def judged(self, groups: pd.DataFrame) -> pd.DataFrame:
        """`shopr.analytics.health.quality.error_groups` with a `state` more: open, resolved or regressed."""
        resolved, back = self.all(), set(self.regressions()["fingerprint"])
        states = ["regressed" if f in back else "resolved" if f in resolved else "open" for f in groups["fingerprint"]]
        return groups.assign(state=pd.Series(states, dtype=object, index=groups.index))


_PRINT = "json_extract_string(properties, '$.fingerprint')"
_IS = f"type = 'error_raised' AND {_PRINT} IN (SELECT unnest(?))"


def _later(release: str | None, said: Resolution, first: dict[str, datetime]) -> bool:
    """Whether what ran should have been without the error."""
    if release is None or release == said.release:
        return True
    fixed = first.get(said.release)
    return first[release] >= (said.time if fixed is None else fixed)
