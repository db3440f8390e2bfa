"""Sweeps: one run, repeated over values of its parameters, on this machine's cores or on a Dask cluster.

Workers take trials from the ledger until none is left. A worker attends to a few at a time, whose notebooks run in
processes of their own, forked from one that started up once. More workers are joblib's affair, so that the same sweep
runs in processes of this machine (loky) or, with SHOPR_DASK_ADDRESS set, in those of a cluster. A worker that dies
takes its trials with it, which others take again; a sweep that was killed is resumed without redoing what had finished.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.config.sources import project_root
from shopr.errors import NotReadyError, RunError, SpecError
from shopr.storage.database import Database
from shopr.workbench.running.cachekey import ingredients
from shopr.workbench.running.executor import plan
from shopr.workbench.running.ledger import HEARTBEAT_SECONDS, OPEN, Ledger, State
from shopr.workbench.running.settling import LEDGER_TAG, reconcile, run_folder, watching
from shopr.workbench.specs.spec import RunSpec, notebook_of, resolve
from shopr.workbench.specs.sweep import SweepSpec
from shopr.workbench.sweeps.choice import Study, points
from shopr.workbench.sweeps.cluster import send_out
from shopr.workbench.sweeps.trials import FINAL, Trials
from shopr.workbench.sweeps.work import Job, objective_of, stopped

if TYPE_CHECKING:
    from shopr.tracking.runs import Run

__all__ = ["Preview", "SweepResult", "preview", "run_sweep"]


@dataclass(frozen=True)
class Preview:
    """What a sweep would do.

    Attributes:
        points: the values of its trials; None where each depends on those before.
        trials: how many, at most.
        cached: how many of them finished runs answer; None where that cannot be known.
        last_seconds: how long the run took last time; None if it never did.
    """

    points: list[dict[str, Any]] | None
    trials: int
    cached: int | None
    last_seconds: float | None


@dataclass(frozen=True)
class SweepResult:
    """How a sweep ended.

    Attributes:
        sweep_id, mlflow_run_id: in the ledger, and in MLflow.
        state: DONE, or FAILED if no trial has a value.
        rows: the trials' rows in the ledger, by number.
        best: the row of the best trial; None if none has a value.
        value: its value.
        reason: why it ended before all trials were made; "" if all were.
        page: the report.
        ran: how many trials were made by this call; the others were answered before.
    """

    sweep_id: str
    mlflow_run_id: str
    state: State
    rows: list[dict[str, Any]]
    best: dict[str, Any] | None
    value: float | None
    reason: str
    page: Path
    ran: int


def preview(settings: Settings, spec: SweepSpec, run: RunSpec) -> Preview:
    """Say what a sweep would do, without doing it.

    Raises:
        SpecError: if the notebook does not exist.
    """
    known = points(spec, run)
    first = plan(settings, run, {**spec.parameters, **(known[0] if known else {})})
    if known is None:
        return Preview(None, spec.trials, None, first.last_seconds)
    plans = [plan(settings, run, {**spec.parameters, **point}) for point in known]
    cached = sum(p.cached is not None and spec.objective.metric in (p.cached["metrics"] or {}) for p in plans)
    return Preview(known, len(known), cached, first.last_seconds)


def run_sweep(
    settings: Settings,
    spec: SweepSpec,
    run: RunSpec,
    *,
    jobs: int | None = None,
    budget_minutes: float | None = None,
    resume: bool = False,
    force: bool = False,
    clock: Clock | None = None,
    on_trial: Callable[[int, int], None] | None = None,
) -> SweepResult:
    """Run a sweep's trials, each a run in the ledger and a nested run in MLflow.

    Args:
        jobs: trials at a time, instead of the spec's.
        budget_minutes: instead of the spec's; on resuming, from now.
        resume: go on with the newest sweep of this name, where it has not made all its trials.
        force: run trials that finished runs could answer.
        on_trial: called with how many trials have ended, and of how many, when that changed.

    Raises:
        SpecError: if the notebook does not exist, or what is resumed has changed since.
        NotReadyError: if the sweep is under way in another process, or a cluster cannot be reached.
        RunError: if no trial has a value, or workers die again and again.
        StorageError: if a store refuses.
    """
    clock = clock or SystemClock()
    reconcile(settings, clock)
    ledger = Ledger(Database.open(settings), clock)
    row = _entered(settings, spec, run, ledger, resume=resume)
    sweep_id, number = row["run_id"], _total(spec, run)
    minutes = budget_minutes or spec.budget_minutes
    deadline = None if minutes is None else clock.now() + timedelta(minutes=minutes)
    state, message = State.KILLED, "interrupted"
    try:
        with _on_record(settings, spec, run, row, total=number, clock=clock) as parent:
            ledger.running(sweep_id, parent.run_id)
            job = Job(
                _plain(settings), spec.model_dump(), run.model_dump(), sweep_id, parent.run_id, deadline, force,
                str(project_root()),
            )  # fmt: skip
            trials = Trials(Database.open(settings), sweep_id, clock)
            with _beating(ledger, trials, number, on_trial):
                ran = send_out(settings, job, jobs or spec.jobs, trials)
            over = deadline is not None and clock.now() >= deadline
            result = _concluded(settings, spec, parent, trials, number, over=over, ran=ran)
            state, message = result.state, result.reason
            if state is State.FAILED:
                raise RunError(f"sweep {spec.name}: no trial has a value", hint=f"Read {result.page}")
        return result
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        state, message = State.FAILED, f"{type(error).__name__}: {error}"
        raise
    finally:
        ledger.close(sweep_id, state, message=message, reason="interrupted" if state is State.KILLED else None)


@contextmanager
def _on_record(
    settings: Settings, spec: SweepSpec, run: RunSpec, row: Mapping[str, Any], *, total: int, clock: Clock
) -> Iterator[Run]:
    """The sweep's MLflow run, a new one or the one that is resumed, on watch and witnessed while the block runs."""
    from shopr.tracking.runs import run as tracked
    from shopr.tracking.witness import witnessed

    old = row["mlflow_run_id"] or ""
    params = None if old else {"method": spec.method, "trials": total, "objective": spec.objective.metric}
    tags = {LEDGER_TAG: row["run_id"], "shopr.spec": spec.name, "shopr.kind": "sweep"}
    with (
        watching(settings),
        witnessed(settings.home, "ledger"),
        tracked(
            f"sweep {spec.name}", settings=settings, experiment=run.experiment, params=params, tags=tags,
            resume=old, clock=clock,
        ) as parent,
    ):  # fmt: skip
        yield parent


