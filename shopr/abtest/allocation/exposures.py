"""Exposures: who saw which arm first, written once however often and from how many processes it is told.

A row's id is made from the experiment and the unit, and a row that is there is left alone: telling an exposure again,
from another process, or after a kill in the middle, changes nothing and moves no one. What comes back is what is
stored, so that of two processes that decided differently (one had a newer ramp) both go on with the arm written first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import blake2b

import numpy as np
import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from shopr.abtest.allocation.assignment import Assigned, Assignment
from shopr.clock import Clock, SystemClock
from shopr.errors import InputError
from shopr.hashing.texts import Ids, as_texts
from shopr.storage.database import Database
from shopr.storage.tables import experiment_exposures as table

__all__ = ["Exposures", "exposure_id"]

_BATCH = 1_000  # rows a statement: below SQLite's limit of bound values
_LONGEST = {"experiment": 128, "unit_id": 256, "user_id": 256, "arm": 64}


def exposure_id(experiment: str, unit: str) -> str:
    """The id of the exposure of `unit` to `experiment`: 32 hexadecimal digits, the same in every process."""
    return blake2b(f"{len(experiment)}:{experiment}{unit}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class Exposures:
    """The exposures of one installation.

    Args:
        database: holds the table.
        clock: tells the time of exposures that come without one.
    """

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()

    def record(
        self,
        experiment: str,
        units: Ids,
        arms: Sequence[str | None],
        *,
        users: Ids | None = None,
        time: datetime | Sequence[datetime] | None = None,
    ) -> int:
        """Write exposures; those known already, and units without an arm, are left alone.

        Args:
            units: ids, shape (n,); `arms`: the arm of each, None for none.
            users: the person behind each unit, where units are sessions or the like; the unit itself if None.
            time: when each saw it, with a time zone; now if None.

        Returns:
            How many were new.

        Raises:
            InputError: if lengths differ, an id is empty or too long.
            StorageError: if the database refuses; nothing of the call is kept then.
        """
        rows = self._rows(experiment, units, arms, users, time)
        insert = (sqlite.insert if self._database.is_sqlite else postgresql.insert)(table).on_conflict_do_nothing()
        new = 0
        with self._database.begin() as connection:
            for start in range(0, len(rows), _BATCH):
                part = rows[start : start + _BATCH]
                new += len(connection.execute(insert.values(part).returning(table.c.id)).all())
        return new

    def expose(
        self, assignment: Assignment, units: Ids, *, users: Ids | None = None, time: datetime | None = None
    ) -> Assigned:
        """Assign units, write the exposures of those analysed, and give each the arm that is stored for it.

        Forced units are not written: they see their arm and do not count.
        """
        ids = as_texts(units)
        before = self.arms(assignment.key, ids)
        assigned = assignment.assign(ids, before)
        counts = assigned.analysed & ~assigned.why("exposed")
        if not counts.any():
            return assigned
        new = np.flatnonzero(counts)
        people = None if users is None else as_texts(users)
        self.record(
            assignment.key,
            [ids[i] for i in new],
            list(assigned.names()[new]),
            users=None if people is None else [people[i] for i in new],
            time=time,
        )
        # Another process may have been first with one of these.
        return assignment.assign(ids, self.arms(assignment.key, ids))

    def arms(self, experiment: str, units: Ids | None = None) -> pd.Series:
        """Unit id -> the arm stored for it, of all exposed units or of those among `units`."""
        query = select(table.c.unit_id, table.c.arm).where(table.c.experiment == experiment)
        found: list[tuple[str, str]] = []
        with self._database.read() as connection:
            if units is None:
                found = [(unit, arm) for unit, arm in connection.execute(query)]
            else:
                ids = sorted({exposure_id(experiment, unit) for unit in as_texts(units)})
                for part in _parts(ids):
                    found += [(u, a) for u, a in connection.execute(query.where(table.c.id.in_(part)))]
        return pd.Series([a for _, a in found], index=pd.Index([u for u, _ in found], dtype=object), dtype=object)

    def frame(self, experiment: str) -> pd.DataFrame:
        """One row an exposed unit: unit_id, user_id, variant, exposed_at (UTC), in order of time."""
        query = (
            select(table.c.unit_id, table.c.user_id, table.c.arm, table.c.time)
            .where(table.c.experiment == experiment)
            .order_by(table.c.time, table.c.id)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        frame = pd.DataFrame([tuple(row) for row in rows], columns=["unit_id", "user_id", "variant", "exposed_at"])
        frame["exposed_at"] = pd.to_datetime(frame["exposed_at"], utc=True)
        return frame

    def counts(self, experiment: str) -> dict[str, int]:
        """Arm -> exposed units: what `srm.sample_ratio` takes."""
        query = select(table.c.arm, func.count()).where(table.c.experiment == experiment).group_by(table.c.arm)
        with self._database.read() as connection:
            return {arm: int(count) for arm, count in connection.execute(query.order_by(table.c.arm))}

    def _rows(
        self,
        experiment: str,
        units: Ids,
        arms: Sequence[str | None],
        users: Ids | None,
        time: datetime | Sequence[datetime] | None,
    ) -> list[dict[str, object]]:
        ids = as_texts(units)
        people = ids if users is None else as_texts(users)
        times = [time or self._clock.now()] * len(ids) if time is None or isinstance(time, datetime) else list(time)
        if not len(ids) == len(people) == len(arms) == len(times):
            raise InputError(
                f"{len(ids)} units, {len(people)} users, {len(arms)} arms, {len(times)} times", hint="Give one a unit"
            )
        rows: list[dict[str, object]] = []
        for unit, user, arm, when in zip(ids, people, arms, times, strict=True):
            if arm is None:
                continue
            row = {"experiment": experiment, "unit_id": unit, "user_id": user, "arm": arm}
            for name, value in row.items():
                if not 0 < len(value) <= _LONGEST[name]:
                    raise InputError(
                        f"{name} {value[:40]!r} has {len(value)} characters, not 1 … {_LONGEST[name]}",
                        hint="Leave out units without an id, and shorten longer ones",
                    )
            rows.append({"id": exposure_id(experiment, unit), **row, "time": when})
        return rows


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]
