"""The parts of the recommendation benchmark that decide its figures: splits, peers' lists, the record, the curves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from benchmarks.recommendation.curves import variants
from benchmarks.recommendation.data import SPLITS, catalog, load
from benchmarks.recommendation.peer import pairs, placed
from benchmarks.recommendation.record import leaderboard, record
from benchmarks.recommendation.settings import SETTINGS
from shopr.recommend.contract.registry import make


def test_lists_of_users_and_their_items(tmp_path):
    (tmp_path / "amazoncds_ultragcn_train.txt").write_text("0 1 2\n1 0\n")
    (tmp_path / "amazoncds_ultragcn_test.txt").write_text("0 3\n1 1 2\n")
    train, truth = load("amazoncds", tmp_path)
    np.testing.assert_array_equal(train.binary.toarray(), [[0, 1, 1, 0], [1, 0, 0, 0]])
    np.testing.assert_array_equal(truth.toarray(), [[0, 0, 0, 1], [0, 1, 1, 0]])


def test_sequences_hold_out_their_last_item_and_keep_their_order(tmp_path):
    (tmp_path / "amazon_Sports_and_Outdoors.txt").write_text("1 3 1 2\n2 1 3 2 4\n")
    train, truth = load("sports_loo", tmp_path)
    np.testing.assert_array_equal(truth.toarray(), [[0, 1, 0, 0], [0, 0, 0, 1]])
    order = train.items[np.lexsort((train.times, train.users))]
    np.testing.assert_array_equal(order, [2, 0, 0, 2, 1])
    assert set(np.diff(np.unique(train.times))) == {86_400}


def test_attributes_become_a_catalogue(tmp_path):
    (tmp_path / "amazon_Sports_and_Outdoors_item2attributes.json").write_text('{"1": [4, 2], "3": [2]}')
    found = catalog("sports_loo", tmp_path)
    assert found is not None
    assert list(found.frame["product_id"]) == ["0", "2"]
    assert "a4" in found.frame["attributes"][0]
    assert catalog("ml1m_ugcn", tmp_path) is None


@pytest.mark.parametrize(("split", "users"), [("or_invoice", 2479), ("or_temporal", 1421)])
def test_stricter_splits_of_online_retail(shared_data, split, users):
    train, truth = load(split, shared_data / "recommend")
    assert (train.n_users, train.n_items) == (4074, 3145)
    judged = np.flatnonzero(np.diff(truth.indptr))
    assert len(judged) == users
    assert (np.diff(train.binary.indptr)[judged] > 0).all()
    assert truth.multiply(train.binary).nnz == 0


def test_peers_lists_in_long_form_become_rows():
    train = sparse.csr_matrix(np.array([[1, 0, 1], [0, 1, 0]], np.float32))
    assert pairs(train)["user_id"].tolist() == [0, 0, 1]
    items = placed(np.array([2, 5]), np.array([5, 2, 2, 2]), np.array([0, 0, 1, 2]), np.array([7, 1, 3, 9]), 2)
    np.testing.assert_array_equal(items, [[1, 3], [7, -1]])


def row(model: str, ndcg: float, **params: float) -> dict:
    times = {"fit_s": 1.0, "recommend_s": 0.5, "peak_mb": 100.0, "rounds": 1, "users": 10, "coverage": 0.5}
    interval = {"ndcg_low": ndcg - 0.01, "ndcg_high": ndcg + 0.01, "recall": 0.2}
    return {"model": model, "ndcg": ndcg, "params": params, **interval, **times}


def test_the_record_keeps_the_newest_row_and_counts_looks(tmp_path):
    file = tmp_path / "results" / "recommend.json"
    record("or_loo", [row("ease", 0.1, lam=1.0), row("popular", 0.05)], {"seed": 42}, file)
    record("or_loo", [row("ease", 0.12345678, lam=2.0)], {"seed": 42}, file)
    record("or_loo", [row("ease", 0.12345678, lam=2.0)], {"seed": 42}, file)
    text = leaderboard(file)
    ease, popular = [line for line in text.splitlines() if line.startswith(("| ease", "| popular"))]
    assert ease.startswith("| ease | 0.1235 | 0.1135–0.1335 |")
    assert ease.endswith("| 2 |")
    assert popular.endswith("| 1 |")
    assert "target: ndcg 0.2" in text


def test_a_curve_moves_one_setting_at_a_time():
    moved = list(variants({"lam": 100.0, "user_power": 0.5, "head": 9000}))
    assert [(name, value) for name, value, _ in moved if name == "lam"][:2] == [("lam", 12.5), ("lam", 25.0)]
    assert all(sum(params[k] != v for k, v in (("lam", 100.0), ("user_power", 0.5))) <= 1 for _, _, params in moved)
    assert {type(params["head"]) for _, _, params in moved} == {int}
    stack = {
        "members": [{"model": "ease", "params": {}, "weight": 1.0}, {"model": "markov", "params": {}, "weight": 2}]
    }
    moved = list(variants(stack))
    assert {name for name, _, _ in moved} == {"weight of ease 1", "weight of markov 2"}
    assert stack["members"][0]["weight"] == 1.0


@pytest.mark.parametrize("split", sorted(SETTINGS))
def test_the_named_settings_are_valid(split):
    assert split in SPLITS
    for name, params in SETTINGS[split].items():
        make(name.removesuffix("_described"), **params)
