"""Is a logged model what `log_model` writes, and nothing else? What the gate asks of the files before they may serve.

A model folder is code that a server will run: MLflow loads the module that `MLmodel` names, and a pickle runs whatever
was put into it. The digest of the weights says nothing of the files beside them.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path, PurePosixPath

import numpy as np
import yaml
from scipy import sparse

from shopr.recommend.contract.base import Recommender

__all__ = ["file_problems", "weight_problems"]

_FILES = {
    "MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "input_example.json", "serving_input_example.json",
    "served_model.py",
}  # fmt: skip
_STATE_SUFFIXES = {".json", ".npz", ".npy", ".txt"}
_LOADER = "mlflow.pyfunc.loaders.code_model"
_FORMER_CODE = frozenset({"0b21b2832385c653a09a1e7502da6da55a87d1387437b01a0d18846ffe84cabc"})
"""SHA-256 of the `served_model.py` of models logged before the modules of recommend moved into rooms.

It is today's code but for the names that it imports by, which still work (`shopr.former`).
"""
_LARGEST = 1 << 20  # bytes of MLmodel


def file_problems(folder: Path) -> list[str]:
    """What is wrong with the files of a logged model, each in a few words; empty if nothing is."""
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        name = PurePosixPath(path.relative_to(folder).as_posix())
        if path.is_symlink():
            found.append(f"{name} is a link")
        elif path.is_file() and not _expected(name):
            found.append(f"{name} is not a file of a logged model")
    return found + _loader_problems(folder)


def weight_problems(model: Recommender) -> list[str]:
    """Learned arrays, of the model and of the models within it, that hold NaN or infinite numbers."""
    found = []
    for name, value in vars(model).items():
        if name.startswith("_"):
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, Recommender):
                found += [f"{name}: {problem}" for problem in weight_problems(part)]
            numbers = part.data if sparse.issparse(part) else part
            if isinstance(numbers, np.ndarray) and numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
                found.append(f"{name} holds {int((~np.isfinite(numbers)).sum()):,} numbers that are not finite")
    return found


def _expected(name: PurePosixPath) -> bool:
    if name.parts[:2] == ("artifacts", "recommender"):
        return name.suffix in _STATE_SUFFIXES
    return str(name) in _FILES


def _loader_problems(folder: Path) -> list[str]:
    described, code = folder / "MLmodel", folder / "served_model.py"
    if not described.is_file() or not code.is_file() or described.stat().st_size > _LARGEST:
        return ["MLmodel or served_model.py is missing, or too large"]
    found = []
    runs = code.read_bytes()
    ours = Path(__file__).with_name("served_model.py").read_bytes()
    if runs != ours and sha256(runs).hexdigest() not in _FORMER_CODE:
        found.append("served_model.py is not this version's: it would run other code")
    try:
        flavors = yaml.safe_load(described.read_text(encoding="utf-8"))["flavors"]
        loader = flavors["python_function"]
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        return [*found, "MLmodel cannot be read"]
    if set(flavors) != {"python_function"} or loader.get("loader_module") != _LOADER:
        found.append(f"MLmodel names the loader {loader.get('loader_module')!r}")
    code_path = PurePosixPath(str(loader.get("model_code_path"))).name
    if loader.get("python_model") or loader.get("code") or code_path != "served_model.py":
        found.append("MLmodel names a pickled model or other code")
    return found
