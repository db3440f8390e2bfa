"""The flat event table of a log: ids for codes, in order of time, without a loop over events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shopr.data.events import EVENT_COLUMNS, EventType, events_frame
from shopr.data.simulator.calendar import COUNTRIES
from shopr.data.simulator.checkout import REASONS
from shopr.data.simulator.log import COLUMNS, Log
from shopr.data.simulator.shelves import SOURCES
from shopr.data.simulator.shoppers import DEVICES
from shopr.data.simulator.taste import Taste
from shopr.data.simulator.vocabulary import COLOURS, KINDS, LANGUAGES, words

__all__ = ["PAGES", "event_table"]

PAGES = ("home", "category", "search")
# Within one second of one session, in this order.
_RANK = [
    EventType.PAGE_VIEWED,
    EventType.SEARCH_PERFORMED,
    EventType.PRODUCT_SHOWN,
    EventType.PRODUCT_CLICKED,
    EventType.PRODUCT_VIEWED,
    EventType.CART_ITEM_ADDED,
    EventType.CART_ITEM_REMOVED,
    EventType.CHECKOUT_STARTED,
    EventType.ORDER_COMPLETED,
    EventType.ORDER_RETURNED,
    EventType.FEEDBACK_GIVEN,
]
_SHOWN = {EventType.PRODUCT_SHOWN, EventType.PRODUCT_CLICKED, EventType.PRODUCT_VIEWED, EventType.CART_ITEM_ADDED}


def event_table(
    log: Log, taste: Taste, user_ids: NDArray[np.object_], item_ids: NDArray[np.object_], *,
    currency: str = "GBP", policy: str = "shop", prefix: str = "",
) -> pd.DataFrame:  # fmt: skip
    """The log as a flat event table (see `shopr.data.events`), sorted by time.

    Args:
        user_ids, item_ids: ids in code order.
        policy: name that impressions on the home page carry; other pages are the shop's own.
        prefix: put before event, session, order and impression ids, to tell played futures from history.
    """
    kinds = [kind for kind in _RANK if log.count(kind)]
    if not kinds:
        return events_frame([])
    counts = [log.count(kind) for kind in kinds]
    columns = {name: np.concatenate([log.column(kind, name) for kind in kinds]) for name in COLUMNS}
    rank = np.repeat([_RANK.index(kind) for kind in kinds], counts)
    order = np.lexsort((columns["item"], columns["position"], rank, columns["session"], columns["time"]))
    columns = {name: column[order] for name, column in columns.items()}
    rank = rank[order]
    priced = columns["price"] >= 0
    texts = {
        "event_id": _numbered(f"{prefix}e", np.arange(len(rank))),
        "type": _chosen([kind.value for kind in _RANK], rank),
        "user_id": _chosen(user_ids, columns["user"]),
        "session_id": _keyed(f"{prefix}s", columns["session"]),
        "product_id": _chosen(item_ids, columns["item"]),
        "currency": _chosen([currency], np.where(priced, 0, -1)),
        "order_id": _keyed(f"{prefix}o", columns["order"]),
        "source": _chosen(SOURCES, columns["source"]),
        "query": _queries(columns, rank, taste),
        "properties": _properties(columns, rank, taste, policy, prefix),
    }
    frame: dict[str, Any] = {name: pd.Series(text, dtype="str") for name, text in texts.items()}
    frame["time"] = pd.to_datetime(pd.Series(columns["time"]), unit="s", utc=True)
    frame["rating"] = np.where(columns["rating"] > 0, columns["rating"], np.nan).astype(np.float64)
    for name in ("quantity", "price", "position"):
        frame[name] = pd.Series(pd.array(columns[name], dtype="Int64")).mask(columns[name] < 0)
    return events_frame(pd.DataFrame({name: frame[name] for name in EVENT_COLUMNS}))


def _chosen(values: Sequence[str] | NDArray[np.object_], codes: NDArray[np.int64]) -> pa.Array:
    """Text by code; missing where the code is below 0."""
    return pa.array(list(values), pa.large_string()).take(pa.array(codes, mask=codes < 0))


def _numbered(prefix: str, numbers: NDArray[np.int64], width: int = 8) -> pa.Array:
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers, mask=numbers < 0), pa.large_string()), width=width, padding="0")
    return pc.binary_join_element_wise(pa.scalar(prefix, pa.large_string()), digits, pa.scalar("", pa.large_string()))


def _keyed(prefix: str, keys: NDArray[np.int64]) -> pa.Array:
    return _numbered(prefix, keys)


def _queries(columns: dict[str, NDArray[Any]], rank: NDArray[np.int64], taste: Taste) -> pa.Array:
    """What was typed into the search box, in the shopper's language: a kind, or a kind and a colour."""
    width, searched = len(COLOURS) + 1, np.where(rank == 1, columns["query"], -1)
    colours = [None, *COLOURS]
    texts = [_query(k.key, c, lang) for lang in LANGUAGES for k in KINDS for c in colours]
    language = taste.shoppers.language[columns["user"]]
    return _chosen(texts, np.where(searched >= 0, language * len(KINDS) * width + searched, -1))


