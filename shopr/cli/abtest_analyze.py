"""`shopr abtest analyze`: read a test, report it, keep it, track it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option, plain

if TYPE_CHECKING:
    from shopr.abtest.design.spec import Experiment
    from shopr.abtest.judging.analysis import Analysis
    from shopr.abtest.judging.trajectory import Trajectory
    from shopr.abtest.judging.verdict import Verdict
    from shopr.abtest.records.kept import Kept, Reading, TrackedRun
    from shopr.config import Settings

__all__ = ["analyze", "print_analysis", "print_verdict", "track_kept", "verdict_json"]


class _Moment(click.ParamType[datetime]):
    """ISO 8601, with or without a time and a zone."""

    name = "moment"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no moment such as 2026-01-31 or 2026-01-31T10:00:00+01:00", param, ctx)


@click.command(epilog="Example: shopr abtest analyze results.parquet --spec experiments/checkout.yaml --save")
@click.argument("table", type=click.Path(path_type=Path), required=False)
@click.option("--spec", type=click.Path(path_type=Path), metavar="FILE", help="The experiment's YAML.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of specs, and stop.")
@click.option("--at", type=_Moment(), help="Read the test as of this ISO 8601 moment, UTC by default (default: now).")
@click.option(
    "--looks",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="JSON file that remembers the looks; group-sequential tests have one under SHOPR_HOME.",
)
@click.option("--repair", is_flag=True, help="Leave out repeated rows and units in two arms instead of refusing.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="Write the decision report, one page that needs nothing else.",
)
@click.option("--save", is_flag=True, help="Keep the reading: 'shopr abtest list' and the app's page show it.")
@click.option("--track", is_flag=True, help="Log the report, the spec and the figures as an MLflow run.")
@json_option
def analyze(
    table: Path | None,
    *,
    spec: Path | None,
    schema: bool,
    at: datetime | None,
    looks: Path | None,
    repair: bool,
    report: Path | None,
    save: bool,
    track: bool,
    as_json: bool,
) -> None:
    """Read a test: TABLE (CSV or Parquet) has one row a unit, with unit_id, variant, exposed_at and metric columns.

    The spec says which columns are what. A test planned for one reading at its end is not read before it; with --save
    its health is checked and kept until then. A sequential test knows the looks that were kept before.
    """
    from shopr.abtest.design.spec import json_schema, load_spec
    from shopr.errors import InputError

    if schema:
        echo_json(json_schema())
        return
    if table is None or spec is None:
        raise InputError("analyze needs a TABLE and a --spec FILE", hint="See 'shopr abtest analyze --help'")
    if save and looks is not None:
        raise InputError("--save keeps the looks itself; --looks names another place", hint="Give one of the two")
    experiment = load_spec(spec)
    from shopr.config import Settings

    asked = _Asked(Settings(), table, spec, experiment, at, repair, report, track, as_json)
    if save:
        _keep(asked)
    else:
        _once(asked, looks)


@dataclass(frozen=True)
class _Asked:
    """A reading that is asked for: of which table and spec, as of when, and what becomes of it."""

    settings: Settings
    table: Path
    spec: Path
    experiment: Experiment
    at: datetime | None
    repair: bool
    report: Path | None
    track: bool
    as_json: bool


def _keep(asked: _Asked) -> None:
    from shopr.abtest.judging.looks import load_looks
    from shopr.abtest.records.keeping import keep
    from shopr.abtest.records.kept import Kept
    from shopr.progress import step

    kept, experiment = Kept(asked.settings.home), asked.experiment
    text = asked.spec.read_text(encoding="utf-8")
    with step(f"Analyze {asked.table.name}"):
        earlier = load_looks(_looks_file(asked.settings, experiment), experiment.name)
        reading = keep(kept, asked.table, text, at=asked.at, repair=asked.repair, earlier=earlier)
    html = kept.report(experiment.name, reading.number)
    if asked.report is not None:
        _write(asked.report, html)
    note = {"number": reading.number, "folder": kept.place(experiment.name, reading.number)}
    tracked = track_kept(asked.settings, kept, reading) if asked.track else None
    _show(reading.analysis, reading.verdict, note, tracked, asked.as_json)


def _once(asked: _Asked, looks: Path | None) -> None:
    from shopr.abtest.design.spec import GroupSequential
    from shopr.abtest.judging.analysis import analyze as read
    from shopr.abtest.records.report import Report
    from shopr.progress import step

    table, experiment = asked.table, asked.experiment
    if looks is None and isinstance(experiment.design, GroupSequential):
        looks = _looks_file(asked.settings, experiment)
        _carry_over(asked.settings, experiment, looks)
    with step(f"Analyze {table.name}"):
        analysis = read(table, experiment, at=asked.at, looks=looks, repair=asked.repair)
    paths: tuple[Trajectory, ...] = ()
    if asked.report is not None or asked.track:
        from shopr.abtest.judging.trajectory import by_day

        paths = by_day(table, experiment, at=asked.at, repair=asked.repair)
    page = Report(analysis, experiment, paths)
    if asked.report is not None:
        page.save(asked.report)
    tracked = None
    if asked.track:
        from shopr.data.fingerprint import fingerprint_file
        from shopr.tracking.abtests import track_reading

        text = asked.spec.read_text(encoding="utf-8")
        with step("Log to MLflow"):
            tracked = track_reading(
                asked.settings, analysis, page.verdict, spec_text=text, html=page.html(),
                fingerprint=fingerprint_file(table),
                document=plain({**analysis.to_dict(), **verdict_json(page.verdict)}),
            )  # fmt: skip
    _show(analysis, page.verdict, None, tracked, asked.as_json)


def _looks_file(settings: Settings, experiment: Experiment) -> Path:
    """Where the looks of group-sequential tests are remembered that were not kept."""
    return Path(settings.home) / "abtest" / f"{experiment.name}.looks.json"


def _carry_over(settings: Settings, experiment: Experiment, file: Path) -> None:
    """Let the file of looks know those that were kept: a look counts, however it was taken."""
    from shopr.abtest.judging.looks import load_looks, save_looks
    from shopr.abtest.records.keeping import merged
    from shopr.abtest.records.kept import Kept

    known = Kept(settings.home).begun(experiment.name).looks
    if known:
        save_looks(file, experiment.name, merged(known, load_looks(file, experiment.name)))


def track_kept(settings: Settings, kept: Kept, reading: Reading) -> TrackedRun:
    """Log a reading that is kept to MLflow, unless it was, and note the run beside it."""
    from shopr.progress import step
    from shopr.tracking.abtests import track_reading

    name = reading.analysis.experiment
    known = kept.history(name).runs.get(reading.number)
    if known is not None:
        return known
    with step(f"Log reading {reading.number} to MLflow"):
        run = track_reading(
            settings, reading.analysis, reading.verdict, spec_text=reading.spec_text, number=reading.number,
            html=kept.report(name, reading.number), document=reading.model_dump(mode="json"),
            fingerprint=reading.fingerprint,
        )  # fmt: skip
    kept.note_run(reading, run)
    return run


def _write(path: Path, html: str) -> None:
    from shopr.data.folders import storage_error

    try:
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise storage_error(path, error) from error


def _show(
    analysis: Analysis, verdict: Verdict, kept: Mapping[str, Any] | None, run: TrackedRun | None, as_json: bool
) -> None:
    if as_json:
        more: dict[str, Any] = {} if kept is None else {"kept": kept}
        if run is not None:
            more["run"] = run
        echo_json({**analysis.to_dict(), **verdict_json(verdict), **more})
        return
    print_analysis(analysis)
    print_verdict(verdict)
    if kept is not None:
        echo(f"\nKept as reading {kept['number']} in {kept['folder']}")
    if run is not None:
        echo(f"MLflow run {run.run_id} of experiment {run.experiment!r}: {run.address or 'mlflow ui'}/{run.page}")


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict as it stands in JSON."""
    return {"verdict": {"action": verdict.action, "arm": verdict.arm, "reasons": list(verdict.reasons),
                        "until": verdict.until}}  # fmt: skip


def print_analysis(analysis: Analysis) -> None:
    """The rows, if there are any, and the health checks."""
    columns = ["metric", "arm", "method", "estimate", "lo", "hi", "p", "decision"]
    names = [*(["segment"] if any(row.segment for row in analysis.rows) else []), *columns]
    rows = [[_shown(getattr(row, name)) for name in names] for row in analysis.rows]
    if rows:
        echo_table(names, rows, title=analysis.experiment)
    for check in analysis.health:
        echo(f"{'ok' if check.ok else 'WARNING':8}{check.name}: {check.message}")


def print_verdict(verdict: Verdict) -> None:
    """What to do, and why."""
    until = f" until {verdict.until}" if verdict.until else ""
    echo(f"\n{' '.join(filter(None, [verdict.action, verdict.arm]))}{until}")
    for reason in verdict.reasons:
        echo(f"- {reason}")


def _shown(value: object) -> object:
    """Figures by their digits, not their decimals: a lift of 0.00002 and a p of 1e-90 must not both read 0.0000."""
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    return f"{value:.4g}"
