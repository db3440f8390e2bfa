"""`shopr abtest`: plan, read, keep and simulate experiments."""

from __future__ import annotations

import click

from shopr.cli.abtest_analyze import analyze
from shopr.cli.abtest_kept import list_kept, show
from shopr.cli.abtest_offpolicy import offpolicy
from shopr.cli.abtest_plan import plan
from shopr.cli.abtest_simulate import simulate
from shopr.cli.abtest_units import units

__all__ = ["abtest"]


@click.group(epilog="Example: shopr abtest analyze results.csv --spec experiments/checkout.yaml --json")
def abtest() -> None:
    """Plan, read, keep and simulate A/B tests."""


abtest.add_command(analyze)
abtest.add_command(list_kept, "list")
abtest.add_command(offpolicy)
abtest.add_command(plan)
abtest.add_command(show)
abtest.add_command(simulate)
abtest.add_command(units)
