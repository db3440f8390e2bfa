"""MLflow runs that others began: found, ended as they really ended, and given what could not be given before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shopr.config import Settings
from shopr.tracking.store import client, guarded

__all__ = ["attach", "end_below", "end_run", "exists", "kept", "reopen", "tagged"]

_MISSING = "RESOURCE_DOES_NOT_EXIST"


def exists(settings: Settings, run_id: str) -> bool:
    """Whether the store holds a run that was not deleted."""
    from mlflow.exceptions import MlflowException

    with guarded(settings):
        try:
            return str(client(settings).get_run(run_id).info.lifecycle_stage) == "active"
        except MlflowException as error:
            if error.error_code == _MISSING:
                return False
            raise


def end_run(settings: Settings, run_id: str, status: str = "KILLED", *, only_running: bool = False) -> None:
    """Set the terminal status of a run whose process can no longer do so; whatever runs below it is KILLED.

    A run that the store does not hold, or no longer, has nothing to end.

    Args:
        only_running: leave a run alone that has come to its own end.

    Raises:
        StorageError: if the store refuses.
    """
    if not exists(settings, run_id):
        return
    end_below(settings, run_id)
    with guarded(settings):
        api = client(settings)
        if not only_running or api.get_run(run_id).info.status == "RUNNING":
            api.set_terminated(run_id, status)


def end_below(settings: Settings, run_id: str) -> None:
    """End as KILLED every run below `run_id` that is still RUNNING: its process is gone.

    Raises:
        StorageError: if the store refuses.
    """
    for child in tagged(settings, "mlflow.parentRunId", run_id, running=True):
        end_run(settings, child)


def tagged(settings: Settings, tag: str, value: str, *, running: bool = False) -> list[str]:
    """Ids of the runs, of any experiment, that carry a tag with this value.

    Raises:
        StorageError: if the store refuses.
    """
    api = client(settings)
    wanted = f"tags.`{tag}` = '{value}'" + (" and attributes.status = 'RUNNING'" if running else "")
    with guarded(settings):
        experiments = [e.experiment_id for e in api.search_experiments()]
        return [str(found.info.run_id) for found in api.search_runs(experiments, wanted)]


def attach(settings: Settings, run_id: str, files: Sequence[Path]) -> None:
    """Keep files as artifacts of a run; one that the store does not hold, or no longer, needs none.

    Raises:
        StorageError: if the store refuses.
    """
    if files and exists(settings, run_id):
        with guarded(settings):
            for path in files:
                client(settings).log_artifact(run_id, str(path))


def reopen(settings: Settings, run_id: str) -> bool:
    """Let a run that had ended go on; False if the store does not hold it, or no longer.

    Raises:
        StorageError: if the store refuses.
    """
    if not exists(settings, run_id):
        return False
    with guarded(settings):
        client(settings).update_run(run_id, status="RUNNING")
    return True


def kept(settings: Settings) -> set[str]:
    """Ids of the runs that are to be kept: those of registered models, candidates, and those tagged `shopr.keep`, each
    with all runs above it.

    Raises:
        StorageError: if the store refuses.
    """
    api = client(settings)
    found: set[str] = set()
    with guarded(settings):
        versions = [str(v.run_id) for v in api.search_model_versions("") if v.run_id]
    for run_id in [*versions, *tagged(settings, "shopr.keep", "true"), *tagged(settings, "shopr.candidate", "true")]:
        above: str | None = run_id
        while above and above not in found and exists(settings, above):
            found.add(above)
            with guarded(settings):
                tags: Mapping[str, Any] = api.get_run(above).data.tags
            above = tags.get("mlflow.parentRunId")
    return found
