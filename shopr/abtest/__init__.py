"""Experiments: who sees what, what came of it, and what to do about it.

The names below are what most start with; each is loaded on first use.
"""

from __future__ import annotations

from typing import Any

from shopr.former import redirect
from shopr.lazy import loaded

_PUBLIC = {
    "Assignment": "allocation.assignment",
    "Experiment": "design.spec",
    "Exposures": "allocation.exposures",
    "analyze": "judging.analysis",
    "load_spec": "design.spec",
    "plan": "sizing.planning",
}
_MOVED = {
    "allocation": "assignment exposures",
    "counterfactual": "logged offpolicy openbandit overlap replay rewardmodel",
    "design": "designs eventspec metrics spec specschema",
    "judging": "analysis estimates health looks monitoring reading trajectory verdict",
    "methods": "adjustment arms bayesian betabinomial boundaries confseq counts crossing frequentist groupsequential "
    "moments multiplicity poststratification quantiles rank resampling sequential spending srm",
    "policies": "bandit interleaving linearbandit livepolicies preference thompson winning",
    "records": "board keeping kept readings report timeplot",
    "simulation": "calibratedpower calibration playing rehearsal trials verdictrates",
    "sizing": "history planning power",
    "tables": "columns engine files sums table times uniqueness unitlog",
}
"""Room -> the modules that lay beside it once; what was kept from then names them without the room."""

redirect("shopr.abtest", _MOVED)

__all__ = ["Assignment", "Experiment", "Exposures", "analyze", "load_spec", "plan"]


def __getattr__(name: str) -> Any:
    return loaded(__name__, _PUBLIC, name)


def __dir__() -> list[str]:
    return sorted(__all__)