def _query(kind: str, colour: str | None, language: str) -> str:
    noun = words("kinds")[kind][language].lower()
    if colour is None:
        return noun
    hue = words("colours")[colour][language].lower()
    first = language in {"en", "nl", "de", "tr", "hi", "zh", "ja"}
    return f"{hue} {noun}" if first else f"{noun} {hue}"


def _properties(
    columns: dict[str, NDArray[Any]], rank: NDArray[np.int64], taste: Taste, policy: str, prefix: str
) -> pa.Array:
    """JSON text: id, policy and propensity of impressions, circumstances of pages, reasons of removals."""
    result = np.full(len(rank), "{}", dtype=object)
    on_page = np.flatnonzero(rank == 0)
    result[on_page] = _visits({n: columns[n][on_page] for n in ("user", "detail", "time", "query", "session")}, taste)
    removed = np.flatnonzero(rank == _RANK.index(EventType.CART_ITEM_REMOVED))
    result[removed] = np.array([f'{{"reason":"{reason}"}}' for reason in REASONS], object)[columns["detail"][removed]]
    shown = np.flatnonzero(np.isin(rank, [_RANK.index(kind) for kind in _SHOWN]))
    number = _numbered('{"impression_id":"' + prefix + "i", columns["impression"][shown])
    names = [f'","policy":"{policy if s in {"home", "recommendation"} else "shop"}"' for s in SOURCES]
    who = _chosen(names, columns["source"][shown])
    parts = np.round(columns["propensity"][shown] * 1e6)
    known = ~np.isnan(parts)
    digits = _numbered(',"propensity":', np.where(known, np.nan_to_num(parts), -1).astype(np.int64), 1)
    chance = pc.fill_null(pc.binary_join_element_wise(digits, _text("e-06"), _text("")), "")
    end = _text(',"model_version":"1"}')
    joined = pc.binary_join_element_wise(number, who, chance, end, _text(""))
    result[shown] = joined.to_numpy(zero_copy_only=False)
    return pa.array(result, pa.large_string())


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())


def _visits(page: dict[str, NDArray[Any]], taste: Taste) -> NDArray[np.object_]:
    who, users = taste.shoppers, page["user"]
    day = page["session"] // len(who)
    celsius = taste.calendar.temperature[day, who.country[users]] // 10
    rain = taste.calendar.rain[day, who.country[users]].astype(np.int64)
    shapes = (len(COUNTRIES), len(DEVICES), len(LANGUAGES), len(PAGES), 120, 2)
    codes = (who.country[users], who.device[users], who.language[users], page["detail"], celsius + 60, rain)
    unique, inverse = np.unique(np.ravel_multi_index(codes, shapes), return_inverse=True)
    texts = []
    for country, device, language, name, warmth, wet in zip(*np.unravel_index(unique, shapes), strict=True):
        texts.append(
            f'{{"country":"{COUNTRIES[country].code}","device":"{DEVICES[device]}","language":"{LANGUAGES[language]}",'
            f'"page":"{PAGES[name]}","rain":{"true" if wet else "false"},"temperature":{warmth - 60}}}'
        )
    found: NDArray[np.object_] = np.array(texts, dtype=object)[inverse]
    return found
