"""Files that a logged model may consist of, and those that nobody should serve."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from shopr.recommend.contract.registry import make
from shopr.tracking import served_model
from shopr.tracking.artifact import file_problems, weight_problems
from tests.recommend.shop import small_interactions

MLMODEL = """
flavors:
  python_function:
    loader_module: mlflow.pyfunc.loaders.code_model
    model_code_path: /somewhere/served_model.py
    code: null
"""


@pytest.fixture
def packed(tmp_path):
    folder = tmp_path / "model"
    (folder / "artifacts" / "recommender" / "arrays").mkdir(parents=True)
    (folder / "artifacts" / "recommender" / "model.json").write_text("{}")
    np.save(folder / "artifacts" / "recommender" / "arrays" / "000.npy", np.ones(3))
    (folder / "MLmodel").write_text(MLMODEL)
    shutil.copy(Path(served_model.__file__), folder / "served_model.py")
    (folder / "requirements.txt").write_text("shopr\n")
    return folder


def test_what_we_log_has_no_problem(packed):
    assert file_problems(packed) == []


@pytest.mark.parametrize("name", ["python_model.pkl", "code/evil.py", "artifacts/recommender/arrays/001.pkl", "x.so"])
def test_files_that_do_not_belong_are_named(packed, name):
    (packed / name).parent.mkdir(exist_ok=True)
    (packed / name).write_bytes(b"\x80\x04")
    assert file_problems(packed) == [f"{name} is not a file of a logged model"]


def test_a_link_is_named(packed):
    (packed / "artifacts" / "recommender" / "passwd.txt").symlink_to("/etc/passwd")
    assert file_problems(packed) == ["artifacts/recommender/passwd.txt is a link"]


def test_other_code_and_other_loaders_are_named(packed):
    code = packed / "served_model.py"
    code.write_text(code.read_text() + "\nprint('hello')\n")
    assert "would run other code" in file_problems(packed)[0]
    shutil.copy(Path(served_model.__file__), code)
    for old, new, words in (
        ("mlflow.pyfunc.loaders.code_model", "mlflow.sklearn", "names the loader 'mlflow.sklearn'"),
        ("code: null", "code: code", "pickled model or other code"),
        ("served_model.py", "other.py", "pickled model or other code"),
        ("code: null", "python_model: m.pkl", "pickled model or other code"),
        ("  python_function:", "  sklearn: {}\n  python_function:", "names the loader"),
        ("flavors:", "flavours:", "cannot be read"),
        ("flavors:", "{[", "cannot be read"),
    ):
        (packed / "MLmodel").write_text(MLMODEL.replace(old, new))
        assert words in " ".join(file_problems(packed)), new
    (packed / "MLmodel").unlink()
    assert "missing" in file_problems(packed)[0]


def test_numbers_that_are_not_finite_are_named_in_members_too():
    shop = small_interactions()
    assert weight_problems(make("ease").fit(shop)) == []
    stack = make("stack", members=[{"model": "ease"}, {"model": "item_knn"}]).fit(shop)
    assert weight_problems(stack) == []
    stack.members[0].weights[0, 1] = np.nan
    stack.members[1].similarity.data[:2] = np.inf
    assert weight_problems(stack) == [
        "members: weights holds 1 numbers that are not finite",
        "members: similarity holds 2 numbers that are not finite",
    ]
