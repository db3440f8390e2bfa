"""The champion: what serves, how it compares with the others, and the history of who served before."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from parts.charts import Estimate, forest
from parts.frame import section
from parts.words import measure_name, model_name, moment, sentence
from shopr.shop import Shop

__all__ = ["champion_panel", "comparison", "history_table", "quality"]

_HOW = [
    ("shopr demo", "tunes, compares and promotes a model"),
    ("shopr promote", "promotes the best model that was tuned already"),
]
_ACTIONS = {
    "promote": "Promoted", "rollback": "Rolled back to", "refuse": "Refused", "challenge": "New challenger:",
    "shadow": "Shadow:", "canary": "Canary:", "withdraw": "Withdrawn:", "retire": "Retired:",
}  # fmt: skip
_LINKS = {"promote": ", in place of", "rollback": ", from", "refuse": ", measured against"}
_LISTED = 10


def champion_panel(shop: Shop) -> None:
    """Name, version and origin of the model that serves; what to run where none does."""
    st.html('<h2 class="inner">Champion</h2>')
    served = shop.champion
    if served is None:
        rows = "".join(f"<li><code>{escape(c)}</code><span>{escape(d)}</span></li>" for c, d in _HOW)
        st.html(
            '<div class="empty plain"><p>No model serves yet. One is promoted when it beats what is there. Run:</p>'
            f"<ul>{rows}</ul></div>"
        )
        return
    records = records_of(shop, str(served.version))
    facts = [("Version", str(served.version))]
    if records:
        facts += [
            ("Since", moment(records[0]["time"], shop.settings.time_zone)),
            ("By", str(records[0]["actor"])),
            ("Why", sentence(str(records[0]["reason"]))),
        ]
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    st.html(f'<div class="champion"><p class="name">{escape(model_name(served.model.name))}</p><dl>{listed}</dl></div>')
    st.page_link("views/for_you.py", label="See what it recommends →")


def quality(shop: Shop) -> None:
    """The champion beside the models it was compared with when it was promoted."""
    served = shop.champion
    records = [] if served is None else records_of(shop, str(served.version))
    # A rollback brings no evidence of its own: what counts is the promotion before it.
    evidence = next((r["evidence"] for r in records if isinstance(r["evidence"], Mapping) and r["evidence"]), None)
    if served is None or evidence is None:
        return
    rows = comparison(evidence, served.model.name)
    if not rows:
        return
    measure = measure_name(str(evidence.get("metric", "ndcg@10")))
    users = evidence.get("users")
    over = f" over {int(users):,} shoppers" if isinstance(users, int | float) else ""
    section("How good is it?", "Measured when it was promoted, on later purchases that no model had seen.")
    with st.container(key="panel-quality"):
        forest(rows, measure, f"{measure}{over}. The bar is the mean, the line its 95 % interval.")


def comparison(evidence: Mapping[str, Any], champion: str) -> list[Estimate]:
    """The models of a promotion's evidence: entries `model, mean, low, high` under "models", a list or by name."""
    found = evidence.get("models") or []
    entries = [{"model": k, **v} for k, v in found.items()] if isinstance(found, Mapping) else list(found)
    known = [entry for entry in entries if entry.get("model") and _number(entry.get("mean")) is not None]
    return [
        Estimate(
            model_name(str(entry["model"])),
            float(entry["mean"]),
            _number(entry.get("low")),
            _number(entry.get("high")),
            best=entry["model"] == champion,
        )
        for entry in known
    ]


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def history_table(shop: Shop) -> None:
    """Promotions, refusals and rollbacks, newest first."""
    table = shop.promotions()
    if table.empty:
        return
    section("Who served when", "Every promotion, trial, refusal and rollback, newest first.")
    rows = "".join(_entry(row, shop.settings.time_zone) for row in table.head(_LISTED).to_dict("records"))
    more = f"<p>{len(table) - _LISTED:,} earlier ones are listed by <code>shopr models</code>.</p>"
    with st.container(key="panel-history"):
        st.html(f'<ol class="log">{rows}</ol>{more if len(table) > _LISTED else ""}')


def records_of(shop: Shop, version: str) -> list[dict[str, Any]]:
    """The records that made this version serve, newest first."""
    table = shop.promotions()
    made = (
        table[(table["version"].astype(str) == version) & table["action"].isin(["promote", "rollback"])]
        if len(table)
        else table
    )
    return [{str(k): v for k, v in row.items()} for row in made.to_dict("records")]


def _entry(row: Mapping[Any, Any], time_zone: str) -> str:
    action, before = str(row["action"]), row.get("previous_version")
    what = f"{_ACTIONS.get(action, action.capitalize())} {_versioned(row['version'])}"
    if before is not None and pd.notna(before):
        what += f"{_LINKS.get(action, ', beside')} {_versioned(before)}"
    return (
        f'<li class="{escape(action)}"><p class="what">{escape(what)}</p>'
        f'<p class="meta">{escape(moment(row["time"], time_zone))} · {escape(str(row["actor"]))}</p>'
        f'<p class="reason">{escape(sentence(str(row["reason"])))}</p></li>'
    )


def _versioned(version: object) -> str:
    """A refused candidate has no version: the record names its run."""
    text = str(version)
    return text if text.startswith("run ") else f"version {text}"
