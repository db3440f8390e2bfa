"""`shopr search image` and `shopr search failing`, as programs call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from shopr.cli.main import cli
from shopr.config import Settings
from shopr.search.merchant.desk import SearchDesk
from shopr.search.merchant.querylog import QueryLog
from shopr.shop import Shop
from tests.app.sample import sample_dataset


@pytest.fixture
def shop(stores: Settings) -> Shop:
    sample_dataset().save(stores.shop_folder())
    return Shop.open(stores)


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["search", *words])
    return result.exit_code, result.output if result.exception is None else f"{result.output} {result.exception}"


def test_a_picture_finds_products(shop: Shop) -> None:
    row = shop.catalog.frame.set_index("product_id").loc["p004"]
    code, out = run("image", str(shop.folder / row["image"]), "--k", "3", "--json")
    assert code == 0
    found = json.loads(out[out.index("{") :])
    assert found["kind"] == "Kitchen > Mugs"
    assert len(found["products"]) == 3
    assert all("mug" in product["title"].lower() for product in found["products"])
    code, out = run("image", "--build", "--json")
    built = json.loads(out[out.index("{") :])
    assert built["refused"] == {}
    assert built["products"] == int((shop.catalog.frame["image"] != "").sum())


def test_a_bad_picture_is_refused_before_the_shop_is_read(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"%PDF")
    code, out = run("image", str(tmp_path / "bad.png"))
    assert code != 0
    assert "no picture that can be read" in out
    code, out = run("image")
    assert code != 0
    assert "no picture is named" in out
    assert not (shop.folder / "picture_index").exists()


def test_failing_searches_are_listed(shop: Shop) -> None:
    assert "no failing searches" in run("failing")[1]
    log = QueryLog(shop.database, shop.name, clock=shop.clock)
    SearchDesk(shop.catalog, shop.folder, log).search("windscreen wiper")
    log.flush()
    assert "windscreen wiper" in run("failing")[1]
    code, out = run("failing", "--json")
    assert code == 0
    assert json.loads(out)[0]["query"] == "windscreen wiper"
