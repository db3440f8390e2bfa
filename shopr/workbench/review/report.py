"""Several runs on one page: what they measured, with intervals, which parameters differ, and where each came from."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from shopr import htmlpage
from shopr.config import Settings
from shopr.errors import InputError, UnknownNameError
from shopr.workbench.review.reproduce import find_run

__all__ = ["Facts", "compare", "differing", "fact_sheet", "facts", "measures"]

_ENDS = (("_low", "_high"), ("_lo", "_hi"))
_LINEAGE = {
    "mlflow.source.git.commit": "commit", "shopr.data": "data", "shopr.lock": "lock", "shopr.source": "package",
    "shopr.python": "Python", "shopr.libraries": "libraries",
}  # fmt: skip
_PLOTS = 12
_STYLE = """
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .92rem; min-width: 60%; }
th, td { text-align: left; padding: .35rem 1.2rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.other { color: var(--accent); font-weight: 600; }
td { overflow-wrap: anywhere; } img { max-width: 100%; background: #fff; border-radius: 6px; padding: .4rem; }
"""


@dataclass(frozen=True)
class Facts:
    """What is known of a run.

    Attributes:
        run_id: as it was asked for; `name`: for people.
        status: in the ledger or in MLflow.
        parameters, metrics: as they were logged.
        lineage: commit, data, lock, package, Python and libraries, where known.
    """

    run_id: str
    name: str
    status: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    lineage: Mapping[str, str] = field(default_factory=dict)

    def interval(self, metric: str) -> tuple[float, float] | None:
        """The ends of a measure's interval, where the run logged them beside it; None if not."""
        for low, high in _ENDS:
            if metric + low in self.metrics and metric + high in self.metrics:
                return self.metrics[metric + low], self.metrics[metric + high]
        return None


def facts(settings: Settings, run_ids: Sequence[str]) -> list[Facts]:
    """Runs by their id in the ledger (or the beginning of it) or in MLflow.

    Raises:
        InputError: if fewer than two are named, or one twice.
        UnknownNameError: if neither store knows one.
    """
    if len(run_ids) < 2 or len(set(run_ids)) < len(run_ids):
        raise InputError("there is nothing to compare with", hint="Name two or more different ones: shopr run --list")
    return [fact_sheet(settings, run_id) for run_id in run_ids]


def fact_sheet(settings: Settings, run_id: str) -> Facts:
    """One run by its id in the ledger (or the beginning of it) or in MLflow.

    Raises:
        UnknownNameError: if neither store knows it.
    """
    try:
        row: Mapping[str, Any] | None = find_run(settings, run_id)
    except UnknownNameError:
        row = None
    from shopr.tracking.lookup import logged_run

    stored = logged_run(settings, (row["mlflow_run_id"] or "") if row else run_id)
    if row is None and stored is None:
        raise UnknownNameError("run", run_id, [])
    tags: Mapping[str, str] = stored.data.tags if stored is not None else {}
    lineage = {words: tags[tag] for tag, words in _LINEAGE.items() if tags.get(tag)}
    if row is not None:
        values = {name: str(value) for name, value in row["parameters"].items()}
        return Facts(run_id, str(row["spec"]), str(row["state"]), values, row["metrics"] or {}, lineage)
    assert stored is not None
    data = stored.data
    return Facts(run_id, stored.info.run_name, stored.info.status, dict(data.params), dict(data.metrics), lineage)


def differing(runs: Sequence[Facts], what: str) -> dict[str, list[str | None]]:
    """Parameters (or lineage) that are not the same in all runs: name -> one value a run, None where it has none."""
    tables: list[Mapping[str, str]] = [getattr(run, what) for run in runs]
    names = list(dict.fromkeys(name for table in tables for name in table))
    found = {name: [table.get(name) for table in tables] for name in names}
    return {name: values for name, values in found.items() if len(set(values)) > 1}


def measures(runs: Sequence[Facts]) -> list[str]:
    """Names of the measures that at least one run logged, without the ends of intervals."""
    names = list(dict.fromkeys(name for run in runs for name in sorted(run.metrics)))
    ends = {name + end for name in names for pair in _ENDS for end in pair}
    return [name for name in names if name not in ends]


def compare(runs: Sequence[Facts]) -> str:
    """One page, HTML that needs nothing else: measures, what differs, lineage, and a plot of what all runs measured."""
    names = [escape(f"{run.name} · {run.run_id[:8]}") for run in runs]
    parts = [
        f"<h1>{len(runs)} runs compared</h1>",
        f'<p class="soft">Differences are against the first run, {names[0]}. States: '
        + ", ".join(f"{name} {run.status}" for name, run in zip(names, runs, strict=True))
        + ".</p>",
        "<h2>Measures</h2>",
        _table(["measure", *names], [_measure_row(name, runs) for name in measures(runs)], "No run logged any."),
    ]
    picture = _plot(runs)
    if picture:
        parts.append(f'<p><img alt="Measures of each run with intervals" src="data:image/png;base64,{picture}"></p>')
    for title, what in (("Parameters that differ", "parameters"), ("Where they came from", "lineage")):
        rows = [_value_row(name, values) for name, values in differing(runs, what).items()]
        parts += [f"<h2>{title}</h2>", _table(["", *names], rows, "The same in all runs.")]
    return htmlpage.document("Runs compared", "\n".join(parts), _STYLE, width=68)


def _measure_row(name: str, runs: Sequence[Facts]) -> str:
    first = runs[0].metrics.get(name)
    cells = [f'<th scope="row">{escape(name)}</th>']
    for place, run in enumerate(runs):
        value, ends = run.metrics.get(name), run.interval(name)
        text = "–" if value is None else f"{value:,.5g}"
        if ends is not None:
            text += f" [{ends[0]:,.4g}, {ends[1]:,.4g}]"
        if place and value is not None and first is not None:
            text += f'<br><span class="soft">{value - first:+,.4g}</span>'
        cells.append(f'<td class="number">{text}</td>')
    return "".join(cells)


def _value_row(name: str, values: Sequence[str | None]) -> str:
    cells = [f'<th scope="row">{escape(name)}</th>']
    for value in values:
        other = ' class="other"' if value != values[0] else ""
        cells.append(f"<td{other}>{'–' if value is None else escape(value)}</td>")
    return "".join(cells)


def _table(heads: Sequence[str], rows: Sequence[str], empty: str) -> str:
    if not rows:
        return f'<p class="soft">{empty}</p>'
    return htmlpage.table("".join(f"<tr>{row}</tr>" for row in rows), heads)


def _plot(runs: Sequence[Facts]) -> str:
    """Small multiples of the measures that all runs share, base64 PNG; "" where there is none."""
    shared = [name for name in measures(runs) if all(name in run.metrics for run in runs)][:_PLOTS]
    if not shared:
        return ""
    import pandas as pd
    from matplotlib.figure import Figure

    from shopr import plots

    across = min(3, len(shared))
    down = -(-len(shared) // across)
    figure = Figure(figsize=(4.2 * across, (0.9 + 0.4 * len(runs)) * down), layout="constrained")
    axes = figure.subplots(down, across, squeeze=False)
    for name, axis in zip(shared, axes.flat, strict=False):
        rows = {}
        for run in runs:
            value = run.metrics[name]
            low, high = run.interval(name) or (value, value)
            rows[f"{run.name} {run.run_id[:6]}"] = {"estimate": value, "lo": low, "hi": high}
        plots.forest(pd.DataFrame(rows).T, title=name, reference=None, ax=axis)
        axis.locator_params(axis="x", nbins=4)
    for axis in axes.flat[len(shared) :]:
        axis.set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return base64.b64encode(out.getvalue()).decode()
