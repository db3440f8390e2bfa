"""What can go wrong in a drill: each kind changes the events of a span, as the real thing would."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

__all__ = ["KINDS", "Kind"]

Frame: TypeAlias = pd.DataFrame
Lay: TypeAlias = Callable[[Frame, datetime, datetime, np.random.Generator, Mapping[str, str]], Frame]
_MIXED = ["product_clicked", "cart_item_added", "order_completed"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of incident.

    Attributes:
        rules: those that should notice it.
        may: those that may notice it, too.
        lasts: how long it goes on.
        does: in words.
        lay: changes the events between two moments.
    """

    name: str
    rules: tuple[str, ...]
    lasts: timedelta
    does: str
    lay: Lay
    may: tuple[str, ...] = ()


def _within(frame: Frame, begin: datetime, end: datetime, *types: str) -> Any:
    inside = (frame["time"] >= begin) & (frame["time"] < end)
    return (inside & frame["type"].isin(types) if types else inside).to_numpy()


def _rising(frame: Frame, rows: Any, begin: datetime, end: datetime, most: float) -> Any:
    """A chance that grows from 0 to `most` over the span, for each of some rows."""
    return most * ((frame.loc[rows, "time"] - begin) / (end - begin)).to_numpy(dtype=float)


def _some(rows: Any, share: Any, rng: np.random.Generator) -> Any:
    """Some of the rows, each with a chance."""
    places = np.flatnonzero(rows)
    return places[rng.random(len(places)) < share]


def _fail(share: float) -> Lay:
    def lay(frame: Frame, begin: datetime, end: datetime, rng: np.random.Generator, _: Mapping[str, str]) -> Frame:
        chosen = _some(_within(frame, begin, end, "api_called"), share, rng)
        frame.loc[frame.index[chosen], "properties"] = '{"status":503}'
        return frame

    return lay


def _slow(frame: Frame, begin: datetime, end: datetime, rng: np.random.Generator, _: Mapping[str, str]) -> Frame:
    chosen = _some(_within(frame, begin, end, "api_called"), 0.3, rng)
    frame.loc[frame.index[chosen], "value"] *= 50.0
    return frame


def _outage(frame: Frame, begin: datetime, end: datetime, rng: np.random.Generator, _: Mapping[str, str]) -> Frame:
    frame = _fail(0.9)(frame, begin, end, rng, _)
    gone = _some(_within(frame, begin, end), 0.6, rng)
    return frame.drop(frame.index[gone]).reset_index(drop=True)


def _stopped(frame: Frame, begin: datetime, end: datetime, rng: np.random.Generator, _: Mapping[str, str]) -> Frame:
    return frame[~_within(frame, begin, end)].reset_index(drop=True)


def _more(kind: str, count: int, properties: str) -> Lay:
    def lay(frame: Frame, begin: datetime, end: datetime, rng: np.random.Generator, _: Mapping[str, str]) -> Frame:
        seconds = np.sort(rng.uniform(0, (end - begin).total_seconds(), count))
        times = (pd.Timestamp(begin) + pd.to_timedelta(seconds, unit="s")).astype(frame["time"].dtype)
        made = pd.DataFrame({"time": times, "type": kind, "properties": properties, "name": "burst"})
        return pd.concat([frame, made.reindex(columns=frame.columns)], ignore_index=True)

    return lay


def _vitals(frame: Frame, begin: datetime, end: datetime, rng: np.random.Generator, _: Mapping[str, str]) -> Frame:
    rows = _within(frame, begin, end, "vital_measured") & (frame["name"] == "LCP").to_numpy()
    frame.loc[rows, "value"] *= 1.35
    return frame


def _unclicked(frame: Frame, begin: datetime, end: datetime, rng: np.random.Generator, _: Mapping[str, str]) -> Frame:
    rows = _within(frame, begin, end, "product_clicked") & (frame["source"] == "home").to_numpy()
    return frame.drop(frame.index[_some(rows, 0.4, rng)]).reset_index(drop=True)


