"""What `benchmarks/recommend.py` found, kept in a small file: the rows, and how often each test side was looked at."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

__all__ = ["FILE", "TARGETS", "leaderboard", "record"]

FILE = Path(__file__).resolve().parent.parent / "results" / "recommend.json"
TARGETS: dict[str, dict[str, float]] = {
    "or_8020": {"ndcg": 0.293},
    "or_loo": {"ndcg": 0.200},
    "ml1m_ugcn": {"ndcg": 0.275, "recall": 0.286},
    "amazoncds": {"ndcg": 0.122, "recall": 0.184},
    "beauty_loo": {"ndcg": 0.057},
}
"""Split -> measure -> what we set out to reach."""
_KEPT = (
    "ndcg", "ndcg_low", "ndcg_high", "recall", "recall_low", "recall_high", "coverage", "users", "fit_s",
    "recommend_s", "peak_mb", "rounds", "chosen", "params", "trials",
)  # fmt: skip

Row = dict[str, Any]


def record(split: str, rows: list[Row], run: Row, file: Path = FILE) -> None:
    """Merge rows of one run into the file: the newest row of a model stands, its looks at the test side add up.

    A look is a setting that was not judged on this test side before; `auto` counts what it chose.
    """
    known: dict[str, dict[str, Row]] = json.loads(file.read_text()) if file.is_file() else {}
    table = known.setdefault(split, {})
    for row in rows:
        digest = hashlib.sha256(json.dumps(row.get("params", {}), sort_keys=True).encode()).hexdigest()[:12]
        seen = table.get(row["model"], {}).get("judged", [])
        kept = {key: _short(row[key]) for key in _KEPT if key in row}
        table[row["model"]] = {**kept, **run, "judged": [*seen, *([] if digest in seen else [digest])]}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def _short(value: Any) -> Any:
    return float(f"{value:.5g}") if isinstance(value, float) else value


def leaderboard(file: Path = FILE) -> str:
    """The recorded rows as Markdown, one table a split, best first."""
    known: dict[str, dict[str, Row]] = json.loads(file.read_text())
    lines: list[str] = []
    for split, table in known.items():
        aims = " and ".join(f"{name} {aim:g}" for name, aim in TARGETS.get(split, {}).items())
        users = max(row["users"] for row in table.values())
        lines += [f"**{split}** ({users:,} users" + (f"; target: {aims})" if aims else ")"), ""]
        lines += [
            "| model | nDCG | 95 % interval | recall | fit s | all s | peak MB | test looks |",
            "| --- " * 8 + "|",
        ]
        for name, r in sorted(table.items(), key=lambda pair: -pair[1]["ndcg"]):
            chosen = f" ({r['chosen']})" if "chosen" in r else ""
            lines.append(
                f"| {name}{chosen} | {r['ndcg']:.4f} | {r['ndcg_low']:.4f}–{r['ndcg_high']:.4f} | {r['recall']:.4f} "
                f"| {r['fit_s']:.2f} | {r['recommend_s']:.2f} | {r['peak_mb']:.0f} | {len(r['judged'])} |"
            )
        lines.append("")
    return "\n".join(lines).rstrip()
