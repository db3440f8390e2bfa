"""A fitted recommender as an MLflow model: logged from code, checked by digest, served by `mlflow models serve`."""

from __future__ import annotations

import hashlib
import json
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import shopr
from shopr.config import Settings
from shopr.errors import StorageError
from shopr.recommend.contract.persist import load, save
from shopr.tracking.store import client, guarded, quiet_mlflow

if TYPE_CHECKING:
    from shopr.recommend.contract.base import Recommender
    from shopr.tracking.runs import Run

__all__ = ["DIGEST_TAG", "MODEL_FOLDER", "digest_folder", "load_from", "load_model", "log_model"]

MODEL_FOLDER = "model"
DIGEST_TAG = "shopr.model_digest"
_STATE = "artifacts/recommender"


def log_model(run: Run, model: Recommender) -> str:
    """Log a fitted model with signature and input example; returns its digest, which the run keeps as a tag.

    Raises:
        StorageError: if the store refuses.
    """
    mlflow = quiet_mlflow()
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    signature = ModelSignature(
        inputs=Schema([ColSpec("string", "user"), ColSpec("long", "k", required=False)]),
        outputs=Schema(
            [ColSpec("string", "user"), ColSpec("string", "item"), ColSpec("long", "rank"), ColSpec("double", "score")]
        ),
    )
    with tempfile.TemporaryDirectory() as folder, guarded(run.settings):
        state = save(model, Path(folder) / "recommender")
        packed = Path(folder) / "packed"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it misses the input example, which is added below
            mlflow.pyfunc.save_model(
                path=str(packed),
                python_model=str(Path(__file__).with_name("served_model.py")),
                artifacts={"model": str(state)},
                signature=signature,
                pip_requirements=[f"shopr=={shopr.__version__}"],
                metadata={"recommender": model.name, "config": model.config.model_dump(mode="json")},
            )
        example = pd.DataFrame(
            {"user": model.user_ids.ids[:2].astype(str), "k": np.array([5, 5])[: len(model.user_ids)]}
        )
        _keep_example(packed, example)
        digest = digest_folder(packed / _STATE)
        run.artifact(packed, MODEL_FOLDER)
    run.tags({DIGEST_TAG: digest, "shopr.model": model.name})
    return digest


def load_model(settings: Settings, version: Any) -> Recommender:
    """The recommender behind a registered model version, without MLflow's own wrapper.

    Raises:
        StorageError: if its files are gone, or are not those that were registered.
    """
    with guarded(settings):
        uri = client(settings).get_model_version_download_uri(version.name, version.version)
    return load_from(settings, uri, version.tags.get(DIGEST_TAG, ""), f"model version {version.version}")


def load_from(settings: Settings, uri: str, digest: str, what: str) -> Recommender:
    """The recommender that MLflow keeps at `uri`, if its files still have the digest they were logged with.

    Args:
        what: the model in words, for the error.

    Raises:
        StorageError: if its files are gone, or changed since.
    """
    mlflow = quiet_mlflow()
    with guarded(settings):
        local = mlflow.artifacts.download_artifacts(artifact_uri=uri, tracking_uri=settings.mlflow_uri)
    folder = Path(local) / _STATE
    if not folder.is_dir():
        raise StorageError(f"{what} has no files in {folder}", hint="Train and promote again")
    if digest_folder(folder) != digest:
        raise StorageError(
            f"{what} is not what was logged: its files changed since",
            hint="Do not serve it: run 'shopr rollback', then train and promote again",
        )
    return load(folder)


def digest_folder(folder: Path) -> str:
    """SHA-256 over names and contents of all files below `folder`, in order of name."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = hashlib.sha256(path.read_bytes()).digest()
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + content)
    return digest.hexdigest()


def _keep_example(packed: Path, example: pd.DataFrame) -> None:
    """Put the input example where MLflow looks for it, without a trial prediction at saving time."""
    from mlflow.models import Model

    split = {k: v for k, v in example.to_dict(orient="split").items() if k != "index"}
    content = {"dataframe_split": split}
    (packed / "input_example.json").write_text(json.dumps(split), encoding="utf-8")
    (packed / "serving_input_example.json").write_text(json.dumps(content), encoding="utf-8")
    path = packed / "MLmodel"
    described = Model.load(str(path))
    described.saved_input_example_info = {
        "artifact_path": "input_example.json",
        "serving_input_path": "serving_input_example.json",
        "type": "dataframe",
        "pandas_orient": "split",
    }
    described.save(str(path))
