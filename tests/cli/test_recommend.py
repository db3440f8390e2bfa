"""`shopr recommend` end to end, and what it says to bad input."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shopr.clock import ManualClock
from shopr.recommend.selection import tuning
from tests.calling import Run, typed


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command in this process: (exit status, stdout, stderr)."""
    return partial(typed("recommend"), capsys)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """train.csv with four tastes of ten items each, users.csv with everyone and a stranger."""
    rng = np.random.default_rng(0)
    taste = rng.integers(0, 4, 120)
    items = taste[:, None] * 10 + rng.integers(0, 10, (120, 6))
    users = np.repeat([f"u{i:03d}" for i in range(120)], 6)
    train = pd.DataFrame({"user": users, "item": [f"p{i}" for i in items.ravel()]})
    train.to_csv(tmp_path / "train.csv", index=False)
    pd.DataFrame({"user": [*np.unique(users), "stranger"]}).to_csv(tmp_path / "users.csv", index=False)
    return tmp_path


def files(shop: Path, out: str = "out.csv") -> list[object]:
    return ["--train", shop / "train.csv", "--users", shop / "users.csv", "--out", shop / out]


@pytest.mark.parametrize("out", ["out.csv", "out.parquet"])
def test_a_named_model_end_to_end(run, shop, out):
    status, printed, _ = run(*files(shop, out), "--model", "ease", "--k", 5, "--param", "lam=20")
    assert status == 0
    assert "605 rows for 121 users, 1 unknown ones by popularity, by ease" in printed
    read = pd.read_parquet if out.endswith("parquet") else pd.read_csv
    lists = read(shop / out)
    assert list(lists.columns) == ["user", "item", "rank", "score"]
    assert (lists.groupby("user")["rank"].apply(list).map(tuple) == (1, 2, 3, 4, 5)).all()
    assert (lists.groupby("user")["score"].diff().dropna() <= 0).all()
    train = pd.read_csv(shop / "train.csv")
    assert not set(zip(train.user, train.item, strict=True)) & set(zip(lists.user, lists.item, strict=True))
    popular = train.drop_duplicates().item.value_counts()
    assert popular[lists[lists.user == "stranger"].item].is_monotonic_decreasing
    assert not [path.name for path in shop.iterdir() if path.name.startswith(".")]


def test_auto_prints_its_leaderboard_and_repeats_itself(run, shop, monkeypatch):
    # By a clock that stands still, so that the trials end the search and not the time of a busy machine.
    monkeypatch.setattr(tuning, "tune", partial(tuning.tune, max_trials=12, clock=ManualClock()))
    arguments = [*files(shop), "--budget", 20, "--k", 3]
    status, _, told = run(*arguments)
    assert status == 0
    assert "random validation split" in told
    assert "edlae" in told
    assert "popular" in told
    lists = (shop / "out.csv").read_text()
    again = run(*arguments)
    assert again[0] == 0
    assert again[2].splitlines()[-15:] == told.splitlines()[-15:]
    assert (shop / "out.csv").read_text() == lists


def test_json(run, shop):
    status, printed, _ = run(*files(shop), "--budget", 5, "--json")
    summary = json.loads(printed)
    assert status == 0
    assert summary["users"] == 121
    assert summary["unknown_users"] == 1
    assert summary["validation"] == "random"
    assert {"model", "params", "ndcg", "seconds"} <= set(summary["leaderboard"][0])


def test_more_than_there_is_gives_what_there_is(run, shop):
    status, _, _ = run(*files(shop), "--model", "popular", "--k", 1000)
    lists = pd.read_csv(shop / "out.csv")
    assert status == 0
    assert len(lists[lists.user == "stranger"]) == pd.read_csv(shop / "train.csv").item.nunique()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "eaes"], "unknown model 'eaes'. Did you mean 'ease'?"),
        (["--model", "ease", "--param", "lam=-1"], "ease: lam:"),
        (["--model", "ease", "--param", "lambda=1"], "ease takes"),
        (["--model", "ease", "--param", "lam"], "is not KEY=VALUE"),
        (["--param", "lam=1"], "needs a named model"),
        (["--k", "0"], "--k"),
        (["--budget", "0"], "--budget"),
        (["--validation", "last"], "needs timestamps"),
    ],
)
def test_wrong_calls(run, shop, arguments, said):
    status, _, told = run(*files(shop), *arguments)
    assert status == 2
    assert said in told
    assert len(told.strip().splitlines()) == 1
    assert not (shop / "out.csv").exists()


@pytest.mark.parametrize("out", ["out.txt", "nowhere/out.csv", "."])
def test_a_bad_output_is_refused_before_any_work(run, shop, out):
    status, _, told = run(*files(shop, out), "--model", "popular")
    assert status == 2
    assert told.startswith("error: ")
    assert "Read the interactions" not in told


@pytest.mark.parametrize(
    ("text", "said"),
    [("user,product\na,b\n", "'item' is missing"), ("user,item\n", "no sound row"), ("", "empty")],
)
def test_bad_training_files(run, shop, text, said):
    (shop / "train.csv").write_text(text)
    status, _, told = run(*files(shop), "--model", "popular")
    assert status == 2
    assert said in told


def test_what_was_there_stays_when_writing_fails(run, shop, monkeypatch):
    (shop / "out.csv").write_text("precious")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    status, _, told = run(*files(shop), "--model", "popular")
    assert status == 1
    assert "the disk is full" in told
    assert (shop / "out.csv").read_text() == "precious"
