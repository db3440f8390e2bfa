"""Profiles: hand calculations, outliers, updates against rebuilds, what shoppers say, and the simulator's truth."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from shopr.data.catalog import Catalog
from shopr.data.events import Event, events_frame
from shopr.data.interactions import Interactions
from shopr.data.simulator import World, world_dataset, world_of
from shopr.errors import DataError
from shopr.recommend.profile.corrections import Correction, Wishes
from shopr.recommend.profile.parts import LESS, MORE, shop_shares
from shopr.recommend.profile.profiles import ProfileConfig, Profiles, build_profiles
from shopr.recommend.profile.styles import attribute_matrix
from tests.recommend.shop import small_catalog, small_interactions

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOOKS = {"cosy": ("wool", "dotted"), "sleek": ("steel", "plain")}


@cache
def catalog() -> Catalog:
    """Two departments of two leaves with twelve products each: even ones cosy, odd ones sleek, prices from 100 up."""
    rows = []
    for leaf, path in enumerate(("Home > Mugs", "Home > Lamps", "Toys > Balls", "Toys > Kites")):
        for n in range(12):
            material, pattern = LOOKS["cosy" if n % 2 == 0 else "sleek"]
            attributes = {"material": material, "pattern": pattern, "kind": path}
            rows.append(
                {
                    "product_id": f"{leaf}-{n}",
                    "title": f"{path} {n}",
                    "category": path,
                    "brand": f"B{n % 3}",
                    "price": round(100 * 1.2**n),
                    "currency": "GBP",
                    "attributes": json.dumps(attributes),
                }
            )
    return Catalog.from_frame(pd.DataFrame(rows))


def bought(user: str, product: str, days_ago: float = 0.0, kind: str = "order_completed", **more: Any) -> Event:
    time = NOW - timedelta(days=days_ago)
    return Event(type=kind, time=time, user_id=user, properties={"product_id": product, **more})


@cache
def crowd() -> tuple[Event, ...]:
    """Forty shoppers, half of whom buy cosy things, half sleek ones, anywhere in the shop."""
    rng = np.random.default_rng(3)
    return tuple(
        bought(f"c{u}", f"{rng.integers(4)}-{2 * rng.integers(6) + u % 2}", float(rng.integers(1, 300)))
        for u in range(40)
        for _ in range(12)
    )


def built(*events: Event, wishes: dict[str, Wishes] | None = None, **settings: Any) -> Profiles:
    return build_profiles(
        events_frame([*crowd(), *events]), catalog(), NOW, config=ProfileConfig(**settings), wishes=wishes
    )


def share(profiles: Profiles, user: str, path: str) -> float:
    return float(profiles.category_shares([user])[0, profiles.space.categories.encode([path])[0]])


def test_category_shares_follow_the_hand_calculation() -> None:
    profiles = built(bought("ann", "0-0"), bought("ann", "0-1", 120.0), bought("ann", "2-0"), category_shrinkage=2.0)
    shop = dict(zip(profiles.space.categories.ids, shop_shares(profiles.space), strict=True))
    home = (1.5 + 2 * shop["Home"]) / (2.5 + 2)  # the older purchase is worth half
    mugs = home * (1.5 + 2 * shop["Home > Mugs"] / shop["Home"]) / (1.5 + 2)
    assert share(profiles, "ann", "Home") == pytest.approx(home)
    assert share(profiles, "ann", "Home > Mugs") == pytest.approx(mugs)


def test_shares_of_a_level_sum_to_one_and_strangers_have_the_shops() -> None:
    profiles = built()
    shares = profiles.category_shares([f"c{u}" for u in range(40)] + ["stranger"])
    depth = profiles.space.depth
    for level in (1, 2):
        np.testing.assert_allclose(shares[:, depth == level].sum(axis=1), 1.0)
    np.testing.assert_allclose(shares[-1], shop_shares(profiles.space))
    assert profiles.affinity(["stranger"])["category"] == pytest.approx(0.0)
    assert "stranger" not in profiles


def test_a_brand_counts_beyond_what_its_categories_would_give() -> None:
    profiles = built(*[bought("ann", f"{leaf}-{n}") for leaf in range(4) for n in (0, 3, 6, 9)], brand_shrinkage=4.0)
    mix = profiles.space.brand_mix.toarray()
    nodes = profiles.space.categories.encode(["Home > Mugs", "Home > Lamps", "Toys > Balls", "Toys > Kites"])
    expected = 4 * mix[nodes].sum(axis=0)
    np.testing.assert_allclose(
        profiles.brand_lifts(["ann"])[0], (np.array([16.0, 0.0, 0.0]) + 4) / (expected + 4), rtol=1e-6
    )
    np.testing.assert_allclose(profiles.brand_lifts(["stranger"]), 1.0)


@given(st.lists(st.integers(0, 11), min_size=5, max_size=12), st.integers(10**4, 10**9))
@settings(max_examples=25)
def test_one_gift_moves_the_price_range_no_further_than_to_the_next_purchase(items: list[int], gift: int) -> None:
    usual = [bought("ann", f"0-{n}") for n in items]
    space = built(*usual, price_shrinkage=1e-6).space
    frame = events_frame(usual)
    odd = events_frame([*usual, bought("ann", "0-0", price=gift, currency="GBP")])
    node = space.categories.encode(["Home > Mugs"])[0]
    before, after = (
        build_profiles(f, catalog(), NOW, space=space).price_places(["ann"])[0][0, node] for f in (frame, odd)
    )
    ranked = np.sort(space.place(space.item_ids.encode([f"0-{n}" for n in items]).astype(np.int64)))
    middle = len(items) // 2
    low, high = ranked[max(middle - 1, 0)], ranked[min(middle + 1, len(items) - 1)]
    for centre in (before, after):
        assert low - 0.026 <= centre <= high + 0.026  # half a bin


def test_the_price_range_is_weighted_median_and_mad() -> None:
    events = [bought("ann", f"0-{n}") for n in (2, 3, 4, 5, 6)]
    profiles = built(*events, price_shrinkage=1e-9)
    space = profiles.space
    places = np.rint(space.place(np.array([2, 3, 4, 5, 6])) * 20) / 20
    centre, spread = (part[0, space.leaf[0]] for part in profiles.price_places(["ann"]))
    assert centre == pytest.approx(np.median(places))
    assert spread == pytest.approx(1.4826 * np.median(np.abs(places - np.median(places))))


def test_a_dear_taste_carries_over_to_categories_never_bought() -> None:
    profiles = built(*[bought("rich", f"0-{n}") for n in (10, 11, 11, 10, 11)], *[bought("poor", "0-0")] * 5)
    kites = profiles.space.categories.encode(["Toys > Kites"])[0]
    rich, poor = profiles.price_places(["rich", "poor"])[0][:, kites]
    assert rich > 0.75 > 0.25 > poor
    fit = profiles.affinity(["rich", "poor"], profiles.space.item_ids.encode(["3-11", "3-0"]))["price"]
    assert fit[0, 0] > 0.5 > fit[0, 1]
    assert fit[1, 1] > 0.5 > fit[1, 0]


def test_styles_cut_across_categories_and_are_named_by_attributes() -> None:
    profiles = built(styles=2)
    words, _ = attribute_matrix(catalog())
    assert words == ["material=steel", "material=wool", "pattern=dotted", "pattern=plain"]  # a kind is a category
    assert {frozenset(n.split(", ")) for n in profiles.space.styles.names} == {frozenset(v) for v in LOOKS.values()}
    cosy = next(n for n, name in enumerate(profiles.space.styles.names) if "wool" in name)
    shares = profiles.style_shares([f"c{u}" for u in range(40)])
    assert (shares[::2, cosy] > 0.7).all()
    assert (shares[1::2, cosy] < 0.3).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert built(styles=2).space.styles.names == profiles.space.styles.names


def test_seasons_recency_and_frequency() -> None:
    summer = [bought("ann", "0-0", 180.0 + n) for n in range(30)]  # June and July
    profiles = built(*summer)
    assert profiles.month_lifts(["ann"])[0].argmax() in (5, 6)
    assert profiles.describe("ann").seasons[0].name == "summer"
    assert profiles.describe("ann", south=True).seasons[0].name == "winter"
    assert profiles.days_since(["ann", "stranger"])[0] == pytest.approx(180.0)
    assert np.isnan(profiles.days_since(["stranger"])[0])
    steady = built(*[bought("bob", "0-0", float(n)) for n in range(0, 1500, 10)])
    assert steady.orders_a_month(["bob"])[0] == pytest.approx(3.0, rel=0.05)


ACTS = st.tuples(
    st.sampled_from(["ann", "bob", "c1"]),
    st.sampled_from(["0-0", "1-5", "3-11", "nowhere"]),
    st.floats(0, 400),
    st.sampled_from(["order_completed", "product_viewed", "cart_item_added", "order_returned"]),
    st.one_of(st.none(), st.integers(1, 10**6)),
)


@given(st.lists(ACTS, max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_updates_event_by_event_equal_a_rebuild(acts: list[Any], random: Any) -> None:
    space = built().space
    events = [bought(u, p, d, k, **({"price": c, "currency": "GBP"} if c else {})) for u, p, d, k, c in acts]
    live = build_profiles(events_frame(crowd()), catalog(), NOW, space=space)
    shuffled = list(events)
    random.shuffle(shuffled)
    for event in shuffled:
        counts = event.type in ("order_completed", "product_viewed", "cart_item_added")
        assert live.update(event) == (counts and event.properties["product_id"] != "nowhere")
    whole = build_profiles(events_frame([*crowd(), *events]), catalog(), NOW, space=space)
    users = ["ann", "bob", "c1", "c2", "stranger"]
    assert len(live) == len(whole)
    np.testing.assert_allclose(live.sums(users).toarray(), whole.sums(users).toarray(), rtol=1e-9, atol=1e-12)
    for a, b in zip(live.seen(users), whole.seen(users), strict=True):
        np.testing.assert_allclose(a, b)
    for name, values in live.affinity(users).items():
        np.testing.assert_allclose(values, whole.affinity(users)[name], rtol=1e-6, atol=1e-9, err_msg=name)


def test_a_later_event_moves_now_on() -> None:
    profiles = built(bought("ann", "0-0"))
    assert profiles.update(bought("ann", "0-1", -120.0))
    assert profiles.days_since(["ann"])[0] == pytest.approx(0.0)
    assert profiles.days_since(["c0"])[0] > 120
    rebuilt = build_profiles(
        events_frame([*crowd(), bought("ann", "0-0"), bought("ann", "0-1", -120.0)]),
        catalog(),
        NOW + timedelta(days=120),
        space=profiles.space,
    )
    np.testing.assert_allclose(profiles.category_shares(["ann", "c0"]), rebuilt.category_shares(["ann", "c0"]))


def test_what_a_shopper_says_holds() -> None:
    profiles = built(*[bought("ann", f"2-{n}") for n in range(8)])
    codes = profiles.space.item_ids.encode(["2-0", "3-0", "0-0"])
    assert profiles.affinity(["ann"], codes)["category"][0, 0] > 0.5
    assert profiles.describe("ann").categories[0].name == "Toys > Balls"
    said = (Correction("category", "Toys", "less"), Correction("category", "Toys > Kites", "more"))
    brand = (Correction("brand", "B0", "less"), Correction("brand", "unheard of", "more"))
    band = (Correction("price", "Home", low=100, high=110),)
    profiles.correct("ann", Wishes((*said, *brand, *band)))
    found = profiles.affinity(["ann", "bob"], codes)
    np.testing.assert_allclose(found["category"][0, :2], [LESS, MORE])
    np.testing.assert_allclose(found["category"][1], 0.0)
    np.testing.assert_allclose(found["brand"], [[LESS] * 3, [0.0] * 3], atol=1e-12)
    home = profiles.affinity(["ann"], profiles.space.item_ids.encode(["0-0", "0-11"]))["price"][0]
    assert home[0] == 1.0
    assert home[1] < 1e-6
    card = profiles.describe("ann")
    assert "Toys > Balls" not in [trait.name for trait in card.categories]
    assert card.prices[0].stated
    assert card.prices[0].words == "£1.00 to £1.10"
    assert "You said you pay £1.00 to £1.10 for Home." in card.words
    assert "You asked for less of Toys." in card.words


def test_a_deleted_profile_does_not_look_back() -> None:
    gone = Wishes((), NOW - timedelta(days=1))
    events = (bought("ann", "2-0", 5.0), bought("ann", "0-0", 0.5))
    rebuilt = built(*events, wishes={"ann": gone})
    live = built(*events[:1])
    live.correct("ann", gone)
    assert live.describe("ann").words == ("We know nothing about you yet.",)
    assert not live.update(events[0])
    assert live.update(events[1])
    only = built(events[1])
    for profiles in (rebuilt, live):
        np.testing.assert_allclose(profiles.sums(["ann"]).toarray(), only.sums(["ann"]).toarray())
    live.correct("ann", Wishes((Correction("brand", "B1", "more"),), gone.deleted_at))
    assert live.sums(["ann"]).nnz  # the same deletion does not take what came after it


def test_the_card_is_readable() -> None:
    card = built(*[bought("ann", f"1-{n}", 2.0) for n in (0, 2, 4, 6)]).describe("ann")
    text = " ".join(card.words)
    assert "You mostly look for Lamps (58%)" in text
    assert "You were last here 2 days ago" in text
    (lamps,) = card.prices
    assert lamps.category == "Home > Lamps"
    assert 100 <= lamps.low < lamps.typical < lamps.high
    stranger = built().describe("nobody")
    assert not stranger.known
    assert stranger.categories == ()


def test_interactions_count_as_orders_and_bare_catalogues_do() -> None:
    log = small_interactions()
    profiles = build_profiles(log, small_catalog(), datetime.fromtimestamp(1_700_000_000 + 100 * 86_400, UTC))
    assert len(profiles) == len(np.unique(log.users))
    mugs = profiles.space.categories.encode(["Home > Mugs"])[0]
    shares = profiles.category_shares([f"u{n}" for n in range(0, 76, 4)])[:, mugs]
    assert shares.mean() > 0.35  # of four kinds
    price = profiles.affinity(["u0"])["price"]
    np.testing.assert_array_equal(price, 1.0)  # no prices in this catalogue
    bare = Catalog.from_frame(small_catalog().frame[["product_id", "title"]])
    found = build_profiles(log, bare, NOW).affinity(["u0", "stranger"])
    assert all(np.array_equal(v, np.full((2, len(bare)), name == "price", float)) for name, v in found.items())
    untold = build_profiles(log, bare, NOW, wishes={"u0": Wishes((Correction("price", "Home", low=1, high=2),))})
    assert untold.describe("u0").known
    np.testing.assert_array_equal(untold.affinity(["u0"])["price"], 1.0)
    untimed = Interactions(log.user_ids, log.item_ids, log.users, log.items, None, log.weights)
    assert build_profiles(untimed, small_catalog(), NOW).days_since(["u0"])[0] == 0


def test_no_events_and_no_products() -> None:
    empty = build_profiles(events_frame([]), catalog(), NOW)
    assert len(empty) == 0
    assert np.isfinite(empty.affinity(["ann"])["category"]).all()
    assert empty.update(bought("ann", "0-0"))
    assert empty.describe("ann").known
    with pytest.raises(DataError, match="0 products"):
        build_profiles(events_frame([]), Catalog.empty(), NOW)


@pytest.fixture(scope="module")
def world() -> World:
    return world_of("small", products=300, shoppers=400, days=150, seed=11)


def test_profiles_recover_what_the_simulator_hides(world: World) -> None:
    data = world_dataset(world, images=False)
    profiles = build_profiles(data.events, data.catalog, data.events["time"].max().to_pydatetime())
    rate = profiles.orders_a_month(list(profiles.user_ids.ids))
    users = list(profiles.user_ids.ids[np.argsort(-rate)][:150])
    codes = world.user_ids.encode(users)
    truth = world.truth
    centre = np.nanmean(profiles.price_places(users)[0], axis=1)
    budget = spearmanr(centre, truth.budget[codes])
    assert budget.statistic > 0
    assert budget.pvalue < 0.001
    leaves = np.unique(profiles.space.leaf)
    liking = truth.affinity(codes, world.days - 1)
    liking = np.log(np.stack([liking[:, profiles.space.leaf == leaf].mean(axis=1) for leaf in leaves], axis=1))
    own = np.log(profiles.category_shares(users)[:, leaves] / shop_shares(profiles.space)[leaves])
    agree = [np.corrcoef(a, b)[0, 1] for a, b in zip(own, liking - liking.mean(axis=0), strict=True)]
    assert np.mean(agree) > 0.3
