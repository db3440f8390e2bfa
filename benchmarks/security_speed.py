"""Speed of the detector: a real mix, attacks only, 4 kB texts, growth to 64 kB, and texts made to be slow."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from shopr.security.detectors.detector import Detector

__all__ = ["HOSTILE", "growth", "long_texts", "mix", "p99", "rate", "worst"]

HOSTILE = (
    "<",
    "<a ",
    "<a on",
    "{",
    "${",
    "{{",
    "'",
    "' or ",
    "(",
    "((",
    "select ",
    "union select ",
    "/*",
    "/**/",
    "../",
    "%2e",
    "%25",
    "&#",
    "&#x27;",
    "\\x",
    "\\u0027",
    " ",
    "\t\n",
    "a",
    "aa=",
    "-- ",
    "#",
    ";",
    "; ls ",
    "|",
    "$(",
    "`",
    "``",
    "on",
    "onload",
    "javascript",
    "j a v a ",
    "[]()!+",
    "http://",
    "http://a@",
    "1=1 ",
    "or 1=1 ",
    "case when ",
    "x,",
    "''",
    '"',
    "\\",
    "^",
    "*)(",
    "${jndi",
    "() {",
    "data:",
    "A" * 20,
    "QUFB",
    "\u200b",
    "＜",
    "é",
    "а",
    "\x00",
    "<!--",
    "]]>",
    "<![cdata[",
    "for /f ",
    "if not ",
    "%a in (",
    "your answer ",
    "ignore all ",
    "import os ",
    "::",
    "@@a",
    "char(1)+",
)
"""Bits that, repeated, make careless expressions slow."""


def rate(detect: Callable[[str], object], texts: Sequence[str], *, rounds: int = 3) -> float:
    """Texts a second of CPU, the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        for text in texts:
            detect(text)
        best = min(best, time.process_time() - started)
    return len(texts) / best


def mix(plain: Sequence[str], odd: Sequence[str], attacks: Sequence[str], *, size: int, seed: int) -> list[str]:
    """80 % plain, 15 % odd, 5 % attacks, shuffled."""
    generator = np.random.default_rng(seed)
    parts = [(plain, 0.8), (odd, 0.15), (attacks, 0.05)]
    drawn = [texts[i] for texts, share in parts for i in generator.integers(len(texts), size=round(size * share))]
    return [drawn[i] for i in generator.permutation(len(drawn))]


def long_texts(sentences: Sequence[str], length: int, count: int, *, seed: int) -> list[str]:
    """Texts of one length made of sentences, harmless and not."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        parts: list[str] = []
        while sum(map(len, parts)) + len(parts) < length:
            parts.append(sentences[int(generator.integers(len(sentences)))])
        found.append(" ".join(parts)[:length])
    return found


def p99(detector: Detector, texts: Sequence[str]) -> float:
    """The 99th percentile of CPU milliseconds a text."""
    times = []
    for text in texts:
        started = time.process_time()
        detector.detect(text)
        times.append(time.process_time() - started)
    return float(np.quantile(times, 0.99)) * 1000.0


def growth(detector: Detector, sentences: Sequence[str], *, seed: int) -> dict[int, float]:
    """CPU milliseconds of a text of 1 to 64 kB."""
    found = {}
    for kilobytes in (1, 2, 4, 8, 16, 32, 64):
        texts = long_texts(sentences, kilobytes * 1024, 6, seed=seed)
        found[kilobytes] = float(np.median([_time(detector, text) for text in texts])) * 1000.0
    return found


def worst(detector: Detector, *, length: int = 65_536) -> list[tuple[str, float]]:
    """The slowest hostile repetitions of 64 kB, in CPU milliseconds."""
    times = [(bit, _time(detector, (bit * (length // len(bit) + 1))[:length]) * 1000.0) for bit in HOSTILE]
    return sorted(times, key=lambda one: -one[1])


def _time(detector: Detector, text: str) -> float:
    started = time.process_time()
    detector.detect(text)
    return time.process_time() - started
