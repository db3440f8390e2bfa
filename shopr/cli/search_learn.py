"""`shopr search learn`: synonyms and an order from what shoppers searched and clicked, each on only where proved."""

from __future__ import annotations

from dataclasses import asdict

import click

from shopr.cli.output import echo_json, echo_table, json_option

__all__ = ["learn"]


@click.command(epilog="Example: shopr search learn --days 90")
@click.option("--shop", "name", metavar="NAME", help="The shop; by default the one of the settings.")
@click.option("--days", type=click.IntRange(1, 3650), help="Only the latest days of events; all by default.")
@click.option("--seed", type=click.IntRange(min=0), help="Who proposes and who proves (default: SHOPR_SEED).")
@json_option
def learn(*, name: str | None, days: int | None, seed: int | None, as_json: bool) -> None:
    """Learn synonyms and an order of results from searches and clicks, and search by what is proved.

    A synonym is on where people who took no part in finding it gain; the order, where it beats the default on queries
    that it never saw. Both are kept in the shop's folder with the evidence; without learnt_search.json nothing is on.
    """
    from shopr.progress import step
    from shopr.shop import Shop

    shop = Shop.open(shop=name)
    with step("Learn from searches and clicks") as learning:
        found = shop.learn_search(days, seed=seed)
        learning.note(f"{found.searches:,} searches, {found.clicks:,} clicks")
    ranker = found.ranker
    if as_json:
        echo_json(
            {
                "shop": shop.name,
                "searches": found.searches,
                "clicks": found.clicks,
                "order": {
                    "on": ranker is not None and ranker.on,
                    "why": found.why,
                    "weights": {} if ranker is None else dict(zip(ranker.names, ranker.weights, strict=True)),
                },
                "synonyms": [asdict(rule) for rule in found.rules],
            }
        )
        return
    click.echo(f"order: {'on' if ranker is not None and ranker.on else 'off'} ({found.why})")
    if not found.rules:
        click.echo("synonyms: none is proposed by the clicks")
        return
    rows = [
        (rule.phrase, rule.words, rule.people + rule.proved, f"{rule.gain:+.3f}", "on" if rule.on else "off")
        for rule in found.rules
    ]
    echo_table(("shoppers say", "the catalogue says", "people", "gain", ""), rows)
