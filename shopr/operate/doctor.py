"""What may be wrong with this machine, found before the work fails on it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from shopr.config import Settings
from shopr.errors import ShoprError

__all__ = ["EXTRAS", "Finding", "examine"]

Verdict = Literal["ok", "absent", "warning", "broken"]
PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "implicit", "mlflow", "papermill", "optuna", "streamlit")
EXTRAS = {
    "spark": "pyspark",
    "redis": "redis",
    "postgres": "psycopg",
    "dask": "distributed",
    "semantic": "sentence_transformers",
    "voice": "pocketsphinx",
    "llm": "httpx",
}
"""Optional extra -> the module that shows it is installed."""
ENOUGH_BYTES, SCARCE_BYTES = 2 * 2**30, 200 * 2**20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what was looked at.
        verdict: "ok"; "absent" for an extra that nobody asked for; "warning"; "broken": work will fail.
        detail: what was found.
        fix: what to do about it; "" where nothing needs to be done.
    """

    name: str
    verdict: Verdict
    detail: str
    fix: str = ""


def examine(settings: Settings | None = None) -> list[Finding]:
    """Look at Python, packages, settings, folders, database, MLflow store, disk and extras; nothing raises."""
    findings = [_python(), *map(_package, PACKAGES)]
    try:
        found = settings or Settings()
    except ShoprError as error:
        return [*findings, Finding("settings", "broken", error.message, error.hint)]
    checks: tuple[Callable[[Settings], Finding], ...] = (_settings, _home, _database, _mlflow, _disk)
    return [*findings, *(check(found) for check in checks), *(_extra(name, found) for name in EXTRAS)]


def _python() -> Finding:
    have = ".".join(map(str, sys.version_info[:3]))
    if (3, 11, 5) <= sys.version_info[:3] < (3, 14):
        return Finding("python", "ok", have)
    return Finding("python", "broken", have, "Use Python 3.11.5 up to 3.13")


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, "broken", "not installed", "Run 'make' in the project, or: pip install shopr")


def _settings(settings: Settings) -> Finding:
    strange = settings.misspelt()
    if not strange:
        return Finding("settings", "ok", f"{settings.environment.value} ({settings.origin('environment')})")
    name, near = next(iter(strange.items()))
    return Finding("settings", "warning", f"{name} is no setting", f"Use {near}" if near else "Unset it")


def _home(settings: Settings) -> Finding:
    folder = settings.home
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".doctor-{os.getpid()}"
        probe.write_text("ok", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        return Finding("home", "broken", f"{folder}: {error.strerror}", "Make it writable, or set SHOPR_HOME")
    return Finding("home", "ok", str(folder))


def _database(settings: Settings) -> Finding:
    shown = settings.shown("database_url")
    try:
        from shopr.storage import Database

        with Database.open(settings) as database:
            return Finding("database", "ok", f"{shown}, revision {database.revision()}")
    except ShoprError as error:
        return Finding("database", "broken", error.message, error.hint)


def _mlflow(settings: Settings) -> Finding:
    shown = settings.shown("mlflow_uri")
    if settings.mlflow_uri.startswith("sqlite:///"):
        path = Path(settings.mlflow_uri.removeprefix("sqlite:///"))
        place = path if path.exists() else next((p for p in path.parents if p.exists()), Path("/"))
        if os.access(place, os.W_OK) and (place.is_dir() or place == path):
            return Finding("mlflow store", "ok", shown if path.exists() else f"{shown}, made by the first run")
        return Finding(
            "mlflow store", "broken", f"{place} is not writable", "Make it writable, or set SHOPR_MLFLOW_URI"
        )
    address = urlsplit(settings.mlflow_uri)
    if not address.hostname:
        fix = "Set SHOPR_MLFLOW_URI to sqlite:////path/mlflow.db or http://host:port"
        return Finding("mlflow store", "broken", f"{shown} is neither SQLite nor a server", fix)
    port = address.port or {"https": 443, "postgresql": 5432, "mysql": 3306}.get(address.scheme.split("+")[0], 80)
    try:
        socket.create_connection((address.hostname, port), timeout=3).close()
    except OSError as error:
        fix = "Start the server, or correct SHOPR_MLFLOW_URI"
        return Finding("mlflow store", "broken", f"{shown} cannot be reached: {error}", fix)
    return Finding("mlflow store", "ok", shown)


def _disk(settings: Settings) -> Finding:
    place = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    free = shutil.disk_usage(place).free
    detail = f"{free / 2**30:.1f} GiB free at {place}"
    if free < SCARCE_BYTES:
        return Finding("disk", "broken", detail, "Free some space, or set SHOPR_HOME to another disk")
    return Finding(
        "disk", "warning" if free < ENOUGH_BYTES else "ok", detail, "" if free >= ENOUGH_BYTES else "Free some"
    )


def _extra(name: str, settings: Settings) -> Finding:
    asked = {"redis": settings.redis_url, "dask": settings.dask_address}.get(name, "")
    label = f"extra {name}"
    if find_spec(EXTRAS[name]) is not None:
        return Finding(label, "ok", "installed")
    fix = f"pip install 'shopr[{name}]'"
    return (
        Finding(label, "broken", "asked for by a setting, not installed", fix)
        if asked
        else Finding(label, "absent", fix)
    )
