"""`shopr abtest plan`: how many units and days a test needs, from past data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.abtest.sizing.planning import Plan

__all__ = ["plan"]


@click.command(epilog="Example: shopr abtest plan history.parquet --spec experiments/checkout.yaml --lift 0.02")
@click.argument("history", type=click.Path(path_type=Path))
@click.option("--spec", type=click.Path(path_type=Path), metavar="FILE", help="The experiment's YAML.")
@click.option("--metric", help="Instead of a spec: one column, read as a proportion if it is 0 and 1, else as a mean.")
@click.option("--covariate", multiple=True, help="Column known before the test (CUPED); may be repeated.")
@click.option("--lift", type=float, required=True, help="Smallest relative effect worth finding, such as 0.02.")
@click.option("--power", type=float, default=0.8, show_default=True, help="Chance to find it.")
@click.option("--traffic", type=float, default=1.0, show_default=True, help="Share of units that take part.")
@click.option("--exact-days", is_flag=True, help="Do not round the duration up to whole weeks.")
@json_option
def plan(
    history: Path,
    *,
    spec: Path | None,
    metric: str | None,
    covariate: tuple[str, ...],
    lift: float,
    power: float,
    traffic: float,
    exact_days: bool,
    as_json: bool,
) -> None:
    """Plan a test from HISTORY (CSV or Parquet): one row a unit, its metrics, and exposed_at for the duration."""
    from shopr.abtest.sizing import planning
    from shopr.abtest.sizing.history import read_history
    from shopr.errors import InputError

    if (spec is None) == (metric is None):
        raise InputError("plan needs either --spec or --metric", hint="See 'shopr abtest plan --help'")
    table = read_history(history)
    options: dict[str, Any] = {"lift": lift, "power": power, "traffic": traffic, "whole_weeks": not exact_days}
    if spec is not None:
        from shopr.abtest.design.spec import load_spec

        plans = planning.plan_experiment(table, load_spec(spec), **options)
    else:
        plans = [planning.plan(table, _metric(table, str(metric), covariate), **options)]
    if as_json:
        echo_json([_row(p) for p in plans])
    else:
        _print(plans)


def _metric(table: Any, name: str, covariates: tuple[str, ...]) -> Any:
    from shopr.abtest.design.metrics import Mean, Proportion

    binary = name in table.columns and bool(table[name].dropna().isin([0, 1]).all())
    return (Proportion if binary else Mean)(name=name, covariates=covariates)


def _row(found: Plan) -> dict[str, Any]:
    return {
        "metric": found.metric,
        "baseline": found.baseline.value,
        "sd": found.baseline.variance**0.5,
        "lift": found.lift,
        "effect": found.effect,
        "alpha": found.alpha,
        "comparisons": found.comparisons,
        "power": found.power,
        "n": found.n,
        "arms": list(found.arms),
        "units_a_day": found.units_a_day,
        "days": found.days,
        "found_after_weeks": found.found_after,
        "inflation": found.inflation,
    }


def _print(plans: list[Plan]) -> None:
    rows = [
        [
            p.metric,
            f"{p.baseline.value:.6g}",
            f"{p.lift:+.3g}" if p.lift else "not worse",
            f"{p.n:,}",
            " / ".join(f"{n:,}" for n in p.arms),
            "-" if p.days is None else f"{p.days:,.1f}",
        ]
        for p in plans
    ]
    echo_table(["metric", "baseline", "lift", "units", "by arm", "days"], rows, title="What the test needs")
    weeks = sorted({w for p in plans for w in p.found_after})
    if weeks:
        lifts = [[p.metric, *(f"{p.found_after[w]:+.3g}" if w in p.found_after else "-" for w in weeks)] for p in plans]
        echo_table(["metric", *(f"{w} w" for w in weeks)], lifts, title="Smallest lift found after")
    longest = max(plans, key=lambda p: p.n)
    echo(f"{longest.n:,} units for {longest.metric}, the metric that needs most.")
    if longest.inflation > 1:
        echo(
            f"That is {longest.inflation:.2f} times the units of a test read once, the price of the planned looks; "
            f"most tests with an effect end before all are in."
        )
