"""Kinds mined from titles, and their precision on a real catalogue."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from shopr.data.catalog import Catalog
from shopr.data.sources.chorus import load
from shopr.search import Filters, ProductSearch
from shopr.search.catalogue.mining import Title, fixed_phrases, label, mine
from shopr.search.measures.evaluation import evaluate, read_ratings
from shopr.search.text.tokens import JOINED, tokenise


def title(text: str) -> Title:
    """A title of which the first word is the brand."""
    brand, _, rest = text.partition(" ")
    kept = [t for t in tokenise(rest) if not t.flags & JOINED]
    return Title(tuple(t.term for t in kept), tuple(t.flags for t in kept), hash(brand) % 7, True)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Acme AW310M mouse RF Wireless Optical", "mouse"),
        ("Acme Probe 15 notebook case 39.6 cm Black", "notebook case"),
        ("Acme 19-inch LCD Monitor", "lcd monitor"),
        ("Acme Watch GT smartwatch AMOLED 3.5 cm Black GPS (satellite)", "smartwatch"),
        ("Acme Battery for IBM laptops", "battery"),
        ("Acme Power Module uninterruptible power supply (UPS)", "module"),
        ("Acme 16GB Stick USB flash drive Blue", "usb flash drive"),
        ("Acme Xyzzy Plugh", ""),
    ],
)
def test_the_kind_of_a_title(text, kind):
    found, _ = label(title(text), {}, fixed_phrases())
    assert " ".join(found) == kind


def test_phrases_that_enough_products_bear_become_kinds():
    titles = [title(f"Brand{i} Model{i} widget press Black") for i in range(5)]
    kinds = mine(titles, Counter(), frozenset())
    assert kinds["widget", "press"] == 5
    assert ("black",) not in kinds


@pytest.fixture(scope="module")
def chorus(shared_data) -> tuple[Catalog, ProductSearch]:
    data = load(shared_data / "search" / "chorus_products.parquet").catalog
    return data, ProductSearch.build(data)


NAMES = [
    "headphones", "laptop", "laptop bag", "mouse", "keyboard", "monitor", "printer", "toner", "ink", "memory card",
    "hdmi cable", "network cable", "camera bag", "speaker", "router", "projector", "tv", "battery", "webcam",
    "smartwatch", "calculator", "ups", "usb hub",
]  # fmt: skip


def test_type_filters_are_precise_on_a_real_catalogue(chorus, shared_data):
    """The category expressions of the dialogues are an independent truth; four loose or tiny ones are left out."""
    data, search = chorus
    truth = json.loads((shared_data / "chat" / "dialogues_dev.json").read_text())["categories"]
    titles = data.frame["title"].str.lower()
    shares = []
    for name in NAMES:
        rule = truth[name.replace(" ", "_").replace("_flash_drive", "_stick")]
        good = titles.str.contains(rule["include"].replace("(", "(?:"))
        if rule["exclude"]:
            good &= ~titles.str.contains(rule["exclude"].replace("(", "(?:"))
        rows = search.search(name, 50, filters=Filters(types=(name,))).rows
        assert len(rows)
        shares.append(good.to_numpy()[rows].mean())
    assert np.mean(shares) >= 0.9


def test_quality_on_rated_queries_does_not_fall(chorus, shared_data):
    import pandas as pd

    _, search = chorus
    result = evaluate(search, read_ratings(pd.read_csv(shared_data / "search" / "chorus_qrels_dev.csv")))
    assert result.ndcg > 0.83
    assert result.condensed > 0.88
    assert result.refused >= 0.6
    assert result.abstained <= 0.05
