"""Models side by side: figures by hand, intervals, and the table."""

from __future__ import annotations

import numpy as np
import pytest

from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions
from shopr.data.splitting import temporal
from shopr.errors import InputError, UnknownNameError
from shopr.metrics.bootstrap import interval, paired
from shopr.recommend.contract.registry import make
from shopr.recommend.selection.evaluation import compare, judge
from tests.recommend.shop import small_catalog, small_interactions


def tiny(pairs: list[tuple[int, int]]) -> Interactions:
    users, items = np.array(pairs, np.int32).T if pairs else np.empty((2, 0), np.int32)
    return Interactions(
        IdMap(["a", "b", "c"]),
        IdMap(["w", "x", "y", "z"]),
        users,
        items,
        np.arange(len(pairs), dtype=np.int64),
        np.ones(len(pairs), np.float32),
    )


def test_popularity_by_hand(clock):
    train = tiny([(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2)])
    test = tiny([(1, 2), (2, 3)])  # b sees y first, then z: a hit at rank 1; c sees x, y: a miss within two
    found = judge(make("popular"), train, test, k=2, name="mine", clock=clock)
    assert found.name == "mine"
    assert found.users.tolist() == [1, 2]
    np.testing.assert_allclose(found.metrics["ndcg"], [1.0, 0.0])
    np.testing.assert_allclose(found.metrics["recall"], [1.0, 0.0])
    assert found.mean() == 0.5
    assert found.coverage == pytest.approx(3 / 4)  # x, y and z are shown to somebody
    assert (found.fit_seconds, found.recommend_seconds) == (0.0, 0.0)


def test_nothing_to_judge_by():
    with pytest.raises(InputError, match=r"holds nothing to judge by"):
        judge(make("popular"), tiny([(0, 0)]), tiny([]))


def test_the_table_compares_with_a_reference(clock):
    train, test = temporal(small_interactions())
    names = ["popular", "item_knn", "content"]
    found = compare(names, train, test, k=5, catalog=small_catalog(), seed=3, clock=clock)
    assert list(found.judged) == names
    table = found.table(reference="popular")
    assert table["ndcg"].is_monotonic_decreasing
    rows = table.set_index("model")
    values = {name: one.metrics["ndcg"] for name, one in found.judged.items()}
    by_hand = interval(values["item_knn"], seed=3)
    assert rows.loc["item_knn", ["ndcg", "lo", "hi"]].tolist() == [by_hand.mean, by_hand.low, by_hand.high]
    gain = paired(values["item_knn"], values["popular"], seed=3)
    assert rows.loc["item_knn", ["gain", "gain_lo", "gain_hi", "p"]].tolist() == [
        gain.mean, gain.low, gain.high, gain.p_value,
    ]  # fmt: skip
    assert rows.loc["popular", "gain"] == 0
    assert np.isnan(rows.loc["popular", "p"])
    assert {"recall", "hit_rate", "coverage", "fit_s", "recommend_s"} <= set(table.columns)
    assert "gain" not in found.table().columns
    by_recall = found.table("recall")
    assert by_recall["recall"].is_monotonic_decreasing
    best = found.entries()[0]
    assert best == {
        "model": table["model"][0], "mean": table["ndcg"][0], "low": table["lo"][0], "high": table["hi"][0],
    }  # fmt: skip


def test_own_models_by_name(clock):
    train, test = temporal(small_interactions())
    models = {"few": make("item_knn", neighbours=2), "many": make("item_knn", neighbours=40)}
    found = compare(models, train, test, clock=clock)
    assert set(found.judged) == {"few", "many"}
    np.testing.assert_array_equal(found.judged["few"].users, found.judged["many"].users)


def test_an_unknown_model_is_refused():
    train, test = temporal(small_interactions())
    with pytest.raises(UnknownNameError, match=r"Did you mean 'popular'"):
        compare(["populer"], train, test)


def test_beyond_accuracy_is_measured_on_the_lists_themselves(clock):
    train = tiny([(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2)])
    test = tiny([(1, 2), (2, 3)])
    found = compare(["popular"], train, test, k=2, clock=clock)
    assert found.judged["popular"].items.tolist() == [[2, 3], [1, 2]]
    (row,) = found.beyond(train).to_dict("records")
    assert row["model"] == "popular"
    assert row["coverage"] == pytest.approx(3 / 4)
    assert row["personalisation"] == pytest.approx(1 / 2)  # one of two products is shared
    assert row["average_popularity"] == pytest.approx(((1 + 0) / 2 + (2 + 1) / 2) / 2)
    assert "diversity_by_label" not in row


def test_diversity_needs_a_catalogue(clock):
    train, test = temporal(small_interactions())
    table = compare(["popular", "item_knn"], train, test, k=5, clock=clock).beyond(train, small_catalog())
    assert list(table["model"]) == ["popular", "item_knn"]
    assert table["diversity_by_label"].between(0, 1).all()
