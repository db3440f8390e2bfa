"""`shopr abtest simulate`: play an A/B test of algorithms in a simulated shop, or rehearse a spec on past units."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option, write_frame
from shopr.cli.params import keyed
from shopr.randomness import DEFAULT_SEED

if TYPE_CHECKING:
    import pandas as pd

    from shopr.abtest.design.spec import Experiment
    from shopr.abtest.simulation.rehearsal import Rehearsal

__all__ = ["simulate"]

_PRESETS = ("tiny", "small", "medium", "large", "demo")


@click.command(epilog="Example: shopr abtest simulate --spec experiments/ab_recommender.yaml --output ab.parquet")
@click.option("--spec", type=click.Path(path_type=Path), metavar="FILE", required=True, help="The experiment's YAML.")
@click.option(
    "--arm", "arms", multiple=True, metavar="ARM=MODEL", help="Which model serves an arm, if not its namesake."
)
@click.option("--preset", type=click.Choice(_PRESETS), default="small", show_default=True, help="Size of the shop.")
@click.option("--days", type=click.IntRange(1), default=28, show_default=True, help="Days of the test.")
@click.option(
    "--seed", type=click.IntRange(0), default=DEFAULT_SEED, show_default=True, help="Seed of everything random."
)
@click.option("--output", type=click.Path(path_type=Path), metavar="TABLE", help="Write the table: .csv or .parquet.")
@click.option("--runs", type=click.IntRange(1), help="Rehearse the spec instead: split the units anew, so many times.")
@click.option("--lift", type=float, default=0.0, show_default=True, help="Relative effect put into a rehearsal.")
@click.option("--table", type=click.Path(path_type=Path), metavar="TABLE", help="Past units to rehearse on.")
@click.option("--save", is_flag=True, help="Read the test as it goes and keep the readings, until one decides.")
@click.option("--every", type=click.IntRange(1), default=7, show_default=True, help="Days between readings kept.")
@click.option("--track", is_flag=True, help="Log the readings that are kept as MLflow runs.")
@json_option
def simulate(
    spec: Path,
    *,
    arms: tuple[str, ...],
    preset: str,
    days: int,
    seed: int,
    output: Path | None,
    runs: int | None,
    lift: float,
    table: Path | None,
    save: bool,
    every: int,
    track: bool,
    as_json: bool,
) -> None:
    """Play an A/B test of algorithms in a simulated shop, and write the TABLE that 'analyze' reads.

    With --save the test is read every --every days, as of that day and by its spec, and the readings are kept as those
    of 'analyze --save' are, marked as simulated.

    With --runs N nothing is compared: the units (of --table, else of the simulated shop served by the control) are
    split anew N times and read as the spec says, with --lift put into the treated ones. Without a lift the share of
    runs that call a winner is the error rate; with one it is the power.
    """
    from shopr.abtest.design.spec import load_spec
    from shopr.errors import InputError

    experiment = load_spec(spec)
    if output is not None and output.suffix not in {".csv", ".parquet"}:
        raise InputError(f"{output} ends in {output.suffix!r}", hint="Name a file ending in .csv or .parquet")
    _check_options(rehearsal=runs is not None, given=bool(lift) or table is not None, save=save, track=track)
    if runs is None:
        looks = _play(experiment, dict(keyed(arms)), preset, days, seed, every=every if save else None)
        if save:
            from shopr.cli.abtest_looks import keep_looks

            units = keep_looks(looks, spec, experiment, preset, seed, track=track, as_json=as_json)
            _write(units, output)
            return
        (_, units) = next(looks)
        _write(units, output)
        _report(units, experiment, output, as_json)
        return
    if table is not None:
        from shopr.abtest.sizing.history import read_history

        units = read_history(table)
    else:
        control = str(dict(keyed(arms)).get(experiment.baseline, experiment.baseline))
        _, units = next(_play(experiment, dict.fromkeys(experiment.arms, control), preset, days, seed))
    _write(units, output)
    from shopr.abtest.simulation.rehearsal import rehearse
    from shopr.progress import track as shown_as

    shown = shown_as(range(runs), "Rehearse", total=runs)
    _verdicts(rehearse(units, experiment, runs=runs, lift=lift, seed=seed, progress=shown), as_json)


def _check_options(*, rehearsal: bool, given: bool, save: bool, track: bool) -> None:
    """Refuse options that do not go together."""
    from shopr.errors import InputError

    if given and not rehearsal:
        raise InputError("--lift and --table are for a rehearsal", hint="Add --runs N, such as --runs 200")
    if track and not save:
        raise InputError("--track logs the readings that are kept", hint="Add --save")
    if rehearsal and save:
        raise InputError("--save keeps readings of a test; --runs rehearses one", hint="Leave one of the two out")


def _play(
    experiment: Experiment, models: dict[str, Any], preset: str, days: int, seed: int, *, every: int | None = None
) -> Iterator[tuple[datetime, pd.DataFrame]]:
    """The test's table as of each look, oldest first; without `every` as of its end alone."""
    from shopr.abtest.simulation.playing import play_looks
    from shopr.data.simulator import ModelPolicy, RandomPolicy, world_dataset, world_of
    from shopr.errors import UnknownNameError
    from shopr.progress import step
    from shopr.recommend.contract.registry import make

    for arm in models:
        if arm not in experiment.arms:
            raise UnknownNameError(f"arm of {experiment.name}", arm, experiment.arms)
    chosen = {arm: str(models.get(arm, arm)) for arm in experiment.arms}
    fresh = {name: make(name) for name in set(chosen.values()) if name != "random"}  # a wrong name is refused at once
    with step(f"Simulate the {preset} shop's past"):
        world = world_of(preset, seed=seed)
        data = world_dataset(world, name="simulated", images=False)
        past = data.interactions()
    policies: dict[str, Any] = {"random": RandomPolicy(len(world.item_ids), seed)}
    for name, model in fresh.items():
        with step(f"Fit {name}"):
            policies[name] = ModelPolicy(model.fit(past, data.catalog), world.user_ids, world.item_ids)
    with step(f"Play {days} days"):
        served = {arm: policies[model] for arm, model in chosen.items()}
        yield from play_looks(world, experiment, served, days=days, every=every, seed=seed)


