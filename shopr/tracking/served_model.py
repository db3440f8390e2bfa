"""The code that MLflow runs to serve a recommender (models from code: no object is pickled).

Input: a table with the column `user` and, if wished, `k`. Output: `user, item, rank, score`, ranks from 1. Unknown
users get what is popular.
"""

from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from shopr.recommend.contract.base import MAX_K
from shopr.recommend.contract.persist import load


class RecommenderModel(PythonModel):  # type: ignore[misc]
    """Answers `predict` from the folder that `shopr.recommend.contract.persist.save` wrote."""

    def load_context(self, context: Any) -> None:
        self.model = load(context.artifacts["model"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        if "user" not in model_input.columns:
            raise _refused("column 'user' is missing. Send a table with the column user, and k if wished")
        users = model_input["user"].astype(str).to_numpy(dtype=object)
        asked = model_input["k"] if "k" in model_input.columns else pd.Series([10] * len(users))
        wanted = np.asarray(pd.to_numeric(asked, errors="coerce").fillna(10), dtype=np.int64)
        if len(wanted) and not (wanted.min() >= 1 and wanted.max() <= MAX_K):
            raise _refused(f"k spans {wanted.min()} to {wanted.max()}. Ask for 1 to {MAX_K} items")
        deepest = int(wanted.max()) if len(wanted) else 1
        found = self.model.recommend(self.model.user_ids.encode(users), deepest)
        cut = np.arange(deepest) >= wanted[:, None]
        found.items[cut] = -1
        return found.to_frame(users, self.model.item_ids)


def _refused(message: str) -> MlflowException:
    """The call was wrong: MLflow's server answers 400 with this message, and hides that of any other exception."""
    return MlflowException.invalid_parameter_value(message)


set_model(RecommenderModel())
