"""Runs compared on one page, and what serves traced back."""

from __future__ import annotations

import json
import re

import pytest

from shopr.errors import InputError, UnknownNameError
from shopr.tracking.runs import run
from shopr.workbench.review.report import Facts, compare, differing, facts, measures
from shopr.workbench.running.executor import run_spec
from tests.calling import status

OLD = Facts("a1", "old", "DONE", {"k": "10", "seed": "42"}, {"ndcg": 0.3, "ndcg_low": 0.28, "ndcg_high": 0.32}, {})
NEW = Facts(
    "b2", "<new>", "DONE", {"k": "20", "seed": "42", "more": "1"},
    {"ndcg": 0.35, "ndcg_low": 0.33, "ndcg_high": 0.37, "fit": 2.0}, {"commit": "c0ffee"},
)  # fmt: skip


def test_the_page_has_measures_intervals_differences_and_no_foreign_markup():
    page = compare([OLD, NEW])
    assert measures([OLD, NEW]) == ["ndcg", "fit"]
    assert "0.35 [0.33, 0.37]" in page
    assert "+0.05" in page
    assert "<new>" not in page
    assert "&lt;new&gt;" in page
    assert "data:image/png;base64," in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page), "the page needs nothing else"


def test_only_what_differs_is_listed():
    assert differing([OLD, NEW], "parameters") == {"k": ["10", "20"], "more": [None, "1"]}
    assert differing([OLD, OLD], "parameters") == {}
    assert "The same in all runs." in compare([OLD, OLD])
    assert "No run logged any." in compare([Facts("a", "x", "DONE"), Facts("b", "y", "FAILED")])


def test_runs_of_the_ledger_and_of_mlflow_side_by_side(shop, stores, tmp_path, capsys):
    done = run_spec(stores, shop("print(k)"), {"k": 5})
    with run("by hand", settings=stores, params={"k": 7}) as tracked:
        tracked.metrics({"ndcg@10": 0.4})
    both = [done.run_id[:8], tracked.run_id]
    first, second = facts(stores, both)
    assert (first.name, first.status, first.parameters["k"]) == ("work", "DONE", "5")
    assert (second.name, second.status, second.metrics["ndcg_at_10"]) == ("by hand", "FINISHED", 0.4)
    assert second.lineage["package"]
    out = tmp_path / "page.html"
    assert status(["report", "compare", *both, "--out", str(out), "--json"]) == 0
    assert [f["name"] for f in json.loads(capsys.readouterr().out)] == ["work", "by hand"]
    assert "by hand" in out.read_text()
    assert status(["report", "compare", *both, "--out", str(tmp_path / "no" / "page.html")]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_bad_calls(stores, capsys):
    with pytest.raises(InputError, match=r"nothing to compare with. Name two or more"):
        facts(stores, ["x", "x"])
    with pytest.raises(UnknownNameError):
        facts(stores, ["nosuch", "other"])
    assert status(["report", "lineage"]) == 1
    assert "no model serves" in capsys.readouterr().err
    assert status(["report", "lineage", "7"]) == 1
    assert "no version '7'" in capsys.readouterr().err
