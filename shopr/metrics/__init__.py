"""Measures of recommendations and data: ranking, beyond accuracy, ratings, bootstrap intervals, drift."""

from __future__ import annotations

from shopr.metrics.beyond import beyond_accuracy
from shopr.metrics.bootstrap import Interval, compare, interval, paired, paired_table
from shopr.metrics.drift import drift_table
from shopr.metrics.ranking import METRICS, evaluate, evaluate_at, summarise
from shopr.metrics.ratings import evaluate_ratings

__all__ = [
    "METRICS",
    "Interval",
    "beyond_accuracy",
    "compare",
    "drift_table",
    "evaluate",
    "evaluate_at",
    "evaluate_ratings",
    "interval",
    "paired",
    "paired_table",
    "summarise",
]
