"""Analytics against the simulator's books: exact from the whole store, within intervals from samples."""

from __future__ import annotations

import numpy as np
import pytest

from shopr.analytics.health.experience import call_routes, error_history
from shopr.analytics.health.quality import error_groups
from shopr.config import Settings
from shopr.workbench.drills.analytics import Observed, against_truth, books, measured, observed, sampled, vitals_truth


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return observed(Settings(home=tmp_path_factory.mktemp("home"), time_zone="Europe/Berlin"), preset="tiny", seed=7)


def test_every_figure_of_the_whole_store_is_the_books(shop: Observed) -> None:
    table = against_truth(shop, 0.5)
    assert len(table) == 14
    assert table["exact"].all(), table[~table["exact"]]
    assert (table["truth"] > 0).all()


def test_samples_are_unbiased_and_their_intervals_hold_the_truth(shop: Observed) -> None:
    """Eight samples of two fifths: of all intervals at least 88 in 100 hold the truth, and no mean is off by 3 s.e."""
    truth = books(shop)
    held, ratios = [], {name: [] for name in truth}
    for salt in range(8):
        found = measured(sampled(shop.table, 0.4, salt=f"salt {salt}"), shop.span)
        for name, known in truth.items():
            one = found[name]
            held.append(one.lo <= known * (1 + 1e-9) and known * (1 - 1e-9) <= one.hi)
            ratios[name].append(one.value / known)
    assert np.mean(held) >= 0.88
    for name, found_ratios in ratios.items():
        error = np.std(found_ratios, ddof=1) / len(found_ratios) ** 0.5
        assert abs(np.mean(found_ratios) - 1) <= max(3 * error, 1e-9), name


def test_facts_are_exact_in_every_sample(shop: Observed) -> None:
    found, truth = measured(sampled(shop.table, 0.05), shop.span), books(shop)
    for name in ("orders", "revenue", "average order", "recommendations clicked"):
        assert found[name].value == pytest.approx(truth[name], rel=1e-12)


def test_diagnostics_are_told_as_they_were_drawn(shop: Observed) -> None:
    drawn = shop.diagnostics
    groups = error_groups(shop.store).set_index("fingerprint")
    history = error_history(shop.store).set_index("fingerprint")
    for row in drawn.errors.itertuples():
        assert groups.loc[row.fingerprint, ["name", "errors", "users"]].tolist() == [row.name, row.errors, row.persons]
        assert history.loc[row.fingerprint, "regressed"] == row.regressed
    calls = call_routes(shop.store).set_index("route")
    for row in drawn.calls.itertuples():
        assert calls.loc[row.route, "calls"] == row.calls
        assert calls.loc[row.route, "failed"] * row.calls == pytest.approx(row.failed)
    assert vitals_truth(shop.store, shop)["inside"].sum() >= 13  # of 15, at 95 %
