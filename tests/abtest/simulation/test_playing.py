"""Tables of played tests: who was exposed, when, and what came after; nothing from before the exposure counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.abtest.allocation.assignment import Assignment
from shopr.abtest.design.spec import Experiment
from shopr.abtest.judging.analysis import analyze
from shopr.abtest.simulation.playing import TABLE_COLUMNS, play_experiment, unit_table
from shopr.data.simulator import PopularPolicy, RandomPolicy, World, world_of
from shopr.errors import DataError, InputError

SPEC = Experiment.model_validate(
    {
        "name": "lists",
        "arms": {"popular": 1, "random": 1},
        "metrics": [
            {"name": "recommended_clicks", "type": "mean", "covariates": ["past_sessions"]},
            {"name": "converted", "type": "proportion"},
        ],
        "segments": ["customer"],
    }
)


@pytest.fixture(scope="module")
def world() -> World:
    return world_of("tiny", seed=11)


@pytest.fixture(scope="module")
def played(world: World) -> pd.DataFrame:
    policies = {"popular": PopularPolicy(world.item_ids), "random": RandomPolicy(len(world.item_ids), 1)}
    return play_experiment(world, SPEC, policies, days=14, seed=2)


def test_a_played_test_has_one_row_an_exposed_unit_in_its_assigned_arm(world: World, played: pd.DataFrame) -> None:
    assert tuple(played.columns) == TABLE_COLUMNS
    assert played["unit_id"].is_unique
    assert 0 < len(played) < len(world.user_ids)
    assert (Assignment.of(SPEC).assign(list(played["unit_id"])).names() == played["variant"]).all()
    assert played["exposed_at"].min() > world.history()["time"].max()
    assert (played["sessions"] >= 1).all()
    assert (played["converted"] == (played["orders"] > 0)).all()


def test_it_adds_up_to_what_the_world_counted(world: World) -> None:
    policy = RandomPolicy(len(world.item_ids), 1)
    play = world.play(policy, days=7, seed=3)
    arms = pd.Series("a", index=world.user_ids.ids)
    table = unit_table(play.events, arms).set_index("unit_id")
    outcomes = play.outcomes.set_index("user_id").loc[table.index]
    for column in ("sessions", "clicks", "recommended_clicks", "orders", "revenue"):
        np.testing.assert_array_equal(table[column], outcomes[column], column)
    assert (table["past_revenue"] == 0).all()


def test_it_is_read_as_any_table(played: pd.DataFrame) -> None:
    found = analyze(played, SPEC)
    assert found.units == played["variant"].value_counts().to_dict()
    assert found.row("recommended_clicks", "random").method == "cuped"
    assert any(row.segment.startswith("customer=") for row in found.rows)


def test_the_same_seed_plays_the_same(world: World, played: pd.DataFrame) -> None:
    policies = {"popular": PopularPolicy(world.item_ids), "random": RandomPolicy(len(world.item_ids), 1)}
    pd.testing.assert_frame_equal(played, play_experiment(world, SPEC, policies, days=14, seed=2))


def events(*rows: tuple[str, str, str, str | None]) -> pd.DataFrame:
    """Rows of day, user, type and source; an order is 2 of 500."""
    frame = pd.DataFrame(rows, columns=["day", "user_id", "type", "source"])
    frame["time"] = pd.to_datetime(frame["day"], utc=True)
    frame["session_id"] = frame["user_id"] + frame["day"].str[:10]
    ordered = frame["type"] == "order_completed"
    frame["order_id"] = frame["session_id"].where(ordered)
    frame["price"], frame["quantity"] = np.where(ordered, 500, 0), np.where(ordered, 2, 0)
    frame["currency"] = pd.Series("EUR", index=frame.index).where(ordered)
    return frame


def test_only_what_follows_the_exposure_counts() -> None:
    shown, ordered = "product_shown", "order_completed"
    past = events(
        ("2026-01-01", "u1", ordered, None), ("2026-02-20", "u1", ordered, None), ("2026-02-21", "u9", ordered, None)
    )
    now = events(
        ("2026-03-01", "u1", ordered, None),  # before u1 is exposed
        ("2026-03-02", "u1", shown, "category"),
        ("2026-03-03", "u1", shown, "recommendation"),
        ("2026-03-03", "u1", "product_clicked", "recommendation"),
        ("2026-03-04", "u1", shown, "recommendation"),
        ("2026-03-04", "u1", ordered, None),
        ("2026-03-04", "u2", shown, "category"),  # never exposed
        ("2026-03-05", "u3", shown, "recommendation"),
        ("2026-03-05", "u4", shown, "recommendation"),  # without an arm
    )
    arms = pd.Series({"u1": "a", "u2": "a", "u3": "b", "u4": None})
    table = unit_table(now, arms, past=past, past_days=30).set_index("unit_id")
    assert table.index.tolist() == ["u1", "u3"]
    one = table.loc["u1"]
    assert (one["variant"], str(one["exposed_at"])[:10], one["customer"]) == ("a", "2026-03-03", "returning")
    assert (one["sessions"], one["clicks"], one["recommended_clicks"]) == (2, 1, 1)
    assert (one["orders"], one["converted"], one["revenue"]) == (1, 1, 1000)
    assert (one["past_sessions"], one["past_revenue"]) == (1, 1000)  # January is too long ago
    assert table.loc["u3", ["revenue", "past_revenue", "customer"]].tolist() == [0, 0, "new"]


def test_bad_input_is_refused(world: World) -> None:
    with pytest.raises(InputError, match="arm 'random' has no algorithm"):
        play_experiment(world, SPEC, {"popular": PopularPolicy(world.item_ids)})
    with pytest.raises(DataError, match="no unit with an arm"):
        unit_table(events(("2026-03-01", "u1", "page_viewed", None)), pd.Series({"u1": "a"}))
    mixed = events(
        ("2026-03-01", "u1", "product_shown", "recommendation"),
        ("2026-03-01", "u1", "order_completed", None),
        ("2026-03-02", "u1", "order_completed", None),
    )
    mixed.loc[2, "currency"] = "GBP"
    with pytest.raises(DataError, match="EUR, GBP"):
        unit_table(mixed, pd.Series({"u1": "a"}))
