"""A fitted context prior as files beside a shop: JSON for what is read by people, `.npz` for arrays, never pickle."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from shopr.data.ids import IdMap
from shopr.errors import DataError
from shopr.recommend.circumstances import DIMENSIONS
from shopr.recommend.context import ContextConfig, ContextPrior

__all__ = ["FORMAT_VERSION", "load_context", "save_context"]

FORMAT_VERSION = 1
_TEXT, _ARRAYS = "context.json", "context.npz"


def save_context(prior: ContextPrior, folder: str | Path) -> Path:
    """Write a fitted prior into `folder`, which is made if need be; returns the folder.

    Raises:
        NotReadyError: if it is not fitted.
    """
    lifts = prior.lifts
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path / _ARRAYS, lifts=lifts, item_ids=prior.item_ids.ids.astype(np.str_))
    tree = {
        "format": FORMAT_VERSION,
        "config": prior.config.model_dump(mode="json"),
        "dimensions": _dimensions(),
        "weights": prior.weights,
        "strengths": prior.strengths,
    }
    (path / _TEXT).write_text(json.dumps(tree, indent=1), encoding="utf-8")
    return path


def load_context(folder: str | Path) -> ContextPrior:
    """Read a prior that `save_context` wrote; it answers as the saved one did.

    Raises:
        DataError: if the folder holds no readable prior, or one of circumstances that this version cuts otherwise.
    """
    path = Path(folder)
    again = "Learn it again with ContextPrior().fit(events, catalog)"
    try:
        tree = json.loads((path / _TEXT).read_text(encoding="utf-8"))
        if tree["format"] != FORMAT_VERSION or tree["dimensions"] != _dimensions():
            raise DataError(f"the context prior in {path} is of another version", hint=again)
        prior = ContextPrior(ContextConfig(**tree["config"]))
        weights = {dimension.name: float(tree["weights"][dimension.name]) for dimension in DIMENSIONS}
        strengths = {str(name): tuple(map(float, values)) for name, values in tree["strengths"].items()}
        with np.load(path / _ARRAYS, allow_pickle=False) as arrays:
            prior.restore(IdMap(arrays["item_ids"].tolist()), arrays["lifts"], weights, strengths)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, zipfile.BadZipFile, ValidationError) as error:
        raise DataError(f"no readable context prior in {path}: {error}", hint=again) from error
    return prior


def _dimensions() -> list[list[object]]:
    """What the columns of the lifts mean."""
    return [[dimension.name, list(dimension.values)] for dimension in DIMENSIONS]
