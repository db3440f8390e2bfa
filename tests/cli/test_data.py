"""`shopr data`: the commands as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shopr.data.dataset import Dataset
from tests.calling import typed

run = typed()


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text("buyer,sku,at,unit\n007,A,2024-01-01,2.50\n8,B,2024-01-02,-1\n8,A,2024-02-02,3\n")
    return path


def imported(orders: Path, *more: object) -> tuple[object, ...]:
    columns = ("--column", "user=buyer", "--column", "item=sku", "--column", "time=at", "--column", "price=unit")
    return ("data", "import", "tabular", orders, *columns, "--currency", "GBP", *more)


def test_import_then_describe(capsys, orders, settings):
    status, out, _ = run(capsys, *imported(orders, "--name", "gifts"))
    assert status == 0
    assert "Shop 'gifts' is in" in out
    assert "unit: negative" in out
    shop = Dataset.load(settings.shop_folder("gifts"))
    assert shop.events["price"].tolist() == [250, 300]
    assert (settings.shop_folder("gifts") / "rejects.csv").read_text().splitlines()[1] == (
        "orders.csv,2,unit,negative,-1"
    )
    status, out, _ = run(capsys, "data", "describe", "--name", "gifts")
    assert status == 0
    assert "2024-02-02" in out
    status, out, _ = run(capsys, "data", "describe", settings.shop_folder("gifts"), "--json")
    summary = json.loads(out)
    assert (summary["users"], summary["items"], summary["rejected"]) == (2, 1, {"unit: negative": 1})
    assert summary["first"].startswith("2024-01-01")


def test_json_of_an_import(capsys, orders, tmp_path):
    status, out, _ = run(capsys, *imported(orders, "--out", tmp_path / "here", "--json"))
    assert status == 0
    assert json.loads(out)["counts"]["lines"] == 3
    assert (tmp_path / "here" / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("import", "retail", "x"), 2, "unknown source 'retail'. Did you mean 'online_retail'?"),
        (("import", "chorus", "absent.parquet"), 2, "absent.parquet does not exist"),
        (("import", "chorus", "x", "--unordered"), 2, "chorus has no option 'ordered'"),
        (("import", "tabular", "x", "--column", "user"), 2, "'user' is not A=B"),
        (("import", "tabular", "x", "--column", "user=a", "--column", "user=b"), 2, "'user' is given twice"),
        (("import", "chorus", "x", "--name", "../x"), 2, "shop name '../x'"),
        (("describe", "--name", "none"), 1, "there is no shop in"),
        (("describe", "--name", "../../etc"), 2, "shop name"),
        (("describe", "."), 1, "there is no shop in"),
    ],
)
def test_wrong_calls_are_one_line(capsys, arguments, status, message):
    found, out, err = run(capsys, "data", *arguments)
    assert (found, out) == (status, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_a_failed_import_keeps_the_old_shop(capsys, orders, settings):
    run(capsys, *imported(orders, "--name", "gifts"))
    before = Dataset.load(settings.shop_folder("gifts")).fingerprint
    orders.write_text("buyer,sku,at,unit\n")
    status, _, err = run(capsys, *imported(orders, "--name", "gifts"))
    assert (status, "no sound row" in err) == (2, True)
    assert Dataset.load(settings.shop_folder("gifts")).fingerprint == before


def test_help_has_examples(capsys):
    for command in ("import", "simulate", "describe"):
        status, out, _ = run(capsys, "data", command, "--help")
        assert status == 0
        assert "Example: shopr data" in out
