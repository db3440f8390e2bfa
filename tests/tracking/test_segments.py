"""Groups of shoppers by what their visits told."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from shopr.data.ids import IdMap
from shopr.tracking.segments import segments


def visits(*rows):
    frame = pd.DataFrame(
        [(u, pd.Timestamp("2026-01-01") + pd.Timedelta(days=d), p if isinstance(p, str) else json.dumps(p))
         for u, d, p in rows],
        columns=["user_id", "time", "properties"],
    )  # fmt: skip
    return frame.astype({"user_id": "string"})


def test_the_last_visit_that_says_so_counts():
    found = segments(
        visits(
            ("a", 2, {"language": "de", "country": "DE"}),
            ("a", 1, {"language": "en"}),
            ("b", 1, {"language": "en", "country": "GB", "device": "mobile"}),
            ("b", 3, {"page": "home"}),
            ("c", 1, "{}"),
            ("stranger", 1, {"language": "fr"}),
        ),
        IdMap(["a", "b", "c"]),
    )
    assert {name: mask.tolist() for name, mask in found.items()} == {
        "language de": [True, False, False],
        "language en": [False, True, False],
        "country DE": [True, False, False],
        "country GB": [False, True, False],
    }  # every known device is mobile: no slice


def test_what_is_rare_shares_a_slice():
    rows = [(f"u{i}", 0, {"country": c}) for i, c in enumerate("AAABBBCDE")]
    found = segments(visits(*rows), IdMap([f"u{i}" for i in range(9)]), most=2)
    assert list(found) == ["country A", "country B", "other countries"]
    assert np.flatnonzero(found["other countries"]).tolist() == [6, 7, 8]


def test_what_cannot_be_read_says_nothing():
    broken = visits(("a", 0, '{"language": '), ("b", 0, '["language"]'), ("c", 0, {"language": 7}))
    assert segments(broken, IdMap(["a", "b", "c"])) == {}
    assert segments(broken.iloc[:0], IdMap(["a"])) == {}
