"""Experience tells what the shop's processes took of the machine."""

from __future__ import annotations

from datetime import timedelta

from streamlit.testing.v1 import AppTest

from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.rows import row_of
from shopr.config import Settings
from shopr.data.events import Event
from tests.app.conftest import APP
from tests.app.happenings import happened
from tests.waiting import PATIENCE


def test_processes_are_listed_with_memory_and_processor_time(unpromoted: Settings) -> None:
    happened(unpromoted)
    store = EventStore.open(unpromoted)
    last = store.frame()["time"].max().to_pydatetime()
    said = {"name": "app", "release": "7.7", "cpu_share": 0.25}
    store.append(
        [
            row_of(Event(type="process_measured", time=last - timedelta(minutes=n), properties=said | {"value": 2**28}))
            for n in range(3)
        ]
    )
    app = AppTest.from_file(str(APP / "views/experience.py"), default_timeout=PATIENCE)
    app.query_params.update({"period": "7 days"})
    shown = " ".join(element.proto.body for element in app.run().get("html"))
    assert "notice warning" not in shown
    assert "The shop&#x27;s processes" in shown or "The shop's processes" in shown
    assert "256 MB" in shown
    assert "25.0 %" in shown
