"""`shopr search image` and `shopr search failing`: a shop's products by picture, and what was not found in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shopr.cli.output import echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.search.merchant.desk import SearchDesk
    from shopr.shop import Shop

__all__ = ["failing", "image"]


def _opened(name: str | None) -> tuple[Shop, SearchDesk]:
    from shopr.shop import Shop

    shop = Shop.open(shop=name)
    return shop, shop.search_desk


@click.command(epilog="Example: shopr search image photo.jpg --k 5")
@click.argument("picture", required=False, type=click.Path(path_type=Path))
@click.option("--shop", "name", metavar="NAME", help="The shop; by default the one of the settings.")
@click.option("--k", default=10, show_default=True, type=click.IntRange(1, 1000), help="How many products.")
@click.option("--build", is_flag=True, help="Read all pictures of the shop anew first.")
@json_option
def image(*, picture: Path | None, name: str | None, k: int, build: bool, as_json: bool) -> None:
    """Find the products that look most like PICTURE; the first time, all pictures of the shop are read."""
    from shopr.errors import InputError
    from shopr.search.pictures.features import describe_picture

    if picture is None and not build:
        raise InputError("no picture is named", hint="shopr search image photo.jpg, or --build")
    if picture is not None:
        describe_picture(picture)  # a bad one is refused before a shop's thousands are read
    shop, desk = _opened(name)
    if build:
        built = desk.read_pictures()
        if picture is None:
            facts = {
                "shop": shop.name,
                "products": len(built),
                "pictures": len(built.vectors),
                "refused": built.refused,
            }
            text = f"{shop.name}: {len(built):,} products with {len(built.vectors):,} pictures"
            echo_json(facts) if as_json else click.echo(text + f", {len(built.refused):,} could not be read")
            return
    assert picture is not None
    found = desk.search_picture(picture, k)
    rows = [
        {"product_id": p, "title": shop.cards.title(p), "likeness": float(alike)}
        for p, alike in zip(found.product_ids, found.likeness, strict=True)
    ]
    if as_json:
        echo_json({"kind": found.kind, "chance": found.chance, "products": rows})
        return
    if found.kind:
        click.echo(f"seems to show: {found.kind} ({found.chance:.0%})")
    echo_table(("product_id", "title", "likeness"), [tuple(row.values()) for row in rows])


@click.command(epilog="Example: shopr search failing --days 7")
@click.option("--shop", "name", metavar="NAME", help="The shop; by default the one of the settings.")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 90), help="How far to look back.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many queries.")
@json_option
def failing(*, name: str | None, days: int, limit: int, as_json: bool) -> None:
    """List the searches that found nothing, or nothing sure, with what could be done about each."""
    from dataclasses import asdict

    _, desk = _opened(name)
    failures = desk.failures(days, limit)
    if as_json:
        echo_json([{**asdict(f.query), "mended": f.mended, "advice": asdict(f.advice)} for f in failures])
        return
    if not failures:
        click.echo("no failing searches are on record for this period")
        return
    rows = []
    for failure in failures:
        query, rule = failure.query, failure.advice.rule
        advice = "mended" if failure.mended else "" if rule is None else f"{rule[0]}: {rule[1]}"
        rows.append((query.query, query.asked, query.best, advice))
    echo_table(("query", "failed", "best", "synonym to look at"), rows)
