"""`shopr run`: an experiment spec, executed as a parameterised notebook in a child process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option
from shopr.cli.params import keyed
from shopr.errors import InputError, RunError

if TYPE_CHECKING:
    from datetime import datetime

    from shopr.config import Settings
    from shopr.workbench.running.executor import Outcome, Plan
    from shopr.workbench.specs.spec import RunSpec

__all__ = ["run", "run_spec_of"]


@click.command(epilog="Example: shopr run experiments/quickstart.yaml --param seed=7")
@click.argument("spec_path", required=False, type=click.Path(path_type=Path), metavar="SPEC")
@click.option(
    "--param", "params", multiple=True, metavar="KEY=VALUE", help="A parameter's value, instead of its default."
)
@click.option("--force", is_flag=True, help="Run even if nothing changed since the last finished run.")
@click.option("--dry-run", is_flag=True, help="Say what would run (or be removed), what is cached, how long it took.")
@click.option("--logs", is_flag=True, help="Show what the notebook prints while it runs, each line with its cell.")
@click.option("--list", "listed", is_flag=True, help="List the newest runs and their states.")
@click.option("--list-specs", "specs", is_flag=True, help="List the project's specs; refuse two of one name.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of all kinds of specs, for editors.")
@click.option("--gc", "collect", is_flag=True, help="Remove the local files of runs that nothing needs any more.")
@click.option("--older", type=click.FloatRange(0, 36_500), metavar="DAYS", help="With --gc: what is older may go [30].")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="With --gc: finished runs kept of each spec [5].")
@click.option("--most", metavar="SIZE", help="With --gc: beyond this size in all, such as 2GB, the oldest go as well.")
@json_option
def run(  # noqa: PLR0917 - click passes by name
    spec_path: Path | None,
    params: tuple[str, ...],
    force: bool,
    dry_run: bool,
    logs: bool,
    listed: bool,
    specs: bool,
    schema: bool,
    collect: bool,
    older: float | None,
    keep: int | None,
    most: str | None,
    as_json: bool,
) -> None:
    """Run SPEC: check its parameters, execute its notebook, keep notebook and page in MLflow.

    A run that would repeat a finished one (same notebook, parameters, data, package, lock and seed) is served from it.
    Ctrl-C ends the notebook and everything that it started.
    """
    from shopr.config import Settings

    if schema:
        from shopr.workbench.specs.schema import json_schema

        echo_json(json_schema())
        return
    if specs:
        _list_specs(as_json)
        return
    settings = Settings()
    if listed:
        _list(settings, as_json)
    elif collect:
        _collect(settings, older, keep, most, dry_run=dry_run, as_json=as_json)
    else:
        if (older, keep, most) != (None, None, None):
            raise InputError("--older, --keep and --most belong to --gc", hint="Write shopr run --gc --older 30")
        spec = run_spec_of(settings, spec_path)
        _run(settings, spec, dict(keyed(params)), force=force, dry_run=dry_run, logs=logs, as_json=as_json)


def run_spec_of(settings: Settings, path: Path | None) -> RunSpec:
    """The run spec at a path.

    Raises:
        SpecError: if it is refused, or of another kind: the hint names the command that takes it.
    """
    from shopr.errors import SpecError
    from shopr.workbench.specs import spec

    if path is None:
        raise InputError("no spec was named", hint="Write shopr run experiments/quickstart.yaml")
    loaded = spec.load(path, environment=settings.environment)
    if not isinstance(loaded, spec.RunSpec):
        others = {
            "abtest": f"Read it with 'shopr abtest analyze TABLE --spec {path}'",
            "sweep": f"Run it with 'shopr sweep {path}'",
        }
        raise SpecError(f"{path} has kind {loaded.kind!r}", hint=others.get(loaded.kind, "'shopr run' takes kind: run"))
    return loaded


def _run(
    settings: Settings, spec: RunSpec, given: dict[str, Any], *, force: bool, dry_run: bool, logs: bool, as_json: bool
) -> None:
    from shopr import progress
    from shopr.workbench.running import executor

    if dry_run:
        _explain(executor.plan(settings, spec, given), force, as_json)
        return
    if as_json:
        progress.show(False)
    if not force:
        known = executor.served(settings, spec, given)
        if known is not None:
            _tell(known, as_json)
            return
    from shopr.cli.listening import Shown

    with progress.counted(f"Run {spec.name}") as counter:
        done = executor.run_spec(settings, spec, given, force=True, listener=Shown(counter, logs and not as_json))
    _tell(done, as_json)
    if done.state != "DONE":
        raise RunError(f"run {done.run_id} {done.state.lower()}: {done.message}", hint=f"The notebook is {done.output}")


def _tell(done: Outcome, as_json: bool) -> None:
    """What came of it."""
    if as_json:
        echo_json({**vars(done), "page": done.page, "failure": done.failure})
    elif done.state == "CACHED":
        echo(f"Nothing changed: served from run {done.run_id}. The page: {done.page}")
    elif done.state == "DONE":
        tries = f", at attempt {done.attempts}" if done.attempts > 1 else ""
        echo(f"Run {done.run_id} is done in {done.seconds:.1f} s{tries}. The page: {done.page}")
    else:
        if done.failure is not None:
            click.echo(done.failure.text(), err=True)
        if done.page.is_file():
            click.echo(f"The page: {done.page}", err=True)
    if done.pending and not as_json:
        echo(
            f"MLflow did not answer at the end: notebook and page are in {done.output.parent}. The next shopr command "
            "that reaches MLflow hands them over and ends the run there"
        )


def _explain(todo: Plan, force: bool, as_json: bool) -> None:
    cached = None if todo.cached is None or force else todo.cached["run_id"]
    if as_json:
        echo_json({"spec": todo.spec.name, "notebook": todo.notebook, "parameters": todo.values, "key": todo.key,
                   "cached": cached, "last_seconds": todo.last_seconds, "changed": todo.changed,
                   "parameters_changed": todo.parameters_changed, "timeout": todo.spec.timeout,
                   "retry": todo.spec.retry})  # fmt: skip
        return
    echo_table(
        ["parameter", "value"],
        [(k, str(v)) for k, v in todo.values.items()],
        title=f"{todo.spec.name}: {todo.spec.notebook}",
    )
    if cached:
        echo(f"Would be served from run {cached}")
        return
    if todo.cached is not None:
        why = "--force"
    elif todo.changed:
        differs = ", ".join(f"{name} {old} → {new}" for name, (old, new) in todo.parameters_changed.items())
        told = [f"{what} ({differs})" if what == "parameters" and differs else what for what in todo.changed]
        why = f"changed since the last run: {', '.join(told)}"
    else:
        why = "it never finished before" if todo.last_seconds is None else "its finished run is gone"
    echo(f"Would run ({why})" + (f"; it took {todo.last_seconds:.0f} s last time" if todo.last_seconds else ""))


def _list(settings: Settings, as_json: bool) -> None:
    from shopr.storage.database import Database
    from shopr.workbench.running.executor import reconcile
    from shopr.workbench.running.ledger import Ledger

    reconcile(settings)
    rows = Ledger(Database.open(settings)).recent()
    if as_json:
        echo_json(rows)
        return
    if not rows:
        echo("Nothing was run yet. Try: shopr run experiments/quickstart.yaml")
        return
    shown = ("started_at", "spec", "state", "took", "cell", "run_id", "message")
    for row in rows:
        row["cell"] = f"{row['cell']} of {row['cells']}" if row["cell"] and row["state"] != "DONE" else row["cells"]
        row["took"] = _took(row["started_at"], row["ended_at"])
        row["state"] += f" (told MLflow: not yet {row['mlflow_pending']})" if row["mlflow_pending"] else ""
    echo_table(shown, [[row[name] for name in shown] for row in rows])


def _took(start: datetime, end: datetime | None) -> str | None:
    return None if end is None else f"{(end - start).total_seconds():.1f} s"


def _list_specs(as_json: bool) -> None:
    from shopr.workbench.specs.files import inventory

    found = inventory()
    if as_json:
        echo_json(found)
    else:
        echo_table(
            ["name", "kind", "file", "what"], [(one.name, one.kind, str(one.path), one.description) for one in found]
        )


def _collect(
    settings: Settings, older: float | None, keep: int | None, most: str | None, *, dry_run: bool, as_json: bool
) -> None:
    from shopr.config.settings import parse_bytes
    from shopr.workbench.running.collecting import Policy, collect

    try:
        size = None if most is None else parse_bytes(most)
    except ValueError as error:
        raise InputError(f"--most: {error}", hint="Write for example --most 2GB") from None
    assert size is None or isinstance(size, int)
    policy = Policy(30.0 if older is None else older, 5 if keep is None else keep, size)
    found = collect(settings, policy, dry_run=dry_run)
    if as_json:
        echo_json(found)
        return
    verb = "Would remove" if dry_run else "Removed"
    echo(f"{verb} {len(found.removed)} runs ({_size(found.bytes)}); {found.kept} stay, {_size(found.bytes_kept)}")
    for reason, number in sorted(found.reasons.items()):
        echo(f"  {number} kept: {reason}")


def _size(number: int) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1024:
            return f"{number:,.0f} {unit}"
        number //= 1024
    return f"{number:,.0f} GB"
