"""A dataset in numbers, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.data.describe import describe
from shopr.data.events import empty_events
from shopr.errors import InputError


def test_by_hand():
    catalogue = Catalog.from_frame(
        pd.DataFrame({"product_id": ["1", "2", "3"], "title": ["a", "b", "c"], "category": ["A > X", "A", ""]})
    )
    days = pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-03", "2024-01-02"], utc=True)
    events = pd.DataFrame(
        {
            "event_id": list("abcd"),
            "type": "order_completed",
            "time": days,
            "user_id": ["u", "u", "u", "v"],
            "product_id": ["1", "2", "1", "1"],
            "quantity": 1,
            "order_id": "o",
        }
    )
    summary = describe(Dataset.build("s", "test", catalogue, events), top=1)
    assert (summary.users, summary.items, summary.interactions, summary.pairs) == (2, 2, 4, 3)
    assert summary.density == 3 / 4
    assert summary.repeat_rate == 1 / 4
    assert summary.returning_users == 1 / 2
    assert (summary.per_user, summary.per_item) == (1.5, 1.5)
    assert summary.categories == {"A": 2}
    assert (summary.first.day, summary.last.day) == (1, 3)
    assert summary.event_types == {"order_completed": 4}
    with pytest.raises(InputError, match="top is -1"):
        describe(Dataset.build("s", "test", catalogue, events), top=-1)


def test_without_events():
    summary = describe(Dataset.build("s", "test", Catalog.empty(), empty_events()))
    assert summary.first is None
    assert summary.density is None
    assert summary.interactions == 0
