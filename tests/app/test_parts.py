from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from parts.cards import picture
from parts.champion import comparison
from parts.words import compact_money, count, measure_name, moment, percent, sentence, short, stock, why
from PIL import Image

from shopr.shop import Card, Reason


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (98_050, "GBP", "£980"),
        (4_560_000, "GBP", "£45.6k"),
        (123_456_789, "GBP", "£1.23M"),
        (123_456_789, "JPY", "¥123M"),
        (250_000_000_000, "EUR", "€2.50bn"),
        (123_456, "SEK", "1.23k SEK"),
        (0, "GBP", "£0"),
        (-4_560_000, "GBP", "-£45.6k"),
    ],
)
def test_amounts_fit_a_tile(minor: int, currency: str, shown: str) -> None:
    assert compact_money(minor, currency) == shown


def test_counts_agree_with_their_noun() -> None:
    assert count(1, "piece") == "1 piece"
    assert count(1204, "piece") == "1,204 pieces"


def test_a_small_share_is_not_called_nothing() -> None:
    assert percent(0.25) == "25 %"
    assert percent(0.001) == "< 1 %"


def test_moments_are_told_in_the_shops_time_zone() -> None:
    assert moment(datetime(2026, 11, 3, 23, 5, tzinfo=UTC), "Europe/Berlin") == "4 Nov 2026, 00:05"


def test_names_of_measures() -> None:
    assert measure_name("ndcg@10") == "nDCG@10"
    assert measure_name("validation/recall_at_20") == "Recall@20"


def test_sentences_begin_and_end_as_such() -> None:
    assert sentence("gain in ndcg@10: too small") == "Gain in ndcg@10: too small."
    assert sentence("") == ""
    assert short("a b " * 20, 11) == "a b a b a …"


def card(**facts: object) -> Card:
    blank = {"brand": "", "category": "", "price": None, "price_minor": None, "currency": "GBP", "stock": None}
    return Card(**{"product_id": "p", "title": "Mug", "image": None, "score": 1.0, **blank, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("left", "words"), [(None, ""), (0, "Out of stock"), (-1, "Out of stock"), (3, "Only 3 left"), (9, "In stock")]
)
def test_stock_in_words(left: int | None, words: str) -> None:
    assert stock(card(stock=left))[0] == words


def test_reasons_become_one_sentence() -> None:
    bought = [Reason("you bought Red mug", 0.6, "p1"), Reason("you bought Lamp", 0.2, "p2"), Reason("x", 0.1, "p3")]
    assert why(bought, "ease") == "Because you bought “Red mug” and “Lamp”"
    assert why([Reason("popular with other shoppers", 1.0)], "ease") == "Popular with other shoppers"
    assert why([Reason("ease", 1.0)], "ease") == "It fits your purchases as a whole"
    assert why([], "ease") == ""


def test_a_picture_becomes_a_small_data_url_and_a_bad_one_none(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.new("RGB", (2000, 1500), "red").save(good)
    bad.write_bytes(b"\x89PNG\r\n\x1a\nnot a picture")
    found = picture(good)
    assert found is not None
    assert found.startswith("data:image/webp;base64,")
    assert len(found) < 20_000
    assert picture(bad) is None
    assert picture(tmp_path / "absent.png") is None
    assert picture(None) is None


def test_evidence_without_figures_is_left_out() -> None:
    rows = comparison({"models": [{"model": "ease", "mean": None}, {"model": "ials", "mean": 0.2}]}, "ials")
    assert [(r.name, r.value, r.lo, r.best) for r in rows] == [("iALS", 0.2, None, True)]
    assert comparison({}, "ials") == []
