"""Which old versions are kept: those that an alias names, and the last ones that served, to which a rollback goes back.

The others are retired: their files are deleted and the registry forgets them; the record and their runs stay.
"""

from __future__ import annotations

from collections.abc import Sequence

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.errors import InputError, StorageError
from shopr.tracking.packaging import MODEL_FOLDER
from shopr.tracking.record import champions, enter, history, record_row
from shopr.tracking.registry import MODEL_NAME, serving_version, versions
from shopr.tracking.store import client, guarded, quiet_mlflow

__all__ = ["retirable", "retire"]


def retirable(settings: Settings, keep: int) -> list[str]:
    """The versions that `retire` would retire, oldest first.

    Args:
        keep: how many different versions that served, the newest ones, stay besides those that an alias names.

    Raises:
        InputError: if keep is below 1: nothing would be left to roll back to.
        StorageError: if a store refuses.
    """
    if keep < 1:
        raise InputError(f"keep is {keep}", hint="Keep 1 version at least, or a rollback has nothing to go back to")
    known, record = versions(settings), history(settings)
    stay: Sequence[str] = champions(record)[: keep + 1]  # the one that serves, and `keep` before it
    rows = zip(known["version"], known["alias"], strict=True)
    return sorted((v for v, alias in rows if not alias and v not in stay), key=int)


def retire(settings: Settings, keep: int, *, actor: str | None = None, clock: Clock | None = None) -> list[str]:
    """Retire all versions but those that are kept, each on record; returns them, oldest first.

    Raises:
        InputError: if keep is below 1.
        StorageError: if a store refuses; what was retired until then is on record.
    """
    clock = clock or SystemClock()
    gone = retirable(settings, keep)
    before = serving_version(settings)
    for version in gone:
        why = f"of no use to a rollback: {keep} versions that served are kept"
        enter(settings, record_row("retire", version, before, actor, why, {}), clock)
        _delete(settings, version)
    return gone


def _delete(settings: Settings, version: str) -> None:
    quiet_mlflow()
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    api = client(settings)
    with guarded(settings):
        found = api.get_model_version(MODEL_NAME, version)
        run = api.get_run(found.run_id)
        api.delete_model_version(MODEL_NAME, version)
        try:
            store = get_artifact_repository(run.info.artifact_uri, tracking_uri=settings.mlflow_uri)
            store.delete_artifacts(MODEL_FOLDER)
        except (MlflowException, NotImplementedError, OSError) as error:
            raise StorageError(
                f"version {version} is retired, but its files stay: {error}", hint="Delete them by hand"
            ) from error
