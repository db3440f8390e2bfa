"""Search success: searches that a click, a cart or a purchase follows, and those that find nothing.

A search lasts until the next one of the same person and session, at most half an hour. What carries the source
"search" (or no source at all, but was clicked within that time) counts for it; a purchase counts for the latest search
from which the product was clicked or put into the cart, within a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.analytics.reading.acts import with_persons
from shopr.analytics.reading.estimates import Estimate, grouped_ratio, ratio
from shopr.analytics.reading.log import Codes, EventLog
from shopr.analytics.reading.source import Source
from shopr.analytics.reading.span import Span, Step
from shopr.analytics.reading.touches import last_touch

__all__ = ["SHARES", "SearchSuccess", "by_query", "read_searches", "search_course", "search_success"]

_LASTS = 30 * 60 * 1_000_000
_DAY = 86_400 * 1_000_000
_QUERY = """
SELECT event_id, type, time, person AS user_id, session_id, weight, product_id, position,
    CASE WHEN type LIKE '%search%' THEN lower(trim(query)) END AS query,
    CASE WHEN type LIKE '%search%' THEN TRY_CAST(coalesce(json_extract_string(properties, '$.results'),
        json_extract_string(properties, '$.total')) AS DOUBLE) END AS results
FROM acts WHERE type IN ('search_performed', 'image_searched', 'order_completed')
    OR (type IN ('product_shown', 'product_clicked', 'cart_item_added') AND coalesce(source, 'search') = 'search')
"""
_KINDS = (
    "search_performed", "image_searched", "product_shown", "product_clicked", "cart_item_added", "order_completed"
)  # fmt: skip
SHARES = ("clicked", "carted", "bought", "empty", "refined")


def read_searches(
    source: Source, *, start: str | datetime | None = None, end: str | datetime | None = None
) -> pd.DataFrame:
    """Every search and what followed.

    Returns:
        `event_id person query time weight clicked carted bought empty refined position`; `time` in microseconds,
        `position` of the best that was clicked. `empty`: it found nothing, by its property `results` (or `total`), else
        by the products shown for it; NaN where neither is recorded. `refined`: another search followed and no click.

    Raises:
        StorageError: if the store cannot be read.
    """
    with source.query(start=start, end=end) as events:
        with_persons(events)
        log = EventLog.of(
            events.sql(_QUERY).to_arrow_table(), ["event_id", "query", "results", "product_id", "position"]
        )
    kinds = {name: log.types.codes == log.types.code(name) for name in _KINDS}
    begun = kinds["search_performed"] | kinds["image_searched"]
    search, rows = _search_of(log, begun), np.flatnonzero(begun)
    near = {
        name: search[kinds[name] & (search >= 0)] for name in ("product_shown", "product_clicked", "cart_item_added")
    }
    shown, clicked, carted = (np.isin(rows, near[name]) for name in near)
    results, event_ids, queries = (log.columns[name] for name in ("results", "event_id", "query"))
    assert isinstance(results, np.ndarray)
    assert isinstance(event_ids, Codes)
    assert isinstance(queries, Codes)
    # Where no search at all has products shown for it, these are not recorded: then nothing says that one was empty.
    unseen = (~shown).astype(float) if shown.any() else np.full(len(rows), np.nan)
    found = results[rows]
    words = queries.take(rows).words()
    words[words == ""] = None
    table = pd.DataFrame(
        {
            "event_id": event_ids.take(rows).words(),
            "person": log.person_ids[log.persons[rows]],
            "query": words,
            "time": log.times[rows],
            "weight": log.weights[rows],
            "clicked": clicked,
            "carted": carted,
            "bought": np.isin(rows, _buying(log, kinds, search)),
            "empty": np.where(np.isnan(found), unseen, found == 0),
            "refined": _again(log, rows) & ~clicked & ~carted,
            "position": _first_click(log, kinds["product_clicked"], search, rows),
        }
    )
    return table.sort_values(["time", "event_id"], kind="stable", ignore_index=True)


def _search_of(log: EventLog, begun: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The row of the search that each event belongs to, -1 for none; a search belongs to itself."""
    places = np.arange(len(log))
    last = np.maximum.accumulate(np.where(begun, places, -1)) if len(log) else places
    here = np.maximum.accumulate(np.where(log.starts, places, -1)) if len(log) else places
    own = last >= here  # of the same person
    at = np.where(own, last, 0)
    if len(log):
        own &= (log.sessions.codes[at] == log.sessions.codes) & (log.times - log.times[at] <= _LASTS)
    return np.where(own, last, -1)


