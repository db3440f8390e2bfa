"""One peer library on one split, run by the Python of the peers' own environment: never imports Shopr.

    PEERS_PYTHON benchmarks/recommendation/peer.py JOB.json

The job names the model, its settings, k, the seed and a folder: `train.npz` (`indptr`, `indices`, `users`, `n_items`)
is read from it, `items.npy` (users, k; item codes, -1 where a list is short) and `row.json` (seconds, peak memory) are
written to it. Building the library's own data set is not counted into the time of the fit.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

Lists = tuple[np.ndarray, float, float]
"""Item codes, seconds of the fit, seconds of recommending to all users."""


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(job["folder"])
    with np.load(folder / "train.npz") as z:
        shape = (len(z["indptr"]) - 1, int(z["n_items"]))
        ones = np.ones(len(z["indices"]), np.float32)
        train = sparse.csr_matrix((ones, z["indices"], z["indptr"]), shape=shape)
        users = z["users"]
    base = peak_mb()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        items, fitted, recommended = MODELS[job["model"]](job, train, users)
    np.save(folder / "items.npy", items.astype(np.int32))
    row = {"fit_s": fitted, "recommend_s": recommended, "peak_mb": peak_mb(), "data_mb": base}
    (folder / "row.json").write_text(json.dumps(row))


def pairs(train: sparse.csr_matrix) -> dict[str, np.ndarray]:
    """Columns of one row an interaction: user_id, item_id."""
    return {"user_id": np.repeat(np.arange(train.shape[0]), np.diff(train.indptr)), "item_id": train.indices}


def placed(users: np.ndarray, rows: np.ndarray, ranks: np.ndarray, codes: np.ndarray, k: int) -> np.ndarray:
    """(users, k) codes from long-form lists: `rows` hold user codes, `ranks` count from 0."""
    items = np.full((len(users), k), -1, np.int32)
    inside = ranks < k
    items[np.searchsorted(users, rows[inside]), ranks[inside]] = codes[inside]
    return items


def lenskit(job: dict[str, Any], train: sparse.csr_matrix, users: np.ndarray) -> Lists:
    import pandas as pd
    from lenskit.als import ImplicitMFScorer
    from lenskit.batch import recommend
    from lenskit.data import from_interactions_df
    from lenskit.knn import EASEScorer, ItemKNNScorer
    from lenskit.pipeline import topn_pipeline

    scorer = {
        "lenskit_ease": lambda: EASEScorer(regularization=job["lam"]),
        "lenskit_knn": lambda: ItemKNNScorer(max_nbrs=50, feedback="implicit"),
        "lenskit_als": lambda: ImplicitMFScorer(embedding_size=128),
    }[job["model"]]()
    data = from_interactions_df(pd.DataFrame(pairs(train)))
    pipeline = topn_pipeline(scorer, n=job["k"])
    started = time.perf_counter()
    pipeline.train(data)
    fitted = time.perf_counter()
    lists = recommend(pipeline, users.tolist(), job["k"], n_jobs=1)
    frame = lists.to_df()
    ended = time.perf_counter()
    ranks = frame.groupby("user_id").cumcount().to_numpy()
    items = placed(users, frame["user_id"].to_numpy(), ranks, frame["item_id"].to_numpy(), job["k"])
    return items, fitted - started, ended - fitted


def rectools(job: dict[str, Any], train: sparse.csr_matrix, users: np.ndarray) -> Lists:
    import pandas as pd
    from rectools.dataset import Dataset
    from rectools.models import EASEModel, PureSVDModel

    frame = pd.DataFrame({**pairs(train), "weight": 1.0, "datetime": pd.Timestamp("2020-01-01")})
    data = Dataset.construct(frame)
    one = {"recommend_n_threads": 1, "recommend_use_gpu_ranking": False}
    if job["model"] == "rectools_ease":
        model = EASEModel(regularization=job["lam"], **one)
    else:
        model = PureSVDModel(factors=128, **one)  # with a seed it hands SciPy a kind that newer ones refuse
    started = time.perf_counter()
    model.fit(data)
    fitted = time.perf_counter()
    lists = model.recommend(users, data, job["k"], filter_viewed=True)
    ended = time.perf_counter()
    items = placed(
        users, lists["user_id"].to_numpy(), lists["rank"].to_numpy() - 1, lists["item_id"].to_numpy(), job["k"]
    )
    return items, fitted - started, ended - fitted


def cornac(job: dict[str, Any], train: sparse.csr_matrix, users: np.ndarray) -> Lists:
    from cornac.data import Dataset
    from cornac.models import EASE

    rows, items = pairs(train).values()
    triples = [(user, item, 1.0) for user, item in zip(rows.tolist(), items.tolist(), strict=True)]
    data = Dataset.from_uir(triples, seed=job["seed"])
    model = EASE(lamb=job["lam"], posB=False, verbose=False, seed=job["seed"])
    started = time.perf_counter()
    model.fit(data)
    fitted = time.perf_counter()
    items = np.full((len(users), job["k"]), -1, np.int32)
    for row, user in enumerate(users):
        found = model.recommend(int(user), k=job["k"], remove_seen=True, train_set=data)
        items[row, : len(found)] = found
    return items, fitted - started, time.perf_counter() - fitted


def implicit(job: dict[str, Any], train: sparse.csr_matrix, users: np.ndarray) -> Lists:
    from implicit.als import AlternatingLeastSquares
    from implicit.nearest_neighbours import BM25Recommender

    matrix = train.astype(np.float64)
    started = time.perf_counter()
    if job["model"] == "implicit_bm25":
        model = BM25Recommender(K=50, num_threads=job["threads"])
    else:
        model = AlternatingLeastSquares(128, random_state=job["seed"], num_threads=job["threads"], use_gpu=False)
    model.fit(matrix, show_progress=False)
    fitted = time.perf_counter()
    items, _ = model.recommend(users, matrix[users], N=job["k"], filter_already_liked_items=True)
    return np.asarray(items, np.int32), fitted - started, time.perf_counter() - fitted


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


MODELS: dict[str, Callable[[dict[str, Any], sparse.csr_matrix, np.ndarray], Lists]] = {
    "lenskit_ease": lenskit,
    "lenskit_knn": lenskit,
    "lenskit_als": lenskit,
    "rectools_ease": rectools,
    "rectools_svd": rectools,
    "cornac_ease": cornac,
    "implicit_bm25": implicit,
    "implicit_als": implicit,
}
"""Every peer model, by the name that `benchmarks/recommend.py --peers` knows it by."""


if __name__ == "__main__":
    main()
