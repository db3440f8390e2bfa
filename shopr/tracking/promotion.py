"""Who serves: model versions, the champion's alias, and the record of every promotion, refusal and rollback."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import insert, select

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.data.fingerprint import fingerprint_interactions
from shopr.data.interactions import Interactions
from shopr.data.splitting import four_way
from shopr.errors import InputError, NotReadyError
from shopr.recommend.base import Recommender
from shopr.recommend.registry import make
from shopr.storage.database import Database
from shopr.storage.tables import promotions
from shopr.tracking.evidence import Evidence, gather, summary
from shopr.tracking.gate import Decision, Rules, decide
from shopr.tracking.packaging import DIGEST_TAG, MODEL_FOLDER, load_from, load_model
from shopr.tracking.store import client, guarded

__all__ = [
    "ALIAS",
    "CANDIDATE_TAG",
    "MODEL_NAME",
    "Judgement",
    "champion_version",
    "history",
    "newest_candidate",
    "promote",
    "rollback",
    "versions",
]

MODEL_NAME = "shopr-recommender"
ALIAS = "champion"
CANDIDATE_TAG = "shopr.candidate"
_MISSING = "RESOURCE_DOES_NOT_EXIST"


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


def newest_candidate(settings: Settings) -> str:
    """Id of the newest finished run that logged a candidate.

    Raises:
        NotReadyError: if there is none.
    """
    api = client(settings)
    with guarded(settings):
        experiments = [e.experiment_id for e in api.search_experiments()]
        found = api.search_runs(
            experiments,
            f"tags.`{CANDIDATE_TAG}` = 'true' and attributes.status = 'FINISHED'",
            order_by=["attributes.start_time DESC"],
            max_results=1,
        )
    if not found:
        raise NotReadyError("no run has logged a candidate yet", hint="Run 'shopr tune' or 'shopr train' first")
    return str(found[0].info.run_id)


def champion_version(settings: Settings) -> Any | None:
    """MLflow's record of the version that serves; None if none does."""
    from mlflow.exceptions import MlflowException

    api = client(settings)
    with guarded(settings):
        try:
            return api.get_model_version_by_alias(MODEL_NAME, ALIAS)
        except MlflowException as error:
            if error.error_code in (_MISSING, "INVALID_PARAMETER_VALUE"):
                return None
            raise


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
        NotReadyError: if there is no candidate, or the run holds no model.
        InputError: if the candidate is the champion.
        StorageError: if a store refuses.
    """
    clock = clock or SystemClock()
    rules = rules or Rules()
    run_id = run_id or newest_candidate(settings)
    spans = four_way(log)
    split = fingerprint_interactions(spans.gate)
    serving = champion_version(settings)
    if serving is not None and serving.run_id == run_id:
        raise InputError(f"run {run_id} serves already, as version {serving.version}", hint="Train or tune another")
    candidate = _candidate(settings, run_id)
    k = int(rules.metric.rpartition("@")[2])

    def judged(model: Recommender) -> Evidence:
        return gather(model, spans.gate, spans.before_gate, k=k, clock=clock)

    baseline = judged(make("popular").fit(spans.before_gate))
    rival = None if serving is None else load_model(settings, serving)
    # The champion of another shop knows none of these products: here the candidate is the first, and faces popularity.
    champion = judged(rival) if rival is not None and _knows(rival, spans.gate) else None
    evidence = judged(candidate)
    looks = 1 + _looks(settings, split)
    decision = decide(evidence, champion, baseline, rules, looks=looks, seed=settings.seed)
    shown = [evidence, *([champion] if champion else []), baseline, *(others or {}).values()]
    record = {
        **summary(list({e.model: e for e in reversed(shown)}.values()), rules.metric, seed=settings.seed),
        "run_id": run_id,
        "split": split,
        "decision": decision.document(),
    }
    previous = None if serving is None else str(serving.version)
    version = _register(settings, run_id) if decision.allowed else None
    with Database.open(settings).begin() as connection:
        connection.execute(
            insert(promotions).values(
                time=clock.now(),
                action="promote" if decision.allowed else "refuse",
                model_name=MODEL_NAME,
                version=version or f"run {run_id[:8]}",
                previous_version=previous,
                actor=actor or _whoami(),
                reason=decision.verdict,
                evidence=_plain(record),
            )
        )
        if version is not None:  # inside the transaction: if the alias cannot move, nothing is on record
            _point(settings, version)
    return Judgement(decision, version, previous, run_id, record)


def rollback(settings: Settings, *, actor: str | None = None, reason: str = "", clock: Clock | None = None) -> str:
    """Let the version serve again that served before the present champion; returns it.

    Raises:
        NotReadyError: if nothing serves, or nothing served before.
        StorageError: if that version's files changed since, or a store refuses.
    """
    clock = clock or SystemClock()
    serving = champion_version(settings)
    if serving is None:
        raise NotReadyError("no model serves", hint="Run 'shopr promote' first")
    record = history(settings)
    made = record[(record["version"] == str(serving.version)) & (record["action"] == "promote")]
    before = made["previous_version"].iloc[0] if len(made) else None
    if not before:
        raise NotReadyError(f"no version served before version {serving.version}", hint="See 'shopr models'")
    with guarded(settings):
        target = client(settings).get_model_version(MODEL_NAME, before)
    load_model(settings, target)  # a version that cannot serve must not become the champion
    with Database.open(settings).begin() as connection:
        connection.execute(
            insert(promotions).values(
                time=clock.now(),
                action="rollback",
                model_name=MODEL_NAME,
                version=str(before),
                previous_version=str(serving.version),
                actor=actor or _whoami(),
                reason=reason or "asked for",
                evidence={},
            )
        )
        _point(settings, str(before))
    return str(before)


def history(settings: Settings) -> pd.DataFrame:
    """Every promotion, refusal and rollback, newest first: the columns of the table `promotions`."""
    with Database.open(settings).read() as connection:
        rows = connection.execute(select(promotions).order_by(promotions.c.id.desc())).mappings().all()
    return pd.DataFrame([dict(row) for row in rows], columns=[c.name for c in promotions.columns])


def versions(settings: Settings) -> pd.DataFrame:
    """Every registered version, newest first: `version, model, alias, created, run_id` and its metrics."""
    from mlflow.exceptions import MlflowException

    api = client(settings)
    rows: list[dict[str, Any]] = []
    with guarded(settings):
        try:
            aliases = {str(v): name for name, v in api.get_registered_model(MODEL_NAME).aliases.items()}
        except MlflowException as error:
            if error.error_code == _MISSING:
                return pd.DataFrame(columns=["version", "model", "alias", "created", "run_id"])
            raise
        for found in api.search_model_versions(f"name = '{MODEL_NAME}'"):
            run = api.get_run(found.run_id)
            rows.append(
                {
                    "version": str(found.version),
                    "model": run.data.tags.get("shopr.model", ""),
                    "alias": aliases.get(str(found.version), ""),
                    "created": pd.Timestamp(found.creation_timestamp, unit="ms", tz="UTC"),
                    "run_id": found.run_id,
                    **run.data.metrics,
                }
            )
    rows.sort(key=lambda row: int(row["version"]), reverse=True)
    return pd.DataFrame(rows)


def _candidate(settings: Settings, run_id: str) -> Recommender:
    """The model that a run logged, checked by the digest that the run carries."""
    from mlflow.exceptions import MlflowException

    api = client(settings)
    with guarded(settings):
        try:
            run = api.get_run(run_id)
        except MlflowException as error:
            if error.error_code == _MISSING:
                raise NotReadyError(f"there is no run {run_id!r}", hint="See 'shopr models'") from error
            raise
    if DIGEST_TAG not in run.data.tags:
        raise NotReadyError(f"run {run_id} logged no model", hint="Give a run of 'shopr train' or 'shopr tune'")
    uri = f"{run.info.artifact_uri}/{MODEL_FOLDER}"
    return load_from(settings, uri, run.data.tags[DIGEST_TAG], f"the model of run {run_id}")


def _register(settings: Settings, run_id: str) -> str:
    """Register a run's model, or find the version it was registered as."""
    from mlflow.exceptions import MlflowException

    api = client(settings)
    with guarded(settings):
        try:
            api.create_registered_model(MODEL_NAME)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        known = [v for v in api.search_model_versions(f"name = '{MODEL_NAME}'") if v.run_id == run_id]
        if known:
            return str(known[0].version)
        run = api.get_run(run_id)
        made = api.create_model_version(
            MODEL_NAME,
            f"{run.info.artifact_uri}/{MODEL_FOLDER}",
            run_id=run_id,
            tags={DIGEST_TAG: run.data.tags[DIGEST_TAG], "shopr.model": run.data.tags.get("shopr.model", "")},
        )
        return str(made.version)


def _point(settings: Settings, version: str) -> None:
    with guarded(settings):
        client(settings).set_registered_model_alias(MODEL_NAME, ALIAS, version)


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
