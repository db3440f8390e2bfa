"""Shoppers with words of their own for kinds of things: searches, lists and clicks as a table of events, truth known.

They look for a kind of product, often in a colour. Some call it by a word that the catalogue does not have. What they
are shown is what the search finds; a place is looked at by 1/place, and what is looked at is clicked if it is of the
kind (now and then if it is not). Who clicked nothing mostly says it again in the catalogue's word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from shopr.data.events import EVENT_COLUMNS
from shopr.search.searching.engine import ProductSearch

LIST = 10
_BEGAN = pd.Timestamp("2026-03-01", tz="UTC")


def gap_events(
    search: ProductSearch,
    kinds: Mapping[str, Sequence[bool]],
    words: Mapping[str, str],
    *,
    people: int = 400,
    own_words: float = 0.5,
    vague: str = "",
    colours: Sequence[str] = (),
    seed: int = 0,
) -> pd.DataFrame:
    """The flat table of events.

    Args:
        kinds: the catalogue's word for a kind -> which rows are of it.
        words: the same word -> what some shoppers say instead.
        own_words: share of the searches for such a kind that use the shoppers' word.
        vague: a word that is put before any query now and then, and means nothing.
    """
    draw = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    names = list(kinds)
    for person in range(people):
        start = _BEGAN + pd.Timedelta(hours=person)
        for visit in range(int(draw.integers(1, 4))):
            kind = names[int(draw.integers(len(names)))]
            said = words[kind] if kind in words and draw.random() < own_words else kind
            extra = f"{colours[int(draw.integers(len(colours)))]} " if len(colours) and draw.random() < 0.4 else ""
            extra = f"{vague} {extra}" if vague and draw.random() < 0.2 else extra
            when = start + pd.Timedelta(minutes=40 * visit)
            session = f"s{person}-{visit}"
            clicked = _search(rows, draw, search, f"{extra}{said}", kinds[kind], (f"u{person}", session, when))
            if not clicked and draw.random() < 0.8:
                later = when + pd.Timedelta(seconds=40)
                _search(rows, draw, search, f"{extra}{kind}", kinds[kind], (f"u{person}", session, later))
    frame = pd.DataFrame(rows, columns=list(EVENT_COLUMNS))
    frame["time"] = pd.to_datetime(frame["time"], utc=True).astype("datetime64[us, UTC]")
    return frame


def _search(
    rows: list[dict[str, Any]],
    draw: np.random.Generator,
    search: ProductSearch,
    query: str,
    wanted: Sequence[bool],
    who: tuple[str, str, pd.Timestamp],
) -> bool:
    user, session, when = who
    common = {"user_id": user, "session_id": session, "properties": "{}"}
    found = search.search(query, LIST)
    ids = found.product_ids or found.alternatives[:4]
    rows.append({**common, "event_id": f"e{len(rows)}", "type": "search_performed", "time": when, "query": query,
                 "properties": json.dumps({"results": len(found)})})  # fmt: skip
    clicked = False
    order = list(ids)
    if len(order) > 1:
        first, second = draw.choice(len(order), 2, replace=False)
        order[first], order[second] = order[second], order[first]
    shown = search.index.ids.encode(order)
    for place, (name, row) in enumerate(zip(order, shown.tolist(), strict=True), 1):
        line = {**common, "product_id": name, "position": place, "source": "search"}
        rows.append({**line, "event_id": f"e{len(rows)}", "type": "product_shown", "time": when})
        if draw.random() < 1 / place and draw.random() < (0.6 if wanted[row] else 0.03):
            clicked = True
            later = when + pd.Timedelta(seconds=5 + place)
            rows.append({**line, "event_id": f"e{len(rows)}", "type": "product_clicked", "time": later})
    return clicked