def _unbought(frame: Frame, begin: datetime, end: datetime, rng: np.random.Generator, _: Mapping[str, str]) -> Frame:
    rows = _within(frame, begin, end, "order_completed")
    orders = frame.loc[rows, "order_id"].unique()
    lost = set(orders[rng.random(len(orders)) < 0.4])
    return frame[~(rows & frame["order_id"].isin(lost).to_numpy())].reset_index(drop=True)


def _dearer(frame: Frame, begin: datetime, end: datetime, rng: np.random.Generator, _: Mapping[str, str]) -> Frame:
    rows = _within(frame, begin, end, *_MIXED)
    chosen = _some(rows, _rising(frame, rows, begin, end, 0.8), rng)
    frame.loc[frame.index[chosen], "price"] *= 3.0
    return frame


def _asked(frame: Frame, begin: datetime, end: datetime, rng: np.random.Generator, _: Mapping[str, str]) -> Frame:
    rows = _within(frame, begin, end, "search_performed")
    chosen = _some(rows, _rising(frame, rows, begin, end, 0.8), rng)
    frame.loc[frame.index[chosen], "query"] = np.array(["gift ideas", "voucher", "delivery"], object)[
        rng.integers(0, 3, len(chosen))
    ]
    return frame


def _crowded(
    frame: Frame, begin: datetime, end: datetime, rng: np.random.Generator, categories: Mapping[str, str]
) -> Frame:
    rows = _within(frame, begin, end, *_MIXED)
    chosen = _some(rows, _rising(frame, rows, begin, end, 0.8), rng)
    names = sorted(set(categories.values()))
    own = np.array(sorted(p for p, c in categories.items() if c == names[int(rng.integers(len(names)))]), object)
    frame.loc[frame.index[chosen], "product_id"] = own[rng.integers(0, len(own), len(chosen))]
    return frame


_MIXES = ("price_mix", "category_mix")
_HOUR, _DAYS = timedelta(hours=1), timedelta(days=1)
_ALL = (
    Kind("error burst", ("error_rate", "error_budget"), 2 * _HOUR, "15 % of the calls fail", _fail(0.15)),
    Kind("slow burn", ("error_budget",), 8 * _HOUR, "4 % of the calls fail", _fail(0.04), ("error_rate",)),
    Kind("latency step", ("slow_responses",), 3 * _HOUR, "30 % of the calls take 50 times as long", _slow),
    Kind("outage", ("outage", "error_rate"), 1 * _HOUR, "90 % of the calls fail, 60 % of the events are lost", _outage,
         ("error_budget", "event_flow", "event_flow_slow")),
    Kind("events stop", ("event_flow", "event_flow_slow"), 3 * _HOUR, "no event arrives", _stopped),
    Kind(
        "threat burst", ("threat_burst",), _HOUR / 2, "60 blocked requests",
        _more("threat_detected", 60, '{"decision":"block"}'),
    ),
    Kind("exceptions", ("new_errors",), 3 * _HOUR, "60 exceptions", _more("error_raised", 60, "{}")),
    Kind("vitals", ("vitals",), 5 * _DAYS, "LCP 35 % longer", _vitals),
    Kind("clicks drop", ("recommendation_ctr",), 5 * _DAYS, "40 % of clicks on lists stay away", _unclicked, _MIXES),
    Kind("orders drop", ("conversion",), 5 * _DAYS, "40 % of the orders stay away", _unbought, _MIXES),
    Kind("price drift", ("price_mix",), 7 * _DAYS, "a share of prices that grows to 80 % triples", _dearer),
    Kind("query drift", ("query_mix",), 7 * _DAYS, "a share that grows to 80 % asks for three new things", _asked),
    Kind("category drift", ("category_mix",), 7 * _DAYS, "a share that grows to 80 % looks at one category", _crowded),
)  # fmt: skip
KINDS = {kind.name: kind for kind in _ALL}
"""Kinds of incidents by name."""
