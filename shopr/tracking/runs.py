"""MLflow runs whose terminal state is always true, with the lineage that makes them reproducible."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.errors import InputError, StorageError
from shopr.tracking.endings import reopen
from shopr.tracking.lineage import lineage_tags
from shopr.tracking.store import client, experiment_id, guarded
from shopr.tracking.witness import TAG, witnessed

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

__all__ = ["EXPERIMENT", "PARENT_VARIABLE", "REPORTS_VARIABLE", "Run", "run"]

EXPERIMENT = "shopr"
"""Where runs go that name no experiment."""
PARENT_VARIABLE = "SHOPR_PARENT_RUN"
"""Environment variable that makes the runs of a notebook children of the run that executes it."""
REPORTS_VARIABLE = "SHOPR_REPORTS"
"""Environment variable: a file to which a notebook's measures are appended too, for whoever executes it."""
_LONGEST_PARAM = 6000
_LONGEST_TAG = 5000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """A run under way.

    Attributes:
        run_id: MLflow's id.
        experiment: its id.
        settings: whose store it is in.
        name: for people.
    """

    run_id: str
    experiment: str
    settings: Settings
    clock: Clock
    name: str = ""

    @property
    def _client(self) -> MlflowClient:
        return client(self.settings)

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; values that are not text are written as JSON."""
        from mlflow.entities import Param

        rows = [Param(key, _text(value)[:_LONGEST_PARAM]) for key, value in values.items()]
        with guarded(self.settings):
            self._client.log_batch(self.run_id, params=rows)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log metrics. NaN and infinite values are left out, as no store keeps them alike; "@" becomes "_at_"."""
        from mlflow.entities import Metric

        now = int(self.clock.now().timestamp() * 1000)
        known = {key.replace("@", "_at_"): float(v) for key, v in values.items() if math.isfinite(v)}
        rows = [Metric(key, v, now, step) for key, v in known.items()]
        _report(known, step, self.name)
        with guarded(self.settings):
            self._client.log_batch(self.run_id, metrics=rows)

    def tags(self, values: Mapping[str, Any]) -> None:
        """Set tags."""
        from mlflow.entities import RunTag

        rows = [RunTag(key, _text(value)[:_LONGEST_TAG]) for key, value in values.items()]
        with guarded(self.settings):
            self._client.log_batch(self.run_id, tags=rows)

    def table(self, frame: pd.DataFrame, name: str) -> None:
        """Keep a table as `name`.csv."""
        self.text(frame.to_csv(index=False), f"{name}.csv")

    def text(self, content: str, path: str) -> None:
        """Keep a text as the artifact `path`."""
        with guarded(self.settings):
            self._client.log_text(self.run_id, content, path)

    def json(self, value: Any, path: str) -> None:
        """Keep a JSON document as the artifact `path`."""
        self.text(json.dumps(value, indent=2, default=str), path)

    def figure(self, figure: Any, path: str) -> None:
        """Keep a matplotlib figure as the artifact `path` (PNG)."""
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / Path(path).name
            figure.savefig(local, dpi=120)
            self.artifact(local, str(Path(path).parent) if "/" in path else None)

    def artifact(self, local: Path, folder: str | None = None) -> None:
        """Keep a file, or the contents of a folder, below the artifact folder `folder`.

        Raises:
            InputError: if there is no such file or folder.
        """
        if not local.exists():
            raise InputError(f"artifact {local} does not exist", hint="Write the file before it is logged")
        with guarded(self.settings):
            if local.is_dir():
                self._client.log_artifacts(self.run_id, str(local), folder)
            else:
                self._client.log_artifact(self.run_id, str(local), folder)

    @property
    def artifact_uri(self) -> str:
        """Where the run's artifacts are."""
        with guarded(self.settings):
            return str(self._client.get_run(self.run_id).info.artifact_uri)


@contextmanager
def run(
    name: str,
    *,
    settings: Settings,
    experiment: str = EXPERIMENT,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    seed: int | None = None,
    data: str = "",
    parent: Run | None = None,
    resume: str = "",
    clock: Clock | None = None,
) -> Iterator[Run]:
    """A run that ends FINISHED, FAILED (an error) or KILLED (an interrupt), as it really ended.

    Args:
        name: for people.
        experiment: MLflow experiment, made if need be.
        params, tags: logged at the start.
        seed: of everything random in the run.
        data: fingerprint of the data it reads.
        parent: makes this a nested run.
        resume: a run that goes on, if the store still holds it, instead of a new one.

    Raises:
        StorageError: if the store is locked, read-only, damaged or out of reach.
    """
    clock = clock or SystemClock()
    api = client(settings)
    folder = experiment_id(settings, experiment)
    known: dict[str, Any] = {**lineage_tags(), **(tags or {})}
    if data:
        known["shopr.data"] = data
    above = parent.run_id if parent is not None else os.environ.get(PARENT_VARIABLE, "")
    if above:
        known["mlflow.parentRunId"] = above
    start = int(clock.now().timestamp() * 1000)
    with witnessed(settings.home, "mlflow", mlflow_uri=settings.mlflow_uri) as witness:
        known[TAG] = witness.token
        if resume and reopen(settings, resume):
            made = resume
        else:
            with guarded(settings):
                shown = {k: _text(v) for k, v in known.items()}
                made = api.create_run(folder, start_time=start, tags=shown, run_name=name).info.run_id
        handle = Run(made, folder, settings, clock, name)
        witness.note(run_id=handle.run_id)
        given = dict(params or {})
        if seed is not None:
            given.setdefault("seed", seed)
        yield from _until_its_end(handle, given)


def _until_its_end(handle: Run, given: Mapping[str, Any]) -> Iterator[Run]:
    """The run while it is under way, then its terminal status."""
    status = "FAILED"
    try:
        with _terminable():
            if given:
                handle.params(given)
            yield handle
        status = "FINISHED"
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    except BaseException as error:
        try:
            handle.tags({"shopr.error": f"{type(error).__name__}: {error}"})
        except StorageError as refused:  # what went wrong first is what the caller must hear of
            _log.warning("the error of run %s is not on record: %s", handle.run_id, refused.one_line())
        raise
    finally:
        _terminate(handle, status)


def _terminate(handle: Run, status: str) -> None:
    """Set the terminal status; a refusal matters only where nothing else went wrong before."""
    try:
        with guarded(handle.settings):
            client(handle.settings).set_terminated(
                handle.run_id, status, end_time=int(handle.clock.now().timestamp() * 1000)
            )
    except StorageError as refused:
        if status == "FINISHED":
            raise
        _log.warning("run %s is %s, but not on record: %s", handle.run_id, status, refused.one_line())


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM unwind the stack like an interrupt, so that the run is on record as KILLED."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _report(measures: Mapping[str, float], step: int, name: str) -> None:
    """Tell whoever executes this notebook, store or no store; a line that cannot be written is only missed there."""
    path = os.environ.get(REPORTS_VARIABLE)
    if path and measures:
        with suppress(OSError), Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"metrics": dict(measures), "step": step, "run": name}) + "\n")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
