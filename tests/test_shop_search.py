"""A shop's searches are answered, recorded, learnt from, and better for it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from shopr.cli.main import cli
from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.data.events import Event, EventType
from shopr.errors import InputError
from shopr.search import ProductSearch
from shopr.shop import Shop
from tests.search.gap_world import gap_events

KINDS = ("sofa", "lamp", "mug", "rug")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    rows = [
        {"product_id": f"{kind}{i}", "title": f"Acme {kind} M{i}", "category": f"Home > {kind.capitalize()}"}
        for kind in KINDS
        for i in range(8)
    ]
    return Catalog.from_frame(pd.DataFrame(rows))


@pytest.fixture
def shop(settings: Settings, clock: ManualClock, catalog: Catalog) -> Shop:
    search = ProductSearch.build(catalog)
    ids = [str(name) for name in search.index.ids.ids]
    wanted = {kind: np.array([name.startswith(kind) for name in ids]) for kind in KINDS}
    events = gap_events(search, wanted, {"sofa": "blorfen"}, people=200, seed=1)
    Dataset.build("demo", "test", catalog, events).save(settings.shop_folder())
    return Shop.open(settings, clock=clock)


def test_a_search_is_recorded_with_what_was_shown_and_clicked(shop: Shop) -> None:
    for person in range(60):  # behaviour is sampled by person
        shop.find("my card 4929 1234 5678 9012", session_id=f"s{person}", user_id=f"u{person}")
        shown = shop.find("Mug", session_id=f"s{person}", user_id=f"u{person}", explore=1.0)
    assert len(shown.impressions) == len(shown.product_ids) == len(shown.found) > 1
    assert shown.product_ids != shown.found.product_ids
    assert sorted(shown.product_ids) == sorted(shown.found.product_ids)
    line = {"product_id": shown.product_ids[0], "impression_id": shown.impressions[0], "position": 1}
    shop.record(
        Event(type=EventType.PRODUCT_CLICKED, time=shop.clock.now(), user_id="u59", session_id="s59",
              properties={**line, "source": "search"})
    )  # fmt: skip
    assert shop.collector.flush()
    live = shop.search_events()
    live = live[live["session_id"].str.match(r"s\d+$")]
    assert (live["type"] == "product_clicked").sum() == 1
    assert (live["type"] == "product_shown").sum() == 60 * len(shown.product_ids)
    searches = live[live["type"] == "search_performed"]
    assert len(searches)
    assert set(searches["query"]) == {"mug", "my card •••"}
    with pytest.raises(InputError, match="explore is 2"):
        shop.find("mug", session_id="s", explore=2)


def test_events_are_learnt_from_once_and_in_their_order(shop: Shop) -> None:
    found = shop.search_events()
    assert found["time"].is_monotonic_increasing
    assert found["event_id"].is_unique
    assert set(found["type"]) == {"search_performed", "product_shown", "product_clicked"}
    few = shop.search_events(days=2)
    assert 0 < len(few) < len(found)
    assert few["time"].iloc[-1] - few["time"].iloc[0] <= pd.Timedelta(days=2)


def test_what_was_learnt_holds_at_once_and_for_who_opens_the_shop_later(
    shop: Shop, settings: Settings, clock: ManualClock
) -> None:
    assert shop.search.search("blorfen").abstained
    result = CliRunner().invoke(cli, ["search", "learn", "--seed", "1", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output[result.output.index("{") :])
    assert [(r["phrase"], r["words"]) for r in told["synonyms"] if r["on"]] == [("blorfen", "sofa")]
    assert told["order"]["on"] is False
    for opened in (shop, Shop.open(settings, clock=clock)):
        assert {name[:4] for name in opened.search.search("blorfen").product_ids} == {"sofa"}
        assert {name[:4] for name in opened.search_desk.counted.search("blorfen").product_ids} == {"sofa"}
    plain = CliRunner().invoke(cli, ["search", "learn", "--seed", "1"])
    assert "order: off" in plain.output
    assert "blorfen" in plain.output


def test_a_shop_without_clicks_learns_nothing(settings: Settings, clock: ManualClock, catalog: Catalog) -> None:
    empty = gap_events(ProductSearch.build(catalog), {"mug": [False] * len(catalog)}, {}, people=1, seed=0).iloc[:0]
    Dataset.build("demo", "test", catalog, empty).save(settings.shop_folder())
    found = Shop.open(settings, clock=clock).learn_search()
    assert (found.ranker, found.rules) == (None, ())
    result = CliRunner().invoke(cli, ["search", "learn"])
    assert result.exit_code == 0
    assert "none is proposed" in result.output
