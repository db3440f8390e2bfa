"""MovieLens 100k (`u.data`, `u.item`) and 1M (`ratings.dat`, `movies.dat`): star ratings of films.

Harper, F. M., Konstan, J. A. (2015). The MovieLens datasets: history and context. ACM TiiS 5(4). The licence allows
research only and no redistribution. Every rating becomes a `feedback_given` event; a film is a product without a price.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from shopr.clock import Clock
from shopr.data.catalog import Catalog, validate_catalog
from shopr.data.checks import validate_events
from shopr.data.dataset import Dataset
from shopr.data.events import EventType
from shopr.data.rejects import Rejects
from shopr.data.sources.files import Table, read_table
from shopr.errors import DataError

__all__ = ["load"]

LICENCE = "research use only, no redistribution (GroupLens)"
GENRES = (
    "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy Film-Noir Horror Musical "
    "Mystery Romance Sci-Fi Thriller War Western"
).split()
_RATING = ("user", "item", "rating", "time")
_LATIN = "iso-8859-1"


def load(path: Path, *, name: str = "movielens", clock: Clock | None = None) -> Dataset:
    """Read a MovieLens folder (or one of the files in it).

    Raises:
        DataError: if the folder holds neither format, or a file cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    if (folder / "u.data").is_file():
        ratings = read_table(folder / "u.data", delimiter="\t", names=_RATING, encoding=_LATIN)
        films, film_rejects = _films_100k(folder / "u.item")
    elif (folder / "ratings.dat").is_file():
        ratings = read_table(folder / "ratings.dat", delimiter="::", names=_RATING, encoding=_LATIN)
        films, film_rejects = _films_1m(folder / "movies.dat")
    else:
        raise DataError(
            f"{folder} holds neither u.data (MovieLens 100k) nor ratings.dat (1M)", hint="Give the unpacked folder"
        )
    judged = validate_events(_events(ratings), clock=clock, file=ratings.file, rows=ratings.rows)
    rejects = Rejects.concat([ratings.rejects, judged.rejects, film_rejects])
    if not len(judged.good):
        raise DataError(f"{ratings.file} has no sound rating; {rejects.first()}", hint="Check the file")
    return Dataset.build(
        name,
        "movielens",
        Catalog(films),
        judged.good,
        rejects=rejects,
        counts={"ratings": len(judged.good)},
        origin=ratings.file,
        licence=LICENCE,
        interaction_types=(EventType.FEEDBACK_GIVEN,),
    )


def _events(ratings: Table) -> pd.DataFrame:
    frame = ratings.frame
    return pd.DataFrame(
        {
            "event_id": [f"rating-{row}" for row in ratings.rows],
            "type": EventType.FEEDBACK_GIVEN.value,
            "time": frame["time"],
            "user_id": frame["user"],
            "product_id": frame["item"],
            "rating": frame["rating"],
        }
    )


def _films_100k(path: Path) -> tuple[pd.DataFrame, Rejects]:
    names = ["item", "title", "released", "video", "url", *GENRES]
    table = read_table(path, delimiter="|", names=names, encoding=_LATIN)
    flags = (table.frame[GENRES] == "1").to_numpy()
    genres = [[genre for genre, flag in zip(GENRES, row, strict=True) if flag] for row in flags]
    return _films(table, genres)


def _films_1m(path: Path) -> tuple[pd.DataFrame, Rejects]:
    table = read_table(path, delimiter="::", names=["item", "title", "genres"], encoding=_LATIN)
    return _films(table, [text.split("|") if text else [] for text in table.frame["genres"]])


def _films(table: Table, genres: list[list[str]]) -> tuple[pd.DataFrame, Rejects]:
    titles = table.frame["title"]
    years = titles.str.extract(r"\((\d{4})\)\s*$", expand=False)
    attributes = [
        json.dumps({"genres": ", ".join(names)} | ({} if pd.isna(year) else {"year": int(year)}))
        for names, year in zip(genres, years, strict=True)
    ]
    films = pd.DataFrame(
        {
            "product_id": table.frame["item"],
            "title": titles,
            "category": [names[0] if names else "" for names in genres],
            "attributes": attributes,
            "language": "en",
        }
    )
    judged = validate_catalog(films, file=table.file, rows=table.rows)
    return judged.good, Rejects.concat([table.rejects, judged.rejects])
