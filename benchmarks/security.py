"""The guard's detector on the development corpora: `python -m benchmarks.security`.

Prints the security table of the targets: what the shipped model finds in sources it never learned from, what models of
the same recipe find in folds and in whole families that were held out from them, beside libinjection, a list of
expressions, and the OWASP core rule set where it is installed; then speed. Sources that the shipped model learned from
are never scored by it. Without `--held-out` the fits are left out (they take some ten minutes) and only what is
independent of them is measured.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.security_crs import core_rule_set, version
from benchmarks.security_peers import expressions, libinjection
from benchmarks.security_rates import Rate, by_source, headline
from benchmarks.security_speed import growth, long_texts, mix, p99, rate, worst
from shopr.security.detectors.detector import Detector
from shopr.security.detectors.gate import is_plain
from shopr.security.detectors.rules import default_rules
from shopr.security.training.corpus import Row
from shopr.security.training.fit import fit, look
from shopr.security.training.ship import NEVER, Tiers, held_out, passes, rows_to_learn, shifted, thresholds
from shopr.security.training.sources import read_rows, source_of

RESULTS = Path(__file__).with_name("results") / "security.json"
SEED = 11
SHOP = ("simmc2_chat", "bitext_support", "banking77")


def main() -> None:
    """Measure, print, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--held-out", action="store_true", help="fit models without each fold and each family too")
    parser.add_argument("--share", type=float, default=1.0, help="of the larger sources, so much is fitted and scored")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--crs-only", action="store_true", help="measure the core rule set alone, into the file there")
    options = parser.parse_args()
    given, transforms = corpora()
    if options.crs_only:
        told = json.loads(options.out.read_text(encoding="utf-8"))
        told["peers"].update(core_rules(given, transforms))
        options.out.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    report: dict[str, Any] = {"seed": SEED, "texts": len(given)}
    if options.held_out:
        report["share of the larger sources"] = options.share
        report.update(held_out_rates(*sampled(given, transforms, options.share), options.share))
    report["shipped, sources it never saw"] = shipped(given, transforms)
    report["peers"] = peers(given, transforms)
    report["prompt injection"] = prompts()
    report["speed"] = speed(given)
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written to {options.out}")


def folder() -> Path:
    """Where the shared corpora are."""
    root = os.environ.get("SHOPR_SHARED_DATA")
    if not root:
        raise SystemExit("set SHOPR_SHARED_DATA to the folder of the shared data")
    return Path(root) / "security" / "dev"


def corpora() -> tuple[list[Row], list[str]]:
    """Every row with a sure label, and the name of its disguise."""
    paths = sorted(folder().glob("*.jsonl"))
    rows = list(read_rows(paths))
    lines = [json.loads(line) for path in paths for line in path.open(encoding="utf-8")]
    sure = [line for line in lines if int(line["label"]) >= 0 and line["kind"] != "prompt_injection"]
    return rows, [str(line.get("transform") or "") for line in sure]


def sampled(given: Sequence[Row], transforms: Sequence[str], share: float) -> tuple[list[Row], list[str]]:
    """A share of the groups of each source with more than 500 rows, and all of the others."""
    sizes = Counter(row.source for row in given)
    draws = np.random.default_rng(SEED).random(max(row.group for row in given) + 1)
    kept = [i for i, row in enumerate(given) if sizes[row.source] <= 500 or draws[row.group] < share]
    return [given[i] for i in kept], [transforms[i] for i in kept]


def show(title: str, rates: dict[str, Rate]) -> dict[str, dict[str, float]]:
    """Print a table and give it back for the file."""
    print(f"\n{title}\n{'':36}{'texts':>8}{'block %':>10}{'flag %':>10}")
    for name, one in rates.items():
        print(f"{name:36}{one.texts:8,}{one.block:10.2f}{one.flag:10.2f}")
    return {n: {"texts": r.texts, "block": round(r.block, 3), "flag": round(r.flag, 3)} for n, r in rates.items()}


def told(odds: np.ndarray, alone: np.ndarray, tiers: Tiers) -> list[str]:
    """Decisions from log-odds."""
    judged = tiers.of(odds, alone)
    return ["block" if o >= tiers.block else "flag" if o >= tiers.flag else "allow" for o in judged]


