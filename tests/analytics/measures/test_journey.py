"""Sessions, journeys, retention and goals: counted by hand, and equal to the simulator's own books."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from shopr.analytics.measures.funnel import Step, funnel
from shopr.analytics.measures.goals import Goal, goals
from shopr.analytics.measures.journey import journeys, sessions
from shopr.analytics.measures.retention import retention
from shopr.analytics.reading.log import EventLog
from shopr.errors import InputError


def log(rows: list[tuple[str, str | None, str, float]], **columns: list[object]) -> EventLog:
    """From (user, session, type, minute)."""
    frame = pd.DataFrame(rows, columns=["user_id", "session_id", "type", "minute"])
    frame["time"] = pd.to_datetime(frame.pop("minute") * 60, unit="s", utc=True)
    frame["weight"] = 1.0
    for name, values in columns.items():
        frame[name] = values
    return EventLog.of(frame.astype({"session_id": "str"}), list(columns))


def test_a_session_is_the_clients_own_or_ends_after_half_an_hour() -> None:
    made = log(
        [
            ("u", "s1", "page_viewed", 0),
            ("u", "s1", "page_viewed", 90),  # named: one session, however long the pause
            ("u", "s2", "page_viewed", 91),
            ("v", None, "page_viewed", 0),
            ("v", None, "product_viewed", 29),
            ("v", None, "page_viewed", 60),
        ]
    )
    table = sessions(made).table(made)
    assert table["person"].tolist() == ["u", "u", "v", "v"]
    assert table["events"].tolist() == [2, 1, 2, 1]
    assert table["seconds"].tolist() == [5400.0, 0.0, 1740.0, 0.0]
    assert table["pages"].tolist() == [2, 1, 1, 1]
    assert table["bounced"].tolist() == [False, True, False, True]
    assert len(sessions(log([]))) == 0
    with pytest.raises(InputError, match="end after"):
        sessions(made, timedelta(0))


def test_journeys_count_paths_and_where_they_leave() -> None:
    made = log(
        [
            ("u", "1", "home", 0), ("u", "1", "home", 1), ("u", "1", "search", 2), ("u", "1", "cart", 3),
            ("v", "2", "home", 0), ("v", "2", "search", 1),
            ("w", "3", "search", 0),
        ]
    )  # fmt: skip
    found = journeys(made, depth=2)
    assert found.n == 3
    paths = dict(zip(found.paths["path"], found.paths["sessions"], strict=True))
    assert paths == {("home", "search"): 2, ("search",): 1}
    links = {(r.depth, r.source, r.target): r.sessions for r in found.links.itertuples()}
    assert links == {(0, "home", "search"): 2, (0, "search", "(leaves)"): 1, (1, "search", "(leaves)"): 1}
    anchored = journeys(made, depth=2, anchor="search")
    assert {r.path: r.sessions for r in anchored.paths.itertuples()} == {("search", "cart"): 1, ("search",): 2}
    rare = journeys(made, depth=2, top=1)
    assert set(rare.links["source"]) == {"home", "search", "(other)"}
    assert journeys(log([]), depth=3).paths.empty
    with pytest.raises(InputError, match="depth 0"):
        journeys(made, depth=0)
    with pytest.raises(InputError, match="'page' was not read"):
        journeys(made, by="page")


def test_retention_by_week_in_the_shops_time_zone() -> None:
    week = 7 * 24 * 60
    rows = [("a", "1", "visit", 0), ("a", "2", "visit", week), ("b", "3", "visit", 60), ("b", "4", "visit", 2 * week)]
    rows += [("c", "5", "visit", week + 5), ("c", "6", "buy", 2 * week)]
    table = retention(log(rows), periods=3)  # 1970-01-01 was a Thursday
    shares = {(str(r.cohort.date()), r.offset): (r.size, r.persons) for r in table.itertuples(index=False)}
    assert {key: value for key, value in shares.items() if key[0] == "1969-12-29"} == {
        ("1969-12-29", 0): (2, 2), ("1969-12-29", 1): (2, 1), ("1969-12-29", 2): (2, 1),
    }  # fmt: skip
    bought = retention(log(rows), again="buy", periods=3)
    assert bought.loc[bought["cohort"] == "1970-01-05", "persons"].tolist() == [0, 1]
    assert retention(log([])).empty
    assert str(retention(log(rows), period="month", time_zone="America/New_York")["cohort"][0].date()) == "1969-12-01"
    with pytest.raises(InputError, match="'year'"):
        retention(log(rows), period="year")  # type: ignore[arg-type]


def test_goals_make_a_table_of_one_row_a_person() -> None:
    made = log(
        [("u", "1", "view", 0), ("u", "1", "buy", 5), ("u", "2", "buy", 60 * 24 * 9), ("v", "3", "view", 0)],
        price=[np.nan, 250.0, 400.0, np.nan], quantity=[np.nan, 2.0, np.nan, np.nan],
    )  # fmt: skip
    steps = [Step("view"), Step("buy")]
    table = goals(
        made,
        [
            Goal("bought", steps),
            Goal("orders", steps, "count", window=timedelta(days=30)),
            Goal("revenue", steps, "sum", window=timedelta(days=30)),
            Goal("early", steps, "sum"),
            Goal("seconds", steps, "seconds"),
        ],
    ).set_index("unit_id")
    assert table.loc["u"].tolist() == [1, 2, 900, 500, 300]
    assert table.loc["v"].tolist()[:4] == [0, 0, 0, 0]
    assert np.isnan(table.loc["v", "seconds"])
    with pytest.raises(InputError, match="share a name"):
        goals(made, [Goal("x", steps), Goal("x", steps)])
    with pytest.raises(InputError, match="'value' was not read"):
        goals(made, [Goal("x", steps, "sum", "value")])


@pytest.fixture(scope="module")
def simulated():
    from shopr.data.simulator import simulate

    return simulate(preset="tiny", seed=5, images=False).events


def test_counts_equal_the_simulators_books(simulated: pd.DataFrame) -> None:
    frame = simulated.assign(weight=1.0)
    made = EventLog.of(frame)
    kinds = ["product_viewed", "cart_item_added", "order_completed"]
    found = funnel(made, [Step(kind) for kind in kinds], window=timedelta(days=1))
    # The books, counted per shopper with pandas alone.
    known = frame[frame["type"].isin(kinds)].sort_values("time", kind="stable")
    owner = frame.dropna(subset=["user_id", "session_id"]).groupby("session_id")["user_id"].last()
    person = known["user_id"].fillna(known["session_id"].map(owner)).fillna(known["session_id"])
    reached = {}
    for who, own in known.groupby(person):
        best, entries = 0, []
        rows = list(zip(own["type"], own["time"], strict=True))
        for kind, when in rows:
            if kind == kinds[0]:
                entries.append((1, when))
            entries = [
                (step + 1, begun)
                if step < 3 and kind == kinds[step] and when - begun <= pd.Timedelta(days=1)
                else (step, begun)
                for step, begun in entries
            ]
            best = max([best, *(step for step, _ in entries)])
        reached[who] = best
    counts = [sum(r >= k for r in reached.values()) for k in (1, 2, 3)]
    assert found.counts.tolist() == counts
    assert counts[2] > 20
    cut = sessions(made)
    named = made.sessions.codes[cut.order[cut.starts]] >= 0  # returns are of no session
    assert named.sum() == frame["session_id"].nunique()
