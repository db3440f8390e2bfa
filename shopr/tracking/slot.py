"""The model that serves, and the one on trial beside it, followed as their aliases move."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.errors import ShoprError
from shopr.hashing import uniform
from shopr.recommend.contract.base import Recommender

if TYPE_CHECKING:
    from shopr.tracking.rollout import OnTrial

__all__ = ["ModelSlot", "ServedModel", "TrialModel", "TrialSlot"]

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
        from shopr.tracking.registry import MODEL_NAME, champion_version
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


@dataclass(frozen=True)
class TrialModel:
    """A model that answers as shadow or canary.

    Attributes:
        served: the model.
        trial: where it stands.
    """

    served: ServedModel
    trial: OnTrial

    def takes(self, user_id: str | None) -> bool:
        """Whether a canary serves this shopper: always the same ones, others for the next version; never a stranger."""
        if self.trial.stage != "canary" or user_id is None:
            return False
        return bool(uniform([user_id], f"canary:{self.trial.version}")[0] < self.trial.rules.canary_share)


class TrialSlot:
    """Holds the shadow or canary; asks the registry at most every `ttl` seconds.

    One that cannot be loaded answers nobody: the failure is logged, and the champion goes on alone.
    """

    def __init__(self, settings: Settings, *, ttl: float = 15.0, clock: Clock | None = None) -> None:
        self._settings = settings
        self._ttl = ttl
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._checked = float("-inf")
        self._held: TrialModel | None = None

    def current(self) -> TrialModel | None:
        """The shadow or canary; None if there is none, or it cannot be loaded."""
        with self._lock:
            if self._clock.monotonic() - self._checked >= self._ttl:
                self._checked = self._clock.monotonic()
                try:
                    self._held = self._refreshed()
                except ShoprError as error:
                    _log.warning("the version on trial answers nobody: %s", error.one_line())
                    self._held = None
            return self._held

    def _refreshed(self) -> TrialModel | None:
        from shopr.tracking.packaging import load_model
        from shopr.tracking.registry import MODEL_NAME, aliased_version
        from shopr.tracking.rollout import on_trial

        found = next((v for v in (aliased_version(self._settings, s) for s in ("canary", "shadow")) if v), None)
        trial = None if found is None else on_trial(self._settings)
        if found is None or trial is None or trial.version != str(found.version):
            return None
        if self._held is not None and self._held.trial.version == trial.version:
            return TrialModel(self._held.served, trial)
        return TrialModel(
            ServedModel(load_model(self._settings, found), MODEL_NAME, trial.version, trial.run_id), trial
        )
