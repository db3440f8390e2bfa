"""`shopr search`: index a catalogue, ask it one query or a file of them, measure it against human ratings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shopr.cli.output import echo_json, echo_table, json_option, write_frame
from shopr.cli.search_image import failing, image
from shopr.cli.search_learn import learn

if TYPE_CHECKING:
    import pandas as pd

    from shopr.data.catalog import Catalog
    from shopr.search.searching.engine import ProductSearch
    from shopr.search.vectors.meaning import MeaningSearch

    Searches = ProductSearch | MeaningSearch

__all__ = ["search"]

F = TypeVar("F", bound=Callable[..., Any])
_CATALOG = (
    "The Chorus Parquet file, a catalogue of ours, or any CSV, Parquet or JSON with product_id (or id) and title."
)


@click.group(epilog='Example: shopr search query --catalog products.parquet "wireless headphones"')
def search() -> None:
    """Find products by words or by picture."""


search.add_command(image)
search.add_command(failing)
search.add_command(learn)


def _catalog_option(*, required: bool = True) -> Callable[[F], F]:
    return click.option(
        "--catalog", "catalog_path", required=required, type=click.Path(path_type=Path), metavar="FILE", help=_CATALOG
    )


def _encoder_options(command: F) -> F:
    command = click.option(
        "--blend", type=click.FloatRange(0, 100), help="Weight of the encoder's say; by default its own."
    )(command)
    return click.option(
        "--encoder",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Reorder the first hundred by a sentence-transformers model on this machine (extra 'semantic').",
    )(command)


@search.command(epilog="Example: shopr search index --catalog products.parquet --out data/state/search")
@_catalog_option()
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="Where the index goes.")
@json_option
def index(*, catalog_path: Path, out: Path, as_json: bool) -> None:
    """Build an index and save it; `query --index FOLDER` then starts at once."""
    from shopr.progress import step

    catalog, engine = _build(catalog_path)
    with step(f"Write {out}"):
        engine.save(out)
    if as_json:
        echo_json({"out": out, **engine.describe()})
    else:
        click.echo(f"{out}: {len(catalog):,} products, {engine.describe()['terms']:,} terms")


@search.command(epilog="Example: shopr search query --catalog products.parquet --batch queries.csv --out results.csv")
@click.argument("words", required=False)
@_catalog_option(required=False)
@click.option("--index", "index_path", type=click.Path(path_type=Path), metavar="FOLDER", help="A saved index instead.")
@click.option("--batch", type=click.Path(path_type=Path), metavar="FILE", help="CSV with the columns query_id,query.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where query_id,product_id,rank,score,confidence go: .csv or .parquet.",
)
@click.option("--k", default=10, show_default=True, type=click.IntRange(1, 1000), help="Products for each query.")
@_encoder_options
@json_option
def query(
    *,
    words: str | None,
    catalog_path: Path | None,
    index_path: Path | None,
    batch: Path | None,
    out: Path | None,
    k: int,
    encoder: Path | None,
    blend: float | None,
    as_json: bool,
) -> None:
    """Ask for WORDS, or for every query of a file; a query without a match, or without words, gets no row."""
    from shopr.errors import InputError

    if words is not None and not words.strip():
        raise InputError("WORDS are empty", hint="Type what a shopper would type")
    if (words is None) == (batch is None):
        raise InputError("give either WORDS or --batch FILE", hint='shopr search query --catalog FILE "red shoes"')
    if (catalog_path is None) == (index_path is None):
        raise InputError("give either --catalog FILE or --index FOLDER", hint="--catalog builds an index first")
    if (batch is None) != (out is None):
        raise InputError("--batch and --out go together", hint="Name both files, or ask for WORDS")
    if out is not None:
        _check_out(out)
    queries = None if batch is None else _queries(batch)
    if encoder is not None and catalog_path is None:
        raise InputError("--encoder needs the products' texts", hint="Give --catalog FILE instead of --index")
    engine: Searches | None = _load(index_path) if index_path is not None else None
    titles: dict[str, str] = {}
    if engine is None:
        assert catalog_path is not None
        catalog, built = _build(catalog_path)
        engine = _reordered(built, catalog, encoder, blend)
        titles = dict(zip(catalog.frame["product_id"], catalog.frame["title"], strict=True))
    if queries is None:
        assert words is not None
        _print(engine, words, k, titles, as_json)
    else:
        assert out is not None
        _answer(engine, queries, k, out, as_json)


@search.command(epilog="Example: shopr search evaluate --catalog products.parquet --qrels ratings.csv --json")
@_catalog_option()
@click.option(
    "--qrels",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV or Parquet with the columns query,docid,rating; grades of 0 or more.",
)
@_encoder_options
@json_option
def evaluate(*, catalog_path: Path, qrels: Path, encoder: Path | None, blend: float | None, as_json: bool) -> None:
    """Measure search against human ratings: nDCG@10, condensed nDCG@10, abstention."""
    from shopr.data.sources.files import read_table
    from shopr.search.measures.evaluation import evaluate as measure
    from shopr.search.measures.evaluation import read_ratings

    ratings = read_ratings(read_table(qrels).frame, qrels.name)
    catalog, engine = _build(catalog_path)
    result = measure(_reordered(engine, catalog, encoder, blend), ratings)
    if as_json:
        echo_json(result)
        return
    rows = [
        ("queries with a relevant product", result.queries),
        ("nDCG@10, unrated = irrelevant", result.ndcg),
        ("nDCG@10, unrated left out", result.condensed),
        ("refused though answerable", result.abstained),
        ("queries without a relevant product", result.unanswerable),
        ("refused of these", result.refused),
    ]
    echo_table(("measure", "value"), rows)


def _build(path: Path) -> tuple[Catalog, ProductSearch]:
    from shopr.data.sources.catalog_file import read_catalog
    from shopr.progress import step
    from shopr.search.searching.engine import ProductSearch

    with step("Read the catalogue") as reading:
        catalog, rejects = read_catalog(path)
        reading.note(f"{len(catalog):,} products" + (f", {len(rejects):,} rows set aside" if len(rejects) else ""))
    with step("Build the index"):
        return catalog, ProductSearch.build(catalog)


def _reordered(engine: ProductSearch, catalog: Catalog, encoder: Path | None, blend: float | None) -> Searches:
    """The search, with an encoder's say in its order where one is named."""
    from shopr.errors import InputError

    if encoder is None:
        if blend is not None:
            raise InputError("--blend is the weight of an encoder", hint="Name its folder with --encoder FOLDER")
        return engine
    from shopr.config import Settings
    from shopr.progress import step
    from shopr.search.vectors.meaning import MeaningSearch
    from shopr.search.vectors.semantic import SentenceEncoder

    model = SentenceEncoder(encoder)
    with step("Encode the products"):
        return MeaningSearch.kept(engine, catalog, model, Settings().home / "vectors", blend)


