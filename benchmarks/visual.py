"""Search by picture: precision among the first ten by class, beside HOG + PCA and chance.

    python benchmarks/visual.py                 # chooses nothing, looks at the gallery only
    python benchmarks/visual.py --queries       # also at the queries: count the looks (`looks` in the record)

Data: `photos/` of the shared data (clothing photos in folders by class; not shipped). Every default of `VisualConfig`
was chosen by five-fold cross-validation within the gallery, seed 0, on the mean over classes; `--choose` prints that
table. A plain gallery split flatters: photos of one seller lie on both sides. `apart` therefore leaves out, for each
photo, the 5 % of the gallery with the most similar borders (backgrounds).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402
from sklearn.model_selection import StratifiedKFold  # noqa: E402

from shopr.metrics.bootstrap import interval  # noqa: E402
from shopr.search.pictures.config import VisualConfig  # noqa: E402
from shopr.search.pictures.features import Seen, describe_pictures  # noqa: E402
from shopr.search.pictures.search import VisualSearch  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "visual.json"
TARGETS = {"no labels": 0.45, "with gallery labels": 0.60}
K, FOLDS, SEED = 10, 5, 0


def main() -> None:
    """Measure, print, and leave with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("SHOPR_SHARED_DATA", ROOT.parent / "shared" / "data")) / "photos"
    parser.add_argument("--photos", type=Path, default=data, help="folder with gallery/CLASS/* and queries/CLASS/*")
    parser.add_argument("--queries", action="store_true", help="look at the queries, too, and record it")
    parser.add_argument("--choose", action="store_true", help="print the table from which the defaults were chosen")
    parser.add_argument("--cache", type=Path, help="a folder for the descriptors, which take minutes")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    gallery, labels = described(args.photos / "gallery", args.cache)
    report: dict[str, Any] = {"gallery": within(gallery, labels, borders(args.photos / "gallery"), choose=args.choose)}
    if args.queries:
        report["queries"] = across(gallery, labels, *described(args.photos / "queries", args.cache))
        record(report)
    if args.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    met = all(report["queries"][name]["P@10"] >= least for name, least in TARGETS.items()) if args.queries else True
    sys.exit(0 if met else 1)


def files(folder: Path) -> list[Path]:
    """The photos of a folder with one folder a class."""
    return sorted(path for path in folder.glob("*/*") if path.is_file())


def described(folder: Path, cache: Path | None) -> tuple[Seen, list[str]]:
    """Descriptors and classes of a folder's photos."""
    paths = files(folder)
    kept = cache / f"{folder.name}.npz" if cache else None
    if kept and kept.is_file():
        with np.load(kept) as stored:
            seen = Seen({name: stored[name] for name in stored.files if name != "kept"}, stored["kept"])
    else:
        start = time.process_time()
        seen = describe_pictures(paths, f"Reading {folder.name}")
        print(f"{(time.process_time() - start) / len(paths) * 1e3:.1f} ms a picture ({folder.name})", file=sys.stderr)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.savez(kept, kept=seen.kept, **seen.blocks)
    return seen, [paths[at].parent.name for at in seen.kept]


def borders(folder: Path) -> np.ndarray:
    """Mean and spread of the colours along each photo's border."""
    from shopr.search.pictures.reading import read_picture

    rows = []
    for path in files(folder):
        pixels = read_picture(path, 24)
        edge = np.concatenate([pixels[[0, 1, -2, -1]].reshape(-1, 3), pixels[:, [0, 1, -2, -1]].reshape(-1, 3)])
        rows.append(np.r_[edge.mean(axis=0), edge.std(axis=0)])
    return np.stack(rows)


def within(seen: Seen, labels: list[str], edges: np.ndarray, *, choose: bool) -> dict[str, Any]:
    """P@10 by five-fold cross-validation in the gallery, of the defaults and (`choose`) of their neighbours."""
    grid: dict[str, tuple[VisualConfig, bool]] = {
        "no labels": (VisualConfig(), False),
        "with gallery labels": (VisualConfig(), True),
    }
    if choose:
        changes: list[dict[str, Any]] = [{"components": n} for n in (48, 192)]
        changes += [{"whitening": n} for n in (0.0, 1.0)] + [{"colour": n} for n in (0.0, 0.5, 1.0)]
        changes += [{"neighbours": n} for n in (0, 5, 20)] + [{"kind": n} for n in (0.1, 0.3, 3.0)]
        for change in changes:
            config = VisualConfig(**change)
            grid[f"no labels {change}"] = (config, False)
            grid[f"with gallery labels {change}"] = (config, True)
    table = {name: folds(seen, labels, edges, config, named) for name, (config, named) in grid.items()}
    plain = folds(seen, labels, edges, None, False)
    return {"seed": SEED, "folds": FOLDS, "HOG + PCA": plain, **table}


