"""`shopr abtest units`: the table of a test, made from a log of events."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shopr.cli.output import echo, echo_json, json_option, write_frame

if TYPE_CHECKING:
    from shopr.abtest.design.spec import Experiment
    from shopr.abtest.tables.unitlog import UnitTable

__all__ = ["units"]


@click.command(
    epilog="Example: shopr abtest units events.parquet --spec experiments/ab_events.yaml --output ab.parquet"
)
@click.argument("events", type=click.Path(path_type=Path))
@click.option("--spec", type=click.Path(path_type=Path), metavar="FILE", required=True, help="The experiment's YAML.")
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="TABLE", required=True, help="Write .csv or .parquet."
)
@click.option("--at", metavar="MOMENT", help="Read the log as of this ISO 8601 moment, UTC by default (default: all).")
@json_option
def units(events: Path, *, spec: Path, output: Path, at: str | None, as_json: bool) -> None:
    """Make the TABLE that 'analyze' reads from EVENTS, a Parquet file (or folder) of the flat event table.

    The spec's key 'events' says which events make which columns. A unit's first experiment_exposed event gives its arm
    and time; outcomes count from then on, within the conversion window, and covariates before it.
    """
    from shopr.abtest.design.spec import load_spec
    from shopr.abtest.tables.unitlog import units_from_events
    from shopr.errors import InputError
    from shopr.progress import step

    if output.suffix not in {".csv", ".parquet"}:
        raise InputError(f"{output} ends in {output.suffix!r}", hint="Name a file ending in .csv or .parquet")
    try:
        moment = None if at is None else datetime.fromisoformat(at)
    except ValueError:
        raise InputError(f"--at {at!r} is no moment", hint="Give one such as 2026-01-31T10:00:00+01:00") from None
    experiment = load_spec(spec)
    with step(f"Read {events.name}"):
        found = units_from_events(events, experiment, at=moment)
    write_frame(found.frame, output)
    if as_json:
        echo_json({**_summary(found, experiment), "table": str(output)})
    else:
        _report(found, experiment, output)


def _summary(found: UnitTable, experiment: Experiment) -> dict[str, object]:
    counts = found.frame[experiment.variant].value_counts()
    return {
        "units": {arm: int(counts.get(arm, 0)) for arm in experiment.arms},
        "exposed": found.exposed,
        "crossed": found.crossed,
        "immature": found.immature,
        "anonymous": found.anonymous,
        "until": found.until.isoformat(),
    }


def _report(found: UnitTable, experiment: Experiment, output: Path) -> None:
    said = _summary(found, experiment)
    arms = said["units"]
    assert isinstance(arms, dict)
    shown = ", ".join(f"{arm} {n:,}" for arm, n in arms.items())
    echo(f"{output}: {len(found.frame):,} units ({shown}), as of {found.until:%Y-%m-%d %H:%M} UTC")
    if found.immature:
        echo(f"{found.immature:,} units are left out until their window has ended")
    if found.crossed:
        dropped = experiment.events is not None and experiment.events.crossed == "drop"
        what = "are left out" if dropped else "keep their first arm, and have 1 in the column crossed"
        echo(f"WARNING: {found.crossed:,} of {found.exposed:,} units were exposed to several arms; they {what}")
    if found.anonymous:
        echo(f"WARNING: {found.anonymous:,} exposures have no unit")