def _write(units: pd.DataFrame, output: Path | None) -> None:
    if output is not None:
        write_frame(units, output)


def _report(units: pd.DataFrame, experiment: Experiment, output: Path | None, as_json: bool) -> None:
    """What was played: means by arm, as they are; the reading is `analyze`'s."""
    shown = ["sessions", "recommended_clicks", "orders", "converted", "revenue"]
    by_arm = units.groupby("variant")
    means, counts = by_arm[shown].mean(), by_arm.size()
    if as_json:
        arms = [{"variant": arm, "units": int(counts[arm]), **means.loc[arm].to_dict()} for arm in means.index]
        echo_json({"experiment": experiment.name, "table": output, "arms": arms})
        return
    rows = [[arm, f"{counts[arm]:,}", *(f"{value:.4g}" for value in means.loc[arm])] for arm in means.index]
    echo_table(["arm", "units", *shown], rows, title=f"{experiment.name}, simulated")
    echo(f"Written to {output}" if output else "Give --output TABLE to keep the table for 'shopr abtest analyze'")


def _verdicts(found: Rehearsal, as_json: bool) -> None:
    if as_json:
        plan = {"runs": found.runs, "lift": found.lift, "units": found.units, "looks": found.looks}
        echo_json({**plan, "rows": found.rows()})
        return
    rows = []
    for row in found.rows():
        shares = ["" if row[v] is None else f"{row[v]:.1%}" for v in ("better", "worse", "called")]
        rows.append([row["metric"], row["arm"], *shares, f"{row['lo']:.1%} … {row['hi']:.1%}"])
    title = f"{found.runs:,} tests of {found.units:,} units, lift {found.lift:.1%}, readings of each: {found.looks}"
    echo_table(["metric", "arm", "better", "worse", "either", "95 % interval"], rows, title=title)
    echo("Without a lift the share called either is the error rate; with one, better (or worse) is the power.")
