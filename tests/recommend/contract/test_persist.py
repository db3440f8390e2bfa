"""Saved models answer as before, and a folder from elsewhere can be wrong but not hostile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from shopr.data.interactions import Histories, Interactions
from shopr.errors import DataError, NotReadyError, ShoprError
from shopr.recommend.contract import registry
from shopr.recommend.contract.base import Recommender
from shopr.recommend.contract.persist import load, save


class Echo(Recommender):
    """Scores an item by its training count plus the user's own weight on it; keeps one of every kind of state."""

    name = "echo"

    def _fit(self, interactions: Interactions, catalog: Any) -> None:
        self.counts = np.bincount(interactions.items, minlength=interactions.n_items).astype(np.float32)
        self.gram = (interactions.matrix.T @ interactions.matrix).tocsr()
        self.notes = {"labels": np.array(["ä", "b"], dtype=object), 3: [1.5, None, True, np.float32(2.0)]}
        self.again = self.counts

    def _score(self, histories: Histories) -> NDArray[np.floating]:
        return np.asarray(histories.matrix @ self.gram.toarray() + self.counts, np.float32)


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Echo:
    monkeypatch.setitem(registry.MODELS, "echo", (__name__, "Echo"))
    frame = pd.DataFrame({"user": list("aabbc"), "item": list("xyyzx"), "timestamp": [5, 4, 3, 2, 1]})
    return Echo().fit(Interactions.from_frame(frame))


def test_a_loaded_model_answers_as_the_saved_one(echo: Echo, tmp_path: Path) -> None:
    again = load(save(echo, tmp_path / "m"))
    before, after = echo.recommend([0, 1, 2, -1], 3), again.recommend([0, 1, 2, -1], 3)
    np.testing.assert_array_equal(before.items, after.items)
    np.testing.assert_array_equal(before.scores, after.scores)
    assert again.item_ids == echo.item_ids
    assert list(again.notes["labels"]) == ["ä", "b"]  # type: ignore[attr-defined]
    assert again.notes[3] == [1.5, None, True, 2.0]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(again.train.last_times, echo.train.last_times)


def test_shared_arrays_are_written_once(echo: Echo, tmp_path: Path) -> None:
    tree = json.loads((save(echo, tmp_path) / "model.json").read_text())
    assert tree["state"]["counts"] == tree["state"]["again"]


def test_no_file_of_a_model_is_a_pickle(echo: Echo, tmp_path: Path) -> None:
    for path in (save(echo, tmp_path) / "arrays").iterdir():
        assert np.load(path, allow_pickle=False) is not None


def test_state_without_a_file_form_is_refused_by_name(echo: Echo, tmp_path: Path) -> None:
    echo.handle = object()
    with pytest.raises(DataError, match=r"echo\.handle is a object"):
        save(echo, tmp_path)


def test_an_unfitted_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="not fitted"):
        save(Echo(), tmp_path)


@pytest.mark.parametrize("name", ["../outside.npy", "/etc/passwd", "a/../../b.npy"])
def test_array_names_cannot_leave_the_folder(echo: Echo, tmp_path: Path, name: str) -> None:
    folder = save(echo, tmp_path / "m")
    np.save(tmp_path / "outside.npy", np.zeros(3))
    tree = json.loads((folder / "model.json").read_text())
    tree["state"]["counts"] = {"$array": name}
    (folder / "model.json").write_text(json.dumps(tree))
    with pytest.raises(DataError, match="leaves the model's folder"):
        load(folder)


def test_a_pickled_array_is_refused(echo: Echo, tmp_path: Path) -> None:
    folder = save(echo, tmp_path)
    np.save(folder / "arrays" / "000.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="no readable model"):
        load(folder)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no readable model"),
        ("[]", "no readable model"),
        ('{"format": 99}', "model format 99"),
        ('{"format": 1, "name": "os.system", "config": {}, "state": {}}', "not known here"),
        ('{"format": 1, "name": "echo"}', "no readable model"),
        ('{"format": 1, "name": "echo", "config": {}, "state": {"counts": {"$array": "9.npy"}}}', "no readable model"),
        ('{"format": 1, "name": "echo", "config": {"alpha": 1}, "state": {}}', "alpha"),
    ],
)
def test_a_wrong_folder_gives_one_clear_line(echo: Echo, tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ShoprError, match=words):
        load(tmp_path)


def test_a_missing_folder_gives_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no readable model"):
        load(tmp_path / "absent")
