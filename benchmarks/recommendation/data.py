"""The splits that `benchmarks/recommend.py` is run on, from the files of the shared data.

or_8020       Online Retail, a random fifth of each shopper's products; times are kept from the models, as such a
              split parts baskets, and their other half would give the answer away
or_loo        Online Retail, the last new product of each shopper; it too is often the rest of a known basket
or_invoice    Online Retail, the whole last invoice of each shopper: nothing of its basket is known
or_temporal   Online Retail, everything after one moment, about a fifth of the lines, for shoppers known by then
ml1m_ugcn     MovieLens 1M, the split of UltraGCN and BARS
amazoncds     Amazon CDs, the split of UltraGCN and BARS
beauty_loo    Amazon Beauty, the last product; item weights never see the one before it (S3-Rec's protocol)
sports_loo    Amazon Sports, likewise; no setting was ever chosen on it
ml100k_8020   MovieLens 100k, a random fifth
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog
    from shopr.data.interactions import Interactions

__all__ = ["S3REC", "SPLITS", "TIMED", "Part", "catalog", "load"]

SPLITS = {
    "or_8020": 10, "or_loo": 10, "or_invoice": 10, "or_temporal": 10, "ml1m_ugcn": 20, "amazoncds": 20,
    "beauty_loo": 10, "sports_loo": 10, "ml100k_8020": 10,
}  # fmt: skip
"""Split -> the k it is judged at."""
TIMED = {"or_loo", "or_invoice", "or_temporal", "beauty_loo", "sports_loo"}
"""Splits whose interaction times the models see."""
S3REC = {"beauty_loo", "sports_loo"}
"""Splits judged by S3-Rec's protocol: item weights without the validation item, histories with it."""
_DAY = 86_400
_LEAST = 5
"""Online Retail's fewest distinct products a shopper and shoppers a product."""

Pairs = tuple[NDArray[np.integer], NDArray[np.integer]]


class Part(NamedTuple):
    """What is learnt from, and CSR (n_users, n_items) of what is to be found; users without truth are not judged."""

    train: Interactions
    truth: sparse.csr_matrix


def load(name: str, folder: Path) -> Part:
    """The split `name` of the recommendation data in `folder`."""
    if name in ("or_invoice", "or_temporal"):
        return _online_retail(name, folder / "online_retail.parquet")
    if name == "sports_loo":
        return _sequences(folder / "amazon_Sports_and_Outdoors.txt")
    if name == "amazoncds":
        known, wanted = (_lists(folder / f"amazoncds_ultragcn_{part}.txt") for part in ("train", "test"))
        return _part(known, wanted, None, (_most(known, wanted, 0), _most(known, wanted, 1)))
    with np.load(folder / "splits" / f"{name}.npz") as z:
        n = int(z["nu"])
        known, wanted = ((np.repeat(np.arange(n), np.diff(z[p])), z[i]) for p, i in (("xp", "xi"), ("tp", "ti")))
        age = z["age"].astype(np.float64) if name in TIMED else None
        return _part(known, wanted, age, (n, int(z["ni"])))


def _part(known: Pairs, wanted: Pairs, age_days: NDArray[np.float64] | None, shape: tuple[int, int]) -> Part:
    from shopr.data.ids import IdMap
    from shopr.data.interactions import Interactions

    users, items = (column.astype(np.int32) for column in known)
    times = None if age_days is None else np.round(1.6e9 - age_days * _DAY).astype(np.int64)
    train = Interactions(IdMap(range(shape[0])), IdMap(range(shape[1])), users, items, times, np.ones(len(users), "f4"))
    return Part(train, sparse.csr_matrix((np.ones(len(wanted[0]), np.float32), wanted), shape=shape))


def _online_retail(name: str, path: Path) -> Part:
    from shopr.data.sources.online_retail import load as read
    from shopr.data.splitting import last_basket, temporal

    log = _core(read(path).interactions())
    split = last_basket(log) if name == "or_invoice" else temporal(log)
    truth = split.test.binary
    known = np.diff(split.train.binary.indptr) > 0
    return Part(split.train, sparse.csr_matrix(sparse.diags(known.astype(np.float32)) @ truth))


def _core(log: Interactions) -> Interactions:
    """Only products of at least five shoppers and shoppers of at least five products, repeatedly, under fresh ids."""
    while True:
        matrix = log.binary
        users, items = np.diff(matrix.indptr), np.bincount(matrix.indices, minlength=log.n_items)
        keep = (users >= _LEAST)[log.users] & (items >= _LEAST)[log.items]
        if keep.all():
            return type(log).from_frame(log.to_frame())
        log = log.take(keep)


def _sequences(path: Path) -> Part:
    """The last item of each sequence is the truth; one step in a history counts as a day."""
    rows = [np.array(line.split(), np.int64) - 1 for line in path.read_text().splitlines() if line.strip()]
    users = np.arange(len(rows))
    lengths = np.array([len(row) - 2 for row in rows])
    known = (np.repeat(users, lengths), np.concatenate([row[1:-1] for row in rows]))
    wanted = (users, np.array([row[-1] for row in rows]))
    step = np.concatenate([np.arange(n) for n in lengths])
    shape = (len(rows), max(int(known[1].max()), int(wanted[1].max())) + 1)
    return _part(known, wanted, float(lengths.max()) - step, shape)


def _lists(path: Path) -> Pairs:
    rows = [np.array(line.split(), np.int64) for line in path.read_text().splitlines() if line.strip()]
    return np.repeat([r[0] for r in rows], [len(r) - 1 for r in rows]), np.concatenate([r[1:] for r in rows])


def _most(known: Pairs, wanted: Pairs, side: int) -> int:
    return int(max(known[side].max(), wanted[side].max())) + 1


def catalog(name: str, folder: Path) -> Catalog | None:
    """What the files say about the products of `name`: the nameless attributes of Beauty and Sports; else None."""
    import json

    import pandas as pd

    from shopr.data.catalog import Catalog

    files = {"beauty_loo": "amazon_Beauty", "sports_loo": "amazon_Sports_and_Outdoors"}
    if name not in files:
        return None
    known = json.loads((folder / f"{files[name]}_item2attributes.json").read_text())
    texts = [json.dumps({f"a{code}": True for code in codes}) for codes in known.values()]
    codes = [str(int(code) - 1) for code in known]
    return Catalog.from_frame(pd.DataFrame({"product_id": codes, "title": codes, "attributes": texts}))
