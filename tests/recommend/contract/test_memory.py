"""The memory bound: estimates against a child process's resident memory, refusals, blocks that change nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

from shopr.config import Settings
from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions
from shopr.errors import CapacityError, ConfigError, InputError
from shopr.recommend.arithmetic import gram as gram_module
from shopr.recommend.arithmetic import pairs as pairs_module
from shopr.recommend.arithmetic.gram import gram
from shopr.recommend.contract import memory
from shopr.recommend.contract.memory import Size, block_rows, bounded, budget, largest_head
from shopr.recommend.contract.registry import make
from shopr.recommend.models.linear import EDLAE, weighted
from shopr.recommend.models.timekernel import EaseTime
from tests.recommend.shop import N_ITEMS, small_interactions
from tests.waiting import PATIENCE

MB = 2**20
SHOP = small_interactions()
FACTOR = 1.6
"""By how much an estimate may be above the truth; below it, a tenth at most."""
CHILD = """
import json, sys
import numpy as np
from pathlib import Path
from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions
from shopr.recommend.contract.memory import Size, bounded, estimate
from shopr.recommend.contract.registry import make

def log(rows, users, items):
    rng = np.random.Generator(np.random.PCG64(0))
    share = np.cumsum(1 / np.arange(10, items + 10) ** 0.8)
    chosen = np.searchsorted(share / share[-1], rng.random(rows)).astype(np.int32)
    times = 1_700_000_000 + rng.integers(0, 8_640_000, rows)
    who = rng.integers(0, users, rows).astype(np.int32)
    return Interactions(IdMap(range(users)), IdMap(range(items)), who, chosen, times, np.ones(rows, np.float32))

def resident(name):
    line = next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith(name))
    return int(line.split()[1]) * 1024

job = json.loads(sys.argv[1])
make(job["model"], **job["params"]).fit(log(2_000, 60, 80)).recommend([0, 1], 5)  # what is imported stays out of it
data = log(job["rows"], job["users"], job["items"])
with bounded(job["bound"]):
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    model = make(job["model"], **job["params"]).fit(data)
    model.recommend(np.arange(job["users"]), 10)
    told = estimate(model, Size.of(data, sampled=True))
