"""`shopr abtest offpolicy`: what a policy would have earned, from the log of another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["offpolicy"]

_PATH = click.Path(path_type=Path)
_ALL = ("ips", "clipped", "snips", "dm", "dr", "switch_dr")


@click.command(epilog="Example: shopr abtest offpolicy clicks.parquet --policy candidate.csv --user user_id --json")
@click.argument("log", type=_PATH)
@click.option("--policy", type=_PATH, required=True, metavar="FILE", help="Columns action, probability [, position].")
@click.option("--action", default="action", show_default=True, metavar="COLUMN", help="What was shown.")
@click.option("--reward", default="reward", show_default=True, metavar="COLUMN", help="What it earned, such as clicks.")
@click.option("--propensity", default="propensity", show_default=True, metavar="COLUMN", help="The chance it had.")
@click.option("--position", metavar="COLUMN", help="The slot, if there are several.")
@click.option("--user", metavar="COLUMN", help="Whose rows belong together; by default each row stands alone.")
@click.option("--context", "contexts", multiple=True, metavar="COLUMN", help="What the reward model may read.")
@click.option("--method", "methods", multiple=True, type=click.Choice(_ALL), help="Only these methods.")
@click.option("--interval", default="normal", show_default=True, type=click.Choice(["normal", "bootstrap"]))
@click.option("--level", default=0.95, show_default=True, type=float, help="Of the intervals.")
@click.option("--seed", default=42, show_default=True, type=click.IntRange(min=0), help="Of folds and resamples.")
@json_option
def offpolicy(
    log: Path, *, policy: Path, action: str, reward: str, propensity: str, position: str | None, user: str | None,
    contexts: tuple[str, ...], methods: tuple[str, ...], interval: str, level: float, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Estimate what a policy would have earned from LOG (CSV or Parquet), one row an impression of another policy.

    Actions that the policy's file does not list have probability 0.
    """
    from shopr.abtest.counterfactual.logged import Logged, read_policy
    from shopr.abtest.counterfactual.offpolicy import estimate, table
    from shopr.abtest.counterfactual.overlap import overlap
    from shopr.abtest.counterfactual.rewardmodel import cross_fit
    from shopr.progress import step

    rows = _read(log)
    logged = Logged.from_frame(
        rows, action=action, reward=reward, propensity=propensity, position=position, user=user, contexts=contexts
    )
    places = None if position is None else sorted(rows[position].unique())
    wanted = read_policy(_read(policy), logged, places)
    check = overlap(logged, wanted)
    with step(f"Estimate from {len(logged):,} rows"):
        chosen = methods or _ALL
        q = cross_fit(logged, seed=seed) if set(chosen) & {"dm", "dr", "switch_dr"} else None
        made = [
            estimate(logged, wanted, name, q=q, interval=interval, level=level, seed=seed)  # type: ignore[arg-type]
            for name in chosen
        ]
    found = table(made)
    if as_json:
        state = {name: getattr(check, name) for name in check.__slots__}
        echo_json(
            {"estimates": found.to_dict("records"), "overlap": state, "logged_mean": float(logged.rewards.mean())}
        )
        return
    columns = ["method", "value", "lo", "hi", "se", "bound", "biased"]
    echo_table(columns, found[columns].itertuples(index=False, name=None), title=f"{policy.name} from {log.name}")
    echo(f"The logging policy itself earned {logged.rewards.mean():.6g} a row.")
    echo(
        f"Overlap: {check.effective:,.0f} of {check.n:,} rows' worth of information, "
        f"largest weight {check.max_weight:.3g}."
    )
    for warning in check.warnings:
        echo(f"WARNING: {warning}")


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    from shopr.errors import DataError

    try:
        return pd.read_parquet(path) if path.suffix.lower() in {".parquet", ".pq"} else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name} cannot be read: {error}", hint="Give a CSV or Parquet file") from None