def folds(
    seen: Seen, labels: list[str], edges: np.ndarray, config: VisualConfig | None, named: bool
) -> dict[str, float]:
    """Mean P@10 over photos, over classes, and over classes with similar backgrounds left out."""
    classes = np.array(labels)
    hit, apart = np.zeros(len(classes)), np.zeros(len(classes))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(classes, classes):
        known, asked = part(seen, train), part(seen, test)
        deep = len(train) // 4
        order = answers(known, classes[train], asked, config, named, k=deep)
        distance = ((edges[test][:, None] - edges[train][None]) ** 2).sum(axis=2)
        near = distance <= np.quantile(distance, 0.05, axis=1)[:, None]
        for row, at in enumerate(test):
            found = order[row]
            hit[at] = (classes[train][found[:K]] == classes[at]).mean()
            apart[at] = (classes[train][found[~near[row, found]][:K]] == classes[at]).mean()
    mean = lambda values: float(np.mean([values[classes == name].mean() for name in np.unique(classes)]))  # noqa: E731
    return {"P@10": float(hit.mean()), "P@10, mean of classes": mean(hit), "the same, backgrounds apart": mean(apart)}


def part(seen: Seen, at: np.ndarray) -> Seen:
    """Some of the pictures."""
    return Seen({name: block[at] for name, block in seen.blocks.items()}, np.arange(len(at)))


def answers(
    known: Seen, classes: np.ndarray, asked: Seen, config: VisualConfig | None, named: bool, *, k: int
) -> np.ndarray:
    """The positions of the k best pictures for each asked one; without a configuration, of plain HOG + PCA."""
    if config is None:
        pca = PCA(64, random_state=SEED).fit(known.blocks["frame"])
        one, other = pca.transform(known.blocks["frame"]), pca.transform(asked.blocks["frame"])
        one, other = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (one, other))
        return np.argsort(-(other @ one.T), axis=1, kind="stable")[:, :k]
    ids = [str(i) for i in range(len(known.kept))]
    index = VisualSearch.fit(known, ids, labels=classes.tolist() if named else None, config=config, seed=SEED)
    return np.array([[int(name) for name in look.product_ids] for look in index.search_described(asked.blocks, k)])


def across(known: Seen, labels: list[str], asked: Seen, wanted: list[str]) -> dict[str, Any]:
    """P@10 of the queries over the whole gallery, with intervals over queries."""
    classes, truth = np.array(labels), np.array(wanted)
    report: dict[str, Any] = {"gallery": len(classes), "queries": len(truth)}
    report["chance"] = {"P@10": float(np.mean([(classes == name).mean() for name in truth]))}
    ways: dict[str, tuple[VisualConfig | None, bool]] = {
        "HOG + PCA": (None, False),
        "no labels": (VisualConfig(), False),
        "with gallery labels": (VisualConfig(), True),
    }
    for name, (config, named) in ways.items():
        hits = (classes[answers(known, classes, asked, config, named, k=K)] == truth[:, None]).mean(axis=1)
        bounds = interval(hits, seed=SEED)
        by_class = {str(c): round(float(hits[truth == c].mean()), 3) for c in np.unique(truth)}
        report[name] = {"P@10": float(hits.mean()), "low": bounds.low, "high": bounds.high, "by class": by_class}
    index = VisualSearch.fit(known, [str(i) for i in range(len(classes))], labels=labels)
    one = {name: block[:1] for name, block in asked.blocks.items()}
    times = []
    for _ in range(20):
        start = time.process_time()
        index.search_described(one, K)
        times.append(time.process_time() - start)
    report["search ms, descriptors at hand"] = float(np.median(times)) * 1e3
    return report


def record(report: dict[str, Any]) -> None:
    """Keep the figures, and count how often the queries were looked at."""
    looks = json.loads(RESULTS.read_text(encoding="utf-8"))["looks"] if RESULTS.is_file() else 0
    RESULTS.write_text(json.dumps({"looks": looks + 1, **report}, indent=1) + "\n", encoding="utf-8")


def show(report: dict[str, Any]) -> None:
    """The tables."""
    print(f"{'within the gallery, ' + str(FOLDS) + ' folds':52} {'P@10':>6} {'classes':>8} {'apart':>6}")
    for name, row in report["gallery"].items():
        if isinstance(row, dict):
            print(f"{name:52} {'  '.join(f'{value:6.3f}' for value in row.values())}")
    if "queries" in report:
        found = report["queries"]
        print(f"\n{found['queries']} queries, {found['gallery']} pictures in the gallery")
        for name in ("chance", "HOG + PCA", *TARGETS):
            row = found[name]
            bounds = f" [{row['low']:.3f}, {row['high']:.3f}]" if "low" in row else ""
            target = f"  target {TARGETS[name]:.2f}" if name in TARGETS else ""
            print(f"{name:52} {row['P@10']:6.3f}{bounds}{target}")


if __name__ == "__main__":
    main()
