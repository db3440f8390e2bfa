"""How the small models of this folder are made: from py3langid, from GoEmotions, from text the project generates.

Run by `benchmarks/language.py --train`; never at message time. Everything is deterministic for a seed.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shopr.chat.language import MODEL
from shopr.chat.lexicon import lexicon, spoken
from shopr.yamlfile import parse

__all__ = ["LANGUAGES", "WORDS", "compile_language"]

LANGUAGES = (
    "en de fr es it pt nl tr hi ar zh ja pl sv da no fi cs sk hu ro hr id vi lt lv et ca ru uk bg sr kk fa ur".split()
)
"""Languages the compiled identifier tells apart by n-grams; those with a script of their own are added to them."""
SCRIPT_ONLY = ("ko", "th", "el", "he", "bn", "ta")
WORDS = MODEL.with_name("function_words.yaml")
_KEPT = 60_000
_SHARED = 3


def compile_language(path: Path = MODEL, *, kept: int = _KEPT) -> int:
    """Write the n-grams of the installed py3langid that tell LANGUAGES apart, and the marker words. Returns bytes."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    full = LanguageIdentifier.from_model_file(MODEL_FILE)
    grams = _features(full)
    columns = [[i for i, c in enumerate(full.nb_classes) if c == code] for code in LANGUAGES]
    table = np.asarray(full.nb_ptc, np.float32)
    # A language with two scripts has two columns: the likelier one of each n-gram stands for it.
    weights = np.stack([table[:, c].max(axis=1) for c in columns], axis=1)
    spread = (weights.max(axis=1) - weights.mean(axis=1)) * np.exp(weights.max(axis=1))
    rows = np.sort(np.argsort(-spread)[:kept])
    centred = weights[rows] - weights[rows].mean(axis=1, keepdims=True)
    centred = np.hstack([centred, np.full((len(rows), len(SCRIPT_ONLY)), centred.min(axis=1, keepdims=True))])
    codes = np.array([_code(grams[r]) for r in rows], np.uint64)
    order = np.argsort(codes)
    scale = float(np.abs(centred).max()) / 127.0
    classes = (*LANGUAGES, *SCRIPT_ONLY)
    words, ends, owners = _marker_words(classes)
    prior = np.zeros(len(classes), np.float32)
    np.savez_compressed(
        path, keys=codes[order], weights=np.round(centred[order] / scale).astype(np.int8), scale=np.float32(scale),
        prior=prior, classes=np.array(classes), words=np.array("\n".join(words)), word_ends=ends, word_columns=owners,
    )  # fmt: skip
    return path.stat().st_size


def _features(full: Any) -> dict[int, bytes]:
    """n-gram of each feature of py3langid's automaton: the shortest way into a state that reports it."""
    moves = np.array(full.tk_nextmove).reshape(-1, 256)
    rows, out = np.array(full.tk_row), full.tk_output
    seen: dict[int, bytes] = {0: b""}
    found: dict[int, bytes] = {}
    queue = deque([0])
    while queue:
        state = queue.popleft()
        for byte, following in enumerate(moves[rows[state]].tolist()):
            if following not in seen:
                seen[following] = seen[state] + bytes([byte])
                queue.append(following)
                if out[following] >= 0:
                    found.setdefault(out[following], seen[following])
    return found


def _code(gram: bytes) -> int:
    """An n-gram of up to six bytes as one number: its last byte lowest, its length on top."""
    return sum(byte << (8 * i) for i, byte in enumerate(reversed(gram))) | len(gram) << 56


def _marker_words(classes: Sequence[str]) -> tuple[list[str], npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    table: Mapping[str, str] = parse(WORDS, WORDS.read_text(encoding="utf-8"))[0]
    owners: dict[str, set[int]] = {}
    for code, line in table.items():
        for word in str(line).lower().split():
            for spelling in {word, bare(word)}:
                owners.setdefault(spelling, set()).add(classes.index(code))
    told = set(owners)
    for word, codes in _lexicon_words().items():
        if word not in told and len(codes) <= _SHARED:
            owners[word] = {classes.index(code) for code in codes}
    words = sorted(owners)
    lists = [sorted(owners[w]) for w in words]
    return words, np.cumsum([len(x) for x in lists]).astype(np.int32), np.array([c for x in lists for c in x], np.int8)


def _lexicon_words() -> dict[str, set[str]]:
    """Words of the lexicons -> the languages that use them; English ones mark English alone, as all say "laptop"."""
    found: dict[str, set[str]] = {}
    for code in spoken():
        words = lexicon(code)
        tables = (words.concepts, words.colours, words.attributes, words.commands, words.markers, words.recipients)
        phrases = [phrase for table in tables for phrase in (p for ps in table.values() for p in ps)]
        for phrase in [*phrases, *(w for ws in (*words.numbers.values(), *words.ordinals.values()) for w in ws)]:
            for word in re.findall(r"[^\W\d_]{3,}", phrase.lower()):
                for spelling in {word, bare(word)}:
                    found.setdefault(spelling, set()).add(code)
    return {word: codes for word, codes in found.items() if "en" not in codes or codes == {"en"}}


def bare(word: str) -> str:
    """Without accents, as many people type: "günstiger" → "gunstiger". Only Latin letters lose theirs."""
    if not word or ord(word[0]) > 0x24F:
        return word
    kept = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    return kept.replace("ı", "i").replace("ß", "ss").replace("ł", "l")
