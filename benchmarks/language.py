"""Language identification, tone and intents beside their peers, on the shared sets.

    python benchmarks/language.py --record
    python benchmarks/language.py --only tone
    python benchmarks/language.py --train tone intents requests language    make the shipped models anew

Settings were chosen on GoEmotions' validation split, the threshold of "out of scope" on CLINC150's; test splits are
only read here. Peers: py3langid restricted to the languages of the set; word TF-IDF with logistic regression
(scikit-learn); VADER in an environment of its own (`benchmarks/peers.py`).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.peers import peer_python  # noqa: E402 - the folder must be on the path first
from benchmarks.word_vectors import write_vectors  # noqa: E402
from shopr.chat.fitting import compile_language, fit_linear, fit_tone  # noqa: E402
from shopr.chat.fitting.emotions import read_emotions  # noqa: E402
from shopr.chat.fitting.intents import fit_intents  # noqa: E402
from shopr.chat.fitting.linear import features  # noqa: E402
from shopr.chat.fitting.requests import fit_shipped  # noqa: E402
from shopr.chat.fitting.words import WordVectors  # noqa: E402
from shopr.chat.intents import IntentClassifier  # noqa: E402
from shopr.chat.language import identify  # noqa: E402
from shopr.chat.tone import SENTIMENTS, sentiment  # noqa: E402
from shopr.config import Settings  # noqa: E402

FILE = ROOT / "benchmarks" / "results" / "language.json"
MODELS = ROOT / "shopr" / "chat" / "models"
KEPT_IN_SCOPE = 0.95
"""The threshold of out of scope lets this share of CLINC150's validation texts in."""
VADER = """
import json, sys
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
one = SentimentIntensityAnalyzer()
print(json.dumps([one.polarity_scores(t)["compound"] for t in json.load(sys.stdin)]))
"""

Labelled = tuple[list[str], list[str]]


def milliseconds(call: Callable[[str], object], texts: Sequence[str]) -> float:
    """Processor time of a call, mean over the texts, after a warm-up."""
    for text in texts[:50]:
        call(text)
    started = time.process_time()
    for text in texts:
        call(text)
    return round((time.process_time() - started) / len(texts) * 1e3, 4)


# -- language ---------------------------------------------------------------------------------------------------------


def language_rows(shared: Path) -> list[dict[str, Any]]:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    peer = LanguageIdentifier.from_model_file(MODEL_FILE)
    shop = json.loads((shared / "chat" / "shop_sentences.json").read_text(encoding="utf-8"))
    xsid = {
        path.name[:2]: [
            line[9:].strip() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# text = ")
        ]
        for path in sorted((shared / "chat" / "xsid").glob("*.test.conll"))
    }
    first = {code: texts[:300] for code, texts in xsid.items()}
    rows = []
    for name, texts in (("shop_sentences", shop), ("xSID, first 300 a language", first), ("xSID, all", xsid)):
        peer.set_languages(set(texts))
        pairs = [(code, text) for code, all_of in texts.items() for text in all_of]
        plain = [text for _, text in pairs]
        known = set(texts)
        rows.append({
            "set": name, "texts": len(pairs), "languages": len(texts),
            "shopr": _share(identify(t, languages=known).language == c for c, t in pairs),
            "shopr, any language": _share(identify(t).language == c for c, t in pairs),
            "py3langid restricted": _share(peer.classify(t)[0] == c for c, t in pairs),
            "shopr ms": milliseconds(lambda t, known=known: identify(t, languages=known), plain),
            "py3langid ms": milliseconds(peer.classify, plain),
        })  # fmt: skip
    return rows


def _share(hits: Any) -> float:
    found = list(hits)
    return round(sum(found) / len(found), 4)


# -- tone -------------------------------------------------------------------------------------------------------------


def tone_rows(shared: Path) -> list[dict[str, Any]]:
    from sklearn.metrics import f1_score

    folder = shared / "chat" / "goemotions"
    train, test = (read_emotions(folder, split) for split in ("train", "test"))
    single = np.array([len(found) == 1 for found in test.emotions])
    found = {
        "shopr": np.array([SENTIMENTS.index(sentiment(t)) for t in test.texts]),
        "TF-IDF + LR": _baseline(train.texts, train.sentiment)(test.texts),
        "TF-IDF + LR, balanced": _baseline(train.texts, train.sentiment, balanced=True)(test.texts),
    }
    vader = _vader(test.texts)
    if vader is not None:
        found["VADER"] = np.where(vader >= 0.05, 2, np.where(vader <= -0.05, 0, 1))
    return [
        {
            "set": "GoEmotions test, 3 classes", "model": name, "texts": len(test.texts),
            "macro F1": round(float(f1_score(test.sentiment, guess, average="macro")), 4),
            "macro F1, texts of one emotion": round(
                float(f1_score(test.sentiment[single], guess[single], average="macro")), 4
            ),
            **({"ms": milliseconds(sentiment, test.texts[:1000])} if name == "shopr" else {}),
        }
        for name, guess in found.items()
    ]  # fmt: skip


