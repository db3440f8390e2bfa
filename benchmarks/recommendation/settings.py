"""The settings of the named models of `benchmarks/recommend.py`, split by split.

Each was chosen on validation splits cut from the train side alone; the test side only reports.
"""

from __future__ import annotations

from typing import Any

__all__ = ["SETTINGS"]

Params = dict[str, Any]


def member(model: str, weight: float, params: Params) -> Params:
    """One member of a stack."""
    return {"model": model, "params": params, "weight": weight}


OR_EDLAE = {
    "lam": 20.2, "dropout": 0.754, "user_power": 0.19, "item_power": -0.213, "output_power": -0.093, "density": 0.07,
}  # fmt: skip
OR_TIME = {
    "lam": 20.0, "dropout": 0.5, "user_power": 0.4, "item_power": 0.0, "output_power": -0.1, "density": 0.05,
    "tau_days": 11.2, "share": 0.8, "half_life_days": 5.6, "floor": 0.1,
}  # fmt: skip
ML_EDLAE = {"lam": 600.0, "dropout": 1.5, "user_power": 0.5, "item_power": 0.1, "output_power": -0.1}
ML_SPECTRAL = {
    "rank": 128, "mix": 0.5, "user_power": 0.3, "from_power": 0.5, "to_power": 0.3, "spectral_user_power": 0.35,
    "spectral_item_power": 0.4,
}  # fmt: skip
ML_IALS = {"factors": 64, "regularization": 30.0, "alpha": 4.0}
CDS_FILTER = {"user_power": 0.2, "from_power": 0.6, "to_power": 0.3}
CDS_SPECTRAL = {
    **CDS_FILTER, "rank": 512, "mix": 0.4, "spectral_user_power": 0.35, "spectral_item_power": 0.4, "outer_power": 0.1,
}  # fmt: skip
CDS_EDLAE = {
    "lam": 100.0, "dropout": 1.0, "user_power": 0.5, "item_power": 0.0, "output_power": -0.1, "density": 0.05,
    "head": 9000,
}  # fmt: skip
THIN_IALS = {"factors": 128, "regularization": 10.0, "alpha": 60.0}
MARKOV = {
    "decay": 0.629, "backward": 0.174, "half_life": 1.012, "from_power": 0.584, "to_power": 0.117, "shrinkage": 14.16,
    "user_power": 0.05,
}  # fmt: skip
BEAUTY_SPECTRAL = {
    "user_power": 0.3, "from_power": 0.5, "to_power": 0.3, "rank": 256, "mix": 0.4, "spectral_user_power": 0.35,
    "spectral_item_power": 0.4, "outer_power": 0.1, "half_life_days": 6.0, "floor": 0.2,
}  # fmt: skip
LIKENESS = {"half_life": 2.0, "popularity": 0.5, "title": 0.0, "brand": 0.0, "category": 0.0, "attributes": 1.0}

# Chosen by --model auto on a validation split by time, as the weeks to come ask for other things than a random tenth.
OR_WEEKS = {
    "lam": 1066.6, "dropout": 0.4675, "user_power": 0.3487, "item_power": -0.2833, "output_power": -0.3477,
    "density": 0.2424, "tau_days": 5.919, "share": 0.0917, "half_life_days": 45.14, "floor": 0.441,
}  # fmt: skip
_TIMED = ("tau_days", "share", "half_life_days", "floor")
OR_WEEKS_EDLAE = {name: value for name, value in OR_WEEKS.items() if name not in _TIMED}
_OR = {"ease": {"lam": 100.0}, "edlae": OR_EDLAE, "ease_time": OR_TIME}
_SEQUENCES = {
    "markov": MARKOV,
    "spectral": BEAUTY_SPECTRAL,
    "likeness": LIKENESS,
    "ials": THIN_IALS,
    "stack": {"scale": "model", "members": [member("markov", 1.0, MARKOV), member("ials", 1.5, THIN_IALS)]},
    "stack_described": {
        "scale": "model",
        "members": [
            member("markov", 1.0, MARKOV),
            member("ials", 1.5, THIN_IALS),
            member("likeness", 0.5, LIKENESS),
        ],
    },
}

SETTINGS: dict[str, dict[str, Params]] = {
    "or_8020": _OR,
    "or_loo": _OR,
    "or_invoice": _OR,
    "or_temporal": {"ease": {"lam": 400.0}, "edlae": OR_WEEKS_EDLAE, "ease_time": OR_WEEKS},
    "ml1m_ugcn": {
        "ease": {"lam": 1000.0},
        "edlae": ML_EDLAE,
        "ials": ML_IALS,
        "spectral": ML_SPECTRAL,
        "stack": {
            "scale": "model",
            "members": [
                member("edlae", 1.0, {**ML_EDLAE, "density": 0.5}),
                member("spectral", 0.3, ML_SPECTRAL),
                member("ials", 0.1, ML_IALS),
                member("ials", 0.1, {"factors": 64, "regularization": 10.0, "alpha": 2.0}),
            ],
        },
    },
    "ml100k_8020": {"ease": {"lam": 200.0}},
    "beauty_loo": _SEQUENCES,
    "sports_loo": _SEQUENCES,
    "amazoncds": {
        "item_filter": CDS_FILTER,
        "ials": THIN_IALS,
        "edlae": CDS_EDLAE,
        "spectral": CDS_SPECTRAL,
        "stack": {
            "scale": "model",
            "members": [
                member("spectral", 1.0, CDS_SPECTRAL),
                member("edlae", 0.1, CDS_EDLAE),
                member("ials", 0.6, THIN_IALS),
            ],
        },
    },
}
"""Split -> model -> hyperparameters. Sports and the two later splits of Online Retail take those of their kin."""