def _buying(log: EventLog, kinds: dict[str, NDArray[np.bool_]], search: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the searches from which something was bought: of each order line, that of the product's latest touch."""
    products = log.columns["product_id"]
    assert isinstance(products, Codes)
    touched = (kinds["product_clicked"] | kinds["cart_item_added"]) & (search >= 0)
    asked = (touched | kinds["order_completed"]) & (products.codes >= 0)
    pair = log.persons.astype(np.int64) * (len(products.names) + 1) + products.codes
    touch = last_touch(np.where(asked, pair, -1), log.times, touched, _DAY)
    bought: NDArray[np.int64] = search[touch[touch >= 0]]
    return bought


def _again(log: EventLog, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether another search of the same session follows each within the time that it lasts."""
    again = np.zeros(len(rows), bool)
    here, after = rows[:-1], rows[1:]
    again[:-1] = (
        (log.persons[here] == log.persons[after])
        & (log.sessions.codes[here] == log.sessions.codes[after])
        & (log.times[after] - log.times[here] <= _LASTS)
    )
    return again


def _first_click(
    log: EventLog, clicked: NDArray[np.bool_], search: NDArray[np.int64], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The best position that was clicked of each search."""
    positions = log.columns["position"]
    assert isinstance(positions, np.ndarray)
    best = np.full(len(log) + 1, np.inf)
    at = clicked & (search >= 0) & ~np.isnan(positions)
    np.minimum.at(best, search[at], positions[at])
    found = best[rows]
    return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True)
class SearchSuccess:
    """How searches went, as shares with intervals over persons.

    Attributes:
        searches, persons: how many searches, and how many persons were seen to search.
        clicked, carted, bought, empty, refined: see `read_searches`.
    """

    searches: float
    persons: int
    clicked: Estimate
    carted: Estimate
    bought: Estimate
    empty: Estimate
    refined: Estimate


def search_success(table: pd.DataFrame) -> SearchSuccess:
    """The shares of a table of searches."""
    person, names = pd.factorize(table["person"])
    weight, n = table["weight"].to_numpy(float), len(names)
    shares: dict[str, Estimate] = {}
    for name in SHARES:
        hit = table[name].to_numpy(float)
        known = ~np.isnan(hit)
        sums = [np.bincount(person[known], part[known], n) for part in (hit * weight, weight)]
        shares[name] = ratio(*sums, share=True)
    return SearchSuccess(float(weight.sum()), n, **shares)


def by_query(table: pd.DataFrame, *, most: int = 50) -> pd.DataFrame:
    """The queries that are asked most.

    Returns:
        Rows `query searches persons` and each share of `SHARES`, with `clicked_lo clicked_hi`; most frequent first.
    """
    asked = table[table["query"].notna() & (table["query"] != "")]
    group, names = pd.factorize(asked["query"])
    return _shares(asked, group, pd.DataFrame({"query": names})).head(most)


def search_course(table: pd.DataFrame, span: Span, step: Step | None = None) -> pd.DataFrame:
    """The shares of each step of a span: `start searches persons` and those of `SHARES`."""
    starts, step_of = span.steps(step or span.step)
    day = span.day_of(table["time"].to_numpy(np.int64))
    inside = (day >= 0) & (day < len(span))
    group = step_of[day[inside]]
    return _shares(table[inside], group, pd.DataFrame({"start": pd.to_datetime(starts)}), sort=False)


def _shares(table: pd.DataFrame, group: Any, names: pd.DataFrame, *, sort: bool = True) -> pd.DataFrame:
    person, weight, n = pd.factorize(table["person"])[0], table["weight"].to_numpy(float), len(names)
    made = names.assign(searches=np.bincount(group, weight, n), persons=0)
    for name in SHARES:
        hit = table[name].to_numpy(float)
        known = ~np.isnan(hit)
        found = grouped_ratio(
            group[known], person[known], (hit * weight)[known], weight[known], groups=n, share=True
        )  # fmt: skip
        made[name] = found["value"].to_numpy()
        if name == "clicked":
            made["clicked_lo"], made["clicked_hi"] = found["lo"].to_numpy(), found["hi"].to_numpy()
            made["persons"] = found["persons"].to_numpy()
    return made.sort_values("searches", ascending=False, kind="stable", ignore_index=True) if sort else made
