"""One text, one calibrated score: gate, views, rules, n-grams, second stage.

N-grams alone flag and never block: that takes a rule, and more of it than people write as well. Plain text leaves at
the gate. Longer texts than `CHUNK` are read in overlapping chunks and scored by the worst of them: cost grows with
length, and no attack hides behind it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shopr.security.detectors.evidence import Finding
from shopr.security.detectors.features import Evidence, general, observe, squeezed
from shopr.security.detectors.gate import is_plain, is_plain_beside_addresses
from shopr.security.detectors.model import Model, default_model
from shopr.security.detectors.rules import PRIOR, Rule, RuleBook, default_rules

__all__ = ["CHUNK", "MAX_TEXT", "Detection", "Detector", "logistic"]

CHUNK = 2048
"""Characters read at once."""

OVERLAP = 256
MAX_TEXT = 1 << 20
"""Characters of a text that are read at all: what is longer is flagged for its length."""

PROMPT_FLAG = 4
"""Written scores of prompt rules that together flag a text."""

_LEET = re.compile(r"[013457@$][a-z](?:(?<=[a-z]..)|(?<![\w$]..)[a-z])", re.DOTALL)
_LETTERS = tuple(zip("013457@$", "oieastas", strict=True))
_MAY_BE_SPACED = re.compile(r"[ ._-]\w[ ._-]\w[ ._-]\w[ ._-]")
_SPACED = re.compile(r"(?<!\w)\w(?:[ ._-]\w){5,}(?!\w)")
_APART = re.compile(r"(?<!\w)\w(?:[ ._-]\w){2,}(?!\w)")
_GAP = re.compile(r"(?<=\w)[ ._-](?=\w(?!\w))")


@dataclass(frozen=True, slots=True)
class Detection:
    """What the detector says of a text.

    Attributes:
        score: calibrated, 0 to 1.
        decision: "allow", "flag" or "block".
        rules: ids of the rules that matched, strongest first.
        threat: the class with the strongest evidence, or "" where nothing was seen.
        view: name of the reading in which the first of them matched, "raw" where none did.
        span: place of that match in the text of that reading (from the start of the whole text in the raw one).
        reason: one line for the log.
    """

    score: float
    decision: str
    rules: tuple[str, ...] = ()
    threat: str = ""
    view: str = "raw"
    span: tuple[int, int] | None = None
    reason: str = ""


class Detector:
    """Scores texts.

    Args:
        model: weights and thresholds; the shipped one unless given.
        rules: the rules it was trained with.
    """

    def __init__(self, model: Model | None = None, rules: RuleBook | None = None) -> None:
        self.model = model or default_model()
        self.rules = rules or default_rules()
        self._weights = {r.id: self.model.rule_weights.get(r.id, PRIOR[r.score]) for r in self.rules.rules}
        odds = self.model.intercept
        self._plain = Detection(logistic(odds - 2.0), "allow")

    def detect(self, text: str) -> Detection:
        """The verdict on one text. Never raises: whatever the text holds, it gets a score."""
        if is_plain(text):
            found = self._prompt(text)
            return self._prompted(found, "raw", self._plain.score) if found else self._plain
        if len(text) <= CHUNK:
            return self._scored(text, 0)
        worst = self._plain
        for at, chunk in _chunks(text[:MAX_TEXT]):
            worst = max(worst, self._scored(chunk, at), key=_severity)
            if worst.decision == "block":
                return worst
        if len(text) > MAX_TEXT and worst.decision == "allow":
            reason = f"{len(text)} characters, of which {MAX_TEXT} were read"
            return Detection(max(worst.score, self.model.flag), "flag", reason=reason)
        return worst

    def weight(self, rule: str) -> float:
        """What a rule adds to the log-odds."""
        return self._weights[rule]

    def log_odds(self, evidence: Evidence) -> float:
        """The second stage."""
        total = self.model.intercept if evidence.findings else self.model.intercept - self.model.alone
        for name in evidence.findings:
            total += self._weights[name]
        for value, weight in zip(general(evidence), self.model.general_weights, strict=True):
            total += value * weight
        return total

    def _scored(self, text: str, at: int) -> Detection:
        evidence = observe(text, self.rules, self.model.table)
        score = logistic(self.log_odds(evidence))
        decision = "block" if score >= self.model.block else "flag" if score >= self.model.flag else "allow"
        if decision != "allow" and not evidence.findings:
            decision = "allow" if is_plain_beside_addresses(text) else "flag"
            score = score if decision == "flag" else min(score, self._plain.score)
        elif decision == "block" and _is_mild(evidence) and not self._prompt(evidence.views[evidence.decoded].text):
            decision = "flag"
        findings = sorted(evidence.findings.values(), key=lambda f: (-self._weights[f.rule.id], f.rule.id))
        if decision != "block":
            view = evidence.views[evidence.decoded]
            prompt = self._prompt(view.text)
            if prompt:
                return self._prompted(prompt, view.name, score)
        return self._told(evidence, findings, score, decision, at)

    def _told(self, evidence: Evidence, findings: list[Finding], score: float, decision: str, at: int) -> Detection:
        if not findings:
            view = evidence.views[evidence.decoded]
            shown = (at + evidence.window, at + min(evidence.window + 24, len(squeezed(view.text))))
            reason = "" if decision == "allow" else "reads like an attack (n-grams), no rule matched"
            return Detection(
                score, decision, view=view.name, span=None if decision == "allow" else shown, reason=reason
            )
        first = findings[0]
        view = evidence.views[first.view]
        shift = at if view.name == "raw" else 0
        stretch = " ".join(view.text[first.start : first.end].split())[:60]
        reason = f"{first.rule.threat}: {first.rule.id} on {stretch!r} in view {view.name}"
        return Detection(
            score, decision, tuple(f.rule.id for f in findings), _threat(findings, self._weights), view.name,
            (first.start + shift, first.end + shift), reason,
        )  # fmt: skip

    def _prompt(self, text: str) -> list[tuple[Rule, int, int]]:
        """The prompt rules that match, if together they suffice to flag: also where digits stand for letters, or the
        letters stand apart."""
        low = text.lower()
        readings = [low]
        if _LEET.search(low):
            readings.append(_spelt(low))
        if _MAY_BE_SPACED.search(low) and _SPACED.search(low):
            readings.append(_APART.sub(lambda match: _GAP.sub("", match.group()), low))
        for reading in readings:
            hits = self.rules.match(reading, "prompt")
            if sum(hit.rule.score for hit in hits) >= PROMPT_FLAG:
                return [(h.rule, h.start, h.end) for h in sorted(hits, key=lambda h: -h.rule.score)]
        return []

    def _prompted(self, found: list[tuple[Rule, int, int]], view: str, score: float) -> Detection:
        rule, start, end = found[0]
        names = tuple(r.id for r, _, _ in found)
        reason = f"prompt injection: {rule.id} in view {view}"
        return Detection(max(score, self.model.flag), "flag", names, rule.threat, view, (start, end), reason)


def _spelt(low: str) -> str:
    """Digits and marks that stand for letters as those letters; `str.translate` is slow beyond ASCII."""
    for mark, letter in _LETTERS:
        low = low.replace(mark, letter)
    return low


def _is_mild(evidence: Evidence) -> bool:
    """Whether nothing matched but, in every view, forms that people write as well."""
    rules = [finding.rule for finding in evidence.findings.values()]
    if any(rule.mild is None for rule in rules):
        return False
    lows = {view.text.lower() for view in evidence.views}
    return all(rule.is_mild(low) for rule in rules for low in lows)


def _threat(findings: list[Finding], weights: Mapping[str, float]) -> str:
    told: dict[str, float] = {}
    for finding in findings:
        told[finding.rule.threat] = told.get(finding.rule.threat, 0.0) + weights[finding.rule.id]
    return max(told, key=lambda name: told[name])


def _severity(detection: Detection) -> tuple[int, float]:
    return ("allow", "flag", "block").index(detection.decision), detection.score


def logistic(odds: float) -> float:
    """Log-odds as a share of 1."""
    return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, odds))))


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    for at in range(0, max(len(text) - OVERLAP, 1), CHUNK - OVERLAP):
        yield at, text[at : at + CHUNK]
