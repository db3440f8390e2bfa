"""One played world for all tests of the simulator; none of them changes it."""

from __future__ import annotations

import pandas as pd
import pytest

from shopr.data.dataset import Dataset
from shopr.data.simulator import World, world_dataset, world_of


@pytest.fixture(scope="session")
def world() -> World:
    return World(42, products=500, shoppers=1200, days=300, horizon=60)


@pytest.fixture(scope="session")
def events(world: World) -> pd.DataFrame:
    return world.history()


@pytest.fixture(scope="session")
def tiny() -> Dataset:
    return world_dataset(world_of("tiny"), images=False)
