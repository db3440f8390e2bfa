"""Fitted recommenders as files: JSON for structure, `.npy` for arrays, never pickle.

A folder holds `model.json` (name, config and the tree of learned state) and `arrays/NNN.npy`. Loading runs no code from
the folder, so a model file from elsewhere can be wrong but not hostile.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions
from shopr.errors import DataError
from shopr.recommend.contract.base import Config, Recommender
from shopr.recommend.contract.registry import MODELS, make

__all__ = ["FORMAT_VERSION", "load", "save"]

FORMAT_VERSION = 1
_INTERACTION_FIELDS = ("user_ids", "item_ids", "users", "items", "times", "weights", "ratings")


class _Writer:
    def __init__(self, folder: Path) -> None:
        self.arrays = folder / "arrays"
        self.arrays.mkdir(parents=True, exist_ok=True)
        self.count = 0
        self.seen: dict[int, dict[str, Any]] = {}
        self.alive: list[Any] = []  # keeps ids in `seen` from being reused

    def array(self, value: np.ndarray) -> dict[str, Any]:
        if value.dtype == object:
            value = value.astype(np.str_)
        name = f"{self.count:03d}.npy"
        self.count += 1
        np.save(self.arrays / name, np.ascontiguousarray(value), allow_pickle=False)
        return {"$array": name}

    def node(self, value: Any, where: str) -> Any:
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, np.generic):
            return value.item()
        if id(value) in self.seen:  # arrays and id maps shared by two attributes are written once
            return self.seen[id(value)]
        encoded = self._compound(value, where)
        if isinstance(value, np.ndarray | IdMap):
            self.seen[id(value)] = encoded
            self.alive.append(value)
        return encoded

    def _compound(self, value: Any, where: str) -> Any:
        if isinstance(value, np.ndarray):
            return self.array(value)
        if isinstance(value, IdMap):
            return {"$ids": self.node(value.ids, where)}
        if sparse.issparse(value) and value.format in ("csr", "csc"):
            parts = [self.node(getattr(value, a), where) for a in ("data", "indices", "indptr")]
            return {"$sparse": value.format, "shape": list(value.shape), "parts": parts}
        if isinstance(value, Interactions):
            return {"$interactions": {f: self.node(getattr(value, f), f"{where}.{f}") for f in _INTERACTION_FIELDS}}
        if isinstance(value, Recommender):
            return {"$model": _describe(value, self, where)}
        if isinstance(value, list | tuple):
            return {"$list": [self.node(v, f"{where}[{i}]") for i, v in enumerate(value)]}
        if isinstance(value, dict):
            return {"$dict": [[self.node(k, where), self.node(v, f"{where}[{k!r}]")] for k, v in value.items()]}
        raise DataError(
            f"{where} is a {type(value).__name__}", hint="Keep learned state in arrays, id maps and scalars"
        )


class _Reader:
    def __init__(self, folder: Path) -> None:
        self.arrays = folder / "arrays"
        self.cache: dict[str, Any] = {}

    def array(self, name: str) -> Any:
        if name not in self.cache:
            if Path(name).name != name:
                raise DataError(f"array name {name!r} leaves the model's folder")
            self.cache[name] = np.load(self.arrays / name, allow_pickle=False)
        return self.cache[name]

    def node(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if "$array" in value:
            return self.array(value["$array"])
        if "$ids" in value:
            key = json.dumps(value, sort_keys=True)
            if key not in self.cache:
                self.cache[key] = IdMap(self.node(value["$ids"]))
            return self.cache[key]
        if "$sparse" in value:
            make_matrix = sparse.csr_matrix if value["$sparse"] == "csr" else sparse.csc_matrix
            return make_matrix(tuple(self.node(p) for p in value["parts"]), shape=tuple(value["shape"]))
        if "$interactions" in value:
            return Interactions(**{f: self.node(value["$interactions"][f]) for f in _INTERACTION_FIELDS})
        if "$model" in value:
            return _restore(value["$model"], self)
        if "$list" in value:
            return [self.node(v) for v in value["$list"]]
        return {self.node(k): self.node(v) for k, v in value["$dict"]}


def save(model: Recommender, folder: str | Path) -> Path:
    """Write a fitted model into `folder`, which is made if need be; returns the folder.

    Raises:
        DataError: if the model keeps state of a kind that has no file form.
        NotReadyError: if it is not fitted.
    """
    path = Path(folder)
    model.train  # noqa: B018 - refuses a model that was never fitted
    writer = _Writer(path)
    tree = {"format": FORMAT_VERSION, **_describe(model, writer, model.name)}
    (path / "model.json").write_text(json.dumps(tree), encoding="utf-8")
    return path


def load(folder: str | Path) -> Recommender:
    """Read a model that `save` wrote; it answers as the saved one did.

    Raises:
        DataError: if the folder holds no readable model of this format.
    """
    path = Path(folder)
    try:
        tree = json.loads((path / "model.json").read_text(encoding="utf-8"))
        if tree.get("format") != FORMAT_VERSION:
            raise DataError(
                f"model format {tree.get('format')!r} in {path}, this version reads {FORMAT_VERSION}",
                hint="Train the model again with this version",
            )
        return _restore(tree, _Reader(path))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError(f"no readable model in {path}: {error}", hint="Train and save the model again") from error


def _describe(model: Recommender, writer: _Writer, where: str) -> dict[str, Any]:
    state = {k: writer.node(v, f"{where}.{k}") for k, v in vars(model).items() if not isinstance(v, Config)}
    return {"name": model.name, "config": model.config.model_dump(mode="json"), "state": state}


def _restore(tree: dict[str, Any], reader: _Reader) -> Recommender:
    if tree["name"] not in MODELS:
        raise DataError(f"model {tree['name']!r} is not known here", hint=f"Known: {', '.join(sorted(MODELS))}")
    model = make(tree["name"], **tree["config"])
    for key, value in tree["state"].items():
        setattr(model, key, reader.node(value))
    return model
