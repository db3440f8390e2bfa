"""Metrics: whatever comes in, what is told can be read by Prometheus's own parser, under names it would choose."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from shopr.analytics.health.prometheus import Metrics
from shopr.analytics.health.resources import ProcessMeter, processes
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.rows import row_of
from shopr.clock import ManualClock
from shopr.data.event_book import EventBook
from shopr.data.events import Event

Make = Callable[..., Event]
UNITS = ("_seconds", "_bytes", "_total", "_score", "_batches", "_info", "_load1", "_threads", "_fds", "_created")


def read(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = list(text_string_to_metric_families(text.decode()))
    for family in families:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
        assert family.documentation
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert name.endswith(UNITS) or family.type == "info", name
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def test_what_happened_is_told(event: Make) -> None:
    counts = SimpleNamespace(acknowledged=7, stored=5, doubled=1, unwanted=2, sampled=3, refused=0, waiting=4)
    metrics = Metrics("1.2.3")
    metrics.follow(lambda: counts)
    metrics.follow(lambda: counts)
    metrics.called("GET", "/", 200, 0.02)
    metrics.called("GET", "/", 503, 7.0)
    metrics.called("BREW", "/", 418, 0.1)
    metrics.model("recommend", 0.03)
    metrics.told(event("vital_measured", name="LCP", value=2600))
    metrics.told(event("vital_measured", name="CLS", value=0.3))
    metrics.told(event("vital_measured", name="TTFB", value="soon"))
    metrics.told(event("error_raised", name="E", platform="browser", handled=False))
    metrics.told(event("error_raised", name="E", platform="toaster"))
    found = read(metrics.text())
    assert found["shopr_http_requests_total", (("code", "503"), ("method", "GET"), ("route", "/"))] == 1
    assert found["shopr_http_requests_total", (("code", "418"), ("method", "other"), ("route", "/"))] == 1
    calls = (("method", "GET"), ("route", "/"))
    assert found["shopr_http_request_duration_seconds_count", calls] == 2
    assert found["shopr_http_request_duration_seconds_bucket", (("le", "5.0"), *calls)] == 1
    assert found["shopr_model_duration_seconds_sum", (("model", "recommend"),)] == 0.03
    assert found["shopr_web_vital_seconds_sum", (("vital", "LCP"),)] == 2.6
    assert found["shopr_web_layout_shift_score_bucket", (("le", "0.25"),)] == 0
    assert found["shopr_errors_total", (("handled", "false"), ("platform", "browser"))] == 1
    assert found["shopr_errors_total", (("handled", "true"), ("platform", "other"))] == 1
    assert found["shopr_events_total", (("outcome", "sampled"),)] == 6
    assert found["shopr_events_waiting_batches", ()] == 8
    assert any(name == "shopr_build_info" and ("release", "1.2.3") in labels for name, labels in found)
    assert found["process_resident_memory_bytes", ()] > 1_000_000


def test_series_are_bounded() -> None:
    metrics = Metrics()
    for number in range(500):
        metrics.model(f"model {number}", 0.1)
    assert sum(name == "shopr_model_duration_seconds_count" for name, _ in read(metrics.text())) <= 51


def test_the_process_is_measured() -> None:
    # In a process of its own: others' threads give memory back meanwhile, and freed memory is used again.
    tell = (
        "import json; from dataclasses import asdict; from shopr.analytics.health.resources import resources;"
        "before = resources(); held = bytearray(b'x') * (30 << 20); sum(i * i for i in range(3_000_000));"
        "print(json.dumps([asdict(before), asdict(resources())]), len(held), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", tell], capture_output=True, text=True, check=True)
    before, after = json.loads(done.stdout.splitlines()[0])
    assert after["resident"] - before["resident"] > 20 << 20
    assert after["cpu_seconds"] > before["cpu_seconds"]
    assert after["started"] == before["started"]
    assert 0 < after["machine_available"] <= after["machine_memory"]


def test_a_process_tells_of_itself(store: EventStore, event: Make, clock: ManualClock) -> None:
    told: list[dict[str, Any]] = []
    meter = ProcessMeter("app", told.append, clock=clock)
    for _ in range(2):
        clock.advance(1000)
        meter.measure()
    assert all(0 <= said["cpu_share"] < 1 for said in told)
    store.append([row_of(EventBook.usual().settled(event("process_measured", release="1", **said))) for said in told])
    (row,) = processes(store).to_dict("records")
    assert (row["process"], row["release"], row["measured"]) == ("app", "1", 2)
    assert row["memory_max"] >= row["memory_p50"] > 1_000_000


def test_processes_of_one_server_add_up(tmp_path: Path) -> None:
    tell = (
        "import os, sys; from shopr.analytics.health.prometheus import Metrics; m = Metrics();"
        "child = os.fork(); m.called('GET', '/', 200, 1.0);"
        "os._exit(0) if child == 0 else os.waitpid(child, 0); sys.stdout.write(m.text().decode())"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", tell], env=environment, capture_output=True, text=True, check=True)
    found = read(done.stdout.encode())
    assert found["shopr_http_requests_total", (("code", "200"), ("method", "GET"), ("route", "/"))] == 2
    assert ("process_resident_memory_bytes", ()) in found
