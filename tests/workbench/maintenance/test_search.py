"""Search learns anew on the maintenance calendar: what was proved, switched on and off, by a clock that is moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import nbformat
import numpy as np
import pandas as pd
import pytest

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.errors import StorageError
from shopr.search import ProductSearch
from shopr.search.learnt.learning import LearntSearch
from shopr.shop import Shop
from shopr.workbench.maintenance.parts import Level
from shopr.workbench.maintenance.search import relearn
from shopr.workbench.specs.checking import load_schedule
from tests.search.gap_world import gap_events

KINDS = ("sofa", "lamp", "mug", "rug")


def catalog(also: str = "") -> Catalog:
    """Four kinds of things, eight of each; `also` is what the sofas are called as well."""
    rows = [
        {
            "product_id": f"{kind}{i}",
            "title": f"Acme {kind} M{i}{f' {also}' if kind == 'sofa' else ''}",
            "category": f"Home > {kind.capitalize()}",
        }
        for kind in KINDS
        for i in range(8)
    ]
    return Catalog.from_frame(pd.DataFrame(rows))


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    """Shoppers who say "blorfen" for a sofa."""
    search = ProductSearch.build(catalog())
    ids = [str(name) for name in search.index.ids.ids]
    wanted = {kind: np.array([name.startswith(kind) for name in ids]) for kind in KINDS}
    return gap_events(search, wanted, {"sofa": "blorfen"}, people=200, seed=1)


@pytest.fixture
def clock() -> ManualClock:
    """The night before the calendar's monthly job."""
    return ManualClock(datetime(2026, 3, 31, 20, 0, tzinfo=ZoneInfo("UTC")))


def opened(settings: Settings, clock: ManualClock, events: pd.DataFrame, also: str = "") -> Shop:
    Dataset.build("demo", "test", catalog(also), events).save(settings.shop_folder())
    return Shop.open(settings, clock=clock)


def test_the_calendar_runs_it_and_search_follows(
    settings: Settings, clock: ManualClock, events: pd.DataFrame, project: Path
) -> None:
    calendar = load_schedule(project / "experiments" / "schedule.yaml")
    due = calendar.cron("monthly-performance", "Europe/Berlin").next(clock.now())
    assert due is not None
    assert due.astimezone(ZoneInfo("Europe/Berlin")).isoformat() == "2026-04-01T06:00:00+02:00"
    notebook = nbformat.read(project / "notebooks" / "92_monthly.ipynb", 4)
    (cell,) = [cell.source for cell in notebook.cells if "relearn(" in cell.source]
    shop = opened(settings, clock, events)
    assert shop.search.search("blorfen").abstained
    clock.advance((due - clock.now()).total_seconds())
    part = relearn(shop.learn_search, shop.search_desk.learnt)
    assert "learn_search" in cell
    assert part.level is Level.OK
    assert "1 of 1 proposed synonyms is on; switched on: “blorfen” stands for sofa" in part.finding
    assert part.table is not None
    row = part.table.iloc[1]
    assert (row["on"], row["switched"]) == (True, "on")
    assert row["low"] > 0
    assert part.metrics["switched_on"] == 1
    assert {name[:4] for name in shop.search.search("blorfen").product_ids} == {"sofa"}

    clock.advance(30 * 86_400)
    again = relearn(shop.learn_search, shop.search_desk.learnt)
    assert "switched" not in again.finding
    assert again.metrics["synonyms_on"] == 1

    clock.advance(30 * 86_400)
    known = opened(settings, clock, events, also="blorfen")  # the catalogue took the word over
    last = relearn(known.learn_search, known.search_desk.learnt)
    assert last.level is Level.ATTENTION
    assert "switched off: “blorfen” stands for sofa" in last.finding
    assert {name[:4] for name in known.search.search("blorfen").product_ids} == {"sofa"}


def test_a_shop_without_searches_has_nothing_to_learn_from(
    settings: Settings, clock: ManualClock, events: pd.DataFrame
) -> None:
    shop = opened(settings, clock, events.iloc[:0])
    part = relearn(shop.learn_search, shop.search_desk.learnt)
    assert (part.level, part.table) == (Level.EMPTY, None)


def test_what_cannot_be_kept_is_said_and_search_stays_as_it_was() -> None:
    def refuse() -> LearntSearch:
        raise StorageError("the folder cannot be written", hint="Make room")

    part = relearn(refuse, LearntSearch())
    assert part.level is Level.ATTENTION
    assert part.finding == "search learnt nothing: the folder cannot be written. Make room"


def test_an_order_that_lost_its_proof_needs_a_look(
    settings: Settings, clock: ManualClock, events: pd.DataFrame
) -> None:
    found = opened(settings, clock, events).learn_search()
    ranker = found.ranker
    assert ranker is not None
    assert ranker.decision is not None
    on = replace(ranker, decision=replace(ranker.decision, on=True))
    part = relearn(lambda: found, replace(found, ranker=on))
    assert part.level is Level.ATTENTION
    assert "switched off: order of results" in part.finding
    back = relearn(lambda: replace(found, ranker=on), found)
    assert back.level is Level.OK
    assert "the order of results is the learnt one" in back.finding
