"""The page Experiments: what is kept is shown, what is damaged is named, and an empty page says what to run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from shopr.abtest.records.keeping import keep
from shopr.abtest.records.kept import Kept, TrackedRun
from shopr.config import Settings
from tests.abtest.units import SPEC, START, units
from tests.app.conftest import APP
from tests.waiting import PATIENCE

PLANNED = SPEC + "design: {type: group_sequential, n: 2800, looks: 4}\n"


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(APP / "views/experiments.py"), default_timeout=PATIENCE)
    app.query_params.update(query)
    return app.run()


def text(app: AppTest) -> str:
    assert not app.exception
    return " ".join(element.proto.body for element in app.get("html"))


def charts(app: AppTest) -> list[Any]:
    return [e.proto for e in app.main if e.type == "vega_lite_chart"]


@pytest.fixture
def kept(settings: Settings) -> Kept:
    """A group-sequential test of two looks that goes on, and one that is read once and was shipped."""
    store = Kept(settings.home)
    for days in (7, 14):
        keep(store, units(effect=0.05), PLANNED, at=START + timedelta(days=days))
    once = SPEC.replace("name: checkout", "name: once").replace("A shorter", "<b>A shorter</b>")
    keep(store, units(effect=0.4), once, at=START + timedelta(days=28), simulated=True)
    return store


def test_an_empty_page_says_which_command_fills_it(settings: Settings) -> None:
    shown = text(opened())
    assert "No experiment is kept yet" in shown
    assert "<code>shopr abtest simulate --spec experiments/ab_looks.yaml --save</code>" in shown
    assert (APP.parent / "experiments" / "ab_looks.yaml").exists()


def test_the_list_says_where_each_stands_and_the_last_one_is_shown(kept: Kept) -> None:
    app = opened()
    shown = text(app)
    assert app.selectbox(key="experiment").options == ["once", "checkout"]
    assert "Keep running until look 3 at about 2,100 of 2,800 units" in shown
    assert shown.count("Ship short") == 2  # in the list and as the verdict
    assert "experiments?experiment=checkout" in shown
    assert '<span class="tag">simulated</span>' in shown
    assert "&lt;b&gt;A shorter" in shown
    assert "<b>A shorter" not in shown


def test_one_experiment_with_all_its_parts(kept: Kept) -> None:
    app = opened(experiment="checkout")
    shown = text(app)
    assert "Read at planned looks, 4 looks up to 2,800 units" in shown
    for part in ("Can it be trusted?", "Sample ratio", "Novelty", "Twyman", "Earlier readings", "Guardrails"):
        assert part in shown
    for part in ("country=de", "revenue over time, short", "fingerprint"):
        assert part in shown
    (chart,) = charts(app)
    assert chart.alt.startswith("revenue in short over 2 looks. No kept look decided so far.")
    tables = [pa.ipc.open_stream(part.data.data).read_pandas() for part in chart.datasets]
    words = [word for table in tables if "word" in table for word in table["word"]]
    assert {"look 3", "look 4", "planned end"} <= set(words)
    assert [b.proto.label for b in app.get("download_button")] == ["Decision report (HTML)", "All figures (CSV)"]
    assert "shopr abtest analyze … --save --track" in " ".join(m.value for m in app.markdown)


def test_an_earlier_reading_is_shown_as_it_was(kept: Kept) -> None:
    app = opened(experiment="checkout")
    app.selectbox(key="reading-checkout").set_value(1).run()
    shown = text(app)
    assert "Keep running until look 2 at about 1,400 of 2,800 units" in shown
    assert charts(app)[0].alt.startswith("revenue in short over 1 look.")


def test_the_path_of_a_test_that_is_read_once_is_said_not_to_be_read(kept: Kept) -> None:
    app = opened(experiment="once")
    assert "may not be read before the planned end" in text(app)
    assert "Not to be read before the end" in charts(app)[0].spec


def test_a_test_under_way_shows_its_health_and_no_results(settings: Settings) -> None:
    keep(Kept(settings.home), units(effect=1.0), SPEC, at=START + timedelta(days=14))
    app = opened()
    shown = text(app)
    assert "Ready to be read: its end was 29 Jan 2026" in shown
    assert "planned for one reading, at its end" in shown
    assert "Sample ratio" in shown
    assert charts(app) == []
    assert "welch" not in shown
    assert [b.proto.label for b in app.get("download_button")] == ["Decision report (HTML)"]


@pytest.mark.parametrize(
    ("address", "link"), [("", "http://127.0.0.1:5000/#/experiments/7/runs/r1"), ("https://mlflow", None)]
)
def test_the_way_to_the_run(kept: Kept, address: str, link: str | None) -> None:
    run = TrackedRun(
        run_id="r1", experiment_id="7", experiment="abtests", page="#/experiments/7/runs/r1", address=address
    )
    kept.note_run(kept.history("once").reading(), run)
    app = opened(experiment="once")
    assert "r1, experiment abtests" in text(app)
    if link is None:
        assert app.get("link_button")[0].proto.url == "https://mlflow/#/experiments/7/runs/r1"
    else:
        assert link in app.code[0].value


@pytest.mark.parametrize("name", ["nothing", "<script>alert(1)</script>", "../checkout", "x" * 5000])
def test_an_experiment_that_is_not_there_is_said_not_to_be(kept: Kept, name: str) -> None:
    shown = text(opened(experiment=name))
    assert "Nothing is kept of “" in shown
    assert "<script>" not in shown
    assert "Ship short" in shown


def test_what_is_damaged_is_listed_and_the_rest_is_shown(kept: Kept) -> None:
    Path(kept.place("checkout", 1), "reading.json").write_text("{")
    Path(kept.place("checkout", 2), "report.html").unlink()
    shown = text(opened(experiment="checkout"))
    assert "readings/0001: Invalid JSON" in shown
    assert "Report.html: No such file or directory. Restore it from a backup." in shown
    assert "Keep running until look 3" in shown
    Path(kept.place("checkout", 2), "reading.json").write_text("[]")
    shown = text(opened(experiment="checkout"))
    assert "Nothing that is kept of “checkout” can be read" in shown
    assert "Ship short" in shown
    assert "Traceback" not in shown


def test_the_page_shows_no_stray_text(kept: Kept) -> None:
    meant = ("It was not logged to MLflow",)
    assert [m.value for m in opened().markdown if not m.value.startswith(meant)] == []


def test_several_arms_have_a_path_each(settings: Settings) -> None:
    frame = units(effect=0.4)
    frame.loc[frame.index % 4 == 1, "variant"] = "long"
    text_of = PLANNED.replace("{control: 1, short: 1}", "{control: 2, short: 1, long: 1}")
    keep(Kept(settings.home), frame, text_of, at=START + timedelta(days=28))
    app = opened()
    assert len(charts(app)) == 2
    assert "revenue over time, long" in text(app)
