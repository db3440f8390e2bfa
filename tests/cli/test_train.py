"""`shopr train --engine spark`, as it is typed: what is refused before any data is read, and what is logged."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.recommend.models import spark
from shopr.recommend.models.factor import IALS
from shopr.recommend.models.spark import Factors
from shopr.tracking.store import client
from tests.calling import typed
from tests.tracking.shop import log

run = typed()


def there(monkeypatch: pytest.MonkeyPatch, java: int | None = 17) -> None:
    """A machine that seems to have pyspark, and this Java."""
    monkeypatch.setattr(spark, "find_spec", lambda _: object())
    monkeypatch.setattr(spark, "java_version", lambda: java)


def test_a_model_that_spark_does_not_learn_is_refused(capsys):
    status, _, err = run(capsys, "train", "--model", "ease", "--engine", "spark")
    assert (status, "does not learn 'ease'. Use --model ials" in err) == (2, True)
    status, _, err = run(capsys, "train", "--model", "ials", "--engine", "flink")
    assert (status, "'flink' is not one of" in err) == (2, True)


def test_what_is_missing_is_named_before_any_data_is_read(capsys, monkeypatch):
    monkeypatch.setattr(spark, "find_spec", lambda _: None)
    status, _, err = run(capsys, "train", "--model", "ials", "--engine", "spark")
    assert (status, "pip install 'shopr[spark]'" in err) == (1, True)
    there(monkeypatch, java=None)
    status, _, err = run(capsys, "train", "--model", "ials", "--engine", "spark")
    assert (status, "openjdk-17-jre-headless" in err) == (1, True)
    there(monkeypatch)
    monkeypatch.setenv("SHOPR_SPARK_MASTER", "somewhere")
    status, _, err = run(capsys, "train", "--model", "ials", "--engine", "spark")
    assert (status, "spark_master is 'somewhere'" in err) == (2, True)


def test_what_spark_learnt_becomes_a_candidate(capsys, monkeypatch, stores):
    there(monkeypatch)
    bought = log()
    asked = []

    def learn(strengths, **settings):
        asked.append((strengths.shape, settings["factors"]))
        return Factors(IALS(factors=4, iterations=5).fit(bought).item_factors, None, 0.1)

    monkeypatch.setattr(spark, "train", learn)
    ids = bought.item_ids.ids
    events = pd.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(len(bought))],
            "type": "order_completed",
            "time": pd.to_datetime(bought.times, unit="s", utc=True),
            "user_id": bought.user_ids.ids[bought.users],
            "product_id": ids[bought.items],
            "quantity": 1,
        }
    )
    catalog = Catalog.from_frame(pd.DataFrame({"product_id": ids, "title": ids}))
    Dataset.build("demo", catalog=catalog, events=events, source="test").save(stores.shop_folder("demo"))
    status, out, err = run(
        capsys, "train", "--model", "ials", "--engine", "spark", "--param", "factors=4", "--json"
    )  # fmt: skip
    assert status == 0, err
    done = json.loads(out)
    assert done["params"] == {"factors": 4, "engine": "spark"}
    assert [factors for _, factors in asked] == [4, 4], "once to be judged, once on all before the gate"
    assert client(stores).get_run(done["run_id"]).data.params["engine"] == "spark"
