"""Plots in one style: what notebooks, reports and the README show.

Every function draws one picture on the axes it is given, or on new ones, and returns them. Colours are the Okabe-Ito
set, which people with any common colour blindness can tell apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

__all__ = ["COLOURS", "bars", "flows", "forest", "heat", "lines", "pictures", "use_style"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
_STYLE: dict[str, Any] = {
    "figure.figsize": (8.0, 3.6),
    "figure.dpi": 96,
    "figure.constrained_layout.use": True,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlesize": 12,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "font.size": 10,
}


@contextmanager
def _styled() -> Iterator[None]:
    """The style for a while: titles and legends read it when they are made. Only its own settings are put back: the
    first figure may load a notebook's backend, which changes others for good."""
    before = {name: mpl.rcParams[name] for name in _STYLE}
    mpl.rcParams.update(_STYLE)
    try:
        yield
    finally:
        mpl.rcParams.update(before)


def use_style() -> None:
    """Make the style the default of this notebook or process."""
    mpl.rcParams.update(_STYLE)


@_styled()
def forest(
    table: pd.DataFrame, *, title: str, label: str = "", reference: float | None = 0.0, ax: Axes | None = None
) -> Axes:
    """Estimates with intervals, one row each, best on top.

    Args:
        table: indexed by name, columns `estimate`, `lo`, `hi`.
        reference: where the dashed line of "no difference" stands; None for no line.
    """
    rows = table.sort_values("estimate")
    ax = _axes(ax, height=0.8 + 0.38 * len(rows))
    at = np.arange(len(rows))
    centre = rows["estimate"].to_numpy(float)
    reach = np.abs(np.vstack([centre - rows["lo"].to_numpy(float), rows["hi"].to_numpy(float) - centre]))
    ax.errorbar(centre, at, xerr=reach, fmt="o", color=COLOURS[0], ecolor=COLOURS[0], capsize=3, markersize=6)
    if reference is not None:
        ax.axvline(reference, color="#444444", linestyle="--", linewidth=1)
    ax.set_yticks(at, [str(name) for name in rows.index])
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(label)
    ax.set_title(title)
    return ax


@_styled()
def bars(values: Mapping[str, float] | pd.Series, *, title: str, label: str = "", ax: Axes | None = None) -> Axes:
    """One horizontal bar a name, largest on top, each with its figure."""
    series = pd.Series(values).sort_values()
    ax = _axes(ax, height=0.8 + 0.34 * len(series))
    drawn = ax.barh([str(name) for name in series.index], series.to_numpy(float), color=COLOURS[0], height=0.7)
    ax.bar_label(drawn, labels=[_figure(value) for value in series.to_numpy(float)], padding=4)
    ax.margins(x=0.14)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(label)
    ax.set_title(title)
    return ax


@_styled()
def lines(table: pd.DataFrame, *, title: str, x: str = "", y: str = "", ax: Axes | None = None) -> Axes:
    """One line a column over the index."""
    ax = _axes(ax)
    for name in table.columns:
        ax.plot(table.index, table[name].to_numpy(float), label=str(name), linewidth=1.8)
    if len(table.columns) > 1:
        ax.legend(ncols=min(4, len(table.columns)))
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.set_title(title)
    return ax


@_styled()
def heat(
    values: np.ndarray[Any, Any], *, title: str, rows: Sequence[str], columns: Sequence[str], ax: Axes | None = None
) -> Axes:
    """A table of numbers as colours, with the numbers in the cells while they can be read."""
    ax = _axes(ax, height=1.2 + 0.32 * len(rows))
    image = ax.imshow(values, cmap="Blues", aspect="auto")
    ax.set_xticks(range(len(columns)), columns, rotation=30 if len(columns) > 8 else 0)
    ax.set_yticks(range(len(rows)), rows)
    ax.grid(visible=False)
    if values.size <= 120:
        middle = (np.nanmin(values) + np.nanmax(values)) / 2
        for (i, j), value in np.ndenumerate(values):
            if np.isnan(value):
                continue
            ax.text(j, i, f"{value:.3g}", ha="center", va="center", color="white" if value > middle else "black")
    else:
        ax.figure.colorbar(image, ax=ax)
    ax.set_title(title)
    return ax


@_styled()
def flows(nodes: pd.DataFrame, ribbons: pd.DataFrame, *, title: str, ax: Axes | None = None) -> Axes:
    """Nodes and the ribbons between them (a Sankey diagram), those that leave in a colour of their own.

    Args:
        nodes: `name left right low high leaves`, one row a node.
        ribbons: `ribbon leaves x low high`, points along each ribbon.
    """
    ax = _axes(ax, height=4.4)
    for _, ribbon in ribbons.groupby("ribbon"):
        colour = COLOURS[1] if ribbon["leaves"].iloc[0] else COLOURS[0]
        x, low, high = (ribbon[name].to_numpy(float) for name in ("x", "low", "high"))
        ax.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)
    tallest = float(nodes["high"].max()) if len(nodes) else 1.0
    for node in nodes.itertuples():
        colour = COLOURS[1] if node.leaves else COLOURS[0]
        ax.bar(node.left, node.high - node.low, node.right - node.left, node.low, align="edge", color=colour)
        if node.high - node.low >= 0.03 * tallest:
            words = str(node.name).replace("_", " ").strip("()")
            ax.text(node.right + 0.03, (node.low + node.high) / 2, words, va="center", fontsize=8)
    ax.set_axis_off()
    ax.set_title(title)
    return ax


def pictures(
    images: Sequence[Path | bytes | None],
    captions: Sequence[str] | None = None,
    *,
    title: str = "",
    columns: int = 6,
) -> Figure:
    """Pictures in rows, each with its caption below; a grey tile where there is none.

    Args:
        images: files, or their content, in any format that Pillow reads.
        captions: one a picture.
        columns: pictures in a row.
    """
    rows = max(-(-len(images) // columns), 1)
    with _styled():
        height = 1.3 * rows + (0.45 * rows if captions else 0.0) + (0.4 if title else 0.0)
        figure: Figure
        figure, grid = plt.subplots(rows, columns, figsize=(8.0, height), squeeze=False)
    for ax in grid.flat:
        ax.set_axis_off()
    for at, (ax, image) in enumerate(zip(grid.flat, images, strict=False)):
        if image is None:
            ax.imshow(np.full((1, 1, 3), 0.92))
        else:
            with Image.open(BytesIO(image) if isinstance(image, bytes) else image) as opened:
                ax.imshow(opened.convert("RGB"))
        if captions:
            ax.set_title(
                fill(captions[at], 20), fontsize=7, fontweight="normal", loc="center", y=-0.04, pad=0, va="top"
            )
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def _figure(value: float) -> str:
    """A figure beside its bar: whole ones and large ones with separators, others to four digits."""
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:,.4g}"


def _axes(ax: Axes | None, *, height: float = 3.6) -> Axes:
    if ax is not None:
        return ax
    made: Axes = plt.subplots(figsize=(8.0, height))[1]
    return made
