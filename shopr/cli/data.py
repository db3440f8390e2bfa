"""`shopr data`: make, import and describe a shop's data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.data.dataset import Dataset
    from shopr.data.describe import Summary
    from shopr.security.intake import Policy

__all__ = ["data"]

_NAME = r"[a-z0-9][a-z0-9_-]{0,62}"


@click.group(epilog="Example: shopr data simulate && shopr data describe")
def data() -> None:
    """Make, import and describe a shop's data."""


@data.command("import", epilog="Example: shopr data import online_retail online_retail.csv --name gifts")
@click.argument("source")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the shop (default: the source's name); it is kept under SHOPR_HOME/shops/NAME.")
@click.option("--out", type=click.Path(path_type=Path), help="Write to this folder instead.")
@click.option("--column", "columns", multiple=True, metavar="OURS=THEIRS", help="tabular: which column means what.")
@click.option("--type", "types", multiple=True, metavar="THEIRS=OURS", help="tabular: which word means which event.")
@click.option("--catalog", type=click.Path(path_type=Path), help="tabular, completejourney: the file of products.")
@click.option(
    "--catalog-column", "catalog_columns", multiple=True, metavar="OURS=THEIRS", help="The same for products."
)
@click.option("--currency", help="tabular, chorus: ISO 4217 code of the prices.")
@click.option("--time-format", help="tabular: strptime format of times that are not ISO 8601 or Unix seconds.")
@click.option("--time-zone", help="tabular: IANA zone of times without an offset (default UTC).")
@click.option("--delimiter", help="tabular: what separates the fields (default: found from the header).")
@click.option("--encoding", help="tabular, online_retail: encoding of a CSV (default UTF-8).")
@click.option("--attributes", type=click.Path(path_type=Path), help="sequences: JSON file {item: [attribute, …]}.")
@click.option("--unordered", is_flag=True, help="sequences: the items of a line stand in no order.")
@click.option(
    "--attacks",
    default="quarantine",
    show_default=True,
    type=click.Choice(["quarantine", "neutralise", "keep"]),
    help="What becomes of rows whose text is an attack: set apart whole, kept with the text made harmless, or told of.",
)
@json_option
def import_(
    source: str,
    path: Path,
    *,
    name: str | None,
    out: Path | None,
    as_json: bool,
    unordered: bool,
    attacks: Policy,
    **options: Any,
) -> None:
    """Import a data set: SOURCE says its format, PATH where it is.

    Sources: online_retail, movielens, chorus, sequences, completejourney, tabular. Rows that are no good are set
    aside in the shop's rejects.csv, each with its row, column and reason, and counted. The guard reads every text:
    what it finds is listed in extras/screened.parquet, and rows set apart are whole in extras/quarantine_*.parquet.
    """
    from shopr.data.sources import load
    from shopr.progress import step
    from shopr.security.intake import Screen, screen_dataset

    given = {key: value for key, value in options.items() if value is not None and value != ()}
    for key in {"columns", "types", "catalog_columns"} & given.keys():
        given[key] = _pairs(key, given[key])
    if unordered:
        given["ordered"] = False
    name = _shop_name(name or source.replace(".", "_"), source)
    with step(f"Read {path.name}") as reading:
        dataset = load(source, path, name=name, **given)
        reading.note(f"{len(dataset.events):,} events, {len(dataset.catalog):,} products")
    screen = Screen(attacks)
    with step("Read its texts for attacks") as screening:
        dataset = screen_dataset(dataset, screen)
        found = screen.found
        screening.note(f"{found.texts:,} texts, {found.blocked:,} with attacks, {found.flagged:,} flagged")
    _save(dataset, out, as_json)


@data.command(epilog="Example: shopr data simulate --seed 7 --days 90")
@click.option("--name", default="demo", show_default=True, help="Name of the shop, under SHOPR_HOME/shops.")
@click.option("--out", type=click.Path(path_type=Path), help="Write to this folder instead.")
@click.option("--products", type=click.IntRange(1), help="How many products.")
@click.option("--shoppers", type=click.IntRange(1), help="How many shoppers.")
@click.option("--days", type=click.IntRange(1), help="How many days of trade.")
@click.option(
    "--events", type=click.IntRange(1), help="About how many events (default: what the shoppers' habits give)."
)
@click.option("--preset", help="Sizes by name; what is given beside overrides them.")
@click.option("--seed", type=click.IntRange(0), help="Seed of everything random (default: the setting SHOPR_SEED).")
@click.option("--images/--no-images", default=None, help="Draw product pictures.")
@click.option("--live", is_flag=True, help="Let the shop's shoppers come now, until you press Ctrl+C.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="live: events a minute (default 120).")
@click.option("--minutes", type=click.FloatRange(min=0), help="live: end after so many minutes.")
@click.option(
    "--backfill", type=click.FloatRange(min=0, max=1440), help="live: minutes before now, first (default 60)."
)
@json_option
def simulate(
    name: str,
    out: Path | None,
    *,
    as_json: bool,
    live: bool,
    rate: float | None,
    minutes: float | None,
    backfill: float | None,
    **options: Any,
) -> None:
    """Simulate a shop with known truth: products, shoppers, sessions, orders and ratings.

    With --live its future happens now: events stream into the store, so that the dashboards of the app move. What was
    sent before is not sent twice: stop it and start it again as you like.
    """
    if live:
        from shopr.cli.data_live import stream_shop

        sizes = {key: value for key, value in options.items() if value is not None} | ({"out": out} if out else {})
        stream_shop(_shop_name(name, "demo"), sizes, rate=rate, minutes=minutes, backfill=backfill, as_json=as_json)
        return
    if (rate, minutes, backfill) != (None, None, None):
        raise click.UsageError("--rate, --minutes and --backfill go with --live")
    from shopr.config import Settings
    from shopr.data.simulator import simulate as play
    from shopr.progress import step

    given = {key: value for key, value in options.items() if value is not None}
    given.setdefault("seed", Settings().seed)
    name = _shop_name(name, "demo")
    with step("Simulate the shop") as playing:
        dataset = play(name=name, **given)
        playing.note(f"{len(dataset.events):,} events, {len(dataset.catalog):,} products")
    _save(dataset, out, as_json)


@data.command(epilog="Example: shopr data describe --name gifts --json")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--name", help="Name of a shop under SHOPR_HOME/shops (default: the setting SHOPR_SHOP).")
@click.option("--top", type=click.IntRange(0), default=10, show_default=True, help="How many categories.")
@json_option
def describe(path: Path | None, name: str | None, top: int, as_json: bool) -> None:
    """Say what a shop's data holds: counts, time span, density, categories, rejects."""
    from shopr.config import Settings
    from shopr.data.dataset import Dataset
    from shopr.data.describe import describe as summarise

    folder = path or Settings().shop_folder(name and _shop_name(name, "gifts"))
    summary = summarise(Dataset.load(folder), top=top)
    if as_json:
        echo_json(summary)
    else:
        _print_summary(summary)


def _pairs(what: str, pairs: tuple[str, ...]) -> dict[str, str]:
    from shopr.errors import InputError

    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals and value):
            raise InputError(f"{what.rstrip('s').replace('_', '-')} {pair!r} is not A=B", hint="Write user=CustomerID")
        if key in found:
            raise InputError(f"{key!r} is given twice: {found[key]!r} and {value!r}", hint="Give it once")
        found[key] = value
    return found


def _shop_name(name: str, example: str) -> str:
    import re

    from shopr.errors import InputError

    if not re.fullmatch(_NAME, name):
        raise InputError(
            f"shop name {name!r} has other characters than a-z, 0-9, _ and -, or more than 63",
            hint=f"Choose a name such as --name {example}",
        )
    return name


def _save(dataset: Dataset, out: Path | None, as_json: bool) -> None:
    from shopr.config import Settings
    from shopr.progress import step

    folder = out or Settings().shop_folder(dataset.name)
    with step(f"Write {folder}"):
        dataset.save(folder)
    manifest = dataset.manifest
    if as_json:
        echo_json({"folder": str(folder), **manifest.model_dump(mode="json")})
        return
    echo(f"Shop {dataset.name!r} is in {folder}")
    echo_table(["what", "number"], list(manifest.counts.items()))
    if manifest.rejected:
        echo_table(["set aside (rejects.csv)", "rows"], list(manifest.rejected.items()))


def _print_summary(summary: Summary) -> None:
    what = [
        ("source", summary.source),
        ("licence", summary.licence or None),
        ("fingerprint", summary.fingerprint),
        ("first event", summary.first and f"{summary.first:%Y-%m-%d %H:%M} UTC"),
        ("last event", summary.last and f"{summary.last:%Y-%m-%d %H:%M} UTC"),
        ("users", summary.users),
        ("items", summary.items),
        ("interactions", summary.interactions),
        ("distinct pairs", summary.pairs),
        ("density", _percent(summary.density)),
        ("repeated interactions", _percent(summary.repeat_rate)),
        ("returning users", _percent(summary.returning_users)),
        ("items a user, median", summary.per_user),
        ("users an item, median", summary.per_item),
    ]
    echo_table(["shop", summary.name], [(label, "–" if value is None else _short(value)) for label, value in what])
    for title, numbers in (
        ("counted", summary.counts),
        ("event type", summary.event_types),
        ("category", summary.categories),
        ("set aside (rejects.csv)", summary.rejected),
    ):
        if numbers:
            echo_table([title, "number"], list(numbers.items()))


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.2%}"


def _short(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
