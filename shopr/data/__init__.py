"""The shop's data: events, catalogue, interactions, splits, importers and a simulated shop.

The names below are loaded on first use, so that a command that needs one of them does not wait for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shopr.lazy import loaded

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog
    from shopr.data.dataset import Dataset
    from shopr.data.events import Event, EventType
    from shopr.data.ids import IdMap
    from shopr.data.interactions import Histories, Interactions

__all__ = ["Catalog", "Dataset", "Event", "EventType", "Histories", "IdMap", "Interactions"]

_HOME = {
    "Catalog": "catalog",
    "Dataset": "dataset",
    "Event": "events",
    "EventType": "events",
    "Histories": "interactions",
    "IdMap": "ids",
    "Interactions": "interactions",
}


def __getattr__(name: str) -> Any:
    return loaded(__name__, _HOME, name)
