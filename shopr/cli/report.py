"""`shopr report`, `shopr reproduce` and `shopr new`: runs compared, traced back, run again, and begun."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option

__all__ = ["new", "report", "reproduce"]


@click.group(epilog="Example: shopr report compare 1f0c2a 88ab01 --out compare.html")
def report() -> None:
    """Compare runs on one page; trace what serves back to where it came from."""


@report.command(epilog="Example: shopr report compare 1f0c2a 88ab01 --out compare.html")
@click.argument("runs", nargs=-1, required=True, metavar="RUN…")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the page here.")
@json_option
def compare(runs: tuple[str, ...], out: Path | None, as_json: bool) -> None:
    """Compare RUNs, by ids of `shopr run --list` or of MLflow: measures, parameters that differ, lineage."""
    from shopr.config import Settings
    from shopr.data.folders import storage_error
    from shopr.workbench.review import report as pages

    found = pages.facts(Settings(), runs)
    if out is not None:
        try:
            out.write_text(pages.compare(found), encoding="utf-8")
        except OSError as error:
            raise storage_error(out, error) from error
    if as_json:
        echo_json([vars(run) for run in found])
        return
    heads = ["", *(f"{run.name} {run.run_id[:8]}" for run in found)]
    rows = [
        (name, *("" if (v := run.metrics.get(name)) is None else f"{v:.5g}" for run in found))
        for name in pages.measures(found)
    ]
    echo_table(heads, rows, title="Measures")
    for title, what in (("Parameters that differ", "parameters"), ("Where they came from", "lineage")):
        differ = pages.differing(found, what)
        if differ:
            echo_table(heads, [(k, *("" if v is None else v for v in vs)) for k, vs in differ.items()], title=title)
    if out is not None:
        echo(f"The page is {out}")


@report.command(epilog="Example: shopr report lineage")
@click.argument("version", required=False)
@json_option
def lineage(version: str | None, as_json: bool) -> None:
    """Trace a model VERSION (by default the one that serves) back to run, parameters, data, commit and decision.

    Every product shown carries the version of the model in its impression.
    """
    from shopr.config import Settings
    from shopr.errors import NotReadyError
    from shopr.tracking.lookup import version_of
    from shopr.tracking.promotion import history
    from shopr.workbench.review.report import fact_sheet

    settings = Settings()
    found = version_of(settings, version)
    if found is None:
        what = "no model serves" if version is None else f"there is no version {version!r}"
        raise NotReadyError(what, hint="See 'shopr models'")
    facts = fact_sheet(settings, found.run_id)
    record = history(settings)
    steps = record[record["version"] == str(found.version)]
    decisions = [
        {"time": r.time, "action": r.action, "by": r.actor, "why": r.reason} for r in steps.itertuples(index=False)
    ]
    if as_json:
        echo_json({"version": str(found.version), **vars(facts), "decisions": decisions})
        return
    rows = [("model version", str(found.version)), ("run", f"{facts.name} {found.run_id}"), *facts.lineage.items()]
    echo_table(["", ""], rows, title="Where it came from")
    echo_table(["parameter", "value"], list(facts.parameters.items()), title="Parameters")
    echo_table(
        ["time", "action", "by", "why"],
        [[d[name] if isinstance(d[name], datetime) else str(d[name]) for name in d] for d in decisions],
        title="Decisions, newest first",
    )


@click.command(epilog="Example: shopr reproduce 1f0c2a")
@click.argument("run_id")
@click.option("--tolerance", default=1e-9, show_default=True, help="Relative difference that counts as the same.")
@json_option
def reproduce(run_id: str, tolerance: float, as_json: bool) -> None:
    """Run a finished run again and compare what both measured; the exit status is 1 where they differ.

    RUN_ID is an id of `shopr run --list`, the beginning of one, or an MLflow id. Measures of the machine (seconds,
    latency, memory) are shown, not judged.
    """
    from shopr.config import Settings
    from shopr.errors import RunError
    from shopr.progress import step
    from shopr.workbench.review.reproduce import reproduce as again

    with step("Run it again") as running:
        done = again(Settings(), run_id, tolerance=tolerance)
        running.note("the same" if done.same else "not the same")
    if as_json:
        echo_json({**vars(done), "measures": [dict(vars(m)) for m in done.measures], "same": done.same})
    else:
        words = {True: "same", False: "DIFFERS", None: "not judged"}
        rows = [(m.name, _number(m.before), _number(m.after), words[m.same]) for m in done.measures]
        echo_table(["measure", "then", "now", ""], rows, title=f"Run {done.run_id[:8]} and {done.again[:8]}")
    if not done.same:
        raise RunError(f"not reproduced: {done.verdict}", hint="The ingredients that changed are the first suspects")
    if not as_json:
        echo(f"Reproduced: {done.verdict}")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


@click.group(epilog="Example: shopr new notebook price_sensitivity --title 'Who waits for a sale?'")
def new() -> None:
    """Start something new from a template."""


@new.command(epilog="Example: shopr new notebook price_sensitivity --title 'Who waits for a sale?'")
@click.argument("name")
@click.option("--title", default="", help="What a reader sees; made of the name by default.")
@json_option
def notebook(name: str, title: str, as_json: bool) -> None:
    """Write notebooks/NAME.ipynb and the spec experiments/NAME.yaml that runs it, ready to run."""
    from shopr.workbench.specs.template import new_notebook

    made, spec = new_notebook(name, title)
    if as_json:
        echo_json({"notebook": made, "spec": spec})
        return
    echo(f"Wrote {made} and {spec}")
    echo(f"Run it with: shopr run {spec}; work on it with: make lab")
