"""MLflow's model registry: candidates, versions, and the aliases of the champion and of the one before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from shopr.config import Settings
from shopr.errors import NotReadyError
from shopr.recommend.contract.base import Recommender
from shopr.tracking.artifact import file_problems
from shopr.tracking.packaging import DIGEST_TAG, MODEL_FOLDER, load_from
from shopr.tracking.store import client, guarded, quiet_mlflow

__all__ = [
    "ALIAS",
    "CANDIDATE_TAG",
    "MODEL_NAME",
    "PREVIOUS",
    "aliased_version",
    "best_candidate",
    "candidate",
    "candidate_problems",
    "champion_version",
    "newest_candidate",
    "point",
    "register",
    "serving_version",
    "versions",
]

MODEL_NAME = "shopr-recommender"
ALIAS = "champion"
PREVIOUS = "previous"
"""Alias of the version that a rollback would go back to, for people and other programs; the record decides."""
CANDIDATE_TAG = "shopr.candidate"
"""Tag of the runs whose model may be promoted."""
_MISSING = "RESOURCE_DOES_NOT_EXIST"


def newest_candidate(settings: Settings) -> str:
    """Id of the newest finished run that logged a candidate.

    Raises:
        NotReadyError: if there is none.
    """
    found = _first_candidate(settings)
    if found is None:
        raise NotReadyError("no run has logged a candidate yet", hint="Run 'shopr tune' or 'shopr train' first")
    return found


def best_candidate(settings: Settings, data: str, *, metric: str = "ndcg@10") -> str:
    """Id of the finished candidate on this data with the highest validation measure; the newest one of equals.

    Candidates of `shopr train` and of `shopr tune` were measured on validation spans of their own: the order is a
    guess, the gate's split decides.

    Args:
        data: fingerprint of the shop's data.
        metric: without the prefix `validation_`.

    Raises:
        NotReadyError: if no candidate on this data logged the measure.
    """
    column = f"validation_{metric.replace('@', '_at_')}"
    wanted = f" and tags.`shopr.data` = '{data}' and metrics.`{column}` >= 0"
    found = _first_candidate(settings, wanted, f"metrics.`{column}` DESC")
    if found is None:
        raise NotReadyError(
            f"no candidate on this shop's data logged validation {metric}",
            hint="Run 'shopr tune' or 'shopr train' first",
        )
    return found


def _first_candidate(settings: Settings, wanted: str = "", *order: str) -> str | None:
    """Id of the first finished candidate in an order, the newest one of equals; None if there is none."""
    api = client(settings)
    with guarded(settings):
        found = api.search_runs(
            [e.experiment_id for e in api.search_experiments()],
            f"tags.`{CANDIDATE_TAG}` = 'true' and attributes.status = 'FINISHED'{wanted}",
            order_by=[*order, "attributes.start_time DESC"],
            max_results=1,
        )
    return str(found[0].info.run_id) if found else None


def champion_version(settings: Settings) -> Any | None:
    """MLflow's record of the version that serves; None if none does."""
    return aliased_version(settings, ALIAS)


def serving_version(settings: Settings) -> str | None:
    """The number of the version that serves; None if none does."""
    serving = champion_version(settings)
    return None if serving is None else str(serving.version)


def aliased_version(settings: Settings, alias: str) -> Any | None:
    """MLflow's record of the version that an alias names; None if it names none."""
    from mlflow.exceptions import MlflowException

    api = client(settings)
    with guarded(settings):
        try:
            return api.get_model_version_by_alias(MODEL_NAME, alias)
        except MlflowException as error:
            if error.error_code in (_MISSING, "INVALID_PARAMETER_VALUE"):
                return None
            raise


def versions(settings: Settings) -> pd.DataFrame:
    """Every registered version, newest first: `version, model, alias, created, run_id` and its metrics."""
    from mlflow.exceptions import MlflowException

    api = client(settings)
    rows: list[dict[str, Any]] = []
    with guarded(settings):
        try:
            named = sorted(api.get_registered_model(MODEL_NAME).aliases.items())
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
                    "alias": " ".join(name for name, v in named if str(v) == str(found.version)),
                    "created": pd.Timestamp(found.creation_timestamp, unit="ms", tz="UTC"),
                    "run_id": found.run_id,
                    **run.data.metrics,
                }
            )
    rows.sort(key=lambda row: int(row["version"]), reverse=True)
    return pd.DataFrame(rows)


def candidate(settings: Settings, run_id: str) -> Recommender:
    """The model that a run logged, checked by the digest that the run carries.

    Raises:
        NotReadyError: if there is no such run, or it logged no model.
        StorageError: if the model's files changed since, or the store refuses.
    """
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


def candidate_problems(settings: Settings, run_id: str) -> list[str]:
    """What is wrong with the files of the model that a run logged, in words; empty if nothing is.

    Raises:
        StorageError: if the store refuses.
    """
    mlflow = quiet_mlflow()
    with guarded(settings):
        uri = f"{client(settings).get_run(run_id).info.artifact_uri}/{MODEL_FOLDER}"
        local = mlflow.artifacts.download_artifacts(artifact_uri=uri, tracking_uri=settings.mlflow_uri)
    return file_problems(Path(local))


def register(settings: Settings, run_id: str) -> str:
    """Register a run's model, or find the version it was registered as; returns the version.

    Raises:
        StorageError: if the store refuses.
    """
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


def point(settings: Settings, version: str | None, alias: str = ALIAS) -> None:
    """Let an alias name this version, or none.

    Raises:
        StorageError: if the store refuses.
    """
    with guarded(settings):
        if version is None:
            client(settings).delete_registered_model_alias(MODEL_NAME, alias)
        else:
            client(settings).set_registered_model_alias(MODEL_NAME, alias, version)
