"""The merchandiser's synonyms file, and the advice that proposes its rules."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.errors import SpecError
from shopr.search import ProductSearch
from shopr.search.merchant.advice import Adviser
from shopr.search.text.synonyms import FILE, Synonyms

TITLES = (
    "Oak sofa for three",
    "Blue sofa with cushions",
    "Leather sofa cover",
    "Galaxy smartphone 128 GB",
    "Red kettle 1.7 l",
    "Steel kettle",
    "Wireless headphones",
    "Wooden bookshelf",
)


@pytest.fixture(scope="module")
def search() -> ProductSearch:
    frame = pd.DataFrame({"product_id": [f"p{i}" for i in range(len(TITLES))], "title": TITLES})
    return ProductSearch.build(Catalog.from_frame(frame))


def written(folder: Path, text: str) -> Path:
    path = folder / FILE
    path.write_text(text, encoding="utf-8")
    return path


def test_a_query_is_rewritten_by_the_longest_rule_and_only_once(tmp_path: Path) -> None:
    text = "replace:\n  settee: sofa\n  sofa: settee\n  mobile phone: smartphone\n  mobile: crib toy\n"
    rules = Synonyms.load(written(tmp_path, f"kind: synonyms\n{text}"))
    assert rules.rewrite("blue Settees") == "blue sofa"
    assert rules.rewrite("mobile phones 128 GB") == "smartphone 128gb"
    assert rules.rewrite("wooden mobile") == "wooden crib toy"
    assert rules.rewrite("Red  Kettle!") == "Red  Kettle!"
    assert rules.rewrite("") == ""


def test_a_shop_without_a_file_has_no_rules(tmp_path: Path) -> None:
    assert not Synonyms.of_shop(tmp_path)
    assert Synonyms.of_shop(tmp_path).rewrite("settee") == "settee"


def test_rules_can_be_added_written_and_read_again(tmp_path: Path) -> None:
    rules = Synonyms().with_rule("Settee", "sofa").with_rule("mobile phone", "smartphone").with_rule("settee", "couch")
    assert rules.replace == {"settee": "couch", "mobile phone": "smartphone"}
    assert Synonyms.load(written(tmp_path, rules.text())) == rules


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no keys"),
        ("kind: synonyms\nreplcae:\n  a: b\n", r"line 2: unknown key 'replcae'"),
        ("kind: rules\nreplace:\n  a: b\n", r"line 1: kind is 'rules'"),
        ("replace: [a, b]\n", "replace holds no rules"),
        ("replace:\n  settee: 5\n", r"line 2: 'settee' is no rule of text: 5"),
        ("replace:\n  sofa: sofas\n", "stands for itself"),
        ("replace:\n  settee: '...'\n", "no words"),
        ("replace:\n  settee: one two three four five six seven\n", "more than 6"),
        ("replace:\n  settee: sofa\n  Settees: couch\n", "says the same as 'settee'"),
        ("replace:\n  settee: sofa\n  settee: couch\n", "settee"),
        (f"replace:\n  settee: {'x' * 200}\n", "longer than 100"),
        ("replace: &a\n  settee: *a\n", "anchor"),
        ("replace:\n  'a: b\n", "synonyms.yaml"),
    ],
)
def test_a_wrong_file_is_refused_with_place_and_reason(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        Synonyms.load(written(tmp_path, text))


def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="cannot be read"):
        Synonyms.of_shop(tmp_path)
    written(tmp_path, "# " + "x" * 1_000_001)
    with pytest.raises(SpecError, match="the most is"):
        Synonyms.of_shop(tmp_path)


def test_advice_names_near_words_and_proposes_a_rule_that_works(search: ProductSearch) -> None:
    advice = Adviser(search).advise("bookshelve unit")
    assert advice.unknown == ("bookshelve", "unit")
    assert advice.words["bookshelve"][0] == "bookshelf"
    close = Adviser(search).advise("headphonez pro")
    assert "headphones" in (*close.words.get("headphonez", ()), *(close.rule or ()))


def test_advice_for_a_word_like_none_proposes_nothing(search: ProductSearch) -> None:
    advice = Adviser(search).advise("zzyzx")
    assert advice.unknown == ("zzyzx",)
    assert advice.rule is None
    assert advice.words == {"zzyzx": ()}


def test_advice_for_a_catalogue_without_words() -> None:
    empty = ProductSearch.build(Catalog.empty())
    advice = Adviser(empty).advise("kettle")
    assert advice.products == ()
    assert advice.rule is None


def test_search_itself_takes_the_rules(search: ProductSearch) -> None:
    own = ProductSearch(search.index)
    assert own.search("davenporter").abstained
    own.synonyms = Synonyms({"davenporter": "sofa"})
    found = own.search("Davenporters, blue")
    assert found.query == "Davenporters, blue"
    assert found.corrected == "sofa blue"
    assert found.product_ids[0] == "p1"
    assert own.search("kettle").corrected is None
    assert search.search("davenporter").abstained
