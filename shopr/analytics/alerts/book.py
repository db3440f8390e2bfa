"""The record of rules and alerts: a step of the evaluator is written whole or not at all.

Each write proves the evaluator's lease and that nobody evaluated the rule meanwhile, in the same transaction that
keeps its alerts and states. So a process that is killed anywhere, or two that believe they lead, neither repeat an
alert nor lose one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from shopr.analytics.alerts import words
from shopr.analytics.alerts.evaluating import Happened, Standing, Step, standings
from shopr.analytics.alerts.raised import LONGEST
from shopr.analytics.alerts.series import at
from shopr.clock import Clock, SystemClock
from shopr.storage.database import Database
from shopr.storage.lease import Lease
from shopr.storage.tables import alert_rules, alerts

__all__ = ["SOURCE", "AlertBook"]

SOURCE = "rule"
"""What raised an alert that has a rule."""


class AlertBook:
    """Alerts and standings of one database.

    Args:
        database: where they are kept.
    """

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self.database, self._clock = database, clock or SystemClock()

    def standings(self) -> dict[str, Standing]:
        """Where each rule stands."""
        with self.database.read() as connection:
            rows = connection.execute(select(alert_rules)).mappings().all()
        return {
            row["rule"]: Standing(
                row["revision"], int(row["evaluated_until"].timestamp()), standings(row["states"])
            )
            for row in rows
        }  # fmt: skip

    def problems(self) -> dict[str, str]:
        """Rules that could not be evaluated, and why."""
        with self.database.read() as connection:
            rows = connection.execute(select(alert_rules.c.rule, alert_rules.c.problem)).all()
        return {rule: problem for rule, problem in rows if problem}

    def keep(self, step: Step, lease: Lease | None = None) -> bool:
        """Write what evaluating a rule came to; False if another process was faster.

        Raises:
            LeaseLostError: if another process leads.
            StorageError: if the database refuses.
        """
        with self.database.begin() as connection:
            if lease is not None:
                lease.prove(connection)
            if not self._unchanged(connection, step):
                return False
            names = {name: phase.alert for name, phase in (step.before.phases if step.before else {}).items()}
            if step.before is None:
                self._end(connection, alerts.c.kind == step.rule.name, "the rule was changed")
            for one in step.happened:
                self._happen(connection, one, names)
            self._save(connection, step, names)
        return True

    def fail(self, rule: str, problem: str) -> None:
        """Note why a rule could not be evaluated."""
        with self.database.begin() as connection:
            connection.execute(update(alert_rules).where(alert_rules.c.rule == rule).values(problem=problem[:500]))

    def end_others(self, names: Iterable[str]) -> None:
        """Resolve what rules raised that are no longer in force."""
        known = list(names)
        with self.database.read() as connection:
            gone = select(alerts.c.id).where(_open(), alerts.c.kind.not_in(known)).limit(1)
            if connection.execute(gone).first() is None:
                return
        with self.database.begin() as connection:
            self._end(connection, alerts.c.kind.not_in(known), "the rule was switched off")

    def _unchanged(self, connection: Connection, step: Step) -> bool:
        row = connection.execute(
            select(alert_rules).where(alert_rules.c.rule == step.rule.name).with_for_update()
        ).mappings().first()  # fmt: skip
        if row is None:
            return step.before is None
        until = int(row["evaluated_until"].timestamp())
        if step.before is None:
            return bool(row["revision"] != step.rule.revision)
        return until == step.before.until and row["revision"] == step.before.revision

    def _happen(self, connection: Connection, one: Happened, names: dict[str, str]) -> None:
        move = one.transition
        if move.kind == "resolved":
            mine = (alerts.c.id == names.pop(one.series, "")) & alerts.c.resolved_at.is_(None)
            connection.execute(update(alerts).where(mine).values(resolved_at=at(move.at), resolution=move.why))
            return
        names[one.series] = alert = uuid4().hex
        rule = one.rule
        connection.execute(
            insert(alerts).values(
                id=alert, time=at(move.at), kind=rule.name, severity=rule.severity, source=SOURCE, about=rule.about,
                message=words.message(rule, one.series, move)[:LONGEST], series=one.series[:256],
                fingerprint=words.fingerprint(rule.name, one.series), began_at=at(move.began),
                evidence=words.evidence(rule, one.series, move),
            )
        )  # fmt: skip

    def _save(self, connection: Connection, step: Step, names: dict[str, str]) -> None:
        now = self._clock.now()
        states: dict[str, Any] = {}
        for name, phase in step.after.phases.items():
            kept = replace(phase, alert=names.get(name, "") if phase.name == "firing" else "")
            states[name] = kept.kept()
            if phase.name == "firing":
                self._worse(connection, kept.alert, phase.worst)
        row = {
            "rule": step.rule.name, "revision": step.after.revision, "evaluated_until": at(step.after.until),
            "states": states, "problem": "", "updated_at": now,
        }  # fmt: skip
        statement = (sqlite.insert if self.database.is_sqlite else postgresql.insert)(alert_rules).values(**row)
        changed = {name: value for name, value in row.items() if name != "rule"}
        connection.execute(statement.on_conflict_do_update(index_elements=["rule"], set_=changed))

    @staticmethod
    def _worse(connection: Connection, alert: str, worst: float | None) -> None:
        found = connection.execute(select(alerts.c.evidence).where(alerts.c.id == alert)).scalar()
        if found is not None and worst is not None and found.get("worst") != worst:
            connection.execute(update(alerts).where(alerts.c.id == alert).values(evidence={**found, "worst": worst}))

    def _end(self, connection: Connection, which: Any, why: str) -> None:
        now: datetime = self._clock.now()
        connection.execute(update(alerts).where(_open(), which).values(resolved_at=now, resolution=why))


def _open() -> Any:
    return (alerts.c.source == SOURCE) & alerts.c.resolved_at.is_(None)
