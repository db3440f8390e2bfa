"""`shopr train`, `tune` and `evaluate`: models on the shop's own data, every run on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shopr.cli.output import echo, echo_frame, echo_json, json_option
from shopr.cli.params import keyed
from shopr.errors import InputError

if TYPE_CHECKING:
    from shopr.shop import Shop

__all__ = ["evaluate", "train", "tune"]

_SHOP = click.option("--shop", metavar="NAME", help="The shop to work on, instead of the setting.")
_SPLITS = ("temporal", "leave_last_out", "per_user", "last_basket")


@click.command(epilog="Example: shopr train --model ease --param lam=200")
@click.option("--model", required=True, metavar="NAME", help="A model by name, such as ease, edlae, item_knn or ials.")
@click.option("--param", "params", multiple=True, metavar="KEY=VALUE", help="A hyperparameter of the model.")
@click.option(
    "--engine",
    default="local",
    show_default=True,
    type=click.Choice(["local", "spark"]),
    help="Who learns: this process, or Spark on SHOPR_SPARK_MASTER (ials; extra 'spark', Java 17).",
)
@_SHOP
@json_option
def train(model: str, params: tuple[str, ...], engine: str, shop: str | None, as_json: bool) -> None:
    """Fit one model, judge it on the validation span, and log it as a candidate for promotion.

    With --engine spark, Spark's alternating least squares learns the item factors of `ials` from Parquet; judging,
    serving and explaining are those of every model and need neither Spark nor Java.
    """
    from shopr.progress import step
    from shopr.recommend.contract.registry import make
    from shopr.tracking.study import train_candidate

    settings = dict(keyed(params))
    if engine == "spark":
        _ready_for_spark(model)
        settings["engine"] = engine
    make(model, **settings)  # a wrong name or setting is refused before any data is read
    opened = _opened(shop)
    with step(f"Train {model}{' on Spark' * (engine == 'spark')}") as training:
        done = train_candidate(
            opened.settings,
            opened.interactions,
            model,
            settings,
            catalog=opened.catalog,
            data=opened.data.manifest.fingerprint,
        )
        training.note(f"nDCG@10 {done.metrics['validation_ndcg@10']:.4f} on the validation span")
    if as_json:
        echo_json({"run_id": done.run_id, "model": model, "params": settings, "metrics": done.metrics})
        return
    echo(f"Run {done.run_id}: {model}, nDCG@10 {done.metrics['validation_ndcg@10']:.4f} on the validation span")
    echo(f"Let the gate judge it: shopr promote {done.run_id}")


@click.command(epilog="Example: shopr tune --budget 120 --model edlae --model item_knn")
@click.option(
    "--budget", default=120.0, show_default=True, type=click.FloatRange(min=0, min_open=True), metavar="SECONDS"
)
@click.option("--model", "models", multiple=True, metavar="NAME", help="Choose among these; by default all that suit.")
@click.option("--trials", default=60, show_default=True, type=click.IntRange(min=1), help="At most so many candidates.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the search, instead of the setting.")
@_SHOP
@json_option
def tune(
    *, budget: float, models: tuple[str, ...], trials: int, seed: int | None, shop: str | None, as_json: bool
) -> None:
    """Search models and hyperparameters with Optuna; each trial is a nested MLflow run, the winner a candidate."""
    from shopr.data.splitting import four_way
    from shopr.progress import step
    from shopr.tracking.study import study

    opened = _opened(shop)
    log = four_way(opened.interactions).before_gate
    with step("Tune") as tuning:

        def on_trial(number: int, name: str, params: dict[str, Any], value: float, seconds: float) -> None:
            tuning.note(f"{number + 1} trials, the last: {name} {value:.4f}")

        done = study(
            opened.settings,
            log,
            opened.catalog,
            budget_seconds=budget,
            models=list(models) or None,
            max_trials=trials,
            seed=seed,
            data=opened.data.manifest.fingerprint,
            on_trial=on_trial,
        )
    result = done.tuning
    if as_json:
        echo_json(
            {"run_id": done.run_id, "model": result.name, "params": result.params, "leaderboard": result.leaderboard}
        )
        return
    best = result.leaderboard.drop_duplicates("model")[["model", "ndcg", "second", "seconds", "params"]]
    best = best.assign(params=best["params"].map(_short)).rename(columns={"second": "on a second split"})
    echo_frame(best, title="Best of each model: nDCG@10 on the validation split")
    echo(f"Run {done.run_id} holds the winner, {result.name}. Let the gate judge it: shopr promote")


@click.command(epilog="Example: shopr evaluate --model popular --model ease --split temporal --json")
@click.option("--model", "models", multiple=True, metavar="NAME", help="Models to compare; by default a usual choice.")
@click.option("--split", default="temporal", show_default=True, type=click.Choice(_SPLITS), help="How to cut the log.")
@click.option("--k", default=10, show_default=True, type=click.IntRange(1, 100), help="Length of the lists.")
@click.option("--online-drift", is_flag=True, help="Instead: how far live answers drift from those of a refit.")
@click.option(
    "--live-days",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    metavar="DAYS",
    help="With --online-drift: days since the last fit.",
)
@_SHOP
@json_option
def evaluate(  # noqa: PLR0917 - click passes by name
    models: tuple[str, ...],
    split: str,
    k: int,
    online_drift: bool,
    live_days: float,
    shop: str | None,
    as_json: bool,
) -> None:
    """Compare models on the shop's data: full ranking, seen products left out, 95 % intervals over shoppers.

    The reference of the gain is the first model. Choices belong to `shopr tune`: this table is for looking.

    With --online-drift, each model is fitted once as of some days before the last week and once as of its beginning:
    the lists of the first, following purchases live, are compared with those of the second, and both with what was
    bought in that week.
    """
    if online_drift:
        _drift(list(models) or ["ease"], live_days, k, _opened(shop), as_json)
        return
    from shopr.data.splitting import make as cut
    from shopr.recommend.selection.evaluation import compare

    names = list(models) or ["popular", "item_knn", "ials", "content", "hybrid", "ease"]
    opened = _opened(shop)
    parts = cut(split, opened.interactions)
    table = compare(names, parts.train, parts.test, k=k, catalog=opened.catalog).table(reference=names[0])
    if as_json:
        echo_json({"split": split, "k": k, "shop": opened.name, "seed": opened.settings.seed, "models": table})
    else:
        echo_frame(table.round(4), title=f"nDCG@{k} on the {split} split of {opened.name}; gain over {names[0]}")


def _ready_for_spark(model: str) -> None:
    """Refuse what Spark cannot learn, and a machine on which it cannot start, before any data is read."""
    from shopr.recommend.contract.registry import model_class
    from shopr.recommend.models.spark import check_ready

    if "engine" not in model_class(model).config_class.model_fields:
        raise InputError(f"the engine 'spark' does not learn {model!r}", hint="Use --model ials, or leave out --engine")
    check_ready()


def _drift(names: list[str], live_days: float, k: int, shop: Shop, as_json: bool) -> None:
    """Print how far each model's live answers drift from those of a refit."""
    import pandas as pd

    from shopr.progress import track
    from shopr.recommend.contract.registry import make
    from shopr.recommend.following.refit_drift import refit_drift

    how: dict[str, Any] = {"live_days": live_days, "k": k, "catalog": shop.catalog, "seed": shop.settings.seed}
    found = [
        refit_drift(make(name), make(name), shop.interactions, **how) for name in track(names, "Fit each model twice")
    ]
    table = pd.concat([one.table() for one in found], ignore_index=True)
    first = found[0]
    if as_json:
        spans = {"since": first.since, "now": first.now, "shoppers": len(first.users)}
        echo_json({**spans, "k": k, "shop": shop.name, "seed": shop.settings.seed, "measures": table})
        return
    title = f"Live against refit at {first.now:%Y-%m-%d %H:%M} UTC, {live_days:g} days after the fit, {k} products"
    echo_frame(table.round(4), title=title)


def _short(params: dict[str, Any]) -> str:
    """Hyperparameters as `name=value`, numbers with three figures, nested ones by their size."""
    words = []
    for name, value in params.items():
        shown = f"{value:.3g}" if isinstance(value, float) else value
        words.append(f"{name}={len(value)} models" if isinstance(value, list) else f"{name}={shown}")
    return " ".join(words)


def _opened(name: str | None) -> Shop:
    from shopr.shop import Shop

    shop = Shop.open(shop=name)
    shop.data  # noqa: B018 - says at once what to run where there is no shop
    return shop
