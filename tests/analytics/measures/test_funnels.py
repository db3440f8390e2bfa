"""Funnels with weights, beside the time before and by several entries; journeys drawn as a Sankey diagram."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from shopr.analytics.measures.engagement import visits
from shopr.analytics.measures.funnel import Step, funnel
from shopr.analytics.measures.funnels import ANY, entrances, funnel_table, versus
from shopr.analytics.measures.journey import EXIT, journeys
from shopr.analytics.measures.sankey import sankey
from shopr.analytics.reading.log import EventLog
from shopr.errors import InputError
from shopr.hashing import uniform
from tests.analytics.tables import at

STEPS = [Step("view"), Step("cart"), Step("buy")]


def log(rows: list[tuple[str, str, float, float]], **columns: list[str]) -> EventLog:
    """From (person, type, minute, weight)."""
    frame = pd.DataFrame(rows, columns=["user_id", "type", "minute", "weight"])
    frame["time"] = pd.to_datetime([at(m) for m in frame.pop("minute")], unit="us", utc=True)
    frame["session_id"] = frame["user_id"]
    for name, values in columns.items():
        frame[name] = values
    return EventLog.of(frame.astype({"user_id": "str"}), list(columns))


def test_without_sampling_it_is_the_funnel_itself() -> None:
    made = log([("a", "view", 0, 1), ("a", "cart", 1, 1), ("b", "view", 0, 1), ("c", "cart", 0, 1)])
    table, plain = funnel_table(made, STEPS), funnel(made, STEPS).table()
    for name in ("persons", "share", "from_previous", "lost", "median_seconds"):
        np.testing.assert_allclose(table[name].astype(float), plain[name].astype(float))
    assert table["seen"].tolist() == [2, 1, 0]
    assert funnel_table(log([]), STEPS)["persons"].tolist() == [0, 0, 0]


def people(n: int = 400) -> list[tuple[str, str, float, float]]:
    """Persons of whom half add to the cart and a quarter buys; views are behaviour, the rest facts."""
    rows = []
    for i in range(n):
        rows.append((f"u{i}", "view", 0.0, 1.0))
        rows += [(f"u{i}", "cart", 1.0, 1.0)] * (i % 2 == 0) + [(f"u{i}", "buy", 2.0, 1.0)] * (i % 4 == 0)
    return rows


def kept(rows: list[tuple[str, str, float, float]], salt: str, rate: float) -> EventLog:
    """The log of what sampling by person leaves of it."""
    places = dict(zip((u := sorted({r[0] for r in rows})), uniform(u, salt), strict=True))
    some = [
        (who, kind, when, 1 / rate if kind == "view" else 1.0)
        for who, kind, when, _ in rows
        if kind != "view" or places[who] < rate
    ]
    return log(some)


def test_estimates_are_unbiased_and_their_intervals_hold() -> None:
    """Over forty samples at a fifth: means within three standard errors of the truth, 85 % of the intervals hold it."""
    rows, truth = people(), [400, 200, 100]
    steps, paths, there, inside = [], [], [], 0
    for salt in range(40):
        made = kept(rows, f"salt-{salt}", 0.2)
        table = funnel_table(made, STEPS)
        steps.append(table["persons"])
        inside += int(table["lo"][2] <= 0.25 <= table["hi"][2])
        paths.append(journeys(made).n)
        figures = visits(made)
        there.append((figures.persons.value, abs(figures.persons.value - 400) <= 1.96 * figures.persons.se))
    for place, known in enumerate(truth):
        found = np.array([s[place] for s in steps])
        assert abs(found.mean() - known) < 3 * found.std(ddof=1) / 40**0.5
    assert abs(np.mean(paths) - 400) < 3 * np.std(paths, ddof=1) / 40**0.5
    persons = np.array([value for value, _ in there])
    assert abs(persons.mean() - 400) < 3 * persons.std(ddof=1) / 40**0.5
    assert sum(ok for _, ok in there) >= 34
    assert inside >= 34


def test_versus_the_time_before_in_points() -> None:
    now, before = log(people(80)), log([*people(40), *[(f"x{i}", "view", 0.0, 1.0) for i in range(40)]])
    table = versus(now, before, STEPS)
    assert table["persons_before"].tolist() == [80, 20, 10]
    assert table["change"].round(3).tolist()[1:] == [0.25, 0.125]
    assert np.isnan(table["change"][0])
    assert table["change_lo"][1] > 0 > table["change_lo"][2] - 0.1
    grouped = versus(
        log([("a", "view", 0, 1), ("b", "view", 0, 1)], device=["x", "y"]),
        log([("a", "view", 0, 1)], device=["x"]), STEPS, breakdown="device",
    )  # fmt: skip
    assert grouped.loc[grouped["group"] == "y", "persons_before"].isna().all()


def test_several_entries_each_and_together() -> None:
    made = log(
        [
            ("a", "home", 0, 1), ("a", "search", 1, 1), ("a", "cart", 2, 1),
            ("b", "search", 0, 1), ("b", "cart", 1, 1), ("b", "buy", 2, 1),
            ("c", "home", 0, 1),
        ]
    )  # fmt: skip
    table = entrances(made, [Step("home"), Step("search")], STEPS[1:], window=timedelta(hours=1))
    persons = table.pivot(index="group", columns="step", values="persons").loc[:, ["entry", "cart", "buy"]]
    assert persons.loc["home"].tolist() == [2, 1, 0]
    assert persons.loc["search"].tolist() == [2, 2, 1]
    assert persons.loc[ANY].tolist() == [3, 2, 1]
    with pytest.raises(InputError, match="Name each differently"):
        entrances(made, [Step("home"), Step("home")], STEPS)


def test_nothing_is_lost_in_a_sankey_diagram() -> None:
    rng = np.random.default_rng(5)
    rows = [
        (f"u{i}", str(rng.choice(list("abcd"))), float(m), 1.0) for i in range(200) for m in range(rng.integers(1, 7))
    ]
    found = journeys(log(rows), depth=5)
    drawn = sankey(found.links)
    nodes, ribbons = drawn.nodes, drawn.ribbons.drop_duplicates("ribbon")
    assert ribbons["sessions"].sum() == found.links["sessions"].sum()
    assert nodes.loc[nodes["depth"] == 0, "sessions"].sum() == found.n
    np.testing.assert_allclose(nodes["high"] - nodes["low"], nodes["sessions"])
    for _, column in nodes.groupby("depth"):  # nodes of a column do not overlap
        edges = column.sort_values("low")
        assert (edges["low"].to_numpy()[1:] >= edges["high"].to_numpy()[:-1]).all()
    ends = drawn.ribbons.groupby("ribbon").agg(first=("low", "first"), last=("low", "last"))
    lows = nodes.set_index(["depth", "name"])
    for row, end in zip(ribbons.itertuples(), ends.itertuples(), strict=True):  # each begins and ends within its nodes
        source, target = lows.loc[(row.depth, row.source)], lows.loc[(row.depth + 1, row.target)]
        assert source["low"] - 1e-9 <= end.first <= source["high"] - row.sessions + 1e-9
        assert target["low"] - 1e-9 <= end.last <= target["high"] - row.sessions + 1e-9
    assert set(nodes.loc[nodes["leaves"], "name"]) == {EXIT}
    assert sankey(found.links.head(0)).nodes.empty
