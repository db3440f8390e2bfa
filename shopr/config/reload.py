"""Settings that may change while a process runs: a new set is taken over only when all of it is valid."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from shopr.config.settings import Settings
from shopr.config.sources import config_path
from shopr.errors import ShoprError

__all__ = ["Reload", "SettingsHolder"]

# A running process has its databases open and its paths handed out: these need a restart.
FIXED = frozenset({"environment", "home", "database_url", "mlflow_uri", "artifact_root", "redis_url"})


@dataclass(frozen=True, slots=True)
class Reload:
    """What came of a reload.

    Attributes:
        applied: the settings that changed, name -> (before, after), passwords masked.
        needs_restart: settings that differ but stay as they were until the process starts anew.
        error: why the old settings were kept; "" if all went well.
    """

    applied: dict[str, tuple[str, str]]
    needs_restart: tuple[str, ...] = ()
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the new settings were valid."""
        return not self.error


class SettingsHolder:
    """The settings in force, safe to share between threads.

    Args:
        settings: what is in force at the start; read from environment and file if None.
        read: makes the new settings; `Settings` unless a test says otherwise.
    """

    def __init__(self, settings: Settings | None = None, *, read: Callable[[], Settings] = Settings) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._current = settings or read()
        self._subscribers: list[Callable[[Settings, Reload], None]] = []
        self._stamp = _stamp()

    @property
    def current(self) -> Settings:
        """The settings in force."""
        return self._current

    def subscribe(self, callback: Callable[[Settings, Reload], None]) -> None:
        """Call `callback(settings, reload)` after each reload that changed something."""
        self._subscribers.append(callback)

    def reload(self) -> Reload:
        """Read everything anew; on any error the old settings stay in force and the report says why."""
        with self._lock:
            self._stamp = _stamp()
            try:
                fresh = self._read()
            except ShoprError as error:
                return Reload({}, error=error.one_line())
            old = self._current
            differing = [n for n in Settings.names() if getattr(old, n) != getattr(fresh, n)]
            fixed = tuple(n for n in differing if n in FIXED)
            kept = {n: getattr(old, n) for n in fixed}
            origins = fresh.origins | {n: old.origin(n) for n in fixed}
            current = fresh.model_copy(update={**kept, "origins": origins})
            applied = {n: (old.shown(n), current.shown(n)) for n in differing if n not in FIXED}
            self._current = current
            report = Reload(applied, fixed)
        if applied:
            for callback in self._subscribers:
                callback(current, report)
        return report

    def poll(self) -> Reload | None:
        """Reload if the settings file changed since the last look; None if it did not."""
        return self.reload() if _stamp() != self._stamp else None


def _stamp() -> tuple[str, int, int] | None:
    """Path, time of change and size of the settings file; None without one."""
    try:
        path = config_path()
        if path is None:
            return None
        status = path.stat()
    except (ShoprError, OSError):
        return None
    return str(path), status.st_mtime_ns, status.st_size
