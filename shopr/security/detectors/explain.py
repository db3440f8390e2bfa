"""One verdict, taken apart: for `shopr guard check`, the security page and whoever must judge a false alarm."""

from __future__ import annotations

from dataclasses import dataclass

from shopr.security.detectors.detector import CHUNK, Detection, Detector
from shopr.security.detectors.features import GENERAL, general, observe
from shopr.security.detectors.gate import is_plain

__all__ = ["Explanation", "explain"]

SHOWN = 120


@dataclass(frozen=True)
class Explanation:
    """Why a text was judged as it was.

    Attributes:
        detection: the verdict.
        plain: whether it left at the gate.
        flag: score from which texts are flagged.
        block: score from which they are blocked.
        views: name and beginning of each reading.
        parts: evidence, what it added to the log-odds, and where it was seen; the strongest first.
    """

    detection: Detection
    plain: bool
    flag: float
    block: float
    views: tuple[tuple[str, str], ...]
    parts: tuple[tuple[str, float, str], ...]


def explain(detector: Detector, text: str) -> Explanation:
    """The verdict on `text` (of a long one, on its first chunk) with all that went into it."""
    detection, plain = detector.detect(text), is_plain(text)
    model = detector.model
    if plain:
        return Explanation(detection, plain, model.flag, model.block, (), ())
    evidence = observe(text[:CHUNK], detector.rules, model.table)
    views = tuple((view.name, view.text[:SHOWN]) for view in evidence.views)
    parts: list[tuple[str, float, str]] = [("before anything is seen", model.intercept, "")]
    if not evidence.findings:
        parts.append(("no rule matched", -model.alone, ""))
    for name, finding in evidence.findings.items():
        view = evidence.views[finding.view]
        where = f"{view.name}: {view.text[finding.start : finding.end][:SHOWN]!r}"
        parts.append((name, detector.weight(name), where))
    for name, value, weight in zip(GENERAL, general(evidence), model.general_weights, strict=True):
        if value * weight:
            parts.append((name, value * weight, f"{value:.2f} times {weight:.2f}"))
    parts.sort(key=lambda part: -abs(part[1]))
    return Explanation(detection, plain, model.flag, model.block, views, tuple(parts))
