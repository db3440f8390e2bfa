"""Analyses against the books of the simulator: equal where everything is kept, within their intervals where not.

The truth is counted here by loops over the simulator's own log, which no code of the product reads. The events go the
whole way: recorded one after another, spooled, stored in batches, partly compacted, read back.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from shopr.analytics.health.errors import browser_error
from shopr.analytics.health.quality import error_groups
from shopr.analytics.intake.collector import Collector
from shopr.analytics.intake.sampling import Sampling
from shopr.analytics.intake.spool import Spool
from shopr.analytics.measures.daily import daily_funnel
from shopr.analytics.measures.engagement import active
from shopr.analytics.measures.funnel import Step, funnel
from shopr.analytics.measures.funnels import funnel_table
from shopr.analytics.measures.journey import journeys
from shopr.analytics.measures.retention import retention
from shopr.analytics.reading.estimates import total
from shopr.analytics.reading.log import EventLog
from shopr.analytics.reading.span import Span
from shopr.analytics.store.event_store import EventStore
from shopr.clock import ManualClock
from shopr.data.events import BEHAVIOUR, Event, EventType
from shopr.data.simulator import World
from shopr.data.simulator.journal import PAGES
from shopr.hashing import uniform
from shopr.metrics.proportions import wilson
from shopr.storage import Database

FUNNEL = ["product_viewed", "cart_item_added", "checkout_started", "order_completed"]
STEPS = [Step(kind) for kind in FUNNEL]
SALTS = 120
Books = dict[str, list[tuple[int, int, int]]]


@pytest.fixture(scope="module")
def world() -> World:
    made = World(5, products=120, shoppers=1_200, days=28, horizon=0)
    made.history()
    return made


@pytest.fixture(scope="module")
def books(world: World) -> Books:
    """Type -> (shopper, Unix second, detail) as the simulator wrote them down."""
    log = world._past[0]
    columns = {kind: [log.column(kind, name).tolist() for name in ("user", "time", "detail")] for kind in log.kinds}
    return {kind: list(zip(*parts, strict=True)) for kind, parts in columns.items()}


def error_of(page: Event) -> Event | None:
    """An error on every 23rd page view, of three kinds, each at a line of its own: edits move lines."""
    number = int(page.event_id.removeprefix("e"))
    if number % 23:
        return None
    kind = number % 3
    said = {
        "type": ("TypeError", "RangeError", "Error")[kind], "message": f"broken {number}", "page": "/cart",
        "stack": f"at f{kind} (shop.js:{number}:1)\nat g (shop.js:{number % 40}:2)",
    }  # fmt: skip
    made = browser_error(said, clock=ManualClock(page.time))
    return made.model_copy(update={"event_id": f"{page.event_id}-x", "user_id": page.user_id})


@pytest.fixture(scope="module")
def events(world: World) -> list[Event]:
    everybody = [
        Event.from_row(row).model_copy(update={"consent": ("analytics",)}) for row in world.history().to_dict("records")
    ]
    errors = [error_of(event) for event in everybody if event.type is EventType.PAGE_VIEWED]
    return everybody + [error for error in errors if error is not None]


def recorded(folder: Path, events: list[Event], sampling: Sampling) -> EventStore:
    """A store that all events went to, the first part of them compacted."""
    folder.mkdir()
    clock = ManualClock(max(event.time for event in events) + timedelta(days=1))
    store = EventStore(Database.open(url=f"sqlite:///{folder / 'events.db'}"), folder / "parts", clock=clock)
    collector = Collector(store, Spool(folder / "spool"), sampling=sampling, clock=clock)
    for at in range(0, len(events), 100):
        collector.record_all(events[at : at + 100])
        if at == 100 * (len(events) // 150):
            store.compact(timedelta(0))
    assert collector.close()
    assert collector.counts().refused == collector.counts().doubled == 0
    return store


@pytest.fixture(scope="module")
def store(events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    everything = Sampling(performance=1.0, behaviour=1.0)
    return recorded(tmp_path_factory.mktemp("simulated") / "all", events, everything)


# -- everything kept: equal to the books ------------------------------------------------------------------------------


def true_funnel(books: Books, days: int) -> list[int]:
    """Persons who reach each step, by trying every entry and going on to the next event of the next step."""
    by_person: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for step, kind in enumerate(FUNNEL):
        for user, second, _ in books[kind]:
            by_person[user].append((second, step))
    farthest: Counter[int] = Counter()
    for mine in by_person.values():
        mine.sort()
        best = 0
        for at, (entry, step) in enumerate(mine):
            if step == 0:
                wanted = 1
                for second, following in mine[at + 1 :]:
                    wanted += following == wanted and second - entry <= days * 86_400
                best = max(best, wanted)
        farthest[best] += 1
    return [sum(n for step, n in farthest.items() if step >= k) for k in range(1, len(FUNNEL) + 1)]


@pytest.mark.parametrize("days", [1, 7, 28])
def test_funnels_are_the_books(store: EventStore, books: Books, days: int) -> None:
    window, truth = timedelta(days=days), true_funnel(books, days)
    log = EventLog.read(store, types=FUNNEL)
    assert funnel(log, STEPS, window=window).counts.tolist() == truth
    assert daily_funnel(store, STEPS, window=window).counts.tolist() == truth
    assert funnel_table(log, STEPS, window=window)["persons"].tolist() == truth
    assert truth[0] > truth[1] > truth[2] > truth[3] > 50


def weeks(second: int) -> int:
    return (second // 86_400 + 3) // 7  # from Monday


def test_retention_is_the_books(store: EventStore, books: Books) -> None:
    seen: dict[int, set[int]] = defaultdict(set)
    for kind, rows in books.items():
        for user, second, _ in rows:
            if kind not in ("order_returned", "feedback_given"):
                seen[user].add(weeks(second))
    log = EventLog.read(store, types=[k for k in books if k not in ("order_returned", "feedback_given")])
    found = retention(log, periods=4)
    truth: Counter[tuple[int, int]] = Counter()
    sizes: Counter[int] = Counter(min(mine) for mine in seen.values())
    for mine in seen.values():
        truth.update((min(mine), week - min(mine)) for week in mine if week - min(mine) <= 4)
    monday = {weeks(int(day.timestamp())): day for day in found["cohort"].dt.tz_localize("UTC")}
    number = {day.tz_localize(None): week for week, day in monday.items()}
    assert len(found) > 10
    for row in found.itertuples():
        assert row.size == sizes[number[row.cohort]]
        assert row.persons == truth[number[row.cohort], row.offset]
    assert sum(truth.values()) == found["persons"].sum()


def test_journeys_are_the_books(store: EventStore, books: Books) -> None:
    """A shopper has one session a day at most; what a page is named stands in `detail`."""
    pages: dict[tuple[int, int], list[tuple[int, str]]] = defaultdict(list)
    log = EventLog.read(store, types=["page_viewed"], columns=["page"])
    for user, second, detail in books["page_viewed"]:
        pages[user, second].append((second, PAGES[detail]))
    visits: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for (user, second), mine in pages.items():
        visits[user] += [(second, name) for _, name in mine]
    paths: Counter[tuple[str, ...]] = Counter()
    for mine in visits.values():
        mine.sort()
        visit: list[str] = []
        for _, name in mine:
            if name == "home" and visit:  # a session begins on the home page, and only there
                paths[tuple(visit)] += 1
                visit = []
            if not visit or visit[-1] != name:
                visit.append(name)
        paths[tuple(visit)] += 1
    found = journeys(log, by="page", depth=5)
    assert found.n == sum(paths.values())
    assert dict(zip(found.paths["path"], found.paths["sessions"], strict=True)) == paths
    assert len(paths) > 4


def test_errors_are_those_that_were_thrown(store: EventStore, events: list[Event]) -> None:
    thrown = [event for event in events if event.type is EventType.ERROR_RAISED]
    counts = Counter(event.properties["name"] for event in thrown)
    persons = {name: len({e.user_id for e in thrown if e.properties["name"] == name}) for name in counts}
    found = error_groups(store).set_index("name")
    assert len(thrown) > 50
    assert found["errors"].to_dict() == counts
    assert found["users"].to_dict() == persons


def test_counts_by_type_are_the_books(store: EventStore, books: Books) -> None:
    with store.query() as found:
        rows = found.sql(
            "SELECT type, count(*), sum(weight) FROM events WHERE type <> 'error_raised' GROUP BY 1"
        ).fetchall()
    assert {kind: (n, float(w)) for kind, n, w in rows} == {kind: (len(b), float(len(b))) for kind, b in books.items()}


# -- a sample kept: estimates within their intervals ------------------------------------------------------------------


def test_sampling_keeps_facts_and_errors_whole_and_who_is_kept_is_kept(
    world: World, events: list[Event], books: Books, tmp_path: Path
) -> None:
    """What the collector keeps is what the vectorised sample below keeps, so that its coverage is the product's."""
    store = recorded(tmp_path / "sampled", events, Sampling(salt="salt-3"))
    found = store.frame().sort_values("event_id")
    mine = sampled(flat(world), "salt-3").to_pandas().sort_values("event_id")
    kept = found[found["type"] != "error_raised"]
    assert kept["event_id"].tolist() == mine["event_id"].tolist()
    assert kept["weight"].tolist() == mine["weight"].tolist()
    assert (found["type"] == "error_raised").sum() == sum(e.type is EventType.ERROR_RAISED for e in events)
    assert (found["type"] == "order_completed").sum() == len(books["order_completed"])


