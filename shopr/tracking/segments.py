"""Groups of shoppers that nobody may be left behind in: by language, country and device, as their visits told."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.ids import IdMap

__all__ = ["segments"]

_KEYS = ("language", "country", "device")
_MOST = 6
"""Values of a key that are slices of their own; the others share one."""


def segments(events: pd.DataFrame, user_ids: IdMap, most: int = _MOST) -> dict[str, NDArray[np.bool_]]:
    """`language de`, `country AU`, `device mobile` … -> mask over user codes, by each shopper's last visit to say so.

    Keys of one value only make no slices. What is rare is one slice, `other countries` say, so that nobody is left out.

    Args:
        events: the flat event table.
        user_ids: of the log that models are judged on.
        most: values of a key that stand alone, the most frequent ones.
    """
    told = events.loc[events["user_id"].notna() & (events["properties"] != "{}"), ["user_id", "time", "properties"]]
    told = told[told["properties"].str.contains("|".join(f'"{key}"' for key in _KEYS), regex=True)]
    users = user_ids.encode(told["user_id"].astype(str).to_numpy())
    texts, unique = pd.factorize(told["properties"])
    parsed = [_values(text) for text in unique]
    order = np.argsort(told["time"].to_numpy(), kind="stable")
    found: dict[str, NDArray[np.bool_]] = {}
    for key in _KEYS:
        labels, names = pd.factorize(pd.Series([p.get(key) for p in parsed], dtype=object))
        each = labels[texts] if len(texts) else np.empty(0, np.int64)
        known = order[(each[order] >= 0) & (users[order] >= 0)]
        last = np.full(len(user_ids), -1)
        last[users[known]] = each[known]  # the last assignment to a shopper stands
        found |= _masks(key, last, [str(name) for name in names], most)
    return found


def _masks(key: str, last: NDArray[np.int64], names: list[str], most: int) -> dict[str, NDArray[np.bool_]]:
    counts = np.bincount(last[last >= 0], minlength=len(names))
    ranked = [int(place) for place in np.argsort(-counts, kind="stable") if counts[place]]
    if len(ranked) < 2:
        return {}
    masks = {f"{key} {names[place]}": last == place for place in ranked[:most]}
    if len(ranked) > most:
        masks[f"other {'countries' if key == 'country' else key + 's'}"] = np.isin(last, ranked[most:])
    return masks


def _values(text: Any) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, str) and v} if isinstance(found, dict) else {}
