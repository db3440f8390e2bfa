"""Sections about models: what serves, what was tried, who decided."""

from __future__ import annotations

import pandas as pd

from shopr.storage.tables import promotions as promotions_table
from shopr.workbench.maintenance.parts import Context, Level, Part, Plot, change

__all__ = ["model", "promotions"]

_OLD_DAYS = 90
_MEASURES = ("validation_ndcg_at_10", "validation_recall_at_10", "coverage")


def model(context: Context) -> Part:
    """The champion, its age, and how it compares with the versions before it."""
    from shopr.tracking.registry import champion_version, versions
    from shopr.tracking.store import quiet_mlflow

    quiet_mlflow()  # whoever imports it first decides whether it warns in a notebook
    found = versions(context.settings)
    if found.empty:
        return Part("no model was registered yet; train and promote one", Level.EMPTY)
    serving = champion_version(context.settings)
    measures = [m for m in _MEASURES if m in found]
    table = found[["version", "model", "alias", *measures, "created"]].head(8).copy()
    table["created"] = table["created"].dt.strftime("%Y-%m-%d")
    table = table.rename(columns={m: m.removeprefix("validation_").replace("_at_", "@") for m in measures})
    if serving is None:
        return Part("no champion serves", Level.ATTENTION, table)
    row = found[found["version"] == str(serving.version)].iloc[0]
    age = (context.clock.now() - row["created"].to_pydatetime()).total_seconds() / 86_400
    plots: tuple[Plot, ...] = ()
    if measures and measures[0] in found:
        quality = found.head(8).set_index(found["version"].head(8).map("version {}".format))[measures[0]].dropna()
        plots = (Plot("bars", quality, "nDCG@10 on the validation span, by version", "nDCG@10"),)
    finding = f"version {row['version']} ({row['model']}) serves, {max(age, 0):.0f} days old, of {len(found)} versions"
    if age > _OLD_DAYS:
        return Part(f"{finding}: older than {_OLD_DAYS} days", Level.ATTENTION, table, plots, {"age_days": age})
    return Part(finding, Level.OK, table, plots, {"age_days": max(age, 0.0), "versions": float(len(found))})


def promotions(context: Context) -> Part:
    """Promotions, refusals and rollbacks of the period, each with who and why."""
    now, before = context.rows(promotions_table, "time")
    if now.empty and before.empty:
        return Part("no candidate was judged in this period or the one before", Level.EMPTY)
    actions = sorted(set(now["action"]) | set(before["action"]))
    counts = pd.DataFrame(
        [change(a, float((now["action"] == a).sum()), float((before["action"] == a).sum())) for a in actions]
    )
    plot = Plot("bars", counts.set_index("measure")["period"], "Decisions of the period", "decisions")
    table = now.sort_values("time", ascending=False)[
        ["time", "action", "version", "previous_version", "actor", "reason"]
    ].head(12)
    table = table.assign(time=table["time"].dt.strftime("%Y-%m-%d %H:%M"), reason=table["reason"].str.slice(0, 120))
    back = int((now["action"] == "rollback").sum())
    finding = f"{len(now)} decisions: " + ", ".join(
        f"{int(r.period)} {r.measure}" for r in counts.itertuples() if r.period
    )
    level = Level.ATTENTION if back else Level.OK
    return Part(finding if len(now) else "no decision in this period", level, table if len(now) else counts, (plot,),
                {"decisions": float(len(now)), "rollbacks": float(back)})  # fmt: skip
