"""`shopr abtest`: plan, read and simulate experiments."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shopr.cli.abtest_offpolicy import offpolicy
from shopr.cli.abtest_plan import plan
from shopr.cli.abtest_simulate import simulate
from shopr.cli.output import echo, echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.abtest.analysis import Analysis
    from shopr.abtest.report import Report

__all__ = ["abtest"]


class _Moment(click.ParamType[datetime]):
    """ISO 8601, with or without a time and a zone."""

    name = "moment"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no moment such as 2026-01-31 or 2026-01-31T10:00:00+01:00", param, ctx)


@click.group(epilog="Example: shopr abtest analyze results.csv --spec experiments/checkout.yaml --json")
def abtest() -> None:
    """Plan, read and simulate A/B tests."""


abtest.add_command(offpolicy)
abtest.add_command(plan)
abtest.add_command(simulate)


@abtest.command(epilog="Example: shopr abtest analyze results.parquet --spec experiments/checkout.yaml --json")
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
    as_json: bool,
) -> None:
    """Read a test: TABLE (CSV or Parquet) has one row a unit, with unit_id, variant, exposed_at and metric columns.

    The spec says which columns are what. A test planned for one reading at its end is not read before it.
    """
    from shopr.abtest.spec import json_schema, load_spec
    from shopr.errors import InputError
    from shopr.progress import step

    if schema:
        echo_json(json_schema())
        return
    if table is None or spec is None:
        raise InputError("analyze needs a TABLE and a --spec FILE", hint="See 'shopr abtest analyze --help'")
    experiment = load_spec(spec)
    from shopr.abtest.analysis import analyze as read
    from shopr.abtest.spec import GroupSequential

    if looks is None and isinstance(experiment.design, GroupSequential):
        from shopr.config import Settings

        looks = Path(Settings().home) / "abtest" / f"{experiment.name}.looks.json"

    with step(f"Analyze {table.name}"):
        analysis = read(table, experiment, at=at, looks=looks, repair=repair)
    from shopr.abtest.report import Report

    page = Report(analysis, experiment)
    if report is not None:
        page.save(report)
    if as_json:
        verdict = page.verdict
        echo_json({**analysis.to_dict(), "verdict": {"action": verdict.action, "arm": verdict.arm,
                   "reasons": list(verdict.reasons), "until": verdict.until}})  # fmt: skip
    else:
        _print(analysis)
        _print_verdict(page)


def _print(analysis: Analysis) -> None:
    columns = ["metric", "arm", "method", "estimate", "lo", "hi", "p", "decision"]
    names = [*(["segment"] if any(row.segment for row in analysis.rows) else []), *columns]
    rows = [[_shown(getattr(row, name)) for name in names] for row in analysis.rows]
    echo_table(names, rows, title=analysis.experiment)
    for check in analysis.health:
        echo(f"{'ok' if check.ok else 'WARNING':8}{check.name}: {check.message}")


def _print_verdict(page: Report) -> None:
    verdict = page.verdict
    until = f" until {verdict.until}" if verdict.until else ""
    echo(f"\n{' '.join(filter(None, [verdict.action, verdict.arm]))}{until}")
    for reason in verdict.reasons:
        echo(f"- {reason}")


def _shown(value: object) -> object:
    """Figures by their digits, not their decimals: a lift of 0.00002 and a p of 1e-90 must not both read 0.0000."""
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    return f"{value:.4g}"
