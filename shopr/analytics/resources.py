"""What this process takes of the machine: memory, processor time, threads, open files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = ["ResourceCollector", "Resources", "resources"]


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
