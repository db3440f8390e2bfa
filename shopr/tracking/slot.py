"""The model that serves, followed as the champion's alias moves."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.errors import ShoprError
from shopr.recommend.base import Recommender

__all__ = ["ModelSlot", "ServedModel"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServedModel:
    """A model that serves.

    Attributes:
        model: ready to answer.
        name: in the registry.
        version: of that name.
        run_id: where it was made.
        metrics: what the run logged.
    """

    model: Recommender
    name: str
    version: str
    run_id: str
    metrics: Mapping[str, float] = field(default_factory=dict)


class ModelSlot:
    """Holds the champion and swaps it when the alias moves; asks the registry at most every `ttl` seconds.

    A new champion that cannot be loaded does not displace the one that serves: the failure is logged, and the old model
    goes on until the registry offers one that works.

    Args:
        settings: whose registry.
        ttl: seconds for which an answer of the registry is trusted.
    """

    def __init__(self, settings: Settings, *, ttl: float = 5.0, clock: Clock | None = None) -> None:
        self._settings = settings
        self._ttl = ttl
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._checked = float("-inf")
        self._served: ServedModel | None = None

    def current(self) -> ServedModel | None:
        """The champion; None if none was promoted.

        Raises:
            StorageError: if there is a champion, none was loaded yet, and it cannot be loaded.
        """
        with self._lock:
            if self._clock.monotonic() - self._checked >= self._ttl:
                try:
                    self._served = self._refreshed()
                except ShoprError as error:
                    if self._served is None:
                        raise
                    _log.warning("version %s serves on: %s", self._served.version, error.one_line())
                self._checked = self._clock.monotonic()
            return self._served

    def _refreshed(self) -> ServedModel | None:
        from shopr.tracking.packaging import load_model
        from shopr.tracking.promotion import MODEL_NAME, champion_version
        from shopr.tracking.store import client, guarded

        found = champion_version(self._settings)
        if found is None:
            return None
        if self._served is not None and self._served.version == str(found.version):
            return self._served
        model = load_model(self._settings, found)
        with guarded(self._settings):
            metrics = dict(client(self._settings).get_run(found.run_id).data.metrics)
        return ServedModel(model, MODEL_NAME, str(found.version), found.run_id, metrics)
