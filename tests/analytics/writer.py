"""A process that records events and says which are acknowledged, until somebody kills it.

python -m tests.analytics.writer HOME FIRST: prints the number of each acknowledged event.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shopr.analytics.intake.collector import Collector
from shopr.analytics.intake.spool import Spool
from shopr.analytics.store.event_store import EventStore
from shopr.data.events import Event, EventType
from shopr.errors import StorageError
from shopr.storage import Database


def main(home: Path, first: int) -> None:
    store = EventStore(Database.open(url=f"sqlite:///{home / 'events.db'}"), home / "parts")
    collector = Collector(store, Spool(home / "spool"))
    collector.recover()
    out = sys.stdout
    number = first
    while True:
        time = datetime.now(UTC) - timedelta(seconds=number % 7)
        collector.record(
            Event(event_id=f"e{number}", type=EventType.ORDER_COMPLETED, time=time, properties={"product_id": "p"})
        )
        out.write(f"{number}\n")
        out.flush()
        number += 1
        if number % 400 == 0:
            try:
                store.compact(timedelta(0))
            except StorageError:  # another one compacts
                continue


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
