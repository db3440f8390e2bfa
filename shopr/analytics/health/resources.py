"""What this process takes of the machine: memory, processor time, threads, open files; now, as metrics, as events."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from shopr.clock import Clock, SystemClock

if TYPE_CHECKING:
    from shopr.analytics.reading.source import Source

__all__ = ["ProcessMeter", "ResourceCollector", "Resources", "processes", "resources"]


@dataclass(frozen=True, slots=True)
class Resources:
    """One moment of a process.

    Attributes:
        resident, virtual: bytes of memory in use, and reserved.
        cpu_seconds: processor time so far, all threads.
        threads, open_files: how many; open files include sockets.
        started: seconds since 1970.
        machine_memory, machine_available: bytes of the machine's memory, and of that what is free for use.
        load: processes that run or wait, mean of the last minute; NaN where the system does not tell.
    """

    resident: int
    virtual: int
    cpu_seconds: float
    threads: int
    open_files: int
    started: float
    machine_memory: int
    machine_available: int
    load: float


def resources(process: psutil.Process | None = None) -> Resources:
    """The resources of a process, by default this one."""
    process = process or psutil.Process()
    with process.oneshot():
        memory, times = process.memory_info(), process.cpu_times()
        files = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
        threads, started = process.num_threads(), process.create_time()
    machine = psutil.virtual_memory()
    load = psutil.getloadavg()[0] if hasattr(psutil, "getloadavg") else float("nan")
    return Resources(
        memory.rss, memory.vms, times.user + times.system, threads, files, started, machine.total, machine.available,
        load,
    )  # fmt: skip


class ResourceCollector(Collector):
    """The resources as metrics, under the names that Prometheus itself uses; measured when somebody asks."""

    def __init__(self, process: psutil.Process | None = None) -> None:
        self._process = process

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment."""
        now = resources(self._process)
        yield CounterMetricFamily("process_cpu_seconds", "Processor time of the process", now.cpu_seconds)
        for name, words, value in (
            ("process_resident_memory_bytes", "Memory in use by the process", now.resident),
            ("process_virtual_memory_bytes", "Memory reserved by the process", now.virtual),
            ("process_threads", "Threads of the process", now.threads),
            ("process_open_fds", "Open files and sockets of the process", now.open_files),
            ("process_start_time_seconds", "Start of the process since 1970", now.started),
            ("shopr_machine_memory_bytes", "Memory of the machine", now.machine_memory),
            (
                "shopr_machine_memory_available_bytes",
                "Memory of the machine that is free for use",
                now.machine_available,
            ),
            ("shopr_machine_load1", "Processes that run or wait, mean of a minute", now.load),
        ):
            yield GaugeMetricFamily(name, words, value)


class ProcessMeter:
    """Tells of this process once a minute, as an event.

    Args:
        name: what the process does, such as "app".
        tell: told of the properties of each event.
    """

    def __init__(self, name: str, tell: Callable[[dict[str, Any]], None], *, clock: Clock | None = None) -> None:
        self._name, self._tell, self._clock = name, tell, clock or SystemClock()
        self._before = self._clock.monotonic(), resources().cpu_seconds
        self._stop = threading.Event()

    def measure(self) -> None:
        """Tell of this moment."""
        at, now = self._clock.monotonic(), resources()
        since, spent = at - self._before[0], now.cpu_seconds - self._before[1]
        self._before = at, now.cpu_seconds
        self._tell(
            {
                "name": self._name, "value": now.resident, "cpu_share": max(0.0, spent / since) if since > 0 else 0.0,
                "threads": now.threads, "open_files": now.open_files, "machine_available": now.machine_available,
                "pid": os.getpid(),
            }
        )  # fmt: skip

    def start(self, seconds: float = 60.0) -> None:
        """Do so in a thread of its own until `close`."""

        def work() -> None:
            while not self._stop.wait(seconds):
                self.measure()

        threading.Thread(target=work, name="shopr-process-meter", daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._stop.set()


def processes(store: Source, *, start: str | datetime | None = None, end: str | datetime | None = None) -> pd.DataFrame:
    """Processes by what they do and what release they run.

    Returns:
        Rows `process release measured memory_p50 memory_max cpu_p50 cpu_max last`; memory in bytes, cpu in processors.
    """
    share = "TRY_CAST(json_extract_string(properties, '$.cpu_share') AS DOUBLE)"
    with store.query(start=start, end=end) as events:
        found: pd.DataFrame = events.sql(
            "SELECT name AS process, coalesce(release, '') AS release, count(*) AS measured, "
            f"median(value) AS memory_p50, max(value) AS memory_max, median({share}) AS cpu_p50, "
            f"max({share}) AS cpu_max, max(time) AS last FROM events "
            "WHERE type = 'process_measured' GROUP BY ALL ORDER BY last DESC, process, release"
        ).df()
    return found
