"""Diagnostics of a simulated shop with known truth: vitals, errors and calls of the sessions that its shoppers had.

The simulator knows shoppers, not machines. Here each of its page views loads in some time, some calls fail, and two
releases bring each an error: the first error is mended and comes back. What was drawn is kept beside, so that reports
can be held against it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from shopr.analytics.health.errors import fingerprint
from shopr.analytics.store.cold import SCHEMA

__all__ = ["RELEASES", "Diagnostics", "sample_diagnostics"]

RELEASES = ("4.0.0", "4.1.0", "4.2.0", "4.3.0")
"""Releases of the simulated shop, each a quarter of its time."""
_SLOW = {"desktop": 1.0, "tablet": 1.35, "mobile": 1.7}
_MEDIANS = {"LCP": 1500.0, "INP": 95.0, "CLS": 0.035, "FCP": 950.0, "TTFB": 380.0}
_SPREAD = {"LCP": 0.5, "INP": 0.65, "CLS": 0.9, "FCP": 0.45, "TTFB": 0.5}
_ROUTES = {
    "/v1/recommend": (38.0, 0.004),
    "/v1/search": (22.0, 0.002),
    "/v1/cart": (15.0, 0.001),
    "/v1/chat": (120.0, 0.01),
}
_FAULTS = (
    ("TypeError", "cannot read properties of undefined (reading 'price')", ("priceOf", "renderCard"), (0, 3), 0.012),
    ("NetworkError", "the cart did not answer", ("saveCart", "onClick"), (0, 1, 2, 3), 0.004),
    ("RangeError", "invalid language tag: zh_CN", ("formatPrice", "renderCart"), (2,), 0.02),
)  # fmt: skip
"""Name, message, functions innermost first, releases that have it, chance a page view."""


@dataclass(frozen=True)
class Diagnostics:
    """What was drawn.

    Attributes:
        table: an Arrow table in the store's columns.
        vitals: the truth: `name device p75` of the law that each vital was drawn from.
        errors: the truth: `fingerprint name errors persons regressed` of what was drawn.
        calls: the truth: `route calls failed` of what was drawn.
    """

    table: Any
    vitals: pd.DataFrame
    errors: pd.DataFrame
    calls: pd.DataFrame


def sample_diagnostics(events: pd.DataFrame, *, seed: int = 42) -> Diagnostics:
    """Draw diagnostics for the page views of a simulated shop.

    Args:
        events: the flat event table of a simulated shop, with devices in the properties of its page views.
    """
    rng = np.random.default_rng(seed)
    views = events[events["type"] == "page_viewed"].reset_index(drop=True)
    told = [json.loads(text) for text in views["properties"]]
    when = views["time"].astype("datetime64[us, UTC]").astype("int64").to_numpy()
    base = {
        "user_id": views["user_id"].to_numpy(object),
        "session_id": views["session_id"].to_numpy(object),
        "device": np.array([row.get("device", "desktop") for row in told], object),
        "page": np.array(["/" + row.get("page", "") for row in told], object),
        "time": when,
        "release": np.array(RELEASES, object)[_release_of(when)],
    }
    tables = [_vitals(base, rng)]
    calls, called = _calls(base, rng)
    errors, raised = _errors(base, rng)
    law = [
        (name, device, median * factor * np.exp(0.674490 * _SPREAD[name]))
        for name, median in _MEDIANS.items()
        for device, factor in _SLOW.items()
    ]
    return Diagnostics(
        pa.concat_tables([*tables, calls, errors]), pd.DataFrame(law, columns=["name", "device", "p75"]), raised, called
    )


def _release_of(times: NDArray[np.int64]) -> NDArray[np.int64]:
    low, high = int(times.min()), int(times.max()) + 1
    return ((times - low) * len(RELEASES) // (high - low)).astype(np.int64)


def _vitals(base: dict[str, Any], rng: np.random.Generator) -> Any:
    tables = []
    factor = np.array([_SLOW.get(device, 1.0) for device in base["device"]])
    for name, median in _MEDIANS.items():
        value = median * factor * rng.lognormal(0, _SPREAD[name], len(factor))
        tables.append(_table(base, np.arange(len(factor)), "vital_measured", f"v-{name}", name=name, value=value))
    return pa.concat_tables(tables)


def _calls(base: dict[str, Any], rng: np.random.Generator) -> tuple[Any, pd.DataFrame]:
    tables, rows = [], []
    n = len(base["time"])
    for route, (median, failing) in _ROUTES.items():
        at = np.flatnonzero(rng.random(n) < (0.15 if route == "/v1/chat" else 0.7))
        failed = rng.random(len(at)) < failing
        value = median * rng.lognormal(0, 0.6, len(at)) * np.where(failed, 8.0, 1.0)
        properties = np.where(failed, '{"method":"POST","status":500}', '{"method":"POST","status":200}').astype(object)
        tables.append(_table(base, at, "api_called", f"c-{route}", name=route, value=value, properties=properties))
        rows.append((route, len(at), int(failed.sum())))
    return pa.concat_tables(tables), pd.DataFrame(rows, columns=["route", "calls", "failed"])


def _errors(base: dict[str, Any], rng: np.random.Generator) -> tuple[Any, pd.DataFrame]:
    tables, rows = [], []
    release = _release_of(base["time"])
    for number, (name, message, functions, within, chance) in enumerate(_FAULTS):
        at = np.flatnonzero(np.isin(release, within) & (rng.random(len(release)) < chance))
        frames = [("shop.js", function) for function in reversed(functions)]
        key = fingerprint(name, frames, message)
        stack = f"{name}: {message}\n" + "\n".join(f"    at {f} (shop.js:{12 + 30 * number}:7)" for f in functions)
        text = json.dumps(
            {"fingerprint": key, "message": message, "stack": stack, "platform": "browser", "handled": False}
        )
        properties = np.full(len(at), text, object)
        tables.append(_table(base, at, "error_raised", f"x-{number}", name=name, value=None, properties=properties))
        gap = bool(np.any(np.diff(within) > 1))
        rows.append((key, name, len(at), len(set(base["user_id"][at])), gap))
    columns = ["fingerprint", "name", "errors", "persons", "regressed"]
    return pa.concat_tables(tables), pd.DataFrame(rows, columns=columns)


def _table(
    base: dict[str, Any],
    at: NDArray[np.int64],
    kind: str,
    prefix: str,
    *,
    name: str,
    value: Any,
    properties: Any = None,
) -> Any:
    n = len(at)
    made: dict[str, Any] = {
        "event_id": [f"{prefix}-{i}" for i in at], "type": [kind] * n, "name": [name] * n, "value": value,
        "properties": ["{}"] * n if properties is None else properties, "consent": ["necessary analytics"] * n,
        "weight": [1.0] * n, "version": [1] * n, "received": base["time"][at],
        **{column: base[column][at] for column in ("user_id", "session_id", "device", "page", "release", "time")},
    }  # fmt: skip
    arrays = []
    for field in SCHEMA:
        column = made.get(field.name)
        if column is None:
            arrays.append(pa.nulls(n, field.type))
        elif field.name in ("time", "received"):
            arrays.append(pa.array(column, pa.int64()).cast(field.type))
        else:
            arrays.append(pa.array(column, field.type, from_pandas=True))
    return pa.Table.from_arrays(arrays, schema=SCHEMA)
