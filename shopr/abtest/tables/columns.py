"""Whether a table has the columns that an experiment names, and they hold what it takes them for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shopr.abtest.design.metrics import Quantile

if TYPE_CHECKING:
    from shopr.abtest.tables.table import Table

__all__ = ["check_columns"]


def check_columns(table: Table) -> None:
    """Check every column that the table's experiment names.

    Raises:
        UnknownNameError: naming the nearest column, if one is missing.
        DataError: if a column holds no numbers or no times.
    """
    spec = table.spec
    table.require([spec.unit, spec.variant])
    if "exposed_at" in spec.model_fields_set and spec.exposed_at:
        table.require([spec.exposed_at])
    if spec.exposed_at and spec.exposed_at in table.columns:
        table.require_times(spec.exposed_at)
    for metric in spec.metrics:
        cluster = {metric.cluster} if isinstance(metric, Quantile) and metric.cluster else set()
        table.require(cluster)
        table.require([c for c in metric.columns if c not in cluster], numbers=True)
        window = getattr(metric, "window", None)
        if window is not None:
            table.require([spec.exposed_at])
            table.require_times(window.at)
    table.require([*spec.segments, *([spec.strata] if spec.strata else [])])
    if spec.adjustment is not None:
        table.require(spec.adjustment.columns)
