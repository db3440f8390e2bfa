"""Spotify's confidence: differences of grouped sums, non-inferiority, corrections, sample sizes.

The recorder kept the name Experiment for all its classes, so where no method column was recorded the method is told by
the test's file; and it kept no settings of the sample size calculators, so those are read from the output's echo.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.abtest.vectors import Case, Uncovered
from tests.abtest.vectors.confidence_experiment import play
from tests.abtest.vectors.confidence_sizes import achieved_power, calculator, sizes

NAME = ("spotify/confidence", "spotify-confidence")
KINDS = (
    "Experiment.difference",
    "Experiment.differences",
    "Experiment.multiple_difference",
    "Experiment.summary",
    "Experiment.achieved_power",
    "Experiment.sample_ratio_test",
    "SampleSize.binomial",
    "SampleSize.continuous",
    "SampleSizeCalculator.sample_size",
    "SampleSizeCalculator.powered_effect",
)
FLOOR = 0.9
RECORDED = (96, 103)


def cases(document: Mapping[str, Any]) -> Iterator[Case]:
    """Every recorded call."""
    for body in document["cases"]:
        yield Case(str(body["class"]), str(body["test"]).rpartition("::")[2], body)


def run(case: Case) -> tuple[Any, Any]:
    """Ours and the recorded answer."""
    group, _, method = case.kind.partition(".")
    if case.kind == "Experiment.achieved_power":
        return achieved_power(case.body), case.body["output"]
    if group == "Experiment":
        return play(method, case.body), case.body["output"]
    if group == "SampleSize":
        return sizes(method, case.body), case.body["output"]
    if group == "SampleSizeCalculator" and method in ("sample_size", "powered_effect"):
        return calculator(method, case.body), case.body["output"]
    if method == "optimal_weights_and_sample_size":
        raise Uncovered("weights are the experimenter's choice here; no search for them is offered")
    raise Uncovered(f"no counterpart of {case.kind}")
