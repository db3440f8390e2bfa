"""A fitted context prior on disk, beside the data it was learnt from: a restart need not learn it again."""

from __future__ import annotations

import json
import logging
import zipfile
from pathlib import Path

import numpy as np

from shopr.data.dataset import Dataset
from shopr.data.folders import replaced_file
from shopr.data.ids import IdMap
from shopr.errors import DataError, StorageError
from shopr.recommend.situation.circumstances import DIMENSIONS
from shopr.recommend.situation.context import ContextConfig, ContextPrior

__all__ = ["load_prior", "prior_of", "save_prior"]

log = logging.getLogger("shopr.recommend")
_VERSION = 1
_SHAPE = [[dimension.name, list(dimension.values)] for dimension in DIMENSIONS]


def save_prior(prior: ContextPrior, path: Path) -> None:
    """Write a fitted prior, whole or not at all.

    Raises:
        NotReadyError: if it is not fitted.
        StorageError: if the file cannot be written.
    """
    head = {
        "version": _VERSION,
        "dimensions": _SHAPE,
        "weights": prior.weights,
        "strengths": {name: list(values) for name, values in prior.strengths.items()},
        "config": prior.config.model_dump(mode="json"),
    }
    with replaced_file(path) as fresh, fresh.open("wb") as file:
        np.savez_compressed(
            file, head=np.array(json.dumps(head)), lifts=prior.lifts, items=prior.item_ids.ids.astype(str)
        )


def load_prior(path: Path) -> ContextPrior:
    """Read what `save_prior` wrote; nothing in the file is run.

    Raises:
        DataError: if it is no such file, or was written for other circumstances.
    """
    try:
        with np.load(path, allow_pickle=False) as found:
            head = json.loads(str(found["head"]))
            if head["version"] != _VERSION or head["dimensions"] != _SHAPE:
                raise DataError(f"{path} was written for other circumstances", hint="Delete it; it is learnt again")
            prior = ContextPrior(ContextConfig.model_validate(head["config"]))
            weights = {d.name: float(head["weights"][d.name]) for d in DIMENSIONS}
            strengths = {str(name): tuple(map(float, values)) for name, values in head["strengths"].items()}
            prior.restore(IdMap(found["items"].tolist()), found["lifts"], weights, strengths)
    except (OSError, EOFError, LookupError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} holds no context prior", hint="Delete it; it is learnt again") from error
    return prior


def prior_of(data: Dataset, folder: Path) -> ContextPrior:
    """The prior of a shop's data, read from its folder where it was learnt from this very data, else learnt and kept.

    A folder that cannot be written to is no failure: then the prior is learnt again next time.
    """
    path = folder / f"context-{data.fingerprint[:16]}.npz"
    try:
        return load_prior(path)
    except DataError:
        prior = ContextPrior().fit(data.events, data.catalog)
    try:
        for old in folder.glob("context-*.npz"):
            old.unlink(missing_ok=True)
        save_prior(prior, path)
    except (StorageError, OSError) as error:
        log.warning("the context prior was not kept: %s", error)
    return prior
