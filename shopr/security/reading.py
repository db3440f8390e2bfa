"""The guard's events in figures: attempts over time, by class and rule, the networks they came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from shopr.security.watch import Watch

__all__ = ["CLASSES", "Attempts", "attempts"]

CLASSES = {
    "sql": "SQL injection",
    "sqli": "SQL injection",
    "xss": "Script injection",
    "command": "Command injection",
    "path": "Path traversal",
    "template": "Template injection",
    "xxe": "XML entities",
    "nosql": "NoSQL injection",
    "ldap": "LDAP injection",
    "php": "PHP injection",
    "code": "Code injection",
    "java": "Java objects",
    "log4shell": "Log4Shell",
    "shellshock": "Shellshock",
    "header": "Header injection",
    "ssrf": "Requests to inner hosts",
    "prompt": "Prompt injection",
    "credential_stuffing": "Credential stuffing",
    "scraping": "Scraping",
    "probing": "Probing",
    "session_churn": "Changing sessions",
}
"""Class of a verdict or sign -> its name for people."""


@dataclass(frozen=True)
class Attempts:
    """What the guard saw in a time.

    Attributes:
        over_time: `start, block, flag`: verdicts a step, without gaps.
        step: "hour" or "day".
        by_class: `class, block, flag`, most first.
        by_rule: `rule, verdicts`, most first.
        by_network: `network, verdicts, classes`, most first.
        counts: "blocked", "flagged", "rate", "access", "csrf", "locks", "blocks", "sessions".
        before: the same of as long a time before.
    """

    over_time: pd.DataFrame
    step: str
    by_class: pd.DataFrame
    by_rule: pd.DataFrame
    by_network: pd.DataFrame
    counts: dict[str, int]
    before: dict[str, int]


def attempts(watch: Watch, end: datetime, days: int, *, top: int = 8) -> Attempts:
    """The guard's events of the `days` before `end`."""
    start = end - timedelta(days=days)
    events = watch.events(start - timedelta(days=days), end)
    now, earlier = events[events["time"] >= start], events[events["time"] < start]
    verdicts = now[now["kind"] == "verdict"]
    return Attempts(
        *_over_time(verdicts, start, end, days),
        _by_class(now[now["kind"].isin(["verdict", "block"])]).head(top),
        _counted(verdicts["rules"].explode().dropna(), "rule").head(top),
        _by_network(verdicts).head(top),
        _counts(now),
        _counts(earlier),
    )


def _over_time(verdicts: pd.DataFrame, start: datetime, end: datetime, days: int) -> tuple[pd.DataFrame, str]:
    step, rule = ("hour", "h") if days <= 2 else ("day", "D")
    steps = pd.date_range(pd.Timestamp(start).floor(rule), pd.Timestamp(end), freq=rule, name="start")
    table = pd.DataFrame(0, index=steps, columns=["block", "flag"])
    if len(verdicts):
        counted = verdicts.groupby([verdicts["time"].dt.floor(rule), "decision"]).size().unstack(fill_value=0)
        table = counted.reindex(index=steps, columns=["block", "flag"], fill_value=0)
    return table.reset_index(), step


def _by_class(events: pd.DataFrame) -> pd.DataFrame:
    rows = events.explode("classes").dropna(subset=["classes"])
    names = rows["classes"].map(lambda one: CLASSES.get(str(one), str(one).replace("_", " ").capitalize()))
    if rows.empty:
        return pd.DataFrame(columns=["class", "block", "flag"])
    table = rows.groupby([names.rename("class"), "decision"]).size().unstack(fill_value=0)
    table = table.reindex(columns=["block", "flag"], fill_value=0)
    order = table.sum(axis=1).sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index()


def _by_network(verdicts: pd.DataFrame) -> pd.DataFrame:
    known = verdicts[verdicts["network"] != ""]
    if known.empty:
        return pd.DataFrame(columns=["network", "verdicts", "classes"])
    rows = [
        {
            "network": network,
            "verdicts": len(group),
            "classes": ", ".join(sorted({CLASSES.get(c, c) for cs in group["classes"] for c in cs})),
        }
        for network, group in known.groupby("network")
    ]
    return pd.DataFrame(rows).sort_values("verdicts", ascending=False, kind="stable", ignore_index=True)


def _counted(values: pd.Series[str], name: str) -> pd.DataFrame:
    counts = values.astype(str).value_counts()
    return pd.DataFrame({name: counts.index, "verdicts": counts.to_numpy()})


def _counts(events: pd.DataFrame) -> dict[str, int]:
    kinds, decisions = events["kind"].value_counts(), events.loc[events["kind"] == "verdict", "decision"].value_counts()
    found = {"blocked": decisions.get("block", 0), "flagged": decisions.get("flag", 0)}
    found |= {name: kinds.get(name, 0) for name in ("rate", "access", "csrf")}
    found |= {f"{name}s": kinds.get(name, 0) for name in ("lock", "block", "session")}
    return {name: int(value) for name, value in found.items()}
