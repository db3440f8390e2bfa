"""A run repeated: the same, not the same, and what changed since."""

from __future__ import annotations

import json

import pytest

from shopr.errors import InputError, RunError, UnknownNameError
from shopr.storage.database import Database
from shopr.workbench.review.reproduce import Measure, Reproduction, find_run, reproduce
from shopr.workbench.running.executor import run_spec
from shopr.workbench.running.ledger import Ledger
from tests.calling import status

LOGS = """\
import pathlib
from shopr import Settings
from shopr.tracking.runs import run
counter = pathlib.Path("counter.txt")
seen = int(counter.read_text()) if counter.is_file() else 0
counter.write_text(str(seen + 1))
with run("work", settings=Settings(), experiment="work") as tracked:
    tracked.metrics({"ndcg@10": 0.25 * k, "luck": LUCK, "fit_seconds": 1.0 + seen})
"""


def test_the_same_and_not_the_same(shop, stores, capsys):
    spec = shop(LOGS.replace("LUCK", "0.5"))
    first = run_spec(stores, spec, {"k": 3})
    found = reproduce(stores, first.run_id)
    assert found.same
    assert found.changed == ()
    assert found.again != first.run_id
    assert [(m.name, m.before, m.after, m.same) for m in found.measures] == [
        ("luck", 0.5, 0.5, True),
        ("ndcg_at_10", 0.75, 0.75, True),
        ("fit_seconds", 1.0, 2.0, None),
    ]
    assert found.verdict == "all 2 measures are the same"

    shop(LOGS.replace("LUCK", "0.5 + 0.1 * seen"))  # the notebook is another one now, and lucky
    assert status(["reproduce", first.run_id[:8], "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["changed"] == ["notebook"]
    assert "not reproduced: 1 of 2 measures differ (luck); changed since: notebook" in told.err


def test_only_finished_runs_and_known_ones(shop, stores):
    failed = run_spec(stores, shop("raise ValueError('no')"))
    with pytest.raises(InputError, match=r"is FAILED. Only a run that is DONE"):
        reproduce(stores, failed.run_id)
    with pytest.raises(UnknownNameError, match=r"nosuch"):
        reproduce(stores, "nosuch")
    with pytest.raises(InputError, match=r"tolerance -1"):
        reproduce(stores, failed.run_id, tolerance=-1)


def test_a_run_that_fails_now_is_no_reproduction(shop, stores):
    first = run_spec(stores, shop("print(k)"))
    shop("raise ValueError('changed')")
    with pytest.raises(RunError, match=r"failed: .*ValueError"):
        reproduce(stores, first.run_id)


def test_the_beginning_of_an_id_must_name_one_run(stores):
    ledger = Ledger(Database.open(stores))
    ids = [ledger.open("work", "work.ipynb", {}, key="k", ingredients={}) for _ in range(40)]
    assert find_run(stores, ids[7][:12])["run_id"] == ids[7]
    with pytest.raises(UnknownNameError):
        find_run(stores, ids[0][:3])  # too little to tell


def test_no_measures_are_no_proof():
    nothing = Reproduction("a", "b", (), (), 1.0)
    assert not nothing.same
    assert "no measures" in nothing.verdict
    gone = Reproduction("a", "b", (Measure("x", 1.0, None, False),), (), 1.0)
    assert not gone.same