def held_out_rates(given: Sequence[Row], transforms: Sequence[str], share: float) -> dict[str, Any]:
    """Folds by group within the families, then whole families left out; every row is scored by models blind to it."""
    book = default_rules()
    count = {"attacks": round(500 * share), "harmless": round(700 * share), "embed": 0.2}
    learned = rows_to_learn(given, **count, seed=SEED)
    seen, all_seen = look(learned, book), look(given, book)
    own_alone = ~seen.rules.any(axis=1)
    own_plain = passes(learned, own_alone)
    odds = np.where(own_plain, NEVER, held_out(seen, book, folds=3, seed=1))
    strange = np.where(own_plain, NEVER, shifted(learned, seen, book, seed=1))
    tiers = thresholds(learned, odds, own_alone, strange)
    by_text = {(row.source, row.text): odd for row, odd in zip(learned, odds, strict=True)}
    alone = ~all_seen.rules.any(axis=1)
    plain = passes(given, alone)
    found = np.array([by_text.get((row.source, row.text), np.nan) for row in given])
    groups = {row.group for row in learned if row.group >= 0}
    blind = fit(seen, book, seed=1)
    rest = np.flatnonzero(np.isnan(found) & ~np.array([row.group in groups for row in given]))
    found[rest] = blind.scores(all_seen.take(rest))
    # Disguised attacks whose plain form was learned from: scored by the model that left their family out, below.
    families, left_out = leave_families_out(given, learned, seen, all_seen)
    found = np.where(np.isnan(found), families, found)
    decisions = {"folds": np.array(told(np.where(plain, NEVER, found), alone, tiers))}
    # The thresholds, too, are chosen without the family that they judge.
    decisions["families left out"] = np.array(told(np.where(plain, NEVER, families), alone, tiers))
    for name in sorted(set(left_out) - {""}):
        outside = np.flatnonzero([not _inside(row, name) for row in learned])
        others = thresholds([learned[i] for i in outside], odds[outside], own_alone[outside], strange[outside])
        inside = left_out == name
        judged = told(np.where(plain[inside], NEVER, families[inside]), alone[inside], others)
        decisions["families left out"][inside] = judged
    result: dict[str, Any] = {"thresholds in log-odds": {k: round(v, 3) for k, v in vars(tiers).items()}}
    for name, scores in (("folds", found), ("families left out", families)):
        known = ~np.isnan(scores)
        rows = [row for row, k in zip(given, known, strict=True) if k]
        marks = [mark for mark, k in zip(transforms, known, strict=True) if k]
        judged = decisions[name][known].tolist()
        result[name] = show(name, headline(rows, marks, judged))
        result[f"{name}, relabelled"] = show(f"{name}, relabelled", headline(rows, marks, judged, relabel=True))
        result[f"{name}, by source"] = show(f"{name}, by source", by_source(rows, judged))
    return result


FAMILIES = ("crs", "libinjection", "httpparams", "payloads_all", "payloadbox", "modified_sql", "xss_dataset", "tweets",
            "hand", "shop", "prompts", "names")  # fmt: skip
"""What is left out in turn; all shops' texts together, since they talk of the same."""

SHOPS = ("banking77", "bestbuy", "wands", "simmc2", "bitext", "algolia")


def _inside(row: Row, family: str) -> bool:
    own = source_of(row.source).family
    return own in SHOPS if family == "shop" else own == family


def leave_families_out(
    given: Sequence[Row], learned: Sequence[Row], seen: Any, all_seen: Any
) -> tuple[np.ndarray, np.ndarray]:
    """The log-odds of each family's rows by a model that saw neither the family nor near copies of its rows, and the
    family that was left out for each row."""
    book = default_rules()
    evasion = np.array([source_of(row.source).family == "evasion" for row in given])
    group = np.array([row.group for row in given])
    learned_group = np.array([row.group for row in learned])
    odds, left_out = np.full(len(given), np.nan), np.full(len(given), "", dtype=object)
    for name in FAMILIES:
        inside = np.array([_inside(row, name) for row in given])
        out = np.array([_inside(row, name) for row in learned])
        copies = np.isin(learned_group, group[inside]) & (learned_group >= 0)
        fitted = fit(seen.take(np.flatnonzero(~out & ~copies)), book, seed=1, folds=2)
        disguised = evasion & np.isin(group, group[inside])
        rows = np.flatnonzero((inside | disguised) & np.isnan(odds))
        odds[rows], left_out[rows] = fitted.scores(all_seen.take(rows)), name
        print(f"left out {name}: {len(rows):,} texts", flush=True)
    return odds, left_out


def shipped(given: Sequence[Row], transforms: Sequence[str]) -> dict[str, Any]:
    """The shipped model on sources that it did not learn from."""
    detector = Detector()
    unseen = [i for i, row in enumerate(given) if not source_of(row.source).learn]
    rows, marks = [given[i] for i in unseen], [transforms[i] for i in unseen]
    decisions = [detector.detect(row.text).decision for row in rows]
    rates = {n: r for n, r in headline(rows, marks, decisions).items() if r.texts}
    return show("shipped model, sources it never saw", {**rates, **by_source(rows, decisions)})


