"""Settings: environment over file over defaults, every value with its origin, reloaded only when valid."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    if name not in _PUBLIC:
        raise AttributeError(f"module 'shopr.config' has no attribute {name!r}")
    value = getattr(import_module(f"shopr.config.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value