def flat(world: World) -> Any:
    frame = world.history()[["event_id", "type", "time", "user_id", "session_id"]].assign(weight=1.0)
    return pa.Table.from_pandas(frame, preserve_index=False)


def sampled(table: Any, salt: str) -> Any:
    """The events that are kept with a salt, by persons, with their weights."""
    frame = table.to_pandas()
    rates = frame["type"].map({kind.value: 0.05 if kind in BEHAVIOUR else 1.0 for kind in EventType}).to_numpy(float)
    names, codes = np.unique(frame["user_id"], return_inverse=True)
    kept = (rates >= 1.0) | (uniform(names.tolist(), salt)[codes] < rates)
    return table.set_column(5, "weight", pa.array(1.0 / rates)).filter(pa.array(kept))


@pytest.fixture(scope="module")
def samples() -> tuple[EventLog, list[EventLog]]:
    """A larger world's events, and what each salt keeps of them."""
    table = flat(World(6, products=120, shoppers=3_000, days=21, horizon=0))
    table = table.filter(pa.compute.is_in(table["type"], pa.array([*FUNNEL, "page_viewed", "search_performed"])))
    return EventLog.of(table), [EventLog.of(sampled(table, f"salt-{salt}")) for salt in range(SALTS)]


def page_views(log: EventLog) -> tuple[float, float, float]:
    viewed = log.types.codes == log.types.code("page_viewed")
    each = np.bincount(log.persons[viewed], minlength=log.n_persons)
    weights = np.ones(log.n_persons)
    weights[log.persons[viewed]] = log.weights[viewed]
    found = total(weights[each > 0], each[each > 0])
    return found.value, found.lo, found.hi


