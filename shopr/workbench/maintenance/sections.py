"""The sections of all reports: a subsystem adds its line here, and its section is in every report of its cadences."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SECTIONS", "Entry"]

_HERE = "shopr.workbench.maintenance."


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of `SECTIONS`.

    Attributes:
        module: of the subsystem; while it cannot be imported, the section says that it is not there yet.
        function: "module:name" of the section.
        cadences: of the reports that it belongs to.
        tells: what it tells, in words.
    """

    module: str
    function: str
    cadences: frozenset[str]
    tells: str


def _entry(module: str, function: str, cadences: str, tells: str) -> Entry:
    return Entry(module, function, frozenset(cadences.split()), tells)


SECTIONS: dict[str, Entry] = {
    "sales": _entry("shopr.data", f"{_HERE}shop:sales", "daily monthly quarterly", "orders, revenue and traffic"),
    "funnel": _entry("shopr.data", f"{_HERE}shop:funnel", "daily monthly", "from a look to an order"),
    "data": _entry(
        "shopr.data", f"{_HERE}shop:quality", "daily monthly yearly", "how fresh and how sound the data are"
    ),
    "drift": _entry("shopr.metrics", f"{_HERE}shop:drift", "monthly", "whether orders look as they did"),
    "features": _entry("shopr.data", f"{_HERE}shop:features", "quarterly", "which features shoppers use"),
    "runs": _entry(
        "shopr.workbench", f"{_HERE}runs:runs", "daily monthly quarterly", "notebook runs and how they ended"
    ),
    "schedule": _entry(
        "shopr.workbench", f"{_HERE}runs:schedule", "daily weekly monthly", "scheduled runs, and those missed"
    ),
    "model": _entry("shopr.tracking", f"{_HERE}models:model", "daily monthly quarterly", "the model that serves"),
    "promotions": _entry(
        "shopr.tracking", f"{_HERE}models:promotions", "monthly quarterly yearly", "who changed what serves"
    ),
    "experiments": _entry(
        "shopr.abtest", f"{_HERE}experiments:experiments", "quarterly", "A/B tests and their readings"
    ),
    "threats": _entry("shopr.data", f"{_HERE}security:threats", "weekly yearly", "shoppers who act unlike people"),
    "artifact": _entry(
        "shopr.tracking", f"{_HERE}security:artifact", "weekly yearly", "whether the model's files are as logged"
    ),
    "packages": _entry(
        "shopr.config", f"{_HERE}security:packages", "weekly yearly", "whether what is installed is what is pinned"
    ),
    "posture": _entry(
        "shopr.config", f"{_HERE}security:posture", "weekly yearly", "settings, and who may read the stores"
    ),
    "tables": _entry("shopr.storage", f"{_HERE}compliance:tables", "yearly", "personal data, retention, encryption"),
    "subjects": _entry("shopr.storage", f"{_HERE}compliance:subjects", "yearly", "requests of data subjects"),
    "guard": _entry(
        "shopr.security", f"{_HERE}guard:guard", "daily weekly yearly", "verdicts on messages, lockouts, blocks"
    ),
    "keys": _entry("shopr.security", f"{_HERE}guard:keys", "weekly yearly", "the keys of encryption"),
    "audit": _entry("shopr.security", f"{_HERE}guard:audit", "weekly yearly", "whether the audit log is unchanged"),
    "engagement": _entry(
        "shopr.analytics", f"{_HERE}analytics:engagement", "daily monthly quarterly", "who came and what came of it"
    ),
    "errors": _entry(
        "shopr.analytics", f"{_HERE}analytics:errors", "daily weekly monthly yearly", "what failed, what is new or back"
    ),
    "speed": _entry("shopr.analytics", f"{_HERE}analytics:speed", "daily monthly quarterly", "Core Web Vitals"),
    "calls": _entry(
        "shopr.analytics", f"{_HERE}analytics:calls", "daily weekly monthly", "interfaces: status and duration"
    ),
    # What follows is not written yet; its line says so in every report that it will belong to.
    "assistant": _entry("shopr.chat", f"{_HERE}shop:dialogues", "daily quarterly", "dialogues and their outcomes"),
    "flags": _entry("shopr.flags", f"{_HERE}experiments:flags", "quarterly", "feature flags and their ramps"),
    "gateway": _entry("shopr.serving.app", f"{_HERE}runs:gateway", "daily weekly", "requests, latency and refusals"),
    "controls": _entry("shopr.compliance", f"{_HERE}compliance:controls", "yearly", "controls and their evidence"),
    "backups": _entry(
        "shopr.operate.backup", f"{_HERE}compliance:backups", "weekly yearly", "backups and rehearsed restores"
    ),
}
"""Section -> where it comes from, in the order of a report."""
