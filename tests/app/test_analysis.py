"""The pages of analysis: what they show, that the address keeps every choice, and that small cells stay hidden."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from parts.figures import download, figure_tiles, points, sparkline, table, written
from streamlit.testing.v1 import AppTest

from shopr.analytics.measures.board import Figure
from shopr.analytics.reading.estimates import Estimate
from shopr.analytics.reading.source import Filters, narrowed
from shopr.analytics.store.event_store import EventStore
from shopr.config import Settings
from tests.app.conftest import APP
from tests.app.happenings import happened
from tests.app.sample import sample_dataset
from tests.waiting import PATIENCE


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(APP / f"views/{page}.py"), default_timeout=PATIENCE)
    app.query_params.update(query)
    return app.run()


def text(app: AppTest) -> str:
    assert not app.exception
    shown = " ".join(element.proto.body for element in app.get("html"))
    assert "notice warning" not in shown, shown
    return shown


def charts(app: AppTest) -> list[str]:
    return [e.proto.alt for e in app.main if e.type == "vega_lite_chart"]


@pytest.fixture
def lively(unpromoted: Settings) -> Settings:
    """The sample shop with two weeks of events in its store."""
    happened(unpromoted)
    return unpromoted


def test_without_a_shop_or_events_a_page_says_what_to_do(settings: Settings) -> None:
    assert "There is no shop called “demo”" in text(opened("journeys"))
    sample_dataset().save(settings.shop_folder())
    for page in ("journeys", "experience"):
        shown = text(opened(page))
        assert "No events are in the store yet" in shown
        assert "<code>shopr events backfill</code>" in shown
    app = opened("journeys")
    app.button(key="backfill").click().run()
    assert "No events are in the store yet" not in text(app)
    assert "First week" in text(app)  # of the last thirty days of its history
    assert EventStore.open(settings).count() == 900


def test_the_overview_tells_what_shoppers_do_beside_the_time_before(lively: Settings) -> None:
    app = opened("overview", period="7 days")
    shown = text(app)
    for part in (
        "9 Mar 2026 to 15 Mar 2026, beside the 7 days before", "Active shoppers", "Sessions that buy", "Average order",
        "£25.00", "Searches clicked", "100.0 %", "What 5 shoppers or more searched for", "Used by nobody: assistant",
    ):  # fmt: skip
        assert part in shown
    assert any(alt.startswith("Active shoppers by day: On the day, In 7 days") for alt in charts(app))
    assert any(alt.startswith("Revenue (GBP) by day: Revenue, The time before") for alt in charts(app))
    assert "release 1.1" in shown
    assert " before</span>" in shown


def test_choices_come_from_the_address(lively: Settings) -> None:
    own = {"period": "Own dates", "from": "2026-03-11", "to": "2026-03-10"}
    shown = text(opened("overview", device="mobile", compare="false", **own))
    assert "10 Mar 2026 to 11 Mar 2026, device mobile, not compared" in shown
    assert "The time ended before it began" in shown
    wrong = text(opened("overview", period="never", device="'; DROP", by="x", refresh="true"))
    assert "14 Feb 2026 to 15 Mar 2026, the store does not reach back" in wrong


def test_a_part_of_few_shoppers_is_not_told(lively: Settings) -> None:
    day = {"from": "2026-03-15", "to": "2026-03-15"}
    with narrowed(EventStore.open(lively), Filters(device="tablet")).query(start=day["from"], end=day["to"]) as events:
        persons = events.sql("SELECT count(DISTINCT user_id) FROM events").fetchall()[0][0]
    assert 0 < persons < 5
    assert "there were fewer than 5 shoppers" in text(opened("overview", period="Own dates", device="tablet", **day))
    few_bought = text(opened("overview", period="30 days", device="tablet", segment="buyers"))
    assert "£" not in few_bought.split("What shoppers do")[1]


def test_the_funnel_is_drawn_compared_and_broken_down(lively: Settings) -> None:
    app = opened("journeys", period="7 days")
    shown = text(app)
    assert "Of those who entered" in shown
    assert "Change in points" in shown
    assert any("Journeys of" in alt for alt in charts(app))
    by_device = text(opened("journeys", period="7 days", by="Device"))
    assert '<th scope="row">mobile</th>' in by_device
    ways = text(opened("journeys", period="7 days", by="Way in"))
    assert "(any)" in ways
    assert "the share that came again so many weeks later" in ways
    assert "100 %" in ways


def test_experience_shows_vitals_errors_and_calls(lively: Settings) -> None:
    app = opened("experience", period="7 days", by="Release", vital="CLS")
    shown = text(app)
    for part in ("Largest paint (LCP)", "Shift of layout (CLS)", "TypeError", "/v1/recommend", "release 1.1"):
        assert part in shown
    assert "CLS by release" in shown
    assert "&lt;b&gt;price&lt;/b&gt;" in shown
    assert "renderCard" in " ".join(code.value for code in app.code)
    assert any("CLS, 75th percentile" in alt for alt in charts(app))
    assert "Milliseconds: most in" in " ".join(charts(app))


def test_figures_as_people_read_them() -> None:
    assert written(2319.0, "count") == "2,319"
    assert written(0.704, "share") == "70.4 %"
    assert written(5281.0, "money", "GBP") == "£52.81"
    assert written(13_032_762.0, "money", "GBP") == "£130k"
    assert written(276.0, "seconds") == "4 min 36 s"
    assert written(-79.0, "seconds") == "-1 min 19 s"
    assert written(-0.2, "seconds") == "0 s"
    assert written(0.81, "number") == "0.81"
    assert written(float("nan"), "money", "GBP") == "–"
    assert points(0.012, -0.001, 0.025) == "+1.2 (-0.1 to +2.5)"
    assert sparkline([1.0]) == '<div class="spark" aria-hidden="true"></div>'
    assert sparkline([1.0, float("nan"), 2.0]).count("<i") == 3
    assert sparkline(range(90)).count("<i") == 30


def test_no_interval_of_what_cannot_be_negative_is(monkeypatch: pytest.MonkeyPatch) -> None:
    page: list[str] = []
    monkeypatch.setattr("streamlit.html", page.append)
    measured = Estimate(19.0, -79.0, 41.0, 30.0, 9)
    figure_tiles([Figure("x", "Length", measured, None, (), "seconds")], "Figures", "")
    assert "95 %: 0 s – 41 s" in page[-1]
    figure_tiles([Figure("x", "Revenue", measured, None, (), "money", "GBP")], "Figures", "")
    assert "95 %: -£0.79 – £0.41" in page[-1]  # returns may outweigh sales


def test_hidden_rows_say_so_and_are_not_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"query": ["=1+1", "secret"], "n": [9.0, 2.0], "hidden": [False, True]})
    page: list[str] = []
    kept: dict[str, Any] = {}
    monkeypatch.setattr("streamlit.html", page.append)
    monkeypatch.setattr("streamlit.download_button", lambda label, data, **more: kept.update(data=data))
    table(frame, {"query": ("Query", None), "n": ("Asked", str)}, "Queries")
    assert "fewer than 5 shoppers" in page[0]
    assert "2.0" not in page[0]
    download(frame, "queries")
    assert kept["data"] == b"query,n\n'=1+1,9.0\n"
