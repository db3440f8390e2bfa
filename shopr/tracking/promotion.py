"""Who serves: model versions, the champion's alias, and the record of every promotion, refusal and rollback.

The way in stages, by challenger, shadow and canary, is `shopr.tracking.rollout`.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from sqlalchemy import insert, select

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.data.interactions import Interactions
from shopr.errors import GateError, InputError, NotReadyError, StorageError
from shopr.storage.database import Database
from shopr.storage.tables import promotions
from shopr.tracking.cards import publish_card
from shopr.tracking.evidence import Evidence
from shopr.tracking.gate import Decision, Rules
from shopr.tracking.judging import judge
from shopr.tracking.packaging import load_model
from shopr.tracking.registry import (
    ALIAS,
    CANDIDATE_TAG,
    MODEL_NAME,
    PREVIOUS,
    aliased_version,
    best_candidate,
    champion_version,
    newest_candidate,
    point,
    register,
    versions,
)
from shopr.tracking.store import client, guarded
from shopr.tracking.trials import TrialStore

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = [
    "ALIAS",
    "CANDIDATE_TAG",
    "MODEL_NAME",
    "PREVIOUS",
    "Judgement",
    "best_candidate",
    "champion_version",
    "history",
    "move_champion",
    "newest_candidate",
    "promote",
    "record_row",
    "rollback",
    "versions",
]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one promotion.

    Attributes:
        decision: of the gate.
        version: the version that serves, or is challenger, because of it; None if it was refused.
        previous: the version that served before; None if none did.
        run_id: of the candidate.
        evidence: mean and interval of each model judged.
    """

    decision: Decision
    version: str | None
    previous: str | None
    run_id: str
    evidence: Mapping[str, Any]


def promote(
    settings: Settings,
    log: Interactions,
    *,
    run_id: str | None = None,
    to: Literal["champion", "challenger"] = "champion",
    rules: Rules | None = None,
    actor: str | None = None,
    others: Mapping[str, Evidence] | None = None,
    catalog: Catalog | None = None,
    events: pd.DataFrame | None = None,
    clock: Clock | None = None,
) -> Judgement:
    """Let the gate judge a candidate on the gate's split, and make it champion or challenger if it passes; on record.

    The split is the third of four spans of time: later than anything the candidate learned from or was chosen on.

    Args:
        log: all interactions of the shop.
        run_id: of the candidate; the newest one by default.
        to: `champion` serves at once; a `challenger` goes on from there by `rollout.advance`.
        rules: the gate's bounds.
        actor: who asks; the operating system's user by default.
        others: evidence of further models on the same split, kept with the record.
        catalog: whose categories tell how calibrated the lists are.
        events: of the shop; they tell language, country and device of the shoppers, who are judged group by group.

    Raises:
        NotReadyError: if there is no candidate, the run holds no model, or the gate's span holds no purchases.
        InputError: if the candidate is the champion, learned from purchases of the gate's span, or another version is
            on trial already.
        StorageError: if the candidate's files changed since they were logged, or a store refuses.
        GateError: if another promotion or rollback moved the champion meanwhile.
    """
    clock = clock or SystemClock()
    rules = rules or Rules()
    run_id = run_id or newest_candidate(settings)
    serving = champion_version(settings)
    if serving is not None and serving.run_id == run_id:
        raise InputError(f"run {run_id} serves already, as version {serving.version}", hint="Train or tune another")
    previous = None if serving is None else str(serving.version)
    if to == "challenger":
        _free(settings)
    try:
        judged = judge(
            settings, log, run_id, serving, rules,
            looks=lambda split: 1 + _looks(settings, split), others=others, catalog=catalog, events=events, clock=clock,
        )  # fmt: skip
    except StorageError as error:
        # Files that changed since they were logged are a refusal, too, and belong on record.
        with suppress(StorageError):
            row = record_row("refuse", f"run {run_id[:8]}", previous, actor, error.message, {})
            move_champion(settings, row, clock, move=False)
        raise
    decision = judged.decision
    version = register(settings, run_id) if decision.allowed else None
    if version is None:
        row = record_row("refuse", f"run {run_id[:8]}", previous, actor, judged.verdict, judged.record)
        move_champion(settings, row, clock, move=False)
    elif to == "challenger":
        TrialStore(Database.open(settings), clock=clock).forget(version)
        move_champion(
            settings,
            record_row("challenge", version, previous, actor, judged.verdict, judged.record),
            clock,
            move=False,
        )
        point(settings, version, to)
    else:
        move_champion(settings, record_row("promote", version, previous, actor, judged.verdict, judged.record), clock)
    if version is not None:
        publish_card(settings, version)
    return Judgement(decision, version, previous, run_id, judged.record)


