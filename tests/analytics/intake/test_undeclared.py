"""What came undeclared can be seen: by event, by field, with the declared property of nearly that name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from shopr.analytics.intake.collector import Collector
from shopr.analytics.intake.spool import Spool
from shopr.analytics.intake.undeclared import undeclared
from shopr.analytics.store.event_store import EventStore
from shopr.cli.main import main
from shopr.config import Settings
from shopr.data.event_book import EventBook
from shopr.data.event_schema import EventSchema
from shopr.data.events import Event

Make = Callable[..., Event]
BOOK = EventBook(EventBook.usual().types, {"box_opened": EventSchema(about="x", kept="fact")})


def test_undeclared_fields_are_counted_by_event(store: EventStore, event: Make, tmp_path: Path) -> None:
    collector = Collector(store, Spool(tmp_path / "spool"), book=BOOK)
    for _ in range(3):
        collector.record(event("product_clicked", product_id="p", positon=3, query="a _unknown word"))
    collector.record(event("custom_occurred", name="box_opened", size=1))
    assert undeclared(store, BOOK).empty
    assert collector.flush()
    found = undeclared(store, BOOK)
    assert found[["event", "field", "stored", "nearest"]].to_numpy().tolist() == [
        ["product_clicked", "positon", 3, "position"],
        ["box_opened", "size", 1, ""],
    ]


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(["events", "schema", *words])
    assert not left.value.code
    return capsys.readouterr().out


def test_the_command_tells_the_schema(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    folder = settings.shop_folder()
    folder.mkdir(parents=True)
    (folder / "events.yaml").write_text("events: {box_opened: {about: A box., properties: {size: whole}}}")
    assert "size: whole" in told(capsys)
    document = json.loads(told(capsys, "--json"))
    jsonschema.Draft202012Validator.check_schema(document)
    assert "box_opened" in document["$defs"]
    assert "Nothing undeclared" in told(capsys, "--unknown")
