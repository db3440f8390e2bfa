"""What the shop's processes take of the machine, as they told of themselves once a minute."""

from __future__ import annotations

from functools import partial

from parts.figures import download, table, written
from parts.frame import notice, section
from parts.view import View, remembered
from parts.words import moment
from shopr.analytics.health.resources import processes

__all__ = ["processes_part"]


def processes_part(view: View, zone: str) -> None:
    """A row a process and release: memory and processor time."""
    section("Processes", "Memory and processor time of the shop's own processes, measured once a minute.")
    found = remembered(view, "processes", lambda: processes(view.source, start=view.span.start, end=view.span.end))
    if found.empty:
        notice("No process was measured in this time. The app's server measures itself from its second minute on.")
        return
    share = partial(written, unit="share")
    columns = {
        "process": ("Process", None), "release": ("Release", None), "memory_p50": ("Memory, p50", _megabytes),
        "memory_max": ("highest", _megabytes), "cpu_p50": ("Processor, p50", share), "cpu_max": ("highest", share),
        "last": ("Last", lambda when: moment(when, zone)),
    }  # fmt: skip
    table(found, columns, "The shop's processes")
    download(found, "processes")


def _megabytes(value: float) -> str:
    return f"{value / 2**20:,.0f} MB"
