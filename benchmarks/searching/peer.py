"""Runs in the peers' own environment: bm25s, tantivy, rank_bm25 and SQLite FTS5 over one catalogue and its queries.

    python peer.py INPUT.json OUTPUT.json

INPUT holds `fields` (name -> texts), `weights` (name -> weight), `ids` and `queries`. OUTPUT holds, for each system,
`lists` (query -> product ids) for each setting tried, CPU milliseconds a query and CPU seconds to build.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEPTH = 200
SETTINGS = [(k1, b) for k1 in (0.4, 0.6, 0.9, 1.2, 1.5) for b in (0.3, 0.5, 0.75)]


def joined(data: dict[str, Any]) -> list[str]:
    """One text a product, each field repeated by its weight."""
    parts = [(texts, max(1, round(data["weights"][name]))) for name, texts in data["fields"].items()]
    return [" ".join(text for texts, times in parts for text in [texts[i]] * times) for i in range(len(data["ids"]))]


def timed(ask: Callable[[str], list[str]], queries: list[str]) -> tuple[dict[str, list[str]], list[float]]:
    """The answer to each query and the CPU milliseconds it took, the second of two runs."""
    lists, spent = {}, []
    for query in queries:
        ask(query)
        started = time.process_time()
        lists[query] = ask(query)
        spent.append((time.process_time() - started) * 1000)
    return lists, spent


def with_bm25s(data: dict[str, Any]) -> dict[str, Any]:
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    texts = joined(data)
    started = time.process_time()
    corpus = bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)
    built = time.process_time() - started
    out: dict[str, Any] = {"lists": {}}
    for k1, b in SETTINGS:
        started = time.process_time()
        index = bm25s.BM25(k1=k1, b=b)
        index.index(corpus, show_progress=False)
        spent = time.process_time() - started

        def ask(query: str, index: Any = index) -> list[str]:
            tokens = bm25s.tokenize([query], stopwords="en", stemmer=stemmer, show_progress=False)
            if not tokens.vocab:
                return []
            rows, scores = index.retrieve(tokens, k=DEPTH, show_progress=False)
            return [data["ids"][int(r)] for r, s in zip(rows[0], scores[0], strict=True) if s > 0]

        out["lists"][f"{k1},{b}"], out["ms"] = timed(ask, data["queries"])
        out["build_s"] = built + spent
    return out


def with_rank_bm25(data: dict[str, Any]) -> dict[str, Any]:
    import numpy as np
    from rank_bm25 import BM25Okapi

    started = time.process_time()
    index = BM25Okapi([text.lower().split() for text in joined(data)])
    built = time.process_time() - started

    def ask(query: str) -> list[str]:
        scores = index.get_scores(query.lower().split())
        order = np.argsort(-scores, kind="stable")[:DEPTH]
        return [data["ids"][int(i)] for i in order if scores[i] > 0]

    lists, ms = timed(ask, data["queries"])
    return {"lists": {"default": lists}, "ms": ms, "build_s": built}


def with_fts5(data: dict[str, Any]) -> dict[str, Any]:
    names = list(data["fields"])
    base = sqlite3.connect(":memory:")
    started = time.process_time()
    base.execute(f"create virtual table p using fts5({', '.join(names)}, tokenize='porter unicode61')")
    rows = zip(*(data["fields"][name] for name in names), strict=True)
    base.executemany(f"insert into p values ({', '.join('?' * len(names))})", rows)
    built = time.process_time() - started
    weights = ", ".join(str(data["weights"][name]) for name in names)
    wanted = f"select rowid from p where p match ? order by bm25(p, {weights}) limit {DEPTH}"

    def ask(query: str) -> list[str]:
        words = [word for word in "".join(c if c.isalnum() else " " for c in query).split() if word]
        if not words:
            return []
        match = " OR ".join(f'"{word}"' for word in words)
        return [data["ids"][row - 1] for (row,) in base.execute(wanted, (match,))]

    lists, ms = timed(ask, data["queries"])
    return {"lists": {"default": lists}, "ms": ms, "build_s": built}


def with_tantivy(data: dict[str, Any]) -> dict[str, Any]:
    import tantivy

    names = list(data["fields"])
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("row", stored=True)
    for name in names:
        builder.add_text_field(name, tokenizer_name="en_stem")
    index = tantivy.Index(builder.build())
    started = time.process_time()
    writer = index.writer(heap_size=100_000_000, num_threads=1)
    for i in range(len(data["ids"])):
        writer.add_document(tantivy.Document(row=i, **{name: data["fields"][name][i] for name in names}))
    writer.commit()
    writer.wait_merging_threads()
    built = time.process_time() - started
    index.reload()
    searcher = index.searcher()

    def ask(query: str) -> list[str]:
        words = "".join(c if c.isalnum() else " " for c in query).lower()
        if not words.split():
            return []
        parsed = index.parse_query(words, names, field_boosts={n: float(data["weights"][n]) for n in names})
        hits = searcher.search(parsed, DEPTH).hits
        return [data["ids"][searcher.doc(address)["row"][0]] for _, address in hits]

    lists, ms = timed(ask, data["queries"])
    return {"lists": {"default": lists}, "ms": ms, "build_s": built}


SYSTEMS = {"bm25s": with_bm25s, "SQLite FTS5": with_fts5, "tantivy": with_tantivy, "rank_bm25": with_rank_bm25}


def main() -> None:
    data = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    result = {name: system(data) for name, system in SYSTEMS.items()}
    Path(sys.argv[2]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
