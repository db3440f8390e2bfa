"""The MLflow store: opened by an absolute address, its refusals turned into one clear line.

Only this room imports MLflow, and only when a run or a model is asked for: the import alone takes seconds.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from shopr.config import Settings
from shopr.config.settings import mask
from shopr.errors import StorageError

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["client", "experiment_id", "guarded", "quiet_mlflow", "sqlite_path"]

_CAUSES = (
    ("readonly database", "is read-only", "Make the file and its folder writable"),
    ("read-only", "is read-only", "Make the file and its folder writable"),
    ("permission denied", "may not be written", "Make the file and its folder writable"),
    ("database is locked", "is locked by another process", "Wait for it to finish, then try again"),
    ("disk is full", "has no room left", "Free some disk space, then try again"),
    ("no space left", "has no room left", "Free some disk space, then try again"),
    ("not a database", "is damaged", "Move the file away; MLflow then starts a new one"),
    ("malformed", "is damaged", "Move the file away; MLflow then starts a new one"),
    ("unable to open database", "cannot be opened", "Check that its folder exists and is writable"),
    ("max retries exceeded", "does not answer", "Start the MLflow server, or unset MLFLOW_TRACKING_URI"),
    ("connection refused", "does not answer", "Start the MLflow server, or unset MLFLOW_TRACKING_URI"),
    ("api request to", "does not answer", "Start the MLflow server, or unset MLFLOW_TRACKING_URI"),
)


def quiet_mlflow() -> Any:
    """MLflow, imported without its chatter; nothing is sent anywhere."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # With a server, MLflow would print a run's address whenever one ends: into the JSON that a program reads.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def client(settings: Settings) -> MlflowClient:
    """A client of the settings' store; it keeps no state of its own, and no process-wide setting is touched.

    Raises:
        StorageError: if the store is locked, read-only, damaged or out of reach.
    """
    with guarded(settings):
        return _client(settings.mlflow_uri)


@lru_cache(maxsize=8)
def _client(uri: str) -> MlflowClient:
    mlflow = quiet_mlflow()
    path = sqlite_path(uri)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_whole(path)
    made: MlflowClient = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    made.search_experiments(max_results=1)  # opens and migrates the store now, not in the middle of the work
    return made


def _make_whole(path: Path) -> None:
    """A new SQLite store, put in its place when it is complete.

    MLflow makes its tables in many steps outside a transaction: a process that is killed meanwhile would leave a store
    that nobody can open or mend.
    """
    mlflow = quiet_mlflow()
    fresh = path.with_name(f".{path.name}.new-{uuid4().hex[:8]}")
    try:
        uri = f"sqlite:///{fresh}"
        mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)
        with suppress(FileExistsError):  # another process was faster: its store is as good
            os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def sqlite_path(uri: str) -> Path | None:
    """The file of an SQLite store; None for a server."""
    return Path(uri.removeprefix("sqlite:///").partition("?")[0]) if uri.startswith("sqlite:///") else None


def experiment_id(settings: Settings, name: str) -> str:
    """The id of the experiment `name`, made with an absolute artifact folder where it does not exist.

    Raises:
        StorageError: as `client`.
    """
    api = client(settings)
    with guarded(settings):
        found = api.get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                api.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        if sqlite_path(settings.mlflow_uri) is None:
            return str(api.create_experiment(name))  # a server knows where its artifacts go
        folder = settings.artifact_root / "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
        return str(api.create_experiment(name, artifact_location=folder.as_uri()))


@contextmanager
def guarded(settings: Settings) -> Iterator[None]:
    """Turn what MLflow, SQLite or the disk refuse into a StorageError that names the store and the fix."""
    mlflow = quiet_mlflow()
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (mlflow.exceptions.MlflowException, SQLAlchemyError, OSError) as error:
        text = " ".join(str(error).split())
        place = getattr(error, "filename", None)
        shown = place if isinstance(place, str) else mask(settings.mlflow_uri)
        for sign, what, fix in _CAUSES:
            if sign in text.lower():
                raise StorageError(f"the MLflow store {shown} {what}", hint=fix) from error
        raise StorageError(f"the MLflow store {shown} refused: {text[:300]}", hint="Run 'shopr doctor'") from error
