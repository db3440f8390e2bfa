"""`shopr run`: an experiment spec, executed as a parameterised notebook in a child process."""

from __future__ import annotations

from pathlib import Path

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option
from shopr.cli.params import keyed

__all__ = ["run"]


@click.command(epilog="Example: shopr run experiments/quickstart.yaml --param seed=7")
@click.argument("spec_path", required=False, type=click.Path(path_type=Path), metavar="SPEC")
@click.option(
    "--param", "params", multiple=True, metavar="KEY=VALUE", help="A parameter's value, instead of its default."
)
@click.option("--force", is_flag=True, help="Run even if nothing changed since the last finished run.")
@click.option("--dry-run", is_flag=True, help="Say what would run, what is cached, and how long it took last time.")
@click.option("--list", "listed", is_flag=True, help="List the newest runs and their states.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of specs, for editors.")
@json_option
def run(
    *,
    spec_path: Path | None,
    params: tuple[str, ...],
    force: bool,
    dry_run: bool,
    listed: bool,
    schema: bool,
    as_json: bool,
) -> None:
    """Run SPEC: check its parameters, execute its notebook, keep notebook and page in MLflow.

    A run that would repeat a finished one (same notebook, parameters, data, package, lock and seed) is served from it.
    """
    from shopr.config import Settings
    from shopr.errors import InputError, RunError, SpecError
    from shopr.workbench import executor, spec

    if schema:
        echo_json(spec.json_schema())
        return
    settings = Settings()
    if listed:
        _list(settings, as_json)
        return
    if spec_path is None:
        raise InputError("no spec was named", hint="Write shopr run experiments/quickstart.yaml")
    loaded = spec.load(spec_path)
    if not isinstance(loaded, spec.RunSpec):
        hint = f"Read it with 'shopr abtest analyze TABLE --spec {spec_path}'" if loaded.kind == "abtest" else ""
        raise SpecError(f"{spec_path} has kind {loaded.kind!r}", hint=hint or "'shopr run' takes kind: run")
    given = dict(keyed(params))
    if dry_run:
        _explain(executor.plan(settings, loaded, given), as_json)
        return
    from shopr.progress import step

    with step(f"Run {loaded.name}") as running:
        done = executor.run_spec(settings, loaded, given, force=force)
        running.note(done.state.value)
    if as_json:
        echo_json({**vars(done), "page": done.page})
    elif done.state == "CACHED":
        echo(f"Nothing changed: served from run {done.run_id}. The page: {done.page}")
    elif done.state == "DONE":
        echo(f"Run {done.run_id} is done in {done.seconds:.1f} s. The page: {done.page}")
    if done.state not in ("DONE", "CACHED"):
        raise RunError(f"run {done.run_id} {done.state.lower()}: {done.message}", hint=f"The notebook is {done.output}")


def _explain(todo: object, as_json: bool) -> None:
    from shopr.workbench.executor import Plan

    assert isinstance(todo, Plan)
    cached = None if todo.cached is None else todo.cached["run_id"]
    if as_json:
        echo_json({"spec": todo.spec.name, "notebook": todo.notebook, "parameters": todo.values, "key": todo.key,
                   "cached": cached, "last_seconds": todo.last_seconds, "changed": todo.changed})  # fmt: skip
        return
    echo_table(
        ["parameter", "value"],
        [(k, str(v)) for k, v in todo.values.items()],
        title=f"{todo.spec.name}: {todo.spec.notebook}",
    )
    if cached:
        echo(f"Would be served from run {cached}")
    else:
        why = f"changed since the last run: {', '.join(todo.changed)}" if todo.changed else "it never finished before"
        echo(f"Would run ({why})" + (f"; it took {todo.last_seconds:.0f} s last time" if todo.last_seconds else ""))


def _list(settings: object, as_json: bool) -> None:
    from shopr.config import Settings
    from shopr.storage.database import Database
    from shopr.workbench.executor import reconcile
    from shopr.workbench.ledger import Ledger

    assert isinstance(settings, Settings)
    reconcile(settings)
    rows = Ledger(Database.open(settings)).recent()
    if as_json:
        echo_json(rows)
        return
    if not rows:
        echo("Nothing was run yet. Try: shopr run experiments/quickstart.yaml")
        return
    shown = ("started_at", "spec", "state", "run_id", "message")
    echo_table(shown, [[row[name] for name in shown] for row in rows])
