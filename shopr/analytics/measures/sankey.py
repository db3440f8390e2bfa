"""Where the nodes and ribbons of a Sankey diagram lie: journeys as a picture, whoever draws it.

Each step of a journey is a column of nodes as high as the sessions that are there; a ribbon leads from a node to each
of the next step, and `(leaves)`, below the others, takes those who left. Sessions are heights throughout, so that the
picture has no scale of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.analytics.measures.journey import EXIT

__all__ = ["Sankey", "sankey"]

_BAR = 0.08
"""Half the width of a node; columns are 1 apart."""
_POINTS = 21


@dataclass(frozen=True)
class Sankey:
    """A diagram.

    Attributes:
        nodes: `depth name left right low high sessions leaves`, one row a node; `leaves` marks where journeys end.
        ribbons: `ribbon source target depth sessions leaves x low high`, points along each ribbon: the area between
            `low` and `high` over `x`.
        height: of the highest column.
    """

    nodes: pd.DataFrame
    ribbons: pd.DataFrame
    height: float


def sankey(links: pd.DataFrame, *, gap: float = 0.03) -> Sankey:
    """Lay out the links of `journeys`.

    Args:
        links: `depth source target sessions`.
        gap: between two nodes of a column, as a share of the highest column.
    """
    flows = links.groupby(["depth", "source", "target"], as_index=False, sort=False)["sessions"].sum()
    flows = flows[flows["sessions"] > 0]
    nodes = _nodes(flows, gap)
    if nodes.empty:
        return Sankey(nodes, pd.DataFrame(columns=["ribbon", "source", "target", "depth", "sessions", "leaves"]), 0.0)
    return Sankey(nodes, _ribbons(flows, nodes), float(nodes["high"].max()))


def _nodes(flows: pd.DataFrame, gap: float) -> pd.DataFrame:
    out = flows.groupby(["depth", "source"])["sessions"].sum()
    into = flows.groupby([flows["depth"] + 1, "target"])["sessions"].sum()
    out.index.names = into.index.names = ["depth", "name"]
    size = pd.concat([out, into], axis=1).max(axis=1).rename("sessions").reset_index()
    size["leaves"] = size["name"] == EXIT
    # From the top: the largest first. Where journeys end is at the foot of every column.
    size = size.sort_values(["depth", "leaves", "sessions", "name"], ascending=[True, True, False, True])
    columns = size.groupby("depth")["sessions"]
    tallest = float(columns.sum().max()) if len(size) else 0.0
    room = gap * tallest
    height = tallest + room * (int(columns.size().max()) if len(size) else 0)
    size["high"] = height - (columns.cumsum() - size["sessions"] + room * size.groupby("depth").cumcount())
    size.loc[size["leaves"], "high"] = size["sessions"]
    size["low"] = size["high"] - size["sessions"]
    size["left"], size["right"] = size["depth"] - _BAR, size["depth"] + _BAR
    return size.reset_index(drop=True)


def _ribbons(flows: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    place = nodes.set_index(["depth", "name"])["high"]
    begin = place.reindex(pd.MultiIndex.from_arrays([flows["depth"], flows["source"]])).to_numpy()
    end = place.reindex(pd.MultiIndex.from_arrays([flows["depth"] + 1, flows["target"]])).to_numpy()
    flows = flows.assign(begin=begin, end=end)
    # Ribbons leave a node in the order of where they go, and reach one in the order of where they come from.
    leaving = flows.sort_values(["depth", "source", "end"], ascending=[True, True, False])
    start = leaving["begin"] - leaving.groupby(["depth", "source"])["sessions"].cumsum()
    reaching = flows.sort_values(["depth", "target", "begin"], ascending=[True, True, False])
    stop = reaching["end"] - reaching.groupby(["depth", "target"])["sessions"].cumsum()
    bends = _bend(np.linspace(0, 1, _POINTS))
    n = len(flows)
    thick = flows["sessions"].to_numpy(float)[:, None]
    low = (
        start.reindex(flows.index).to_numpy()[:, None] * (1 - bends)
        + stop.reindex(flows.index).to_numpy()[:, None] * bends
    )
    x = flows["depth"].to_numpy(float)[:, None] + _BAR + (1 - 2 * _BAR) * np.linspace(0, 1, _POINTS)
    names = flows.reset_index(drop=True)[["source", "target", "depth", "sessions"]]
    made = names.loc[np.repeat(np.arange(n), _POINTS)].reset_index(drop=True)
    made.insert(0, "ribbon", np.repeat(np.arange(n), _POINTS))
    return made.assign(leaves=made["target"] == EXIT, x=x.ravel(), low=low.ravel(), high=(low + thick).ravel())


def _bend(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0 to 1, level at both ends."""
    curve: NDArray[np.float64] = t * t * (3 - 2 * t)
    return curve
