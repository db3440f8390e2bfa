"""Files of events into the store, and the commands that look at it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from shopr.analytics.intake.loading import load_events
from shopr.analytics.store.event_store import EventStore
from shopr.cli.main import main
from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.data.events import Event, events_frame
from shopr.errors import DataError

DAY = pd.Timestamp("2026-01-01", tz="UTC")


def made(n: int = 4) -> list[Event]:
    kinds = ["page_viewed", "product_viewed", "cart_item_added", "order_completed"]
    return [
        Event(
            event_id=f"e{i}", type=kinds[i % 4], time=DAY + pd.Timedelta(minutes=i), user_id=f"u{i // 4}",
            properties={"page": "/a", "product_id": "p1", "order_id": "o", "quantity": 1, "depth": 2},
            consent=("analytics",),
        )
        for i in range(n)
    ]  # fmt: skip


@pytest.fixture
def store(settings: Settings, clock: ManualClock) -> EventStore:
    return EventStore.open(settings, clock=clock)


def test_the_flat_table_keeps_what_it_says(store: EventStore, tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    events_frame(made()).to_parquet(path)
    done = load_events(store, path)
    assert (done.rows, done.new, done.rejected) == (4, 4, {})
    assert load_events(store, path).new == 0
    row = store.frame().iloc[1]
    assert (row["page"], row["product_id"], row["consent"], row["properties"]) == (
        "/a",
        "p1",
        "analytics",
        '{"_unknown":{"depth":2}}',
    )


def test_lines_of_json_are_envelopes_and_bad_ones_are_told(store: EventStore, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = [event.model_dump_json() for event in made()]
    bad = [
        "{not json",
        '{"type": "page_viewed"}',
        json.dumps({"type": "x", "time": "2026-01-01T00:00:00Z"}),
        "[" * 9999,
    ]
    path.write_text("\n".join([*lines, "", *bad, lines[0]]), encoding="utf-8")
    done = load_events(store, path)
    assert (done.rows, done.new, sum(done.rejected.values())) == (9, 4, 4)
    assert done.first.startswith("line 6: ")
    path.write_text("\n".join(bad), encoding="utf-8")
    with pytest.raises(DataError, match="no sound event"):
        load_events(store, path)
    with pytest.raises(DataError, match="cannot be read"):
        load_events(store, tmp_path / "absent.jsonl")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["events", *words])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_the_commands_tell_what_happened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "events.parquet"
    events_frame(made(8)).to_parquet(path)
    assert "No events yet" in run(capsys, "status")[1]
    assert json.loads(run(capsys, "load", str(path), "--json")[1])["new"] == 8
    kinds = {row["type"]: row["stored"] for row in json.loads(run(capsys, "status", "--json")[1])}
    assert kinds["order_completed"] == 2
    steps = ("product_viewed", "cart_item_added", "order_completed")
    rows = json.loads(run(capsys, "funnel", *steps, "--json")[1])
    assert [row["persons"] for row in rows] == [2, 2, 2]
    (path_,) = json.loads(run(capsys, "journeys", "--json")[1])
    assert path_["sessions"] == 2
    assert json.loads(run(capsys, "retention", "--period", "day", "--json")[1])[0]["size"] == 2
    for command in ("vitals", "errors"):
        assert "in this span" in run(capsys, command)[1]
    assert "0 events moved" in run(capsys, "compact")[1]
    assert "8 events are in" in run(capsys, "export", "--out", str(tmp_path / "out.csv"))[1]
    assert len(pd.read_csv(tmp_path / "out.csv")) == 8


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("funnel", "a", "--since", "soon"), "'soon' is no day"),
        (("funnel", "a", "--by", "shoe"), "no column 'shoe'"),
        (("export", "--out", "x.txt"), "ends in '.txt'"),
        (("load", "nowhere.parquet"), "nowhere.parquet"),
        (("engagement", "--until", "0001-01-01"), "Give days of the years 1900 to 2300"),
        (("revenue", "--since", "2026-03-02", "--until", "2026-03-01"), "Give the earlier day first"),
    ],
)
def test_a_wrong_call_is_one_line(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


def test_a_flat_table_is_settled_and_redacted_as_collected_events_are(store: EventStore, tmp_path: Path) -> None:
    rows = made(4)
    odd = rows[1].model_copy(
        update={
            "event_id": "odd", "user_id": "ann@example.org",
            "properties": {"product_id": "p1", "query": "mail ann@example.org", "mood": "of bob@example.org",
                           "propensity": "high", "policy": "ease"},
        }
    )  # fmt: skip
    path = tmp_path / "events.parquet"
    events_frame([*rows, odd]).to_parquet(path)
    assert load_events(store, path).new == 5
    frame = store.frame()
    (row,) = frame[frame["event_id"] == "odd"].to_dict("records")
    assert json.loads(row["properties"]) == {
        "policy": "ease", "_unknown": {"mood": "of [e-mail]", "propensity": "high"},
    }  # fmt: skip
    assert row["query"] == "mail [e-mail]"
    assert row["user_id"].startswith("p-")
    assert "example.org" not in frame.to_csv()
    assert json.loads(frame.loc[frame["event_id"] == "e0", "properties"].item()) == {"_unknown": {"depth": 2}}


def line(**more: object) -> str:
    return json.dumps({"type": "page_viewed", "time": "2026-01-01T00:00:00Z", "session_id": "s", **more})


def test_what_no_other_reader_of_json_takes_harms_no_query(store: EventStore, tmp_path: Path) -> None:
    """A browser cuts a message within an emoji: half a character is left, which DuckDB does not read."""
    half, path = (
        {"name": "E", "fingerprint": "f", "message": "boo \ud83d", "odd\udc00": float("nan"), "far": [float("inf")]},
        "e.jsonl",
    )
    (tmp_path / path).write_text(line(type="error_raised", event_id="a", properties=half), encoding="utf-8")
    assert load_events(store, tmp_path / path).new == 1
    (tmp_path / "e.csv").write_text(
        "event_id,type,time,session_id,properties\n"
        'b,error_raised,2026-01-01T00:00:00Z,s,"{""fingerprint"": ""f"", ""name"": ""E"", ""message"": ""x\\ud83d""}"\n'
    )
    assert load_events(store, tmp_path / "e.csv").new == 1
    with store.query() as events:
        read = "SELECT json_extract_string(properties, '$.message') FROM events ORDER BY event_id"
        assert [text for (text,) in events.sql(read).fetchall()] == ["boo ?", "x?"]
    kept = json.loads(store.frame().set_index("event_id").loc["a", "properties"])
    assert kept["_unknown"] == {"odd?": None, "far": [None]}


def test_columns_that_no_table_has_join_properties_which_may_be_unsound(store: EventStore, tmp_path: Path) -> None:
    rows = ["a,page_viewed,2026-01-01T00:00:00Z,{},red", "b,page_viewed,2026-01-01T00:00:00Z,no json,red",
            "c,page_viewed,2026-01-01T00:00:00Z,,", "d,page_viewed,2026-01-01T00:00:00Z,[1],red"]  # fmt: skip
    (tmp_path / "e.csv").write_text("\n".join(["event_id,type,time,properties,colour", *rows]))
    done = load_events(store, tmp_path / "e.csv")
    assert (done.new, done.rejected) == (2, {"properties: not a JSON object": 2})
    kept = store.frame().set_index("event_id")["properties"].to_dict()
    assert kept == {"a": '{"_unknown":{"colour":"red"}}', "c": "{}"}


def test_rows_that_differ_only_in_their_values_are_refused_for_one_reason(store: EventStore, tmp_path: Path) -> None:
    wrong = [line(event_id=f"t{i}", time=f"{2100 + i}-01-01T00:00:00Z") for i in range(5)]
    wrong += [line(event_id=f"k{i}", type=f"page_{i}") for i in range(5)]
    wrong += [line(event_id="old", time="1901-01-01T00:00:00Z"), line(event_id="good")]
    (tmp_path / "e.jsonl").write_text("\n".join(wrong), encoding="utf-8")
    done = load_events(store, tmp_path / "e.jsonl")
    assert (done.new, sorted(done.rejected.values())) == (1, [1, 5, 5])
    assert "line 1: time is 2100-01-01 00:00 UTC, more than a day ahead" in done.firsts.values()
    assert "line 11: time is 1901-01-01, before 1970" in done.firsts.values()
    for i in range(3000):
        done.reject(f"reason {i}", "line 1")
    assert len(done.rejected) <= 1001
