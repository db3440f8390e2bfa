"""The retraining of a month: the serving model's recipe on the data of today, as a candidate for the gate."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from shopr.errors import ShoprError
from shopr.tracking.promotion import promote
from shopr.tracking.registry import champion_version
from shopr.tracking.store import client, guarded
from shopr.tracking.study import train_candidate
from shopr.workbench.maintenance.parts import Context, Level, Part, Plot, change

__all__ = ["retrain"]

_NOT_SETTINGS = {"model", "seed"}
_FIRST = "ease"  # where nothing serves yet


def retrain(context: Context, *, model: str = "", judge: bool = False) -> Part:
    """Train the champion's recipe anew and, if asked to, let the gate judge the candidate.

    Args:
        model: another model by name, with its defaults; the champion's own recipe if "".
        judge: put the candidate before the gate, which promotes it if it passes. Else it waits for `shopr promote`.
    """
    data = context.dataset
    if data is None:
        return Part(f"there is no shop {context.shop!r}; import or simulate one", Level.EMPTY)
    settings, log = context.settings, data.interactions()
    serving = champion_version(settings)
    known, params, before = _recipe(context, serving)
    name = model or known or _FIRST
    try:
        made = train_candidate(
            settings,
            log,
            name,
            params if name == known else {},
            catalog=data.catalog,
            data=data.fingerprint,
            experiment="maintenance",
        )
        decision = promote(settings, log, run_id=made.run_id, clock=context.clock) if judge else None
    except ShoprError as error:
        return Part(f"{name} was not retrained: {error.one_line()}", Level.ATTENTION)
    rows = [
        change(m.replace("_at_", "@"), made.metrics.get(m), before.get(m.replace("@", "_at_"))) for m in made.metrics
    ]
    table = pd.DataFrame(rows).rename(columns={"period": "candidate", "before": "champion"})
    shown = {f"candidate ({name})": made.metrics["validation_ndcg@10"]}
    if serving is not None and "validation_ndcg_at_10" in before:
        shown[f"champion, version {serving.version}"] = before["validation_ndcg_at_10"]
    plot = Plot("bars", pd.Series(shown), "nDCG@10, each on the validation span of its own training", "nDCG@10")
    metrics = {"ndcg": float(made.metrics["validation_ndcg@10"])}
    if decision is None:
        finding = f"{name} is trained on the data of today; 'shopr promote' puts it before the gate"
        return Part(finding, Level.OK, table, (plot,), metrics)
    if decision.version is None:
        return Part(
            f"the gate refused the new {name}: {decision.decision.text().splitlines()[-1]}",
            Level.OK,
            table,
            (plot,),
            metrics,
        )
    return Part(f"version {decision.version} ({name}) passed the gate and serves", Level.OK, table, (plot,), metrics)


def _recipe(context: Context, serving: Any | None) -> tuple[str, dict[str, Any], dict[str, float]]:
    """Model, settings and measures of the run behind the champion."""
    if serving is None:
        return "", {}, {}
    with guarded(context.settings):
        run = client(context.settings).get_run(serving.run_id)
    params = {key: _value(text) for key, text in run.data.params.items() if key not in _NOT_SETTINGS}
    return str(run.data.params.get("model", "")), params, {k: float(v) for k, v in run.data.metrics.items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
