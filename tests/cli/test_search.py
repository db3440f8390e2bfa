"""`shopr search` end to end, and what it says to bad input."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from tests.calling import Run, typed
from tests.search.shelf import ROWS, catalog


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command in this process: (exit status, stdout, stderr)."""
    return partial(typed("search"), capsys)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """catalog.parquet and queries.csv."""
    catalog().frame.to_parquet(tmp_path / "catalog.parquet")
    (tmp_path / "queries.csv").write_text("query_id,query\n007,laptop\n8,hedset\n9,flying carpet\n10,\n")
    return tmp_path


def test_a_file_of_queries(run, shop):
    out = shop / "out.csv"
    status, printed, _ = run(
        "query", "--catalog", shop / "catalog.parquet", "--batch", shop / "queries.csv", "--out", out, "--k", 3
    )
    assert status == 0
    assert "4 queries" in printed
    rows = pd.read_csv(out, dtype={"query_id": str, "product_id": str})
    assert list(rows.columns) == ["query_id", "product_id", "rank", "score", "confidence"]
    assert set(rows[rows.query_id == "007"].product_id) == {"l1", "l2", "l3"}
    assert rows[rows.query_id == "007"]["rank"].tolist() == [1, 2, 3]
    assert not (rows.query_id == "9").any()
    assert rows.confidence.between(0, 1).all()


@pytest.mark.parametrize("kind", ["csv", "json", "jsonl", "foreign"])
def test_catalogues_of_any_kind(run, shop, kind):
    path = shop / f"other.{kind}"
    rows = [{"product_id": r["product_id"], "title": r["title"]} for r in ROWS]
    if kind == "csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    elif kind == "json":
        path.write_text(json.dumps({"products": rows}))
    elif kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        path = shop / "foreign.csv"
        pd.DataFrame(rows).rename(columns={"product_id": "id", "title": "name"}).assign(price=9.5, size="L").to_csv(
            path, index=False
        )
    status, printed, error = run("query", "--catalog", path, "--json", "toner tn2110")
    assert (status, error) == (0, "")
    assert json.loads(printed)["products"][0]["product_id"] == "t1"


def test_a_saved_index_and_one_query(run, shop):
    assert run("index", "--catalog", shop / "catalog.parquet", "--out", shop / "index")[0] == 0
    status, printed, _ = run("query", "--index", shop / "index", "hedset")
    assert status == 0
    assert "searched for: headset" in printed
    assert "h1" in printed
    status, printed, _ = run("query", "--index", shop / "index", "flying carpet")
    assert status == 0
    assert "no match" in printed


def test_evaluation(run, shop):
    (shop / "qrels.csv").write_text("query,docid,rating\nmouse,m1,3\nmouse,m2,3\nflying carpet,m1,0\n")
    status, printed, _ = run("evaluate", "--catalog", shop / "catalog.parquet", "--qrels", shop / "qrels.csv", "--json")
    assert status == 0
    result = json.loads(printed)
    assert result["queries"] == 1
    assert result["condensed"] == pytest.approx(1.0)
    assert run("evaluate", "--catalog", shop / "catalog.parquet", "--qrels", shop / "qrels.csv")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["query", "--catalog", "catalog.parquet"], "WORDS or --batch"),
        (["query", "mouse"], "--catalog FILE or --index"),
        (["query", "--catalog", "catalog.parquet", "--batch", "queries.csv"], "go together"),
        (["query", "--catalog", "catalog.parquet", "--batch", "queries.csv", "--out", "out.xml"], "End it in .csv"),
        (["query", "--catalog", "absent.csv", "mouse"], "does not exist"),
        (["query", "--catalog", "queries.csv", "mouse"], "'product_id' is missing"),
        (["query", "--catalog", "broken.json", "mouse"], "not sound JSON"),
        (["query", "--index", ".", "mouse"], "no search index"),
        (["query", "--catalog", "catalog.parquet", "--batch", "twice.csv", "--out", "out.csv"], "occurs twice"),
        (["query", "--catalog", "catalog.parquet", "--batch", "catalog.parquet", "--out", "out.csv"], "query_id"),
        (["evaluate", "--catalog", "catalog.parquet", "--qrels", "queries.csv"], "'docid' is missing"),
        (["evaluate", "--catalog", "catalog.parquet", "--qrels", "holes.csv"], "row 2 has no docid"),
        (["query", "--catalog", "catalog.parquet", "  "], "WORDS are empty"),
    ],
)
def test_bad_input_gives_one_clear_line(run, shop, monkeypatch, arguments, words):
    (shop / "broken.json").write_text("[{")
    (shop / "holes.csv").write_text("query,docid,rating\nmouse,m1,3\nmouse,,1\n")
    (shop / "twice.csv").write_text("query_id,query\n1,a\n1,b\n")
    monkeypatch.chdir(shop)
    status, _, error = run(*arguments)
    assert status == 2
    assert words in error
    assert error.count("\n") == 1


def test_a_query_without_words_is_not_answered_with_the_whole_shop(run, shop):
    (shop / "empty.csv").write_text('query_id,query\n1,\n2,"  "\n3,mouse\n')
    out = shop / "out.csv"
    status, _, _ = run(
        "query", "--catalog", str(shop / "catalog.parquet"), "--batch", str(shop / "empty.csv"), "--out", str(out)
    )
    assert status == 0
    assert set(pd.read_csv(out)["query_id"]) == {3}
