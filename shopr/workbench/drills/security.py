"""The guard's work in tables: detection by class, false alarms by kind of text, worst misses, drift, who was
stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from shopr.metrics.drift import psi
from shopr.security.detectors.detector import Detector
from shopr.security.reading import CLASSES
from shopr.security.training.corpus import Row

__all__ = ["detection", "drift", "false_alarms", "judged", "misses", "pooled", "stopped"]


def judged(rows: Sequence[Row], detector: Detector | None = None) -> pd.DataFrame:
    """Each text with its truth and the detector's verdict: `text, attack, kind, decision, score, threat, rules`."""
    detector = detector or Detector()
    found = []
    for row in rows:
        seen = detector.detect(row.text)
        found.append([row.text, row.attack, row.kind, str(seen.decision), seen.score, seen.threat, list(seen.rules)])
    return pd.DataFrame(found, columns=["text", "attack", "kind", "decision", "score", "threat", "rules"])


def detection(table: pd.DataFrame) -> pd.DataFrame:
    """Attacks by class: `class, texts, blocked, low, high, flagged`.

    Shares; `low` and `high` are the interval at 95 % (Wilson) of the blocked ones; flagged ones include those blocked.
    """
    attacks = table[table["attack"]]
    rows = [_rates(CLASSES.get(str(kind), str(kind)), group) for kind, group in attacks.groupby("kind")]
    return pd.DataFrame(rows).rename(columns={"name": "class"}).sort_values("blocked", ignore_index=True)


def false_alarms(table: pd.DataFrame) -> pd.DataFrame:
    """Harmless texts by kind: `kind, texts, blocked, low, high, flagged`, as `detection`."""
    harmless = table[~table["attack"]]
    rows = [_rates(str(kind), group) for kind, group in harmless.groupby("kind")]
    found = pd.DataFrame(rows).rename(columns={"name": "kind"})
    return found.sort_values(["blocked", "flagged"], ascending=False, ignore_index=True)


def pooled(table: pd.DataFrame) -> pd.DataFrame:
    """All attacks and all harmless texts: `texts of, texts, blocked, low, high, flagged`."""
    parts = {"attacks": table[table["attack"]], "harmless texts": table[~table["attack"]]}
    return pd.DataFrame([_rates(name, part) for name, part in parts.items()]).rename(columns={"name": "texts of"})


def misses(table: pd.DataFrame, n: int = 10) -> pd.DataFrame:
    """The attacks that looked most harmless, then the harmless texts that looked worst.

    Returns:
        `truth, kind, score, decision, text`.
    """
    attacks = table[table["attack"] & (table["decision"] != "block")].nsmallest(n, "score")
    harmless = table[~table["attack"] & (table["decision"] != "allow")].nlargest(n, "score")
    found = pd.concat([attacks.assign(truth="attack"), harmless.assign(truth="harmless")])
    shown = found.assign(text=found["text"].map(lambda text: text if len(text) <= 90 else f"{text[:87]}…"))
    return shown[["truth", "kind", "score", "decision", "text"]].reset_index(drop=True)


def drift(played: pd.DataFrame, reference: pd.DataFrame, *, step: str = "D") -> pd.DataFrame:
    """How far the scores of what came through each day lie from those of harmless texts: `day, messages, psi, blocked`.

    A PSI above 0.25 says that another kind of text comes in. Days of few messages are left out: chance alone moves
    them.
    """
    known = _odds(reference.loc[~reference["attack"], "score"])
    rows: list[dict[str, Any]] = []
    # What limits and locks stopped was not read.
    read = played[(played["kind"] == "message") & played["stopped_by"].isin(["", "detector"])]
    for day, group in read.groupby(read["time"].dt.floor(step)):
        through = group[group["decision"] != "block"]
        if len(through) < _FEW:
            continue
        rows.append(
            {
                "day": day,
                "messages": len(group),
                "psi": psi(known, _odds(through["score"])),
                "blocked": float((group["decision"] == "block").mean()),
            }
        )
    return pd.DataFrame(rows, columns=["day", "messages", "psi", "blocked"])


def stopped(played: pd.DataFrame) -> pd.DataFrame:
    """By role: acts, the share that came through, and what stopped the others; a shopper who was stopped is a false
    alarm.

    `callers_stopped` counts those that a lock, a block or a limit stopped, `median_acts_before` how much they did
    first.
    """
    rows = []
    for role, group in played.groupby("role"):
        halted = group[group["stopped_by"] != ""]
        first = [_before(own) for _, own in group.groupby("who")]
        known = [number for number in first if number is not None]
        rows.append(
            {
                "role": role,
                "callers": group["who"].nunique(),
                "acts": len(group),
                "through": float((group["stopped_by"] == "").mean()),
                **{f"by {name}": int((halted["stopped_by"] == name).sum()) for name in _STOPS},
                "callers_stopped": len(known),
                "median_acts_before": float(np.median(known)) if known else np.nan,
            }
        )
    return pd.DataFrame(rows).sort_values("through", ignore_index=True)


_FEW = 30
_STOPS = ("detector", "lockout", "access", "limit")


def _before(own: pd.DataFrame) -> int | None:
    """Acts of one caller before a lock, a block or a limit stopped it for the first time; single verdicts do not
    count."""
    halted = np.flatnonzero(own["stopped_by"].isin(["lockout", "access", "limit"]).to_numpy())
    return int(halted[0]) if len(halted) else None


def _rates(name: str, group: pd.DataFrame) -> dict[str, Any]:
    blocked, texts = int((group["decision"] == "block").sum()), len(group)
    interval = binomtest(blocked, texts).proportion_ci(method="wilson")
    flagged = float((group["decision"] != "allow").mean())
    return {"name": name, "texts": texts, "blocked": blocked / texts, "low": float(interval.low),
            "high": float(interval.high), "flagged": flagged}  # fmt: skip


def _odds(scores: pd.Series) -> pd.Series:
    """Scores crowd at both ends: their log odds tell differences there, too."""
    clipped = scores.clip(1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))
