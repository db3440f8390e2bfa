"""The record of who served: every promotion, refusal, rollback and step of a trial, and the alias it moves.

The record decides who served before; MLflow's aliases are for people and other programs.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pandas as pd
from sqlalchemy import insert, select

from shopr.clock import Clock
from shopr.config import Settings
from shopr.errors import GateError, StorageError
from shopr.storage.database import Database
from shopr.storage.tables import promotions
from shopr.tracking.registry import MODEL_NAME, PREVIOUS, point, serving_version

__all__ = ["champions", "enter", "history", "move_champion", "record_row", "served_before"]


def history(settings: Settings) -> pd.DataFrame:
    """Every promotion, refusal and rollback, newest first: the columns of the table `promotions`.

    `previous_version` is None where nothing served before.
    """
    with Database.open(settings).read() as connection:
        rows = connection.execute(select(promotions).order_by(promotions.c.id.desc())).mappings().all()
    table = pd.DataFrame([dict(row) for row in rows], columns=[c.name for c in promotions.columns])
    table["previous_version"] = pd.Series([row["previous_version"] for row in rows], dtype=object)
    return table


def served_before(record: pd.DataFrame, serving: str) -> list[str]:
    """The versions to go back to from `serving`, nearest first.

    A promotion puts a version on top of the stack, a rollback takes off all that is above the version it names. Where
    the alias was moved by other hands, what the record has on top comes first.

    Args:
        record: as `history` gives it.
        serving: the version that serves.
    """
    stack: list[str] = []
    for action, version in zip(record["action"][::-1], record["version"][::-1], strict=True):
        if action == "promote":
            stack.append(str(version))
        elif action == "rollback" and version in stack:
            del stack[len(stack) - stack[::-1].index(version) :]
    if stack and stack[-1] == serving:
        stack.pop()
    return list(dict.fromkeys(version for version in reversed(stack) if version != serving))


def champions(record: pd.DataFrame) -> list[str]:
    """Every version that was the champion once, the latest first.

    Args:
        record: as `history` gives it.
    """
    served = record[record["action"].isin(["promote", "rollback"])]["version"]
    return list(dict.fromkeys(map(str, served)))


def record_row(  # noqa: PLR0917 - the columns of the record, in order
    action: str, version: str, previous: str | None, actor: str | None, reason: str, evidence: Mapping[str, Any]
) -> dict[str, Any]:
    """A row of the record but for its time; the actor is the operating system's user by default."""
    return {
        "action": action,
        "version": version,
        "previous_version": previous,
        "actor": actor or _whoami(),
        "reason": reason,
        "evidence": dict(evidence),
    }


def enter(settings: Settings, row: Mapping[str, Any], clock: Clock, *, alias: str | None = None) -> None:
    """Put a step on record and, in the same transaction, let `alias` name its version where one is given.

    Raises:
        StorageError: if a store refuses; nothing is kept then.
    """
    with Database.open(settings).begin() as connection:
        connection.execute(insert(promotions).values(time=clock.now(), model_name=MODEL_NAME, **row))
        if alias is not None:
            point(settings, row["version"], alias)


def move_champion(settings: Settings, row: Mapping[str, Any], clock: Clock) -> None:
    """Put a step on record and, in the same transaction, move the champion's alias: neither happens without the other.

    Raises:
        GateError: if another step moved the champion meanwhile.
        StorageError: if a store refuses; nothing is kept then.
    """
    before = row["previous_version"]
    try:
        with Database.open(settings).begin() as connection:
            if serving_version(settings) != before:
                raise GateError("the champion changed while the candidate was judged", hint="Run it again")
            connection.execute(insert(promotions).values(time=clock.now(), model_name=MODEL_NAME, **row))
            point(settings, row["version"])
    except StorageError:
        with suppress(StorageError):  # the alias may have moved before the record failed
            point(settings, before)
        raise
    # The record, not this alias, says what a rollback goes back to: that it cannot be set undoes no promotion.
    with suppress(StorageError):
        point(settings, next(iter(served_before(history(settings), row["version"])), None), PREVIOUS)


def _whoami() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
