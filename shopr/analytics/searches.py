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

from shopr.analytics.estimates import Estimate, grouped_ratio, ratio
from shopr.analytics.orders import PERSONS
from shopr.analytics.source import Source
from shopr.analytics.span import Span, Step

__all__ = ["SearchSuccess", "by_query", "read_searches", "search_course", "search_success"]

_MINUTES = 30
_QUERY = f"""
WITH {PERSONS},
looked AS (
    SELECT event_id, person, session_id, time, lower(trim(query)) AS query, weight,
        TRY_CAST(coalesce(json_extract_string(properties, '$.results'), json_extract_string(properties, '$.total'))
            AS BIGINT) AS results,
        lead(time) OVER (PARTITION BY person, session_id ORDER BY time, event_id) AS later
    FROM acts WHERE type IN ('search_performed', 'image_searched') AND person IS NOT NULL
),
ends AS (
    SELECT *, least(coalesce(later, time + INTERVAL {_MINUTES} MINUTE), time + INTERVAL {_MINUTES} MINUTE) AS until
    FROM looked
),
near AS (
    SELECT a.type, a.person, a.product_id, a.time, a.position, l.event_id AS search
    FROM (SELECT * FROM acts WHERE type IN ('product_shown', 'product_clicked', 'cart_item_added')
          AND coalesce(source, 'search') = 'search' AND person IS NOT NULL) AS a
    ASOF JOIN ends AS l ON a.person = l.person AND a.session_id IS NOT DISTINCT FROM l.session_id AND a.time >= l.time
    WHERE a.time <= l.until
),
bought AS (
    SELECT DISTINCT n.search FROM (SELECT * FROM acts WHERE type = 'order_completed' AND person IS NOT NULL) AS o
    ASOF JOIN (SELECT * FROM near WHERE type <> 'product_shown' AND product_id IS NOT NULL) AS n
        ON o.person = n.person AND o.product_id = n.product_id AND o.time >= n.time
    WHERE o.time <= n.time + INTERVAL 1 DAY
),
told AS (
    SELECT search, count(*) FILTER (type = 'product_shown') AS shown, bool_or(type = 'product_clicked') AS clicked,
        bool_or(type = 'cart_item_added') AS carted, min(position) FILTER (type = 'product_clicked') AS position
    FROM near GROUP BY search
)
SELECT e.event_id, e.person, e.query, epoch_us(e.time) AS time, e.weight, e.results, coalesce(t.shown, 0) AS shown,
    coalesce(t.clicked, false) AS clicked, coalesce(t.carted, false) AS carted, b.search IS NOT NULL AS bought,
    t.position, e.later IS NOT NULL AND e.later <= e.time + INTERVAL {_MINUTES} MINUTE AS again
FROM ends AS e LEFT JOIN told AS t ON t.search = e.event_id LEFT JOIN bought AS b ON b.search = e.event_id
ORDER BY time, e.event_id
"""
SHARES = ("clicked", "carted", "bought", "empty", "refined")


def read_searches(
    source: Source, *, start: str | datetime | None = None, end: str | datetime | None = None
) -> pd.DataFrame:
    """Every search and what followed.

    Returns:
        `event_id person query time weight clicked carted bought empty refined position`; `time` in microseconds,
        `position` of the first click. `empty`: it found nothing, by its property `results` (or `total`), else by the
        products shown for it; NaN where neither is recorded. `refined`: another search followed and no click.

    Raises:
        StorageError: if the store cannot be read.
    """
    with source.query(start=start, end=end) as events:
        table: pd.DataFrame = events.sql(_QUERY).df()
    shown = table["shown"].to_numpy()
    results = table.pop("results").to_numpy(float, na_value=np.nan)
    # Where no search at all has products shown for it, these are not recorded: then nothing says that one was empty.
    fallback = (shown == 0).astype(float) if (shown > 0).any() else np.full(len(table), np.nan)
    table["empty"] = np.where(np.isnan(results), fallback, results == 0)
    table["refined"] = table.pop("again") & ~table["clicked"] & ~table["carted"]
    return table.drop(columns="shown")


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
