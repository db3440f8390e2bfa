"""What came in undeclared: fields kept apart, until somebody declares them, mends a sender, or lets them be."""

from __future__ import annotations

from difflib import get_close_matches

import pandas as pd

from shopr.analytics.store.event_store import EventStore
from shopr.data.event_book import EventBook
from shopr.data.event_schema import UNKNOWN

__all__ = ["undeclared"]

_MOST = 1000


def undeclared(store: EventStore, book: EventBook) -> pd.DataFrame:
    """The fields that events carried and nobody declared, most frequent first, at most 1,000.

    Returns:
        Rows `event field stored first last nearest`; `nearest` is a declared property of a similar name, or "".
    """
    with store.query() as events:
        found: pd.DataFrame = events.sql(
            "SELECT event, field, count(*) AS stored, min(time) AS first, max(time) AS last FROM ("
            f"SELECT CASE type WHEN 'custom_occurred' THEN name ELSE type END AS event, time, "
            f"unnest(json_keys(properties, '$.{UNKNOWN}')) AS field FROM events "
            f"WHERE contains(properties, '\"{UNKNOWN}\"')) "
            f"GROUP BY event, field ORDER BY stored DESC, event, field LIMIT {_MOST}"
        ).df()
    named = {**book.types, **book.own}
    near = []
    for event, name in zip(found["event"], found["field"], strict=True):
        known = list(named[event].properties) if event in named else []
        near.append(next(iter(get_close_matches(str(name)[:64], known, n=1, cutoff=0.7)), ""))
    return found.assign(nearest=near)