def rollback(settings: Settings, *, actor: str | None = None, reason: str = "", clock: Clock | None = None) -> str:
    """Let the version serve again that served before the present champion; returns it.

    A version whose files are gone or changed is passed over for the one before it, and the record says so.

    Raises:
        NotReadyError: if nothing serves, or nothing that could serve again served before.
        StorageError: if a store refuses.
    """
    clock = clock or SystemClock()
    serving = champion_version(settings)
    if serving is None:
        raise NotReadyError("no model serves", hint="Run 'shopr promote' first")
    passed_over = []
    for before in _served_before(history(settings), str(serving.version)):
        try:
            with guarded(settings):
                target = client(settings).get_model_version(MODEL_NAME, before)
            load_model(settings, target)  # a version that cannot serve must not become the champion
            break
        except StorageError as error:
            passed_over.append(error.message)
    else:
        what = "; ".join([f"no version served before version {serving.version}", *passed_over])
        raise NotReadyError(what, hint="See 'shopr models'")
    why = "; ".join([reason or "asked for", *passed_over])
    move_champion(settings, record_row("rollback", before, str(serving.version), actor, why, {}), clock)
    return before


def history(settings: Settings) -> pd.DataFrame:
    """Every promotion, refusal and rollback, newest first: the columns of the table `promotions`.

    `previous_version` is None where nothing served before.
    """
    with Database.open(settings).read() as connection:
        rows = connection.execute(select(promotions).order_by(promotions.c.id.desc())).mappings().all()
    table = pd.DataFrame([dict(row) for row in rows], columns=[c.name for c in promotions.columns])
    table["previous_version"] = pd.Series([row["previous_version"] for row in rows], dtype=object)
    return table


def _served_before(record: pd.DataFrame, serving: str) -> list[str]:
    """The versions to go back to from `serving`, nearest first.

    A promotion puts a version on top of the stack, a rollback takes off all that is above the version it names. Where
    the alias was moved by other hands, what the record has on top comes first.
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


def move_champion(settings: Settings, row: Mapping[str, Any], clock: Clock, *, move: bool = True) -> None:
    """Put a step on record and, in the same transaction, move the champion's alias: neither happens without the other.

    Args:
        move: False only writes the record.

    Raises:
        GateError: if another step moved the champion meanwhile.
        StorageError: if a store refuses; nothing is kept then.
    """
    before = row["previous_version"]
    try:
        with Database.open(settings).begin() as connection:
            serving = champion_version(settings)
            if move and (None if serving is None else str(serving.version)) != before:
                raise GateError("the champion changed while the candidate was judged", hint="Run it again")
            connection.execute(insert(promotions).values(time=clock.now(), model_name=MODEL_NAME, **row))
            if move:
                point(settings, row["version"])
    except StorageError:
        if move:  # the alias may have moved before the record failed
            with suppress(StorageError):
                point(settings, before)
        raise
    if move:
        # The record, not this alias, says what a rollback goes back to: that it cannot be set undoes no promotion.
        with suppress(StorageError):
            point(settings, next(iter(_served_before(history(settings), row["version"])), None), PREVIOUS)


def _free(settings: Settings) -> None:
    """Refuse a second version on trial: which of two did harm would be hard to tell."""
    for stage in ("canary", "shadow", "challenger"):
        found = aliased_version(settings, stage)
        if found is not None:
            raise InputError(
                f"version {found.version} is on trial, as {stage}",
                hint="Let it go on by 'shopr promote --next', or withdraw it by 'shopr rollback --trial'",
            )


def _looks(settings: Settings, split: str) -> int:
    """Candidates that were judged on this split before."""
    table = history(settings)
    return sum(1 for evidence in table["evidence"] if isinstance(evidence, Mapping) and evidence.get("split") == split)


def _whoami() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
