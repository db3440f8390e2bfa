"""The detector's model file: a table of n-gram weights, the weights of the second stage and two thresholds.

It is a NumPy archive of plain arrays (nothing in it can run), read without scikit-learn, with its training card beside
it.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from shopr.errors import DataError
from shopr.security.detectors.features import GENERAL
from shopr.security.detectors.ngrams import BITS, Table
from shopr.security.detectors.rules import RuleBook, default_rules

__all__ = ["Model", "card_of_the_default", "default_model"]

FORMAT = 2


@dataclass(frozen=True)
class Model:
    """A fitted detector.

    Attributes:
        table: n-gram weights.
        rule_weights: rule id -> what it adds to the log-odds.
        general_weights: weights of `features.GENERAL`, in that order.
        intercept: log-odds of a text of which nothing is seen.
        flag: score from which a text is flagged.
        block: score from which it is blocked.
        alone: what is taken off the log-odds where no rule matched: n-grams judge by likeness, and of texts of another
            trade than they have seen they know little.
    """

    table: Table
    rule_weights: dict[str, float]
    general_weights: tuple[float, ...]
    intercept: float
    flag: float
    block: float
    alone: float = 0.0

    def save(self, path: Path) -> None:
        """Write the archive, without times in it, so that the same model is the same file."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "format": np.array(FORMAT),
            "table": self.table.weights,
            "unit": np.array(self.table.unit),
            "rules": np.array(sorted(self.rule_weights)),
            "rule_weights": np.array([self.rule_weights[name] for name in sorted(self.rule_weights)], dtype=np.float32),
            "general": np.array(self.general_weights, dtype=np.float32),
            "intercept": np.array(self.intercept),
            "thresholds": np.array([self.flag, self.block, self.alone]),
        }
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as entry:
                    np.lib.format.write_array(entry, array, allow_pickle=False)

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read a model.

        Raises:
            DataError: if the file is no model, or one for other rules.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                model = cls._from(archive)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} is no detector model: {error}", hint="Train one with notebook 14") from error
        return model

    @classmethod
    def _from(cls, archive: Any) -> Model:
        if int(archive["format"]) not in (1, FORMAT):
            raise ValueError(f"format {int(archive['format'])}, not {FORMAT}")
        table, general = archive["table"], archive["general"]
        if table.shape != (1 << BITS,) or table.dtype != np.int8 or general.shape != (len(GENERAL),):
            raise ValueError("its arrays have other shapes")
        weights = dict(zip(archive["rules"].tolist(), archive["rule_weights"].tolist(), strict=True))
        flag, block, alone = (*archive["thresholds"].tolist(), 0.0)[:3]
        return cls(
            Table(table, float(archive["unit"])),
            weights,
            tuple(general.tolist()),
            float(archive["intercept"]),
            flag,
            block,
            alone,
        )

    def missing(self, book: RuleBook) -> list[str]:
        """Rules that the model has no weight for: they count with their written score."""
        return [rule.id for rule in book.rules if rule.id not in self.rule_weights]


@cache
def default_model() -> Model:
    """The model that comes with the package."""
    with as_file(files("shopr.security.detectors") / "shipped" / "detector.npz") as path:
        return Model.load(path)


@cache
def card_of_the_default() -> dict[str, Any]:
    """Its training card: sources and their licences, seed, counts, thresholds, measured rates."""
    text = (files("shopr.security.detectors") / "shipped" / "card.yaml").read_text(encoding="utf-8")
    card = yaml.safe_load(text)
    if not isinstance(card, dict):
        raise DataError("the detector's card holds no keys", hint="Reinstall the package")
    return card


def rules_without_weight() -> list[str]:
    """Rules of the package that its model does not know."""
    return default_model().missing(default_rules())
