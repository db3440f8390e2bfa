"""The evidence of rules and n-grams as numbers, in a fixed order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shopr.security.canonical import SIDE_VIEWS, View, views
from shopr.security.detectors.evidence import Finding, gather
from shopr.security.detectors.markup import unmarked
from shopr.security.detectors.ngrams import SCALES, Table
from shopr.security.detectors.rules import RuleBook

__all__ = ["GENERAL", "HIGHEST", "LOWEST", "Evidence", "general", "observe"]

GENERAL = (
    "ngram_whole",
    *(f"ngram_{scale}" for scale in SCALES),
    "top",
    "second",
    "sum",
    "hits",
    "classes",
    "cover",
    "sum_short",
    "length",
    "encoded",
)
"""Names of the numbers beside the rules."""

LOWEST, HIGHEST = 0.5, 12.0
"""Bounds of n-gram scores: harmless words around an attack, or the digits in it, take nothing away."""

_BLANKS = re.compile(r"\s{2,}")
_RUNS = re.compile(r"([^a-zA-Z0-9\s])\1{3,}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was seen in one text.

    Attributes:
        views: its readings.
        findings: rule id -> its first finding.
        scores: of the n-grams: whole text, then each scale; the highest over the decoded and the uncommented view.
        window: where the most suspicious stretch starts in the decoded view.
        decoded: place of the last decoded view.
    """

    views: tuple[View, ...]
    findings: Mapping[str, Finding]
    scores: Sequence[float]
    window: int
    decoded: int


def observe(text: str, book: RuleBook, table: Table | None) -> Evidence:
    """Views, rules and n-grams of one text."""
    readings = views(unmarked(text))
    decoded = max((i for i, view in enumerate(readings) if view.name not in SIDE_VIEWS), default=0)
    scores, window = table.scores(squeezed(readings[decoded].text)) if table else ([0.0] * (1 + len(SCALES)), 0)
    for view in readings[decoded + 1 :]:
        if table and view.name in ("comments", "plus"):
            other, _ = table.scores(squeezed(view.text))
            scores = [max(pair) for pair in zip(scores, other, strict=True)]
    return Evidence(readings, gather(book, readings), scores, window, decoded)


def squeezed(text: str) -> str:
    """`text` with runs of blanks made one, and rows of one mark three, as the n-grams read it."""
    return _RUNS.sub(r"\1\1\1", _BLANKS.sub(" ", text))


def general(evidence: Evidence) -> list[float]:
    """The numbers of `GENERAL`."""
    findings = evidence.findings.values()
    strengths = sorted((finding.rule.score for finding in findings), reverse=True)
    total = float(sum(strengths))
    length = len(evidence.views[evidence.decoded].text) or 1
    cover = max((min(1.0, (f.end - f.start) / length) for f in findings if f.rule.reads != "sql"), default=0.0)
    return [
        *(max(LOWEST, min(HIGHEST, score)) for score in evidence.scores),
        float(strengths[0]) if strengths else 0.0,
        float(strengths[1]) if len(strengths) > 1 else 0.0,
        min(total, 16.0),
        float(min(len(strengths), 6)),
        float(min(len({finding.rule.threat for finding in findings}), 4)),
        cover,
        min(total, 12.0) / (1.0 + length / 40.0),
        min(1.0, max(0.0, (length / 100.0) ** 0.5 - 1.0)),
        1.0 if evidence.decoded > 0 else 0.0,
    ]
