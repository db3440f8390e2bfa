"""Sections about security: odd behaviour, tampered files, packages, and who may read the stores."""

from __future__ import annotations

import re
import stat
from importlib.metadata import distributions
from pathlib import Path

import pandas as pd

from shopr.config import Settings
from shopr.config.sources import project_root
from shopr.data.events import EventType
from shopr.errors import ShoprError
from shopr.workbench.maintenance.parts import Context, Level, Part, Plot, change

__all__ = ["artifact", "packages", "posture", "threats"]

_PER_MINUTE = 60
"""Events in one minute beyond which nobody clicks by hand."""
_ATTACK = re.compile(
    r"<\s*(?:script|img|svg|iframe)\b|\bunion\s+(?:all\s+)?select\b|'\s*(?:or|and)\b[^'\n]{0,40}=|\.\./|;\s*(?:drop|delete)\s"
    r"|\$\{jndi:|\bignore\s+(?:all\s+|the\s+)?(?:previous|prior)\s+instructions\b",
    re.IGNORECASE,
)
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def threats(context: Context) -> Part:
    """Shoppers who act faster than people do, queries that look like attacks, and orders of odd size."""
    data = context.dataset
    if data is None or data.events.empty or data.manifest.times != "real":
        return Part(f"the shop {context.shop!r} has no events with real times", Level.EMPTY)
    now, before = context.period.split(data.events)
    signs, earlier = _signs(now), _signs(before)
    table = pd.DataFrame([change(name, value, earlier[name]) for name, value in signs.items()])
    busiest = now["user_id"].value_counts().head(10).astype(float)
    plots = (Plot("bars", busiest, "Events of the busiest shoppers", "events"),)
    metrics = {name.replace(" ", "_").replace(",", ""): value for name, value in signs.items()}
    alarms = [name for name in list(signs)[:4] if signs[name]]
    if now.empty:
        return Part("no event in this period", Level.EMPTY, table)
    if alarms:
        words = ", ".join(f"{signs[name]:,.0f} {name}" for name in alarms)
        return Part(f"to be looked at: {words}", Level.ATTENTION, table, plots, metrics)
    busy = signs["events in the busiest minute of a shopper"]
    return Part(f"nobody acted unlike a person: at most {busy:.0f} events a minute", Level.OK, table, plots, metrics)


def _signs(events: pd.DataFrame) -> dict[str, float]:
    minutes = events.groupby(["user_id", events["time"].dt.floor("min")]).size()
    fast = minutes[minutes > _PER_MINUTE]
    queries = events["query"].dropna().astype(str)
    lines = events[events["type"] == EventType.ORDER_COMPLETED]
    pieces = lines["quantity"].dropna().astype(float)
    usual = float(pieces.quantile(0.99)) if len(pieces) else 0.0
    return {
        f"shoppers with more than {_PER_MINUTE} events in a minute": float(fast.index.get_level_values(0).nunique()),
        "queries that look like an attack": float(queries.str.contains(_ATTACK).sum()),
        "order lines of more than ten times the usual size": float((pieces > 10 * max(usual, 1.0)).sum()),
        "verdicts of the guard": float((events["type"] == EventType.THREAT_DETECTED).sum()),
        "events in the busiest minute of a shopper": float(minutes.max()) if len(minutes) else 0.0,
        "share of events of the busiest shopper": float(events["user_id"].value_counts(normalize=True).max())
        if len(events)
        else 0.0,
        "errors raised": float((events["type"] == EventType.ERROR_RAISED).sum()),
        "returns an order": float((events["type"] == EventType.ORDER_RETURNED).sum())
        / max(lines["order_id"].nunique(), 1),
    }


