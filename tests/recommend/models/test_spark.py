"""ALS on Spark: the same factors as its own exact solution, the mapped regularisation, and every way it may fail."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from shopr.config import Settings
from shopr.errors import CapacityError, ConfigError, InputError, NotReadyError, RunError, ShoprError
from shopr.metrics.ranking import evaluate
from shopr.recommend.arithmetic.weighting import history_strengths
from shopr.recommend.contract.persist import load, save
from shopr.recommend.contract.registry import make
from shopr.recommend.models import spark
from shopr.recommend.models.factor import IALS
from shopr.recommend.models.spark import Factors, check_ready, java_version, penalty_per_entry
from tests.recommend.shop import small_interactions

SHOP = small_interactions()
LARGER = small_interactions(0, 1_500, 60)
HELD = np.random.default_rng(3).random(len(LARGER)) < 0.3
TRAIN, TEST = LARGER.take(~HELD), LARGER.take(HELD)
SETTINGS = {"factors": 8, "regularization": 20.0, "alpha": 3.0, "iterations": 6, "seed": 1}
SERVE = """
import sys
import numpy as np
from shopr.recommend.contract.persist import load
model = load(sys.argv[1])
lists = model.recommend(np.arange(5), 3)
model.explain(np.arange(5), lists.items)
model.fold_in(model.train.histories(np.arange(5)), 3)
assert not {"pyspark", "py4j", "shopr.recommend.models.spark"} & set(sys.modules)
print(lists.items.tolist())
"""


def needs_spark() -> None:
    pytest.importorskip("pyspark")
    if (java_version() or 0) < spark.OLDEST_JAVA:
        pytest.skip("Java is not installed, or too old for Spark")


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Factors:
    needs_spark()
    settings = Settings(home=tmp_path_factory.mktemp("home"), spark_master="local[1]", memory_budget=2**30)
    found = spark.train(history_strengths(TRAIN.histories(), "log"), **SETTINGS, users=True, settings=settings)
    assert list((settings.home / "spark").iterdir()) == [], "a job leaves nothing behind"
    return found


@pytest.fixture(scope="module")
def model(learnt: Factors) -> IALS:
    with pytest.MonkeyPatch.context() as fixed:
        fixed.setattr(spark, "train", lambda *_, **__: learnt)  # it takes seconds: once for all tests
        return IALS(engine="spark", **SETTINGS).fit(TRAIN)


# -- with Spark -------------------------------------------------------------------------------------------------------


def test_folding_in_is_sparks_own_user_side(model, learnt):
    """Spark ends with its users solved at its items; our solver, given the items, must find the same users."""
    own = model._users(TRAIN.histories())
    np.testing.assert_allclose(own, learnt.users, atol=2e-4 * np.abs(learnt.users).max())
    assert not learnt.users[-1].any(), "who bought nothing"
    assert not learnt.items[-1].any(), "what nobody bought"


def test_quality_is_that_of_our_own_solver(model):
    """As far as so small a shop can tell: its first factors alone move the figure by 6 %."""
    users = np.flatnonzero(np.diff(TEST.matrix.indptr))
    own = [IALS(**SETTINGS | {"seed": seed}).fit(TRAIN) for seed in (1, 2, 3)]
    found = [evaluate(m.recommend(users, 10).items, TEST.binary[users], 10)["ndcg"] for m in (model, *own)]
    on_spark, *local = (float(np.nanmean(values)) for values in found)
    assert on_spark >= 0.97 * min(local) > 0.2


def test_it_is_served_without_spark(model, tmp_path):
    save(model, tmp_path / "model")
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(tmp_path / "model")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == model.recommend(np.arange(5), 3).items.tolist()
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again._users(TRAIN.histories()), model._users(TRAIN.histories()))


def test_explanations_sum_to_the_score(model):
    lists = model.recommend(np.arange(6), 3)
    for one, score in zip(model.explain(np.arange(6), lists.items), lists.scores.ravel(), strict=True):
        assert sum(part.value for part in one.contributions) == pytest.approx(score, abs=1e-4)


# -- without ----------------------------------------------------------------------------------------------------------


def test_the_penalty_keeps_the_product_of_both_sides():
    """At the mean lengths 3 and 2, regParam |u| regParam |i| is lambda squared."""
    matrix = sparse.csr_matrix(np.array([[1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]], np.float32))
    found = penalty_per_entry(matrix, 6.0)
    assert found * 3 * found * 2 == pytest.approx(36.0)
    assert penalty_per_entry(sparse.csr_matrix((2, 2), dtype=np.float32), 5.0) == 5.0


def test_pairs_are_handed_over_whole_in_bounded_parts(tmp_path, monkeypatch):
    from pyarrow import parquet

    monkeypatch.setattr(spark, "_ROWS_A_PART", 37)
    spark._write_pairs(SHOP.matrix, tmp_path / "pairs")
    parts = sorted((tmp_path / "pairs").iterdir())
    assert len(parts) == -(-SHOP.matrix.nnz // 37)
    table = parquet.read_table(tmp_path / "pairs").to_pandas()
    back = sparse.csr_matrix((table.rating, (table.user, table.item)), shape=SHOP.matrix.shape)
    assert abs(back - SHOP.matrix).max() == 0
    assert table.dtypes.astype(str).tolist() == ["int32", "int32", "float32"]


def test_the_engine_asks_for_no_other_scaling():
    with pytest.raises(InputError, match="nu has no meaning with the engine 'spark'"):
        make("ials", engine="spark", nu=1.0)
    with pytest.raises(InputError, match="engine"):
        make("ials", engine="flink")


def java(folder: Path, says: str, status: int = 0) -> str:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {status}\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return str(folder)


@pytest.mark.parametrize(
    ("says", "version"),
    [('openjdk version "17.0.15" 2025-04-15', 17), ('java version "1.8.0_392"', 8), ('openjdk version "21" 2023', 21)],
)
def test_java_versions(monkeypatch, tmp_path, says, version):
    monkeypatch.setenv("JAVA_HOME", java(tmp_path, says))
    assert java_version() == version


def test_a_java_that_fails_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", java(tmp_path, "broken", status=1))
    assert java_version() is None
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    assert java_version() is None
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert java_version() is None


@pytest.fixture
def ready(monkeypatch):
    """A machine that seems to have all that Spark needs."""
    monkeypatch.setattr(spark, "find_spec", lambda _: object())
    monkeypatch.setattr(spark, "java_version", lambda: 17)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"spark_master": "localhost"}, ConfigError, "SHOPR_SPARK_MASTER to local"),
        ({"spark_master": "http://cluster:7077"}, ConfigError, "spark_master is 'http://cluster:7077'"),
        ({"memory_budget": 900 * 2**20}, CapacityError, "needs 1,024 MB at least, memory_budget is 900 MB"),
    ],
)
def test_settings_that_will_not_do(ready, given, error, said):
    with pytest.raises(error) as refused:
        check_ready(Settings(**given))
    assert said in str(refused.value)


@pytest.mark.parametrize("master", ["local", "local[4]", "local[*]", "local[2,3]", "yarn", "k8s://https://host:443"])
def test_masters(ready, master):
    check_ready(Settings(spark_master=master))


def test_a_master_that_is_not_there_is_told_at_once(ready):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        check_ready(Settings(spark_master=f"spark://127.0.0.1:{port}"))
        check_ready(Settings(spark_master=f"spark://127.0.0.1:1,127.0.0.1:{port}"))
    with pytest.raises(NotReadyError, match=f"master spark://127.0.0.1:{port} cannot be reached"):
        check_ready(Settings(spark_master=f"spark://127.0.0.1:{port}"))


def test_what_is_missing_is_named(ready, monkeypatch):
    monkeypatch.setattr(spark, "java_version", lambda: 11)
    with pytest.raises(NotReadyError, match="needs Java 17 or newer, found 11.*openjdk-17-jre-headless"):
        check_ready()
    monkeypatch.setattr(spark, "java_version", lambda: None)
    with pytest.raises(NotReadyError, match="there is no java"):
        check_ready()
    monkeypatch.setattr(spark, "find_spec", lambda _: None)
    with pytest.raises(NotReadyError, match=r"needs pyspark.*pip install 'shopr\[spark\]'"):
        check_ready()


@pytest.mark.parametrize(
    ("status", "told", "log", "master", "error", "said"),
    [
        (1, "Py4JJavaError: java.lang.OutOfMemoryError: Java heap space", "", "local[*]", CapacityError, "3,584 MB"),
        (-9, None, "", "local[*]", CapacityError, "ran out of memory"),
        (1, None, "There is insufficient memory: Cannot allocate memory", "local", CapacityError, "MEMORY_BUDGET"),
        (1, "All masters are unresponsive! Giving up", "", "spark://a:1", NotReadyError, "spark://a:1 cannot be"),
        (1, "at x\njava.lang.IllegalStateException: odd\n", "", "local", RunError, "IllegalStateException: odd"),
        (3, None, "", "local", RunError, "no word"),
    ],
)
def test_failures_are_told_in_words(tmp_path, status, told, log, master, error, said):
    if told is not None:
        (tmp_path / spark.FAILURE).write_text(json.dumps({"error": "E", "message": told}))
    found = spark._failure(status, tmp_path, log, Settings(spark_master=master))
    assert type(found) is error
    assert isinstance(found, ShoprError)
    assert said in found.one_line()
