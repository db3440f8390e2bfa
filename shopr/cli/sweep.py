"""`shopr sweep`: one run over many values of its parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.config import Settings
    from shopr.workbench.specs.spec import RunSpec
    from shopr.workbench.specs.sweep import SweepSpec
    from shopr.workbench.sweeps.sweep import SweepResult

__all__ = ["sweep"]

_SHOWN = 10


@click.command(epilog="Example: shopr sweep experiments/neighbours.yaml --jobs 2")
@click.argument("spec_path", type=click.Path(path_type=Path), metavar="SPEC")
@click.option("--jobs", type=click.IntRange(1, 1024), metavar="N", help="Trials at a time, instead of the spec's.")
@click.option("--resume", is_flag=True, help="Go on with the newest sweep of this spec; what finished is not redone.")
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MINUTES",
    help="After so long no trial starts and none goes on, instead of the spec's.",
)
@click.option("--force", is_flag=True, help="Run trials that a finished run could answer, too.")
@click.option("--dry-run", is_flag=True, help="Say which trials there would be, and how many are cached.")
@json_option
def sweep(
    *, spec_path: Path, jobs: int | None, resume: bool, budget: float | None, force: bool, dry_run: bool, as_json: bool
) -> None:
    """Run SPEC (kind: sweep): a grid, random draws or Optuna's suggestions over the parameters of a run.

    Trials run in processes of this machine; with SHOPR_DASK_ADDRESS set, on that Dask cluster. Each is a run of its own
    in the ledger and a nested run in MLflow; the report compares them.
    """
    from shopr import progress
    from shopr.config import Settings
    from shopr.workbench.specs.sweep import load_sweep

    settings = Settings()
    spec, run = load_sweep(spec_path, settings.environment)
    if dry_run:
        _preview(settings, spec, run, as_json)
        return
    from shopr.workbench.sweeps.sweep import run_sweep

    if as_json:
        progress.show(False)
    with progress.counted(f"Sweep {spec.name}") as counter:
        done = run_sweep(
            settings, spec, run, jobs=jobs, budget_minutes=budget, resume=resume, force=force,
            on_trial=lambda ended, total: counter.at(min(ended + 1, total), total, "trial"),
        )  # fmt: skip
    _tell(spec, done, as_json)


def _preview(settings: Settings, spec: SweepSpec, run: RunSpec, as_json: bool) -> None:
    from shopr.workbench.sweeps.sweep import preview

    seen = preview(settings, spec, run)
    if as_json:
        echo_json(seen)
        return
    if seen.points is None:
        echo(f"Would run {seen.trials} trials of {run.name}, each where Optuna suggests after those before.")
    else:
        rows = [[i, *(str(point[name]) for name in spec.space)] for i, point in enumerate(seen.points[: 2 * _SHOWN])]
        echo_table(["trial", *spec.space], rows, title=f"{spec.name}: {run.notebook}")
        more = f" The table shows the first {2 * _SHOWN}." if seen.trials > 2 * _SHOWN else ""
        echo(f"Would run {seen.trials} trials, {seen.cached} of them served from finished runs.{more}")
    if seen.last_seconds:
        echo(f"{run.name} took {seen.last_seconds:.0f} s last time.")


def _tell(spec: SweepSpec, done: SweepResult, as_json: bool) -> None:
    from shopr.workbench.sweeps.work import objective_of

    sign = 1.0 if spec.objective.goal == "maximize" else -1.0
    valued: list[tuple[float, dict[str, Any]]] = [
        (value, row) for row in done.rows if (value := objective_of(spec, row)) is not None
    ]
    valued.sort(key=lambda pair: -sign * pair[0])
    if as_json:
        trials = [
            {"trial": row["trial"], "parameters": row["parameters"], "value": objective_of(spec, row),
             "state": row["state"], "reason": row["reason"], "run_id": row["run_id"],
             "mlflow_run_id": row["mlflow_run_id"], "message": row["message"]}
            for row in done.rows
        ]  # fmt: skip
        best = None if done.best is None else done.best["trial"]
        echo_json({"sweep_id": done.sweep_id, "mlflow_run_id": done.mlflow_run_id, "state": done.state, "best": best,
                   "value": done.value, "reason": done.reason, "page": done.page, "ran": done.ran,
                   "trials": trials})  # fmt: skip
        return
    rows = [
        [row["trial"], *(_brief(row["parameters"].get(name)) for name in spec.space), value, str(row["state"])]
        for value, row in valued[:_SHOWN]
    ]
    echo_table(["trial", *spec.space, spec.objective.metric, "state"], rows, title=f"{spec.name}: the best trials")
    others = len(done.rows) - len(valued)
    left = f"; {others} without a value" if others else ""
    early = f". It ended early: {done.reason}" if done.reason else ""
    echo(f"{len(done.rows)} trials, {done.ran} of them taken now{left}{early}.")
    echo(f"The report: {done.page}")


def _brief(value: object) -> str:
    """A parameter's value as far as it can be told from another; --json has all digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