print(json.dumps({"peak": resident("VmHWM") - before, "told": told}))
"""


def log(rows: int, users: int, items: int, seed: int = 0) -> Interactions:
    rng = np.random.default_rng(seed)
    who, what = rng.integers(0, users, rows).astype(np.int32), rng.integers(0, items, rows).astype(np.int32)
    return Interactions(IdMap(range(users)), IdMap(range(items)), who, what, None, np.ones(rows, np.float32))


CASES = {
    "popular": {"items": 1_500, "rows": 2_000_000, "users": 8_000},
    "ease_time": {"items": 5_000},
    "edlae": {"items": 20_000, "params": {"head": 5_000}},
    "item_knn": {"items": 2_000, "rows": 1_000_000},
    "item_filter": {"items": 9_000},
    "spectral": {"items": 4_000, "rows": 200_000},
    "markov": {"items": 9_000},
    "stack": {"items": 5_000, "params": {"members": [{"model": "ease"}, {"model": "item_filter", "weight": 0.3}]}},
    "ials": {"items": 12_000, "users": 8_000, "params": {"iterations": 1}},
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a peak that can be set back")
@pytest.mark.parametrize("model", CASES)
def test_estimates_hold_against_the_resident_memory_of_a_process(model):
    job = {"rows": 300_000, "users": 3_000, "params": {}, "bound": 2**30, **CASES[model], "model": model}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(job)], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert 0.9 * found["peak"] <= found["told"] <= found["peak"] * FACTOR, found
    assert found["peak"] <= job["bound"]


def test_a_refusal_names_size_bound_and_what_would_fit():
    wide = log(30_000, 10_000, 20_000)
    with bounded(600 * MB), pytest.raises(CapacityError) as refused:
        make("ease").fit(wide)
    text = refused.value.one_line()
    assert "ease over 20,000 items and" in text
    assert "needs 1.6 GB, the memory budget is 600 MB" in text
    for word in ("'edlae' with head=", "'item_filter'", "'ials'", "'spectral'", "SHOPR_MEMORY_BUDGET"):
        assert word in text
    with bounded(4 * 2**30):
        memory.require(make("ease"), wide)


def test_what_a_refusal_names_is_not_refused():
    wide = log(30_000, 10_000, 20_000)
    with bounded(600 * MB):
        head = largest_head(Size.of(wide), 600 * MB)
        memory.require(make("edlae", head=head), wide)
        with pytest.raises(CapacityError, match=f"'ease_time' with head={head}|'edlae' with head={head}"):
            memory.require(make("edlae", head=3 * head), wide)
        for name in ("item_filter", "ials", "spectral"):
            memory.require(make(name), wide)


def test_where_nothing_fits_a_sample_is_named():
    with bounded(1 * MB), pytest.raises(CapacityError, match="Use a sample of the interactions, or raise"):
        make("ials").fit(SHOP)


def test_nothing_is_computed_before_the_refusal(monkeypatch):
    model = make("ease")
    monkeypatch.setattr(type(model), "_fit", lambda *_: pytest.fail("it started"))
    with bounded(1 * MB), pytest.raises(CapacityError):
        model.fit(SHOP)


def test_the_bound_is_the_setting_unless_one_is_given(monkeypatch):
    assert budget() == Settings().memory_budget == 4 * 2**30
    monkeypatch.setenv("SHOPR_MEMORY_BUDGET", "100MB")
    assert budget() == 100 * MB
    with bounded(70 * MB):
        assert budget() == 70 * MB
    assert budget() == 100 * MB
    with pytest.raises(InputError, match="bound is 0"), bounded(0):
        pass
    monkeypatch.setenv("SHOPR_MEMORY_BUDGET", "100 parsecs")
    with pytest.raises(ConfigError, match="no amount of memory"):
        make("popular").fit(SHOP)


def test_a_bound_of_the_models_own_may_be_tighter_but_not_wider():
    with pytest.raises(CapacityError, match="the memory budget is 1 MB"):
        make("ease", memory_gb=0.001).fit(SHOP)
    with bounded(1 * MB), pytest.raises(CapacityError, match="the memory budget is 1 MB"):
        make("ease", memory_gb=100.0).fit(SHOP)


def test_blocks_of_scores_shrink_with_the_bound():
    with bounded(64 * MB):
        assert block_rows(10_000, 1_024) == 2 * MB // 4096
        assert block_rows(3, 1_024) == 3
        assert block_rows(10_000, 10**7) == 1
    with bounded(2**40):
        assert block_rows(10**6, 1_024) == 64 * MB // 4096


def test_lists_do_not_depend_on_the_blocks(monkeypatch):
    model = make("edlae").fit(SHOP)
    whole = model.recommend(np.arange(SHOP.n_users), 10)
    monkeypatch.setattr("shopr.recommend.contract.base.BLOCK_BYTES", 4 * N_ITEMS * 7)
    parts = model.recommend(np.arange(SHOP.n_users), 10)
    np.testing.assert_array_equal(parts.items, whole.items)
    np.testing.assert_array_equal(parts.scores, whole.scores)


@pytest.mark.parametrize("cells", [1, 50, 2**22])
@pytest.mark.parametrize("sparse_cost", [0.0, 1e9])
def test_gram_matrices_do_not_depend_on_the_blocks(monkeypatch, cells, sparse_cost):
    monkeypatch.setattr(gram_module, "_SPARSE_PAIR", sparse_cost)
    whole = gram(SHOP.binary), gram(weighted(SHOP.binary, 0.7))
    monkeypatch.setattr(gram_module, "_BLOCK_CELLS", cells)
    np.testing.assert_array_equal(gram(SHOP.binary), whole[0])
    np.testing.assert_allclose(gram(weighted(SHOP.binary, 0.7)), whole[1], rtol=1e-6)


def test_long_sums_keep_their_digits(monkeypatch):
    monkeypatch.setattr(gram_module, "_SPARSE_PAIR", 0.0)
    matrix = sparse.csr_matrix(np.full((200_000, 2), 0.1, np.float32))
    exact = 200_000 * float(np.float32(0.1)) ** 2
    np.testing.assert_allclose(gram(matrix), exact, rtol=1e-7)


@pytest.mark.parametrize("scattered", [0, 10**6])
def test_the_time_kernel_does_not_depend_on_the_blocks(monkeypatch, scattered):
    whole = EaseTime(share=0.4)._gram(SHOP.binary, SHOP.last_times).copy()
    monkeypatch.setattr(pairs_module, "_BLOCK_PAIRS", 60)
    monkeypatch.setattr(gram_module, "_BLOCK_CELLS", 200)
    monkeypatch.setattr(gram_module, "_SCATTERED", scattered)
    np.testing.assert_allclose(EaseTime(share=0.4)._gram(SHOP.binary, SHOP.last_times), whole, rtol=1e-6)


def test_a_head_lends_its_memory():
    whole = EDLAE(head=20).fit(SHOP)
    popular = np.flatnonzero(np.diff(whole.weights.indptr))
    thin = EDLAE(head=20, density=0.02).fit(SHOP)
    assert len(popular) == 20
    assert whole.weights.shape == thin.weights.shape == (N_ITEMS, N_ITEMS)
    assert 0 < thin.weights.nnz < whole.weights.nnz == 380
    assert set(np.flatnonzero(np.diff(thin.weights.indptr))) <= set(popular)