def artifact(context: Context) -> Part:
    """Whether the files of the model that serves still have the digest they were logged with."""
    from shopr.tracking.registry import candidate, champion_version
    from shopr.tracking.store import quiet_mlflow

    quiet_mlflow()
    serving = champion_version(context.settings)
    if serving is None:
        return Part("no champion serves", Level.EMPTY)
    rows = [{"model": serving.name, "version": str(serving.version), "run": serving.run_id}]
    try:
        model = candidate(context.settings, serving.run_id)
    except ShoprError as error:
        return Part(error.one_line(), Level.ATTENTION, pd.DataFrame(rows), metrics={"sound": 0.0})
    rows[0] |= {"kind": type(model).__name__, "files": "as they were logged"}
    return Part(
        f"the files of version {serving.version} are as they were logged",
        Level.OK,
        pd.DataFrame(rows),
        metrics={"sound": 1.0},
    )


def packages(context: Context) -> Part:
    """Whether what is installed is what requirements.lock pins with hashes."""
    lock = project_root() / "requirements.lock"
    if not lock.is_file():
        return Part("there is no requirements.lock beside this installation", Level.EMPTY)
    pinned: dict[str, set[str]] = {}
    for path in (lock, project_root() / ".ci" / "spark.lock"):  # a package may have one pin for each Python
        for name, version in _PIN.findall(path.read_text(encoding="utf-8") if path.is_file() else ""):
            pinned.setdefault(_plain(name), set()).add(version)
    installed = {_plain(d.metadata["Name"]): d.version for d in distributions() if d.metadata["Name"]}
    known = {"pip", "setuptools", "wheel", "shopr"}
    rows = [
        {"package": name, "installed": version, "pinned": " or ".join(sorted(pinned.get(name, ()))) or "not pinned"}
        for name, version in sorted(installed.items())
        if name not in known and version not in pinned.get(name, ())
    ]
    same = sum(version in pinned.get(name, ()) for name, version in installed.items())
    counts = pd.Series({"as pinned": float(same), "otherwise": float(len(rows))})
    plot = Plot("bars", counts, "Installed packages", "packages")
    table = pd.DataFrame(rows or [{"package": "all", "installed": f"{same} packages", "pinned": "the same"}])
    metrics = {"same": float(same), "other": float(len(rows))}
    if rows:
        return Part(
            f"{len(rows)} packages are not those of the lock", Level.ATTENTION, table.head(12), (plot,), metrics
        )
    return Part(f"all {same} installed packages are those of the lock", Level.OK, table, (plot,), metrics)


def posture(context: Context) -> Part:
    """What the settings allow, and who may read the stores on this machine."""
    settings = context.settings
    safe = settings.posture
    strange = settings.misspelt()
    open_files = _readable(settings)
    rows = [
        ("environment", settings.environment.value, True),
        (
            "tracebacks for people",
            "shown" if safe.show_tracebacks else "hidden",
            _fits(settings, not safe.show_tracebacks),
        ),
        ("cookies over HTTPS only", "yes" if safe.secure_cookies else "no", _fits(settings, safe.secure_cookies)),
        ("listens on", safe.host, safe.host != "0.0.0.0" or settings.environment.value == "production"),
        ("settings that nobody knows", ", ".join(strange) or "none", not strange),
        ("stores that others on this machine may read", ", ".join(open_files) or "none", not open_files),
    ]
    table = pd.DataFrame([{"check": n, "found": f, "verdict": "sound" if ok else "to be mended"} for n, f, ok in rows])
    bad = [name for name, _, ok in rows if not ok]
    metrics = {"unsound": float(len(bad))}
    if bad:
        return Part(f"to be mended: {', '.join(bad)}", Level.ATTENTION, table, metrics=metrics)
    return Part(f"{len(rows)} checks, all sound", Level.OK, table, metrics=metrics)


def _fits(settings: Settings, strict: bool) -> bool:
    """Only a development machine may be lax."""
    return strict or settings.environment.value == "development"


def _readable(settings: Settings) -> list[str]:
    """Databases that the group or everybody may read."""
    found = []
    for url in (settings.database_url, settings.mlflow_uri):
        path = Path(url.removeprefix("sqlite:///"))
        # MLflow makes its own file with the usual mode; the database of the house holds personal data.
        if url == settings.database_url and url.startswith("sqlite:///") and path.is_file():
            mode = path.stat().st_mode
            if mode & (stat.S_IRGRP | stat.S_IROTH):
                found.append(path.name)
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
