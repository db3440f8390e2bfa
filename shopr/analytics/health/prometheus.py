"""What Prometheus is told: requests, models, web vitals, errors, the fate of events, and the process itself.

Labels are words of short lists (routes as templates, vitals, models), so that the number of series is bounded whatever
comes in. With PROMETHEUS_MULTIPROC_DIR set before the start, several processes of one server add up their counts there
and any of them tells the sum; what belongs to one process (memory, waiting events) is then that of the one that is
asked.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from shopr.analytics.health.resources import ResourceCollector
from shopr.data.events import Event, EventType

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_VITAL_SECONDS = (0.1, 0.2, 0.5, 0.8, 1.2, 1.8, 2.5, 3, 4, 6, 10)
_SHIFT = (0.01, 0.05, 0.1, 0.15, 0.25, 0.5, 1)
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_PLATFORMS = frozenset(("python", "browser"))
_MOST_MODELS = 50


class Metrics:
    """The metrics of one process.

    Args:
        release: what runs.
    """

    def __init__(self, release: str = "") -> None:
        self._registry = CollectorRegistry()
        self._own = _Own(release)
        self._calls = Histogram(
            "shopr_http_request_duration_seconds", "Time to the end of the answer", ("method", "route"),
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._answers = Counter(
            "shopr_http_requests", "Requests answered", ("method", "route", "code"), registry=self._registry
        )
        self._models = Histogram(
            "shopr_model_duration_seconds", "Time of one answer of a model", ("model",), buckets=_SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self._vitals = Histogram(
            "shopr_web_vital_seconds", "Core Web Vitals that are times, as browsers measured them", ("vital",),
            buckets=_VITAL_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._shift = Histogram(
            "shopr_web_layout_shift_score", "Cumulative Layout Shift of a page view", buckets=_SHIFT,
            registry=self._registry,
        )  # fmt: skip
        self._errors = Counter("shopr_errors", "Errors raised", ("platform", "handled"), registry=self._registry)
        self._names: set[str] = set()
        self._registry.register(self._own)
        self._registry.register(ResourceCollector())

    @staticmethod
    @lru_cache(maxsize=16)
    def shared(place: str, release: str) -> Metrics:
        """The metrics of everything in this process that works on the stores of one place."""
        return Metrics(release)

    def follow(self, counts: Callable[[], Any]) -> None:
        """Tell what becomes of a collector's events as well; `counts` as `shopr.analytics.intake.collector.Counts`."""
        self._own.counts.append(counts)

    def called(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is a template."""
        verb = method if method in _METHODS else "other"
        self._calls.labels(verb, route).observe(seconds)
        self._answers.labels(verb, route, str(status)).inc()

    def model(self, name: str, seconds: float) -> None:
        """A model answered."""
        if name not in self._names and len(self._names) >= _MOST_MODELS:
            name = "other"
        self._names.add(name)
        self._models.labels(name).observe(seconds)

    def told(self, event: Event) -> None:
        """An error or a vital came in, before sampling."""
        value = event.properties.get("value")
        if event.type is EventType.ERROR_RAISED:
            where = str(event.properties.get("platform", "python"))
            handled = "true" if event.properties.get("handled", True) else "false"
            self._errors.labels(where if where in _PLATFORMS else "other", handled).inc()
        elif event.type is EventType.VITAL_MEASURED and isinstance(value, int | float):
            name = str(event.properties.get("name"))
            if name == "CLS":
                self._shift.observe(value)
            elif name in ("LCP", "INP", "FCP", "TTFB"):
                self._vitals.labels(name).observe(value / 1000)

    def text(self) -> bytes:
        """Everything, in Prometheus's text format."""
        if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        together.register(self._own)
        together.register(ResourceCollector())
        return generate_latest(together)


class _Own(Collector):
    """What is asked for when somebody wants to know, not counted along the way."""

    def __init__(self, release: str) -> None:
        self._release = release
        self.counts: list[Callable[[], Any]] = []

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment."""
        told = {"release": self._release or "unknown", "python": platform.python_version()}
        yield InfoMetricFamily("shopr_build", "What runs", told)
        found = [counts() for counts in self.counts]
        fates = CounterMetricFamily("shopr_events", "Events of this process by what became of them", labels=["outcome"])
        for outcome in ("acknowledged", "stored", "doubled", "unwanted", "sampled", "refused"):
            fates.add_metric([outcome], sum(getattr(each, outcome) for each in found))
        yield fates
        waiting = sum(each.waiting for each in found)
        yield GaugeMetricFamily("shopr_events_waiting_batches", "Batches the store has not taken yet", waiting)