def _baseline(texts: Sequence[str], labels: Any, *, balanced: bool = False) -> Callable[[Sequence[str]], Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectors = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = LogisticRegression(C=10 if len(set(labels)) > 3 else 1, max_iter=300,
                               class_weight="balanced" if balanced else None)  # fmt: skip
    model.fit(vectors.fit_transform(texts), labels)
    return lambda asked: model.predict(vectors.transform(asked))


def _vader(texts: Sequence[str]) -> Any:
    try:
        python = peer_python("language", ["vaderSentiment==3.3.2"])
    except SystemExit as error:
        print(f"VADER is left out: {error}", file=sys.stderr)
        return None
    done = subprocess.run(
        [str(python), "-c", VADER], input=json.dumps(list(texts)), capture_output=True, text=True, check=True
    )
    return np.array(json.loads(done.stdout))


# -- intents ----------------------------------------------------------------------------------------------------------


def intent_rows(shared: Path) -> list[dict[str, Any]]:
    folder = shared / "chat" / "intents"
    bitext = [_read(folder / f"bitext_{split}.csv", "utterance", "intent") for split in ("train", "test")]
    banking = [_read(folder / f"banking77_{split}.csv", "text", "category") for split in ("train", "test")]
    clinc = json.loads((folder / "clinc150_full.json").read_text(encoding="utf-8"))
    rows = [_closed("Bitext", *bitext), _closed("BANKING77", *banking)]
    parts = {name: ([t for t, _ in pairs], [y for _, y in pairs]) for name, pairs in clinc.items()}
    return [*rows, _open(parts)]


def _read(path: Path, text: str, label: str) -> Labelled:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [row[text] for row in rows], [row[label] for row in rows]


def _fit(train: Labelled) -> IntentClassifier:
    names = sorted(set(train[1]))
    labels = np.array([[label == name for name in names] for label in train[1]])
    model = fit_linear(
        features(train[0]), labels, names, strength=10.0, least=(1, 2), kept=100_000, balanced=False, tolerance=0.1
    )
    return IntentClassifier(model, -np.inf)


def _closed(name: str, train: Labelled, test: Labelled) -> dict[str, Any]:
    ours, peer = _fit(train), _baseline(*train)
    return {
        "set": name, "intents": len(set(train[1])), "texts": len(test[0]),
        "shopr accuracy": _share(ours.guess(t).intent == y for t, y in zip(*test, strict=True)),
        "TF-IDF + LR accuracy": _share(peer(test[0]) == np.array(test[1])),
        "shopr ms": milliseconds(ours.guess, test[0][:500]),
    }  # fmt: skip


def _open(parts: dict[str, Labelled]) -> dict[str, Any]:
    """CLINC150: accuracy in scope and recall out of scope, threshold from the validation split."""
    free = _fit(parts["train"])
    inside = np.array([free.guess(t).score for t in parts["val"][0]])
    threshold = float(np.quantile(inside, 1 - KEPT_IN_SCOPE))
    ours = IntentClassifier(free.model, threshold)
    peer = _baseline(*parts["train"])
    test, out = parts["test"], parts["oos_test"]
    return {
        "set": "CLINC150", "intents": 150, "texts": len(test[0]) + len(out[0]), "threshold": round(threshold, 4),
        "shopr accuracy, no threshold": _share(free.guess(t).intent == y for t, y in zip(*test, strict=True)),
        "TF-IDF + LR accuracy": _share(peer(test[0]) == np.array(test[1])),
        "shopr accuracy in scope": _share(ours.guess(t).intent == y for t, y in zip(*test, strict=True)),
        "shopr recall out of scope": _share(ours.guess(t).intent is None for t in out[0]),
        "in scope called out of scope": _share(ours.guess(t).intent is None for t in test[0]),
        "shopr ms": milliseconds(ours.guess, test[0][:500]),
    }  # fmt: skip


# -- the command ------------------------------------------------------------------------------------------------------


def train(names: Sequence[str], shared: Path) -> None:
    """Make shipped models anew."""
    if "language" in names:
        print(f"language: {compile_language():,} bytes")
    if "tone" in names:
        model, score = fit_tone(shared / "chat" / "goemotions", kept=40_000)
        print(f"tone: {model.save(MODELS / 'tone.npz'):,} bytes, validation macro F1 {score:.4f}")
    if "intents" in names:
        print(f"intents: {fit_intents().save(MODELS / 'intents.npz'):,} bytes")
    if "requests" in names:
        vectors = WordVectors.load(write_vectors(Path(Settings().home) / "benchmarks" / "word_vectors.npz"))
        print(f"requests: {fit_shipped(vectors).save(MODELS / 'requests.npz'):,} bytes")


PARTS = {"language": language_rows, "tone": tone_rows, "intents": intent_rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=tuple(PARTS))
    parser.add_argument(
        "--train", nargs="+", choices=(*PARTS, "requests"), help="make these shipped models anew, then stop"
    )
    parser.add_argument("--record", action="store_true", help="keep the rows in results/language.json")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    shared = Path(os.environ.get("SHOPR_SHARED_DATA", ""))
    if not (shared / "chat").is_dir():
        raise SystemExit("set SHOPR_SHARED_DATA to the folder of the shared data (it holds chat/)")
    if asked.train:
        train(asked.train, shared)
        return
    told: dict[str, Any] = {name: PARTS[name](shared) for name in asked.only or PARTS}
    told["versions"] = {p: version(p) for p in ("numpy", "scikit-learn", "py3langid")} | {
        "python": platform.python_version()
    }
    if asked.record:
        kept = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
        FILE.write_text(json.dumps({**kept, **told}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if asked.json:
        print(json.dumps(told, ensure_ascii=False))
        return
    for name in asked.only or PARTS:
        print(f"\n{name}")
        for row in told[name]:
            print("  " + ", ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
