"""The careful way to the champion's place: challenger, shadow, canary, each an alias, each step on record.

A challenger passed the gate. A shadow answers along with the champion, unseen. A canary serves a fixed share of the
shoppers. A version goes on when it gave enough answers at its stage and broke no bound; one version is on trial at a
time. `promote` is the short way past all of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.errors import GateError, NotReadyError, StorageError
from shopr.storage.database import Database
from shopr.tracking.cards import publish_card
from shopr.tracking.record import enter, history, move_champion, record_row
from shopr.tracking.registry import aliased_version, point, serving_version
from shopr.tracking.rules import RolloutRules
from shopr.tracking.trials import Tally, TrialStore

__all__ = ["STAGES", "OnTrial", "Stage", "advance", "on_trial", "withdraw"]

Stage = Literal["challenger", "shadow", "canary"]
STAGES: tuple[Stage, ...] = ("challenger", "shadow", "canary")
"""The aliases of a version on trial, in their order."""
_ACTIONS = {"shadow": "shadow", "canary": "canary", "champion": "promote"}


@dataclass(frozen=True, slots=True)
class OnTrial:
    """The version on trial.

    Attributes:
        version: of it.
        stage: where it stands.
        run_id: where it was made.
        rules: those it was let to this stage by.
        tally: its answers at this stage.
    """

    version: str
    stage: Stage
    run_id: str
    rules: RolloutRules
    tally: Tally


def on_trial(settings: Settings) -> OnTrial | None:
    """The version on trial; None if there is none.

    Raises:
        StorageError: if a store refuses.
    """
    for stage in reversed(STAGES):
        found = aliased_version(settings, stage)
        if found is not None:
            version = str(found.version)
            rules = RolloutRules(**(_latest(settings, version).get("rollout") or {}))
            tally = TrialStore(Database.open(settings)).read(version, stage)
            return OnTrial(version, stage, str(found.run_id), rules, tally)
    return None


def advance(
    settings: Settings, *, rules: RolloutRules | None = None, actor: str | None = None, clock: Clock | None = None
) -> tuple[str, str]:
    """Let the version on trial go one stage on; returns it and the stage it has now, `champion` at the end.

    Args:
        rules: the bounds it is held to at the stage that it leaves, and serves under at the next one.

    Raises:
        NotReadyError: if no version is on trial.
        GateError: if it may not go on, with the reasons; the refusal is on record. Also if the champion is not the one
            any more that the gate held it against.
        StorageError: if a store refuses.
    """
    clock, rules = clock or SystemClock(), rules or RolloutRules()
    trial = on_trial(settings)
    if trial is None:
        raise NotReadyError("no version is on trial", hint="Start one by 'shopr promote --to challenger'")
    judged = _judged(settings, trial.version)
    before = serving_version(settings)
    if before != judged["previous_version"]:
        told = "none" if judged["previous_version"] is None else f"version {judged['previous_version']}"
        raise GateError(
            f"version {trial.version} was held against {told}, but {before or 'none'} is the champion now",
            hint="Withdraw it by 'shopr rollback --trial', and let the gate judge it anew",
        )
    target = [*STAGES, "champion"][STAGES.index(trial.stage) + 1]
    problems = [] if trial.stage == "challenger" else trial.tally.problems(rules)
    seen = {"stage": trial.stage, "tally": trial.tally.document(), "rollout": rules.model_dump()}
    if problems:
        why = f"stays {trial.stage}: {'; '.join(problems)}"
        enter(settings, record_row("refuse", trial.version, before, actor, why, seen), clock)
        raise GateError(f"version {trial.version} {why}", hint="Let it answer on, or withdraw it")
    why = _why(trial, target, rules)
    # Whoever asks how good the champion is finds the gate's evidence with the step that made it the champion.
    evidence = {**{k: v for k, v in judged["evidence"].items() if k != "split"}, **seen}
    row = record_row(_ACTIONS[target], trial.version, before, actor, why, evidence)
    if target == "champion":
        move_champion(settings, row, clock)
        publish_card(settings, trial.version)
    else:
        enter(settings, row, clock, alias=target)
    with suppress(StorageError):  # the later stage counts where two aliases name one version
        point(settings, None, trial.stage)
    return trial.version, target


def withdraw(settings: Settings, *, reason: str = "", actor: str | None = None, clock: Clock | None = None) -> str:
    """End the trial of the version that is on one; the champion serves everybody. Returns the version.

    Raises:
        NotReadyError: if no version is on trial.
        StorageError: if a store refuses.
    """
    trial = on_trial(settings)
    if trial is None:
        raise NotReadyError("no version is on trial", hint="See 'shopr models'")
    before = serving_version(settings)
    seen = {"stage": trial.stage, "tally": trial.tally.document()}
    row = record_row("withdraw", trial.version, before, actor, reason or "asked for", seen)
    enter(settings, row, clock or SystemClock())
    for stage in STAGES:
        found = aliased_version(settings, stage)
        if found is not None and str(found.version) == trial.version:
            point(settings, None, stage)
    return trial.version


def _why(trial: OnTrial, target: str, rules: RolloutRules) -> str:
    if trial.stage == "challenger":
        return "passed the gate; answers along with the champion, unseen"
    tally = trial.tally
    mean = tally.milliseconds / max(tally.answers - tally.errors, 1)
    alike = "" if tally.overlap is None else f", {tally.overlap:.0%} of its products in common with the champion's"
    seen = f"{tally.answers:,} answers as {trial.stage}, {tally.errors:,} failed, {mean:.1f} ms on average{alike}"
    return f"{seen}; serves {rules.canary_share:.0%} of the shoppers" if target == "canary" else seen


def _judged(settings: Settings, version: str) -> Mapping[str, Any]:
    """The row by which a version became challenger the last time."""
    record = history(settings)
    rows = record[(record["action"] == "challenge") & (record["version"] == version)]
    if not len(rows):
        raise NotReadyError(
            f"version {version} is on trial, but the record does not say that the gate let it",
            hint="Take its alias away, and let the gate judge it by 'shopr promote --to challenger'",
        )
    row = rows.iloc[0]
    return {"previous_version": row["previous_version"], "evidence": row["evidence"]}


def _latest(settings: Settings, version: str) -> Mapping[str, Any]:
    """What the newest step of a version has on record; nothing where it has none."""
    record = history(settings)
    rows = record[(record["version"] == version) & (record["action"] != "refuse")]
    return rows.iloc[0]["evidence"] if len(rows) else {}
