"""A model logged before the modules of recommend moved into rooms: it is read, let through and served as ever.

`former_model.zip` was written by the code of then (`log_model`, a hybrid on a shop of generated data), with what the
model answered beside it.
"""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest

from shopr.recommend.contract.persist import load
from shopr.tracking.artifact import file_problems


@pytest.fixture
def folder(tmp_path):
    with ZipFile(Path(__file__).with_name("former_model.zip")) as kept:
        kept.extractall(tmp_path)
    return tmp_path / "model"


@pytest.fixture
def answers(folder):
    return pd.DataFrame(json.loads((folder.parent / "answers.json").read_text()))


def same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    assert found[["user", "item", "rank"]].astype(str).to_numpy().tolist() == (
        wanted[["user", "item", "rank"]].astype(str).to_numpy().tolist()
    )
    np.testing.assert_allclose(found["score"], wanted["score"], rtol=1e-3, atol=1e-4)


def test_its_files_are_read_and_it_answers_as_it_did(folder, answers):
    model = load(folder / "artifacts" / "recommender")
    users = answers["user"].unique()
    found = model.recommend(model.user_ids.encode(users), 3)
    same(found.to_frame(users, model.item_ids), answers)


def test_the_gate_finds_nothing_wrong_with_it(folder):
    assert "shopr.recommend.persist import load" in (folder / "served_model.py").read_text()
    assert file_problems(folder) == []


def test_mlflow_serves_it_by_the_code_that_it_carries(folder, answers):
    import mlflow

    served = mlflow.pyfunc.load_model(str(folder))
    same(served.predict(pd.DataFrame({"user": answers["user"].unique(), "k": 3})), answers)