def peers(given: Sequence[Row], transforms: Sequence[str]) -> dict[str, Any]:
    """libinjection on every view, and the list of expressions."""
    texts = [row.text for row in given]
    found: dict[str, Any] = {
        "expressions": show("a list of expressions", headline(given, transforms, expressions(texts)))
    }
    decisions = libinjection(texts)
    if decisions is None:
        print("libinjection's binding could not be installed")
    else:
        found["libinjection"] = show("libinjection on every view", headline(given, transforms, decisions))
    return found | core_rules(given, transforms)


def core_rules(given: Sequence[Row], transforms: Sequence[str], most: int = 150) -> dict[str, Any]:
    """The OWASP core rule set, where Debian's packages are installed: it reads some 150 texts a second, so it gets a
    sample, and the shipped detector's decisions on the same sample stand beside it."""
    release = version()
    if not release:
        print("\nlibmodsecurity3 and modsecurity-crs are not installed: the core rule set is left out")
        return {}
    taken: Counter[tuple[str, bool, str]] = Counter()
    rows, marks = [], []
    for i in np.random.default_rng(SEED).permutation(len(given)):
        kind = (given[i].source, given[i].attack, transforms[i])
        taken[kind] += 1
        if taken[kind] <= most:
            rows.append(given[i])
            marks.append(transforms[i])
    texts = [row.text for row in rows]
    detector = Detector()
    ours = [detector.detect(text).decision for text in texts]
    found: dict[str, Any] = {"shipped, on the sample (it learned from much of it)": show("shipped, on the sample", headline(rows, marks, ours))}  # fmt: skip  # noqa: E501
    for level in (1, 2):
        judged = core_rule_set(texts, level)
        if judged is None:
            print("the core rule set failed and is left out")
            continue
        name = f"core rule set {release}, paranoia level {level}"
        found[name] = show(f"{name}: {judged[1]:.0f} texts/s", headline(rows, marks, judged[0]))
        found[f"{name}, texts/s"] = round(judged[1], 1)
    return found


def prompts() -> dict[str, Any]:
    """Prompt injection: rules only, so nothing was fitted."""
    detector = Detector()
    paths = sorted(folder().glob("*.jsonl"))
    attacks = [row.text for row in read_rows(paths, prompts=True)]
    harmless = [r.text for r in read_rows(paths) if source_of(r.source).family == "prompts" and not r.attack]
    caught = sum(detector.detect(text).decision != "allow" for text in attacks)
    false = sum(detector.detect(text).threat == "prompt_injection" for text in harmless)
    print(f"\nprompt injection: {caught} of {len(attacks)} flagged; {false} of {len(harmless)} harmless ones")
    return {"attacks": len(attacks), "flagged": caught, "harmless": len(harmless), "falsely flagged": false}


def speed(given: Sequence[Row]) -> dict[str, Any]:
    """CPU time, one thread."""
    detector = Detector()
    shop = [row.text for row in given if row.source in SHOP]
    odd = [r.text for r in given if not r.attack and source_of(r.source).family in ("tweets", "hand", "bestbuy", "libinjection") and not is_plain(r.text)]  # fmt: skip  # noqa: E501
    attacks = [row.text for row in given if row.attack and row.source != "evasion"]
    drawn = [attacks[i] for i in np.random.default_rng(SEED).integers(len(attacks), size=1500)]
    sentences = shop + odd
    list_rate = rate(lambda text: expressions([text]), drawn)
    found: dict[str, Any] = {
        "real mix, texts/s": rate(detector.detect, mix(shop, odd, attacks, size=6000, seed=SEED)),
        "attacks only, texts/s": rate(detector.detect, drawn),
        "plain only, texts/s": rate(detector.detect, shop),
        "attacks only, list of expressions, texts/s": list_rate,
        "p99 at 4 kB, ms": p99(detector, long_texts(sentences, 4096, 200, seed=SEED)),
    }
    print()
    for name, value in found.items():
        print(f"{name:48}{value:12,.1f}")
    found["ms by kB"] = {str(k): round(v, 2) for k, v in growth(detector, sentences, seed=SEED).items()}
    found["slowest 64 kB of one repeated bit, ms"] = {repr(b): round(ms, 1) for b, ms in worst(detector)[:10]}
    print("ms by kB:", found["ms by kB"])
    print("slowest 64 kB:", found["slowest 64 kB of one repeated bit, ms"])
    return found


if __name__ == "__main__":
    main()
