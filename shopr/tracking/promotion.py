"""Who serves: the gate's judgement that makes a candidate champion or challenger, and the way back by a rollback.

The way in stages, by challenger, shadow and canary, is `shopr.tracking.rollout`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.data.interactions import Interactions
from shopr.errors import InputError, NotReadyError, StorageError
from shopr.storage.database import Database
from shopr.tracking.cards import publish_card
from shopr.tracking.evidence import Evidence
from shopr.tracking.gate import Decision, Rules
from shopr.tracking.judging import judge
from shopr.tracking.packaging import load_model
from shopr.tracking.record import champions, enter, history, move_champion, record_row, served_before
from shopr.tracking.registry import (
    MODEL_NAME,
    aliased_version,
    champion_version,
    newest_candidate,
    register,
    versions,
)
from shopr.tracking.store import client, guarded
from shopr.tracking.trials import TrialStore

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["Judgement", "history", "promote", "rollback"]


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
    clock, rules = clock or SystemClock(), rules or Rules()
    run_id = run_id or newest_candidate(settings)
    serving = champion_version(settings)
    if serving is not None and serving.run_id == run_id:
        raise InputError(f"run {run_id} serves already, as version {serving.version}", hint="Train or tune another")
    previous = None if serving is None else str(serving.version)
    if to == "challenger":
        _free(settings)
    refused = f"run {run_id[:8]}"
    try:
        judged = judge(
            settings, log, run_id, serving, rules,
            looks=lambda split: 1 + _looks(settings, split), others=others, catalog=catalog, events=events, clock=clock,
        )  # fmt: skip
    except StorageError as error:
        # Files that changed since they were logged are a refusal, too, and belong on record.
        with suppress(StorageError):
            enter(settings, record_row("refuse", refused, previous, actor, error.message, {}), clock)
        raise
    if not judged.decision.allowed:
        enter(settings, record_row("refuse", refused, previous, actor, judged.verdict, judged.record), clock)
        return Judgement(judged.decision, None, previous, run_id, judged.record)
    version = register(settings, run_id)
    action = "promote" if to == "champion" else "challenge"
    _install(settings, record_row(action, version, previous, actor, judged.verdict, judged.record), clock)
    return Judgement(judged.decision, version, previous, run_id, judged.record)


def _install(settings: Settings, row: Mapping[str, Any], clock: Clock) -> None:
    """Let the version of a row serve, or be challenger with no answers yet, as the row's action says; with its card."""
    version = row["version"]
    if row["action"] == "promote":
        move_champion(settings, row, clock)
    else:
        TrialStore(Database.open(settings), clock=clock).forget(version)
        enter(settings, row, clock, alias="challenger")
    publish_card(settings, version)


def rollback(
    settings: Settings, *, to: str | None = None, actor: str | None = None, reason: str = "", clock: Clock | None = None
) -> str:
    """Let a version serve again that was the champion before; returns it.

    Args:
        to: the version; by default the one that served before the present champion. If the files of that one are gone
            or changed, it is passed over for the one before it, and the record says so.

    Raises:
        NotReadyError: if nothing serves, or nothing that could serve again served before.
        InputError: if the version of `to` serves, was never the champion, or was retired.
        StorageError: if a store refuses, or the files of the version of `to` changed since they were logged.
        GateError: if another step moved the champion meanwhile.
    """
    clock = clock or SystemClock()
    serving = champion_version(settings)
    if serving is None:
        raise NotReadyError("no model serves", hint="Run 'shopr promote' first")
    if to is None:
        before, passed_over = _nearest(settings, str(serving.version))
    else:
        before, passed_over = _named(settings, to, str(serving.version)), []
    why = "; ".join([reason or "asked for", *passed_over])
    move_champion(settings, record_row("rollback", before, str(serving.version), actor, why, {}), clock)
    return before


def _nearest(settings: Settings, serving: str) -> tuple[str, list[str]]:
    """The version that served before and can serve again, and what is wrong with those that were passed over."""
    passed_over: list[str] = []
    for before in served_before(history(settings), serving):
        try:
            _check(settings, before)
            return before, passed_over
        except StorageError as error:
            passed_over.append(error.message)
    what = "; ".join([f"no version served before version {serving}", *passed_over])
    others = _others(settings, serving)
    raise NotReadyError(what, hint=f"Name one by --to: {', '.join(others)}" if others else "See 'shopr models'")


def _named(settings: Settings, version: str, serving: str) -> str:
    """The version, if it was the champion, is none now, and is there still."""
    others = _others(settings, serving)
    hint = f"Versions that can serve again: {', '.join(others)}" if others else "No other version can serve again"
    if version == serving:
        raise InputError(f"version {version} serves already", hint=hint)
    if version not in others:
        was = version in champions(history(settings))
        raise InputError(
            f"version {version} {'is gone: it was retired' if was else 'was never the champion'}", hint=hint
        )
    try:
        _check(settings, version)
    except StorageError as error:
        raise StorageError(error.message, hint=hint) from error
    return version


def _others(settings: Settings, serving: str) -> list[str]:
    """The versions besides the one that serves that were champion and are registered still, the latest first."""
    there = set(versions(settings)["version"].astype(str))
    return [version for version in champions(history(settings)) if version in there and version != serving]


def _check(settings: Settings, version: str) -> None:
    """A version that cannot serve must not become the champion."""
    with guarded(settings):
        target = client(settings).get_model_version(MODEL_NAME, version)
    load_model(settings, target)


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
