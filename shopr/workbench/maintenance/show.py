"""How the parts of a report look: tables and pictures in one style."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

    from shopr.workbench.maintenance.parts import Part

__all__ = ["show", "show_under_title", "summary_table"]

_MARKS = {"ok": "✓", "needs attention": "!", "no data yet": "–", "not there yet": "·"}
_COLOURS = {"needs attention": "#B34700", "ok": "#00664B"}


def show(part: Part) -> Styler | None:
    """Print the finding, draw the pictures side by side, return the table."""
    from matplotlib import pyplot as plt

    from shopr import plots

    print(f"{_MARKS[part.level.value]} {part.finding}")  # noqa: T201
    drawn = [p for p in part.plots if len(p.data)]
    if drawn:
        tallest = max(len(p.data) for p in drawn if p.kind == "bars") if any(p.kind == "bars" for p in drawn) else 0
        height = max(3.2 if any(p.kind == "lines" for p in drawn) else 0.0, 1.0 + 0.34 * tallest)
        _, axes = plt.subplots(
            1, len(drawn), figsize=(4.6 * len(drawn) + 0.8 * (len(drawn) == 1), height), squeeze=False
        )
        for ax, plot in zip(axes.flat, drawn, strict=True):
            if plot.kind == "lines":
                plots.lines(plot.data, title=plot.title, x=plot.x, y=plot.label, ax=ax)
                ax.set_ylim(bottom=0)
                if plot.data.index.dtype == object or str(plot.data.index.dtype).startswith("str"):
                    ax.tick_params(axis="x", rotation=60)
            else:
                plots.bars(plot.data, title=plot.title, label=plot.label, ax=ax)
    return None if part.table is None else _table(part.table)


def show_under_title(title: str, part: Part) -> None:
    """The same below a heading, for a part that no cell asked for by name."""
    from IPython.display import Markdown, display
    from matplotlib import pyplot as plt

    display(Markdown(f"### {title}"))  # type: ignore[no-untyped-call]
    table = show(part)
    plt.show()
    if table is not None:
        display(table)  # type: ignore[no-untyped-call]


def summary_table(table: pd.DataFrame) -> Styler:
    """One row a section, with its state in words and colour."""
    shown = table.assign(state=[f"{_MARKS[s]} {s}" for s in table["state"]])

    def colour(state: str) -> str:
        found = _COLOURS.get(state[2:], "")
        return f"color: {found}; font-weight: bold" if found else ""

    style = shown.style.hide(axis="index").map(colour, subset=["state"])
    return _left(style.set_properties(subset=["section", "state"], **{"white-space": "nowrap"}), list(shown.columns))


def _table(table: pd.DataFrame) -> Styler:
    # A column of figures may hold None where there is none.
    table = table.apply(lambda column: pd.to_numeric(column) if _figures(column) else column)
    texts = [c for c in table.columns if not pd.api.types.is_numeric_dtype(table[c])]
    shares = {c: _percent for c in table.columns if c == "change"}
    others = {c: _number for c in table.columns if c not in texts and c not in shares}
    return _left(table.style.hide(axis="index").format({**shares, **others}, na_rep="–"), texts)


def _figures(column: pd.Series) -> bool:
    return all(value is None or isinstance(value, int | float) for value in column)


def _left(style: Styler, columns: list[str]) -> Styler:
    """Texts and their headings begin at the left."""
    if not columns:
        return style
    heads: Any = {c: [{"selector": "th", "props": [("text-align", "left")]}] for c in columns}
    return style.set_properties(subset=columns, **{"text-align": "left"}).set_table_styles(heads, overwrite=False)


def _percent(value: Any) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:+.1%}"


def _number(value: Any) -> str:
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return "–"
    if isinstance(value, str):
        return value
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    digits = max(0, 3 - math.floor(math.log10(abs(value)))) if abs(value) < 1000 else 0
    return f"{value:,.{min(digits, 6)}f}".rstrip("0").rstrip(".") if digits else f"{value:,.0f}"
