"""`shopr abtest list` and `shopr abtest show`: the readings that were kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shopr.cli.abtest_analyze import print_analysis, print_verdict, verdict_json
from shopr.cli.output import echo, echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.abtest.records.kept import History, Kept, Reading

__all__ = ["list_kept", "show"]


@click.command(epilog="Example: shopr abtest list --json")
@json_option
def list_kept(*, as_json: bool) -> None:
    """List the experiments whose readings were kept, and where each stands."""
    from shopr.abtest.records.board import standings
    from shopr.abtest.records.kept import Kept
    from shopr.clock import SystemClock
    from shopr.config import Settings

    found = standings(Kept(Settings().home), SystemClock().now())
    if as_json:
        echo_json(found)
        return
    if not found:
        echo("Nothing is kept yet. Keep a reading with 'shopr abtest analyze TABLE --spec FILE --save'.")
        return
    rows = [
        [s.name, s.words, s.readings, "–" if s.at is None else f"{s.at:%Y-%m-%d %H:%M}", s.units,
         "simulated" if s.simulated else ""]
        for s in found
    ]  # fmt: skip
    echo_table(["experiment", "stands", "readings", "last read (UTC)", "units", ""], rows)
    for s in found:
        for problem in s.problems:
            echo(f"WARNING {s.name}: {problem}")


@click.command(epilog="Example: shopr abtest show ab_recommender --json")
@click.argument("name")
@click.option("--reading", "number", type=click.IntRange(1), help="The reading of that number (default: the last).")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="Write the decision report of that reading.",
)
@json_option
def show(name: str, *, number: int | None, report: Path | None, as_json: bool) -> None:
    """Show what was kept of the experiment NAME: its last reading, and the readings before it."""
    from shopr.abtest.records.kept import Kept
    from shopr.config import Settings

    kept = Kept(Settings().home)
    history = kept.history(name)
    reading = history.reading(number)
    if report is not None:
        from shopr.data.folders import storage_error

        html = kept.report(name, reading.number)
        try:
            report.write_text(html, encoding="utf-8")
        except OSError as error:
            raise storage_error(report, error) from error
    if as_json:
        echo_json(_json(kept, history, reading))
        return
    print_analysis(reading.analysis)
    print_verdict(reading.verdict)
    run = history.runs.get(reading.number)
    echo(f"\nReading {reading.number} of {len(history.readings)}, kept in {kept.place(name, reading.number)}")
    if run is not None:
        echo(f"MLflow run {run.run_id} of experiment {run.experiment!r}")
    if len(history.readings) > 1:
        rows = [[r.number, f"{r.analysis.at:%Y-%m-%d %H:%M}", r.n, _said(r)] for r in history.readings]
        echo_table(["reading", "as of (UTC)", "units", "said"], rows, title="All readings")
    for damage in history.damaged:
        echo(f"WARNING {damage.path}: {damage.reason}")


def _said(reading: Reading) -> str:
    from shopr.abtest.records.board import headline

    return headline(reading.verdict, reading.spec)


def _json(kept: Kept, history: History, reading: Reading) -> dict[str, Any]:
    from shopr.abtest.records.board import paths, standing
    from shopr.clock import SystemClock

    return {
        "standing": standing(history, SystemClock().now()),
        "reading": {
            "number": reading.number,
            "saved_at": reading.saved_at,
            "table": reading.table,
            "fingerprint": reading.fingerprint,
            "simulated": reading.simulated,
            "folder": kept.place(history.name, reading.number),
            **reading.analysis.to_dict(),
            **verdict_json(reading.verdict),
        },
        "over_time": paths(history, reading),
        "readings": [
            {"number": r.number, "at": r.analysis.at, "units": r.n, "fingerprint": r.fingerprint,
             "run": history.runs.get(r.number), **verdict_json(r.verdict)}
            for r in history.readings
        ],
        "damaged": [{"path": d.path, "reason": d.reason} for d in history.damaged],
        "spec": reading.spec_text,
    }  # fmt: skip
