"""Recommendations online: what was shown, clicked and bought, by source, policy, model version and position.

An impression is a product in a place of a list. A click counts for the impression it names. A purchase counts for the
latest impression of the product that its buyer clicked, within a week (last touch). nDCG is that of the lists as they
were shown, the gain of a place being 1 for a click, 2 for a cart and 3 for a purchase: 1 if what was wanted stood on
top. It judges the order of what was shown, among those lists of which something was wanted; positions that are looked
at more are clicked more, so that two policies are compared by a test and not by this figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.analytics.reading.acts import with_persons
from shopr.analytics.reading.estimates import grouped_ratio
from shopr.analytics.reading.source import Source
from shopr.analytics.reading.span import Span, Step
from shopr.analytics.reading.touches import last_touch
from shopr.errors import InputError

__all__ = ["BY", "RECOMMENDED", "quality", "quality_course", "read_impressions"]

BY = ("source", "policy", "model_version", "position")
"""What impressions can be told apart by."""
RECOMMENDED = ("home", "recommendation", "recommendations", "cross_sell", "for_you", "chat", "reorder", "similar")
"""Sources at which a model and not a query decides what is shown."""
_DEEP = 50
_WEEK = 7 * 86_400 * 1_000_000
_QUERY = """
WITH seen AS (
    SELECT *, json_extract_string(properties, '$.impression_id') AS impression,
        json_extract_string(properties, '$.policy') AS policy,
        json_extract_string(properties, '$.model_version') AS model_version
    FROM acts WHERE type IN ('product_shown', 'recommendation_shown', 'product_clicked', 'recommendation_clicked',
        'cart_item_added')
),
shown AS (
    SELECT any_value(person) AS person, impression, min(time) AS time, any_value(session_id) AS session,
        any_value(product_id) AS product, any_value(source) AS source, any_value(policy) AS policy,
        any_value(model_version) AS model_version, any_value(position) AS position, min(weight) AS weight
    FROM seen WHERE type IN ('product_shown', 'recommendation_shown') AND impression IS NOT NULL
        AND (type = 'recommendation_shown' OR coalesce(source, '') IN (SELECT unnest($sources)))
    GROUP BY impression
),
acted AS (
    SELECT impression, bool_or(type <> 'cart_item_added') AS clicked, bool_or(type = 'cart_item_added') AS carted,
        min(epoch_us(time)) FILTER (type <> 'cart_item_added') AS clicked_at
    FROM seen WHERE type IN ('product_clicked', 'recommendation_clicked', 'cart_item_added') AND impression IS NOT NULL
    GROUP BY impression
)
SELECT s.person, s.impression, epoch_us(s.time) AS time, s.product, coalesce(s.source, 'recommendation') AS source,
    coalesce(s.policy, '') AS policy, coalesce(s.model_version, '') AS model_version, s.position, s.weight,
    coalesce(a.clicked, false) AS clicked, coalesce(a.carted, false) AS carted, a.clicked_at,
    (hash(s.session, s.person, s.time, s.source, s.policy, s.model_version) // 2)::BIGINT AS list
FROM shown AS s LEFT JOIN acted AS a USING (impression)
ORDER BY time, s.position, s.impression
"""
_ORDERS = """
SELECT person, product_id AS product, epoch_us(time) AS time, coalesce(price, 0) * coalesce(quantity, 1) AS revenue
FROM acts WHERE type = 'order_completed' AND person IS NOT NULL AND product_id IS NOT NULL
"""


def read_impressions(
    source: Source,
    *,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    sources: Sequence[str] = RECOMMENDED,
) -> pd.DataFrame:
    """Every recommended product that was shown, and what came of it.

    Args:
        sources: of `product_shown` that count as recommendations; every `recommendation_shown` does.

    Returns:
        `person impression time product source policy model_version position weight clicked carted bought revenue list`;
        `time` in microseconds, `revenue` in minor units of whatever currency it was paid in, `list` names what was
        shown at one moment of one session.

    Raises:
        StorageError: if the store cannot be read.
    """
    with source.query(start=start, end=end) as events:
        with_persons(events)
        shown: pd.DataFrame = events.execute(_QUERY, {"sources": list(sources)}).df()
        lines: pd.DataFrame = events.sql(_ORDERS).df()
    clicked_at = shown.pop("clicked_at").to_numpy(float, na_value=np.nan)
    revenue, bought = _bought(shown, np.nan_to_num(clicked_at).astype(np.int64), lines)
    shown["bought"], shown["revenue"] = bought, revenue
    return shown


def _bought(
    shown: pd.DataFrame, clicked_at: NDArray[np.int64], lines: pd.DataFrame
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """What was paid for each impression, and whether anything was: each order line is the last click's."""
    n = len(shown)
    both = pd.concat([shown[["person", "product"]], lines[["person", "product"]]], ignore_index=True)
    pairs = np.asarray(both.groupby(["person", "product"], sort=False).ngroup(), np.int64)
    touched = np.r_[shown["clicked"].to_numpy(bool), np.zeros(len(lines), bool)]
    keys = np.where(touched | (np.arange(len(pairs)) >= n), pairs, -1)  # what was merely shown touches nobody
    times = np.r_[clicked_at, lines["time"].to_numpy(np.int64)]
    touch = last_touch(keys, times, touched, _WEEK)[n:]
    revenue = np.zeros(n)
    np.add.at(revenue, touch[touch >= 0], lines["revenue"].to_numpy(float)[touch >= 0])
    bought = np.zeros(n, bool)
    bought[touch[touch >= 0]] = True
    return np.rint(revenue).astype(np.int64), bought


def quality(table: pd.DataFrame, by: Sequence[str] = ("source",)) -> pd.DataFrame:
    """How the recommendations of a table did.

    Args:
        by: columns of `BY` to tell apart; none for all together.

    Returns:
        Rows of `by`, then `impressions persons clicks ctr ctr_lo ctr_hi cart_rate conversion conversion_lo
        conversion_hi lists ndcg ndcg_lo ndcg_hi`, most impressions first. Intervals are over persons.

    Raises:
        InputError: if a column is none of `BY`.
    """
    for column in by:
        if column not in BY:
            raise InputError(f"recommendations are not told apart by {column!r}", hint=f"Use {', '.join(BY)}")
    if by:
        keys = table[list(by)].astype(object).where(table[list(by)].notna(), None)
        group, names = pd.factorize(pd.MultiIndex.from_frame(keys), use_na_sentinel=False)
        made = pd.DataFrame([list(name) for name in names], columns=list(by))
    else:
        group, made = np.zeros(len(table), np.int64), pd.DataFrame(index=range(min(len(table), 1)))
    done = pd.concat([made, _judged(table, group, len(made), ranked="position" not in by)], axis=1)
    return done.sort_values("impressions", ascending=False, kind="stable", ignore_index=True)


def quality_course(table: pd.DataFrame, span: Span, step: Step | None = None) -> pd.DataFrame:
    """The same for each step of a span, with `start` in front."""
    starts, step_of = span.steps(step or span.step)
    day = span.day_of(table["time"].to_numpy(np.int64))
    inside = (day >= 0) & (day < len(span))
    judged = _judged(table[inside], step_of[day[inside]], len(starts), ranked=True)
    judged.insert(0, "start", pd.to_datetime(starts))
    return judged


def _judged(table: pd.DataFrame, group: NDArray[np.int64], n: int, *, ranked: bool) -> pd.DataFrame:
    person, weight = pd.factorize(table["person"], use_na_sentinel=False)[0], table["weight"].to_numpy(float)

    def rate(column: str) -> pd.DataFrame:
        return grouped_ratio(
            group, person, weight * table[column].to_numpy(float), weight, groups=n, share=True
        )  # fmt: skip

    clicks, carts, sold = rate("clicked"), rate("carted"), rate("bought")
    made = pd.DataFrame(
        {
            "impressions": np.bincount(group, weight, n), "persons": clicks["persons"].to_numpy(),
            "clicks": np.bincount(group, weight * table["clicked"].to_numpy(float), n),
            "ctr": clicks["value"], "ctr_lo": clicks["lo"], "ctr_hi": clicks["hi"], "cart_rate": carts["value"],
            "conversion": sold["value"], "conversion_lo": sold["lo"], "conversion_hi": sold["hi"],
        }
    )  # fmt: skip
    if not ranked:  # a place by itself has no order
        return made.assign(lists=np.nan, ndcg=np.nan, ndcg_lo=np.nan, ndcg_hi=np.nan)
    lists = _lists(table, group, person, weight)
    of = lists["group"].to_numpy(np.int64)
    found = grouped_ratio(
        of, lists["person"].to_numpy(np.int64), lists["weighed"].to_numpy(float), lists["weight"].to_numpy(float),
        groups=n, share=True,
    )  # fmt: skip
    counted = np.bincount(of, lists["weight"], n)
    return made.assign(
        lists=counted, ndcg=found["value"].to_numpy(), ndcg_lo=found["lo"].to_numpy(), ndcg_hi=found["hi"].to_numpy()
    )


def _lists(table: pd.DataFrame, group: Any, person: Any, weight: Any) -> pd.DataFrame:
    """Each list of which something was wanted: its group, person, weight, and nDCG times that weight."""
    columns = ["group", "person", "weight", "weighed"]
    place = table["position"].to_numpy(float, na_value=np.nan)
    gain = np.select([table["bought"], table["carted"], table["clicked"]], [3.0, 2.0, 1.0], 0.0)
    known = (place >= 1) & (place <= _DEEP)
    if not known.any():
        return pd.DataFrame(columns=columns, dtype=float)
    # A list whose places fall into several groups is a list of each.
    lists = pd.factorize(table["list"])[0].astype(np.int64)
    key = pd.factorize(lists[known] * (int(np.max(group)) + 1) + group[known])[0]
    n = int(key.max()) + 1
    gain, place = gain[known], place[known]
    order = np.lexsort((-gain, key))
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    rank = np.arange(len(key)) - np.repeat(starts, np.diff(np.append(starts, len(key)))) + 1
    best = np.bincount(key[order], gain[order] / np.log2(rank + 1), n)
    got = np.bincount(key, gain / np.log2(place + 1), n)
    first = np.unique(key, return_index=True)[1]
    wanted = best > 0
    ndcg = np.minimum(got[wanted] / best[wanted], 1.0)
    found = [part[known][first][wanted] for part in (group, person, weight)]
    return pd.DataFrame(dict(zip(columns, [*found, found[2] * ndcg], strict=True)))
