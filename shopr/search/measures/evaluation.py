"""How good search is on queries with human ratings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from shopr.data.schema import as_text
from shopr.errors import DataError
from shopr.search.searching.engine import ProductSearch

if TYPE_CHECKING:
    from shopr.search.vectors.meaning import MeaningSearch

__all__ = ["Evaluation", "evaluate", "ndcg", "read_ratings"]

_DEPTH = 200


@dataclass(frozen=True)
class Evaluation:
    """Means over the queries that some product is relevant for, and how often search abstained.

    Attributes:
        queries: that have a relevant product. ndcg: at 10, products without a rating counted as irrelevant.
        condensed: the same with those left out of the list (Sakai 2007). abstained: share of these queries that search
            refused. unanswerable: queries without a relevant product; refused: share of them that it refused.
        by_query: query -> (ndcg, condensed).
    """

    queries: int
    ndcg: float
    condensed: float
    abstained: float
    unanswerable: int
    refused: float
    by_query: dict[str, tuple[float, float]]


def read_ratings(frame: pd.DataFrame, file: str = "qrels") -> dict[str, dict[str, float]]:
    """Ratings as query -> product id -> grade of 0 or more, from the columns query, docid and rating.

    Raises:
        DataError: if a column is missing, a grade is no number or negative, a query or product is empty, or there is no
            row.
    """
    for name in ("query", "docid", "rating"):
        if name not in frame.columns:
            raise DataError(
                f"{file}: column {name!r} is missing; found {', '.join(map(str, frame.columns))[:200]}",
                hint="Give the columns query,docid,rating",
            )
    grades = pd.to_numeric(frame["rating"], errors="coerce")
    bad = np.flatnonzero((grades.isna() | (grades < 0) | np.isinf(grades.astype(float))).to_numpy())
    if len(bad):
        value = frame["rating"].iloc[int(bad[0])]
        raise DataError(f"{file}: rating {value!r} in row {bad[0] + 1} is no grade", hint="Give numbers of 0 or more")
    for name in ("query", "docid"):
        texts = as_text(frame[name]).fillna("").str.strip()
        if (texts == "").any():
            row = int((texts == "").to_numpy().argmax()) + 1
            raise DataError(f"{file}: row {row} has no {name}", hint="Complete the row, or leave it out")
    if not len(frame):
        raise DataError(f"{file} holds no rating", hint="Give the columns query,docid,rating")
    found: dict[str, dict[str, float]] = {}
    for query, docid, grade in zip(frame["query"].astype(str), frame["docid"].astype(str), grades, strict=True):
        found.setdefault(query, {})[docid] = float(grade)
    return found


def ndcg(products: Sequence[str], grades: Mapping[str, float], k: int = 10, *, condensed: bool = False) -> float:
    """Discounted gain of a list over that of the best list (Järvelin & Kekäläinen 2002); the gain is the grade.

    Args:
        condensed: leave products without a grade out of the list first.
    """
    kept = [p for p in products if p in grades] if condensed else list(products)
    best = sorted(grades.values(), reverse=True)[:k]
    ideal = sum(g / np.log2(i + 2) for i, g in enumerate(best))
    gained = sum(grades.get(p, 0.0) / np.log2(i + 2) for i, p in enumerate(kept[:k]))
    return float(gained / ideal) if ideal else float("nan")


def evaluate(search: ProductSearch | MeaningSearch, ratings: Mapping[str, Mapping[str, float]]) -> Evaluation:
    """Search every rated query; where it abstains, the alternatives it names count as its list."""
    by_query: dict[str, tuple[float, float]] = {}
    refusals: dict[bool, list[bool]] = {True: [], False: []}
    for query, grades in ratings.items():
        found = search.search(query, _DEPTH)
        answerable = max(grades.values()) > 0
        refusals[answerable].append(found.abstained)
        if answerable:
            products = found.product_ids or found.alternatives
            by_query[query] = (ndcg(products, grades), ndcg(products, grades, condensed=True))
    means = np.mean(list(by_query.values()), axis=0) if by_query else (float("nan"),) * 2
    return Evaluation(
        len(by_query),
        float(means[0]),
        float(means[1]),
        float(np.mean(refusals[True])) if refusals[True] else float("nan"),
        len(refusals[False]),
        float(np.mean(refusals[False])) if refusals[False] else float("nan"),
        by_query,
    )
