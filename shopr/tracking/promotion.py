"""Who serves: model versions, the champion's alias, and the record of every promotion, refusal and rollback."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import insert, select

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.data.fingerprint import fingerprint_interactions
from shopr.data.interactions import Interactions
from shopr.data.splitting import four_way
from shopr.errors import GateError, InputError, NotReadyError, StorageError
from shopr.recommend.base import Recommender
from shopr.recommend.registry import make
from shopr.storage.database import Database
from shopr.storage.tables import promotions
from shopr.tracking.evidence import Evidence, gather, summary
from shopr.tracking.gate import Decision, Rules, decide
from shopr.tracking.packaging import load_model
from shopr.tracking.registry import (
    ALIAS,
    CANDIDATE_TAG,
    MODEL_NAME,
    PREVIOUS,
    best_candidate,
    candidate,
    champion_version,
    newest_candidate,
    point,
    register,
    versions,
)
from shopr.tracking.store import client, guarded

__all__ = [
    "ALIAS",
    "CANDIDATE_TAG",
    "MODEL_NAME",
    "PREVIOUS",
    "Judgement",
    "best_candidate",
    "champion_version",
    "history",
    "newest_candidate",
    "promote",
    "rollback",
    "versions",
]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one promotion.

    Attributes:
        decision: of the gate.
        version: the version that serves because of it; None if it was refused.
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
    rules: Rules | None = None,
    actor: str | None = None,
    others: Mapping[str, Evidence] | None = None,
    clock: Clock | None = None,
) -> Judgement:
    """Let the gate judge a candidate on the gate's split, and make it the champion if it passes; either way on record.

    The split is the third of four spans of time: later than anything the candidate learned from or was chosen on.

    Args:
        log: all interactions of the shop.
        run_id: of the candidate; the newest one by default.
        rules: the gate's bounds.
        actor: who asks; the operating system's user by default.
        others: evidence of further models on the same split, kept with the record.

    Raises:
        NotReadyError: if there is no candidate, the run holds no model, or the gate's span holds no purchases.
        InputError: if the candidate is the champion, or learned from purchases of the gate's span.
        StorageError: if the candidate's files changed since they were logged, or a store refuses.
        GateError: if another promotion or rollback moved the champion meanwhile.
    """
    clock = clock or SystemClock()
    rules = rules or Rules()
    run_id = run_id or newest_candidate(settings)
    serving = champion_version(settings)
    if serving is not None and serving.run_id == run_id:
        raise InputError(f"run {run_id} serves already, as version {serving.version}", hint="Train or tune another")
    spans = four_way(log)
    if not len(spans.gate):
        raise NotReadyError("the gate's span of the log holds no new purchases", hint="Give a longer log")
    split = fingerprint_interactions(spans.gate)
    model = candidate(settings, run_id)
    _blind(model, spans.gate)
    k = int(rules.metric.rpartition("@")[2])

    def judged(model: Recommender) -> Evidence:
        return gather(model, spans.gate, spans.before_gate, k=k, clock=clock)

    baseline = judged(make("popular").fit(spans.before_gate))
    rival, unusable = _usable(settings, serving)
    # The champion of another shop knows none of these products: here the candidate is the first, and faces popularity.
    champion = judged(rival) if rival is not None and _knows(rival, spans.gate) else None
    evidence = judged(model)
    looks = 1 + _looks(settings, split)
    decision = decide(evidence, champion, baseline, rules, looks=looks, seed=settings.seed)
    shown = [evidence, *([champion] if champion else []), baseline, *(others or {}).values()]
    record = {
        **summary(list({e.model: e for e in reversed(shown)}.values()), rules.metric, seed=settings.seed),
        "run_id": run_id,
        "split": split,
        "decision": decision.document(),
        **({"champion_unusable": unusable} if unusable else {}),
    }
    previous = None if serving is None else str(serving.version)
    version = register(settings, run_id) if decision.allowed else None
    row = {
        "action": "promote" if decision.allowed else "refuse",
        "version": version or f"run {run_id[:8]}",
        "previous_version": previous,
        "actor": actor or _whoami(),
        "reason": decision.verdict + (f" ({unusable})" if unusable else ""),
        "evidence": _plain(record),
    }
    _enter(settings, row, clock, move=version is not None)
    return Judgement(decision, version, previous, run_id, record)


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
    row = {
        "action": "rollback",
        "version": before,
        "previous_version": str(serving.version),
        "actor": actor or _whoami(),
        "reason": "; ".join([reason or "asked for", *passed_over]),
        "evidence": {},
    }
    _enter(settings, row, clock, move=True)
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


def _usable(settings: Settings, serving: Any | None) -> tuple[Recommender | None, str]:
    """The champion's model, or why it cannot be one: a broken champion must not keep its successor out."""
    if serving is None:
        return None, ""
    try:
        return load_model(settings, serving), ""
    except StorageError as error:
        return None, f"held against popularity, since {error.message}"


def _enter(settings: Settings, row: Mapping[str, Any], clock: Clock, *, move: bool) -> None:
    """Put a step on record and, in the same transaction, move the alias: neither happens without the other."""
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


def _blind(model: Recommender, gate: Interactions) -> None:
    """Refuse a model that was fitted on the very time it is to be judged on: its own rows say so."""
    learned, judged = model.train.times, gate.times
    if learned is None or judged is None or not len(learned):
        return
    last, first = int(learned.max()), int(judged.min())
    if last >= first and _knows(model, gate):
        until, since = (datetime.fromtimestamp(t, UTC).isoformat(timespec="minutes") for t in (last, first))
        raise InputError(
            f"the candidate learned from purchases until {until}, the gate judges those since {since}",
            hint="Train it by 'shopr train' or 'shopr tune', which stop before the gate's span",
        )


def _knows(model: Recommender, truth: Interactions, share: float = 0.5) -> bool:
    """Whether a model knows at least a share of the products that were bought."""
    bought = np.unique(truth.items)
    return bool((model.item_ids.encode(truth.item_ids.decode(bought)) >= 0).mean() >= share)


def _looks(settings: Settings, split: str) -> int:
    """Candidates that were judged on this split before."""
    table = history(settings)
    return sum(1 for evidence in table["evidence"] if isinstance(evidence, Mapping) and evidence.get("split") == split)


def _plain(value: Any) -> Any:
    """NaN has no place in JSON: it becomes null."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124 (NaN)


def _whoami() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
