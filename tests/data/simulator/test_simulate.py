"""The simulated shop as a dataset: same seed, same shop, on every machine with the same lock."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from shopr.data.dataset import Dataset
from shopr.data.simulator import PRESETS, SIMULATOR_VERSION, World, simulate, world_dataset, world_of
from shopr.errors import InputError, UnknownNameError

GOLDEN = {1: "0a17264b06a193aa"}
"""Simulator version -> digest of the shop below. A change here is a new version: raise SIMULATOR_VERSION."""


def digest(shop: Dataset) -> str:
    text = "".join(t.to_csv(index=False) for t in (shop.catalog.frame, shop.events, shop.texts, shop.prices))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def small(seed: int = 42) -> Dataset:
    return simulate(products=60, shoppers=40, days=40, seed=seed, images=False)


def test_the_shop_of_a_seed_is_frozen() -> None:
    assert digest(small()) == GOLDEN[SIMULATOR_VERSION]


def test_same_seed_same_fingerprint_other_seed_another() -> None:
    assert small().manifest.fingerprint == small().manifest.fingerprint != small(7).manifest.fingerprint


def test_hash_randomisation_changes_nothing(project: Path) -> None:
    code = (
        "from shopr.data.simulator import simulate\n"
        "print(simulate(products=60, shoppers=40, days=40, images=False).manifest.fingerprint)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=project,
        env=os.environ | {"PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == small().manifest.fingerprint, run.stderr


def test_a_dataset_like_any_other(tiny: Dataset, tmp_path: Path) -> None:
    tiny.save(tmp_path / "shop")
    again = Dataset.load(tmp_path / "shop")
    assert again.fingerprint == tiny.manifest.fingerprint == again.manifest.fingerprint
    log = tiny.interactions()
    assert len(log) > 200
    assert log.times is not None
    ratings = tiny.ratings()
    assert ratings is not None
    assert ratings.ratings is not None
    assert set(ratings.ratings) <= {1, 2, 3, 4, 5}
    assert tiny.manifest.source == "simulator"
    assert tiny.manifest.details["simulator_version"] == SIMULATOR_VERSION


def test_the_truth_is_not_in_the_dataset(tiny: Dataset) -> None:
    assert not tiny.extras
    columns = {c for t in (tiny.catalog.frame, tiny.events, tiny.texts, tiny.prices) for c in t.columns}
    assert not columns & {"quality", "budget", "persona", "appeal", "affinity"}
    assert not tiny.catalog.frame["attributes"].str.contains("quality|appeal|tier").any()


def test_pictures_are_named_by_the_catalogue() -> None:
    shop = simulate(products=60, shoppers=5, days=7)
    assert isinstance(shop.images, dict)
    assert {f"images/{name}" for name in shop.images} == set(shop.catalog.frame["image"])


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    world_dataset(World(products=60, shoppers=5, days=7), images=False, on_progress=lambda *p: told.append(p))
    assert told == [("sessions", day, 7) for day in range(1, 8)]


@pytest.mark.parametrize("target", [5_000, 20_000])
def test_about_as_many_events_as_asked_for(target: int) -> None:
    shop = simulate(preset="tiny", events=target, images=False)
    assert 0.6 * target < len(shop.events) < 1.5 * target


def test_presets() -> None:
    assert set(PRESETS) >= {"tiny", "demo", "large"}
    with pytest.raises(UnknownNameError, match="unknown preset 'tinny'"):
        world_of("tinny")
    with pytest.raises(InputError, match="1,000,000,000 events"):
        world_of("tiny", events=10**9)


def test_times_are_whole_seconds_and_prices_whole_pence(tiny: Dataset) -> None:
    assert (tiny.events["time"].dt.microsecond == 0).all()
    assert pd.api.types.is_integer_dtype(tiny.events["price"])
