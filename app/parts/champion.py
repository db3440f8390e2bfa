"""The champion: what serves, how it compares with the others, and the history of who served before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
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
_ACTIONS = {"promote": "Promoted", "rollback": "Rolled back", "refuse": "Refused", "refusal": "Refused"}
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
    made = promotion_of(shop, str(served.version))
    facts = [("Version", str(served.version))]
    if made is not None:
        facts += [
            ("Since", moment(made["time"], shop.settings.time_zone)),
            ("Promoted by", str(made["actor"])),
            ("Why", sentence(str(made["reason"]))),
        ]
    facts += [(measure_name(name), f"{value:.4f}") for name, value in _leading(served.metrics)]
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    st.html(f'<div class="champion"><p class="name">{escape(model_name(served.model.name))}</p><dl>{listed}</dl></div>')
    st.page_link("views/for_you.py", label="See what it recommends →")


def quality(shop: Shop) -> None:
    """The champion beside the models it was compared with when it was promoted."""
    served = shop.champion
    made = None if served is None else promotion_of(shop, str(served.version))
    if served is None or made is None:
        return
    evidence = made["evidence"] if isinstance(made["evidence"], Mapping) else {}
    rows = comparison(evidence, served.model.name)
    if not rows:
        return
    measure = measure_name(str(evidence.get("metric", "ndcg@10")))
    section("How good is it?", "The same shoppers, the same products to choose from, and purchases no model had seen.")
    with st.container(key="panel-quality"):
        users = evidence.get("users")
        over = f" over {int(users):,} shoppers" if isinstance(users, int | float) else ""
        forest(rows, measure, f"{measure}{over}: the bar is the mean, the line its 95 % interval.")


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
    section("Who served when", "Every promotion, refusal and rollback, newest first.")
    rows = "".join(_entry(row, shop.settings.time_zone) for row in table.head(_LISTED).to_dict("records"))
    more = f"<p>{len(table) - _LISTED:,} earlier ones are listed by <code>shopr models</code>.</p>"
    with st.container(key="panel-history"):
        st.html(f'<ol class="log">{rows}</ol>{more if len(table) > _LISTED else ""}')


def promotion_of(shop: Shop, version: str) -> dict[str, Any] | None:
    """The newest record that made this version serve; None if none did."""
    table = shop.promotions()
    if table.empty:
        return None
    made = table[(table["version"].astype(str) == version) & ~table["action"].astype(str).str.startswith("refus")]
    return None if made.empty else {str(k): v for k, v in made.iloc[0].items()}


def _entry(row: Mapping[Any, Any], time_zone: str) -> str:
    when = row["time"]
    shown = moment(when, time_zone) if isinstance(when, datetime) else str(when)
    action, before = str(row["action"]), row.get("previous_version")
    what = f"{_ACTIONS.get(action, action.capitalize())} version {row['version']}"
    if before is not None and pd.notna(before):
        what += f", {'against' if action.startswith('refus') else 'after'} version {before}"
    return (
        f'<li class="{escape(action)}"><p class="what">{escape(what)}</p>'
        f'<p class="meta">{escape(shown)} · {escape(str(row["actor"]))}</p>'
        f'<p class="reason">{escape(sentence(str(row["reason"])))}</p></li>'
    )


def _leading(metrics: Mapping[str, float] | None, most: int = 2) -> list[tuple[str, float]]:
    """The measures a reader knows best, where the model carries them."""
    known = metrics or {}
    wanted = [name for part in ("ndcg", "recall") for name in sorted(known) if name.lower().startswith(part)]
    return [(name, float(known[name])) for name in wanted[:most]]
