"""`shopr recommend`: recommendations for a file of users from a file of interactions, for scripts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shopr.cli.output import echo_json, json_option, write_frame
from shopr.cli.params import keyed

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog
    from shopr.data.interactions import Interactions
    from shopr.recommend.contract.base import Recommender
    from shopr.recommend.selection.tuning import TuningResult

__all__ = ["recommend"]

_WRITE_RESERVE = 3.0
"""Seconds of the budget kept for writing and leaving, beside the time that scoring was seen to take."""


@click.command(
    epilog="Example: shopr recommend --train orders.csv --users shoppers.csv --k 10 --model auto --out lists.csv"
)
@click.option(
    "--train",
    "train_path",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV or Parquet: user,item[,timestamp][,weight]; timestamp in Unix seconds or ISO 8601.",
)
@click.option(
    "--users",
    "users_path",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV or Parquet with the column user. Unknown users get the most popular products.",
)
@click.option("--k", default=10, show_default=True, type=click.IntRange(1, 10_000), help="Items for each user.")
@click.option(
    "--model",
    default="auto",
    show_default=True,
    metavar="NAME|auto",
    help="A model by name; auto chooses one on a validation split cut from the training file.",
)
@click.option(
    "--out",
    "out_path",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where user,item,rank,score go: .csv or .parquet.",
)
@click.option(
    "--budget",
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="Wall time that auto may take, writing included.",
)
@click.option(
    "--validation",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "last", "temporal", "random"]),
    help="How auto cuts its validation split.",
)
@click.option("--seed", default=42, show_default=True, type=click.IntRange(min=0), help="Seed of every random draw.")
@click.option("--param", "params", multiple=True, metavar="KEY=VALUE", help="A hyperparameter of the named model.")
@click.option(
    "--catalog",
    "catalog_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV or Parquet of products (product_id, title, …) for models that use attributes.",
)
@json_option
def recommend(
    *,
    train_path: Path,
    users_path: Path,
    k: int,
    model: str,
    out_path: Path,
    budget: float,
    validation: Any,
    seed: int,
    params: tuple[str, ...],
    catalog_path: Path | None,
    as_json: bool,
) -> None:
    """Recommend K products to each user of a file; what a user already has is left out."""
    from shopr.clock import SystemClock
    from shopr.data.sources.interactions_file import read_interactions, read_users
    from shopr.errors import InputError
    from shopr.progress import step
    from shopr.recommend.contract.registry import make

    clock = SystemClock()
    started = clock.monotonic()
    settings = dict(keyed(params))
    if model == "auto" and settings:
        raise InputError(f"--param {params[0]} needs a named model", hint="Name one with --model, or leave --param out")
    chosen: Recommender | None = None if model == "auto" else make(model, **settings)
    _check_out(out_path)
    with step("Read the interactions") as reading:
        train = read_interactions(train_path)
        reading.note(f"{len(train):,} of {train.n_users:,} users with {train.n_items:,} items")
    users = read_users(users_path)
    catalog = None if catalog_path is None else _catalog(catalog_path)
    codes = train.user_ids.encode(users)
    result: TuningResult | None = None
    if chosen is None:
        left = budget - (clock.monotonic() - started) - _WRITE_RESERVE
        result = _auto(train, catalog, codes, budget=left, seed=seed, validation=validation, k=k)
        assert result.model is not None
        chosen, settings = result.model, result.params
    else:
        with step(f"Fit {model}"):
            chosen.fit(train, catalog)
    with step(f"Recommend to {len(users):,} users"):
        lists = chosen.recommend(codes, k).to_frame(users, train.item_ids)
        write_frame(lists, out_path)
    unknown = int((codes < 0).sum())
    if as_json:
        done = {"out": out_path, "users": len(users), "unknown_users": unknown, "rows": len(lists)}
        how = {"model": chosen.name, "params": settings, "seconds": round(clock.monotonic() - started, 2)}
        found = {name: None if result is None else getattr(result, name) for name in ("validation", "leaderboard")}
        echo_json({**done, **how, **found})
    else:
        by_popularity = f", {unknown:,} unknown ones by popularity" if unknown else ""
        click.echo(f"{out_path}: {len(lists):,} rows for {len(users):,} users{by_popularity}, by {chosen.name}")


def _auto(
    train: Interactions, catalog: Catalog | None, codes: Any, *, budget: float, seed: int, validation: Any, k: int
) -> TuningResult:
    """Search with a line for each trial, then the leaderboard on stderr."""
    from shopr.progress import step
    from shopr.recommend.selection.tuning import tune

    best = float("-inf")
    with step("Choose a model") as choosing:

        def on_trial(number: int, name: str, params: dict[str, Any], value: float, seconds: float) -> None:
            nonlocal best
            mark = " *" if value > best else ""
            best = max(best, value)
            choosing.note(f"{number + 1} candidates, best nDCG@{k} {best:.4f}")
            if sys.stderr.isatty() or os.environ.get("SHOPR_PROGRESS") == "1":
                click.echo(f"  {number + 1:3d} {name:<12} {value:.4f} {seconds:6.1f} s{mark}", err=True)

        result = tune(
            train,
            catalog,
            budget_seconds=max(budget, 1e-3),
            seed=seed,
            validation=validation,
            users=codes,
            k=k,
            on_trial=on_trial,
        )
    _print_leaderboard(result, k)
    return result


def _print_leaderboard(result: TuningResult, k: int, rows: int = 12) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 140)
    table = Table(title=f"nDCG@{k} on the {result.validation} validation split", title_justify="left")
    for name, side in (("model", "left"), ("nDCG", "right"), ("s", "right"), ("hyperparameters", "left")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    best = result.leaderboard.drop_duplicates("model")
    shown = result.leaderboard.loc[sorted({*result.leaderboard.index[:rows], *best.index})]
    for row in shown.itertuples(index=False):
        table.add_row(row.model, f"{row.ndcg:.4f}", f"{row.seconds:.1f}", _brief(row.params))
    console.print(table)


def _brief(params: dict[str, Any]) -> str:
    return " ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in params.items())


def _catalog(path: Path) -> Catalog:
    from shopr.data.catalog import Catalog
    from shopr.data.sources.files import read_table

    return Catalog.from_frame(read_table(path).frame)


def _check_out(path: Path) -> None:
    """Refuse an output that could not be written, before any work is done."""
    from shopr.errors import InputError

    if path.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(f"--out {path} has the ending {path.suffix!r}", hint="End it in .csv or .parquet")
    if path.is_dir():
        raise InputError(f"--out {path} is a folder", hint="Name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist", hint="Make it, or write elsewhere")
