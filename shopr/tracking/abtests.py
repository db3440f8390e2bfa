"""Readings of A/B tests as MLflow runs: the report, the spec, the figures, and the way back to them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from shopr.abtest.judging.analysis import Analysis
from shopr.abtest.judging.verdict import Verdict
from shopr.abtest.records.kept import TrackedRun
from shopr.clock import Clock
from shopr.config import Settings
from shopr.tracking.runs import Run, run

__all__ = ["EXPERIMENT", "track_reading"]

EXPERIMENT = "abtests"
"""The MLflow experiment that readings of A/B tests go to."""
_UNFIT = re.compile(r"[^A-Za-z0-9_\-. /]+")


def track_reading(
    settings: Settings,
    analysis: Analysis,
    verdict: Verdict,
    *,
    spec_text: str,
    html: str,
    document: Any,
    fingerprint: str,
    number: int | None = None,
    clock: Clock | None = None,
) -> TrackedRun:
    """Log a reading as a finished run.

    Args:
        settings: whose store.
        analysis, verdict: what was found, and what follows.
        spec_text: the experiment's YAML; `html`: the decision report; `document`: the reading, made of JSON's types.
        fingerprint: of the table.
        number: of the reading, where it is kept.

    Returns:
        Where the run is.

    Raises:
        StorageError: if the store is locked, read-only, damaged or out of reach.
    """
    tags = {
        "shopr.abtest": analysis.experiment,
        "shopr.verdict": " ".join(filter(None, [verdict.action, verdict.arm])),
        "shopr.healthy": analysis.healthy,
        **({} if number is None else {"shopr.reading": number}),
    }
    params = {"design": analysis.design, "look": analysis.look, "at": analysis.at.isoformat(), "final": analysis.final}
    with run(
        analysis.experiment, settings=settings, experiment=EXPERIMENT, params=params, tags=tags, data=fingerprint,
        clock=clock,
    ) as handle:  # fmt: skip
        handle.metrics(_metrics(analysis))
        handle.text(html, "report.html")
        handle.text(spec_text, "spec.yaml")
        handle.json(document, "reading.json")
    return _place(settings, handle)


def _metrics(analysis: Analysis) -> dict[str, float]:
    """Units by arm, failed checks, and estimate, interval and p-value of the rows that decide or guard."""
    found: dict[str, float] = {f"units/{_fit(arm)}": float(n) for arm, n in analysis.units.items()}
    found["failed_checks"] = float(sum(not check.ok for check in analysis.health))
    for row in analysis.rows:
        guard = row.method.startswith("non_inferiority")
        if row.segment or not (row.decides or guard):
            continue
        name = f"{_fit(row.metric)}/{_fit(row.arm)}" + ("/guardrail" if guard else "")
        values: Sequence[tuple[str, float]] = [("estimate", row.estimate), ("lo", row.lo), ("hi", row.hi), ("p", row.p)]
        found |= {f"{name}/{part}": value for part, value in values if np.isfinite(value)}
    return found


def _fit(name: str) -> str:
    """A name with the characters that MLflow takes."""
    return _UNFIT.sub("_", name) or "_"


def _place(settings: Settings, handle: Run) -> TrackedRun:
    served = settings.mlflow_uri if settings.mlflow_uri.startswith(("http://", "https://")) else ""
    return TrackedRun(
        run_id=handle.run_id,
        experiment_id=handle.experiment,
        experiment=EXPERIMENT,
        page=f"#/experiments/{handle.experiment}/runs/{handle.run_id}",
        # Passwords in an address are for programs, not for a page.
        address="" if "@" in served else served.rstrip("/"),
    )
