"""What an alert says: the figure, its bound, and where to look."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

from shopr.analytics.alerts.phases import Transition
from shopr.analytics.alerts.rules import BurnRate, Change, Drift, Rule, Seasonal, Threshold, words_of
from shopr.analytics.alerts.series import at, sql_of

__all__ = ["evidence", "figure", "fingerprint", "message", "notice", "page_link"]


def fingerprint(rule: str, series: str) -> str:
    """What two alerts share if they are about the same thing."""
    return sha256(f"{rule}\0{series}".encode()).hexdigest()[:16]


def figure(rule: Rule, value: float) -> str:
    """A value of a rule's metric for people."""
    if isinstance(rule.condition, BurnRate):
        return f"{value:.3g} times"
    if isinstance(rule.condition, Drift):
        return f"{value:.3f}"
    if rule.metric.kind in ("share", "quantile"):
        return f"{100 * value:.2g} %" if value < 0.1 else f"{100 * value:.1f} %"
    return f"{value:,.4g}"


def message(rule: Rule, series: str, move: Transition) -> str:
    """One sentence or two: what was measured, against what."""
    condition, value, bound = rule.condition, figure(rule, move.value), figure(rule, move.bound)
    of = f" ({series})" if series else ""
    if isinstance(condition, Threshold) and rule.metric.quantile is not None:
        what = (
            f"{value} of the values lie above {condition.above:g} in {words_of(condition.window)}; the "
            f"{100 * rule.metric.quantile:g}th percentile allows {bound}"
        )
    elif isinstance(condition, Threshold):
        what = f"{value} in {words_of(condition.window)}, bound {bound}"
    elif isinstance(condition, BurnRate):
        what = f"the error budget is used up {value} as fast as it lasts, bound {bound}"
    elif isinstance(condition, Seasonal):
        usual = "" if move.expected is None else f", usually {move.expected:,.4g} at this time of the week"
        what = f"{value} in {words_of(condition.window)}{usual}"
    elif isinstance(condition, Change):
        base = "" if move.expected is None else f", {figure(rule, move.expected)} in the {condition.weeks} weeks before"
        what = f"{value} over the last day{base}"
    else:
        what = f"stability index {value} over {words_of(condition.window)}, bound {bound}"
    return f"{rule.description}{of}: {what}"


def evidence(rule: Rule, series: str, move: Transition) -> dict[str, Any]:
    """The figures, the span they are of, the page that shows more, and the query that counts them."""
    end = at(move.at)
    reach = max(_window(rule), rule.step)
    sql, values = sql_of(rule)
    return {
        "value": move.value, "bound": move.bound, "expected": move.expected, "worst": move.value,
        "from": (end - timedelta(seconds=reach)).isoformat(), "until": end.isoformat(), "page": rule.page,
        "series": series, "query": sql, "values": values,
    }  # fmt: skip


def page_link(kept: dict[str, Any], app: str = "") -> str:
    """The address of the page that shows more of the days that evidence is of."""
    page = "" if kept["page"] == "overview" else kept["page"]
    days = f"from={kept['from'][:10]}&to={kept['until'][:10]}"
    return f"{app.rstrip('/')}/{page}?period=Own+dates&{days}"


def _window(rule: Rule) -> int:
    condition = rule.condition
    if isinstance(condition, BurnRate):
        return min(w.short for w in condition.windows)
    return 86_400 if isinstance(condition, Change) else condition.window


def notice(event: str, alert: dict[str, Any], app: str) -> tuple[str, str]:
    """Title and body of what is sent through a channel."""
    severity = str(alert["severity"]).upper()
    title = {
        "fired": f"[{severity}] {alert['kind']}",
        "escalated": f"[{severity}, nobody has acknowledged it] {alert['kind']}",
        "resolved": f"[RESOLVED] {alert['kind']}",
    }[event]
    lines = [str(alert["message"]), f"Since {(alert['began_at'] or alert['time']):%Y-%m-%d %H:%M} UTC."]
    if event == "resolved":
        lines.append(f"Resolved {alert['resolved_at']:%Y-%m-%d %H:%M} UTC: {alert['resolution']}.")
    lines.append(f"Evidence: {app.rstrip('/')}/alerts?alert={alert['id']}")
    if alert["evidence"]:
        lines.append(f"More: {page_link(alert['evidence'], app)}")
    return title, "\n".join(lines)