def _entered(settings: Settings, spec: SweepSpec, run: RunSpec, ledger: Ledger, *, resume: bool) -> dict[str, Any]:
    """The sweep's row: a new one, or the one that is resumed."""
    database = Database.open(settings)
    parts = ingredients(settings, notebook_of(run), resolve(run, spec.parameters), run.seed)
    free = {"jobs", "budget_minutes", "stop", "description"}
    parts["sweep"] = _digest({**spec.model_dump(mode="json", exclude=free), "run": run.model_dump(mode="json")})
    last = Trials.latest(database, spec.name)
    if last is not None and last["state"] in OPEN:
        where = f"process {last['pid']} on {last['host']}"
        raise NotReadyError(f"sweep {spec.name} is under way in {where}", hint="Wait for it, or end that process")
    if resume and last is not None:
        changed = [name for name, value in parts.items() if (last["ingredients"] or {}).get(name) != value]
        if changed:
            raise SpecError(
                f"sweep {spec.name} cannot go on: since it began, this has changed: {', '.join(changed)}",
                hint="Leave out --resume: a new sweep begins, and runs that are still the same are served from cache",
            )
        ledger.resume(last["run_id"])
        if points(spec, run) is None or spec.prune:
            Study(settings, spec, run, last["run_id"]).abandon()
        return last
    run_id = ledger.open(
        spec.name, run.notebook, spec.parameters, key=_digest(parts), ingredients=parts, kind="sweep"
    )  # fmt: skip
    return ledger.get(run_id) or {}


@contextmanager
def _beating(ledger: Ledger, trials: Trials, total: int, on_trial: Callable[[int, int], None] | None) -> Iterator[None]:
    """Keep the sweep's row alive, and say how far it is."""
    ended = threading.Event()
    sweep_id = trials.sweep_id

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            done = sum(row["state"] not in OPEN for row in trials.rows())
            ledger.beat(sweep_id, cell=done, cells=total)
            if on_trial is not None:
                on_trial(done, total)

    thread = threading.Thread(target=beat, name="shopr-sweep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _concluded(
    settings: Settings, spec: SweepSpec, parent: Run, trials: Trials, total: int, *, over: bool, ran: int
) -> SweepResult:
    """What came of it, with its report."""
    from shopr.workbench.sweeps.report import report

    rows, sweep_id = trials.rows(), trials.sweep_id
    sign = 1.0 if spec.objective.goal == "maximize" else -1.0
    valued = [(value, row) for row in rows if (value := objective_of(spec, row)) is not None]
    value, best = max(valued, key=lambda pair: sign * pair[0], default=(None, None))
    answered = sum(row["state"] in FINAL or row["reason"] in ("pruned", "timeout") for row in rows)
    reason = ""
    if answered < total:
        reason = stopped(spec, rows) or ("the budget was over" if over else "some trials were lost again and again")
    state = State.FAILED if best is None else State.DONE
    page = run_folder(settings, sweep_id) / "report.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(report(spec, rows, reason), encoding="utf-8")
    parent.artifact(page)
    parent.metrics({"trials": len(rows), **({} if value is None else {f"best_{spec.objective.metric}": value})})
    if best is not None:
        parent.tags({"shopr.best": best["run_id"], "shopr.best_values": best["parameters"]})
    return SweepResult(sweep_id, parent.run_id, state, rows, best, value, reason, page, ran)


def _total(spec: SweepSpec, run: RunSpec) -> int:
    known = points(spec, run)
    return spec.trials if known is None else len(known)


def _plain(settings: Settings) -> Mapping[str, Any]:
    """The settings' values, to be sent."""
    return {name: value for name, value in settings.model_dump(mode="json").items() if name != "origins"}


def _digest(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()
