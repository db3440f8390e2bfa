"""Runs and model versions looked up by id: None where MLflow has none."""

from __future__ import annotations

from typing import Any

from shopr.config import Settings
from shopr.tracking.endings import exists
from shopr.tracking.registry import MODEL_NAME, champion_version
from shopr.tracking.store import client, guarded

__all__ = ["logged_run", "version_of"]


def logged_run(settings: Settings, run_id: str) -> Any | None:
    """MLflow's run; None if the store does not hold it, or no longer.

    Raises:
        StorageError: if the store refuses.
    """
    if not run_id or not exists(settings, run_id):
        return None
    with guarded(settings):
        return client(settings).get_run(run_id)


def version_of(settings: Settings, version: str | None) -> Any | None:
    """MLflow's record of a model version, by default the one that serves; None if there is none.

    Raises:
        StorageError: if the store refuses.
    """
    from mlflow.exceptions import MlflowException

    if version is None:
        return champion_version(settings)
    with guarded(settings):
        try:
            return client(settings).get_model_version(MODEL_NAME, version)
        except MlflowException:
            return None
