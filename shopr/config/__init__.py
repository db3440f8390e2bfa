"""Settings: environment over file over defaults, every value with its origin, reloaded only when valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shopr.lazy import loaded

if TYPE_CHECKING:
    from shopr.config.environment import Environment, Posture, detect
    from shopr.config.reload import Reload, SettingsHolder
    from shopr.config.settings import Settings

_PUBLIC = {
    "Environment": "environment",
    "Posture": "environment",
    "Reload": "reload",
    "Settings": "settings",
    "SettingsHolder": "reload",
    "detect": "environment",
}

__all__ = ["Environment", "Posture", "Reload", "Settings", "SettingsHolder", "detect"]


def __getattr__(name: str) -> Any:
    return loaded(__name__, _PUBLIC, name)
