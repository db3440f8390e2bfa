"""A table of one row a unit with a known effect, exposed evenly over some days."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd

START = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = """
name: checkout
hypothesis: A shorter checkout brings more
arms: {control: 1, short: 1}
metrics: [{name: revenue, covariates: [before]}, {name: bought, type: proportion}]
primary: [revenue]
guardrails: [{metric: bought, margin: 0.2}]
segments: [country]
start: 2026-01-01
end: 2026-01-29
"""


def units(n: int = 2800, *, days: int = 28, effect: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """`n` units, the same number each day, in turns of the arms; revenue is 10 + noise of 2, plus the effect."""
    rng = np.random.default_rng(seed)
    at = np.sort(np.arange(n) * days // n) * 86_400 + 60 + np.arange(n) % (n // days)
    short = np.arange(n) % 2 == 1
    before = rng.normal(0, 1.5, n)
    return pd.DataFrame(
        {
            "unit_id": [f"u{i}" for i in range(n)],
            "variant": np.where(short, "short", "control"),
            "exposed_at": pd.Timestamp(START) + pd.to_timedelta(at, unit="s"),
            "before": before,
            "revenue": 10 + before + rng.normal(0, 1.3, n) + effect * short,
            "bought": (rng.random(n) < 0.5).astype(int),
            "country": np.where(np.arange(n) % 3 == 0, "de", "fr"),
        }
    )