def _load(folder: Path) -> ProductSearch:
    from shopr.search.searching.engine import ProductSearch

    return ProductSearch.load(folder)


def _queries(path: Path) -> pd.DataFrame:
    """The queries of a file, ids and words as text, in order.

    Raises:
        DataError: if a column is missing, or an id is missing or occurs twice.
    """
    from shopr.data.schema import as_text
    from shopr.data.sources.files import read_table, require
    from shopr.errors import DataError

    table = read_table(path)
    require(table, ("query_id", "query"), "Give a CSV with the columns query_id,query")
    ids, words = as_text(table.frame["query_id"]).fillna(""), as_text(table.frame["query"]).fillna("")
    if (ids == "").any():
        row = int(table.rows[(ids == "").to_numpy().argmax()])
        raise DataError(f"{path.name}: row {row} has no query_id", hint="Give every query an id")
    if ids.duplicated().any():
        raise DataError(f"{path.name}: query_id {ids[ids.duplicated()].iloc[0]!r} occurs twice", hint="Make ids unique")
    return table.frame.assign(query_id=ids, query=words)[["query_id", "query"]]


def _answer(engine: Searches, queries: pd.DataFrame, k: int, out: Path, as_json: bool) -> None:
    import pandas as pd

    from shopr.search.asking.results import Found

    asked = queries["query"].tolist()
    # Who asks for nothing is not answered with the whole shop.
    answers = [found if found.query.strip() else Found(found.query) for found in engine.search_batch(asked, k)]
    rows = [
        (name, product, rank, round(float(score), 6), round(float(sure), 4))
        for name, found in zip(queries["query_id"], answers, strict=True)
        for rank, (product, score, sure) in enumerate(
            zip(found.product_ids, found.scores, found.confidences, strict=True), start=1
        )
    ]
    frame = pd.DataFrame(rows, columns=["query_id", "product_id", "rank", "score", "confidence"])
    write_frame(frame, out)
    silent = sum(not len(found) for found in answers)
    if as_json:
        echo_json({"out": out, "queries": len(answers), "rows": len(frame), "without_match": silent})
    else:
        click.echo(f"{out}: {len(frame):,} rows for {len(answers):,} queries, {silent:,} without a match")


def _print(engine: Searches, words: str, k: int, titles: dict[str, str], as_json: bool) -> None:
    found = engine.search(words, k)
    shown = found.product_ids or found.alternatives
    sure = found.confidences.tolist() if len(found) else [None] * len(shown)
    products = [
        {"product_id": p, "title": titles.get(p, ""), "confidence": c} for p, c in zip(shown, sure, strict=True)
    ]
    if as_json:
        facts = ("query", "corrected", "did_you_mean", "product_type", "abstained", "total")
        refused = [{"part": each.part, "name": each.name} for each in found.refused]
        said = {"refused": refused} if refused else {}
        echo_json({**{name: getattr(found, name) for name in facts}, **said, "products": products})
        return
    if found.corrected:
        click.echo(f"searched for: {found.corrected}")
    if found.did_you_mean:
        click.echo(f"did you mean: {found.did_you_mean}")
    if found.refused:
        click.echo(f"left out: {', '.join(each.name for each in found.refused)}")
    if not len(found):
        click.echo("no match" + ("; the nearest:" if shown else ""))
    if shown:
        echo_table(("product_id", "title", "confidence"), [tuple(p.values()) for p in products])


def _check_out(path: Path) -> None:
    """Refuse an output that could not be written, before any work is done."""
    from shopr.errors import InputError

    if path.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(f"--out {path} has the ending {path.suffix!r}", hint="End it in .csv or .parquet")
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"--out {path} cannot be written", hint="Name a file in a folder that exists")