def carted(log: EventLog) -> tuple[float, float, float]:
    """Of those who saw a page, the share that went on to put something into the cart: behaviour, then facts."""
    row = funnel_table(log, [Step("page_viewed"), Step("cart_item_added")]).iloc[1]
    return float(row["share"]), float(row["lo"]), float(row["hi"])


def ordered(log: EventLog) -> tuple[float, float, float]:
    row = funnel_table(log, STEPS).iloc[3]
    return float(row["share"]), float(row["lo"]), float(row["hi"])


def came(log: EventLog) -> tuple[float, float, float]:
    """Persons active in the last week, by their behaviour: each of whom anything was kept stands for twenty."""
    log = log.take(log.types.codes != log.types.code("order_completed"))
    log = log.take(log.types.codes != log.types.code("cart_item_added"))
    log = log.take(log.types.codes != log.types.code("checkout_started"))
    last = datetime.fromtimestamp(int(log.times.max()) // 1_000_000, UTC)
    row = active(log, Span.ending(last, 1), {"weekly": 7}).iloc[-1]
    return float(row["weekly"]), float(row["weekly_lo"]), float(row["weekly_hi"])


def returned(log: EventLog) -> tuple[float, float, float]:
    """Of those who first came in the second week, the share that came again in the week after."""
    table = retention(log, periods=1)
    row = table[(table["cohort"] == sorted(table["cohort"].unique())[1]) & (table["offset"] == 1)].iloc[0]
    return float(row["share"]), float(row["lo"]), float(row["hi"])


def straight_on(log: EventLog) -> tuple[float, float, float]:
    """The share of sessions on one path, with the interval of the sessions that were followed."""
    found = journeys(log, depth=3, top=3)
    path = ("page_viewed", "search_performed", "page_viewed")
    row = found.paths[found.paths["path"] == path]
    share = float(row["share"].sum())
    low, high = wilson([share * found.n / found.weight], [found.n / found.weight])
    return share, float(low[0]), float(high[0])


@pytest.mark.parametrize("figure", [page_views, carted, ordered, came, returned, straight_on])
def test_intervals_hold_the_truth_as_often_as_they_say(
    samples: tuple[EventLog, list[EventLog]], figure: Callable[[EventLog], tuple[float, float, float]]
) -> None:
    """Over 120 salts. A 95 % interval may miss 6 of them, give or take 2.4: three times that is the bound.

    Samples are small (about 80 persons, whose numbers of page views differ much), so that normal intervals run a little
    short: the bound below is that of 92 %.
    """
    whole, kept = samples
    truth = figure(whole)[0]
    found = pd.DataFrame([figure(log) for log in kept], columns=["value", "lo", "hi"])
    covered = ((found["lo"] <= truth + 1e-9) & (truth - 1e-9 <= found["hi"])).mean()
    assert covered >= 0.92 - 3 * np.sqrt(0.92 * 0.08 / SALTS)
    error = found["value"].mean() - truth
    assert abs(error) <= 3.5 * max(found["value"].std() / np.sqrt(SALTS), 1e-9)
