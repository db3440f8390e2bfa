"""Writing systems: what the letters of a text alone say about its language."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["HAN_MARKS", "OTHER_SCRIPT", "SCRIPT_NATS", "script_votes"]

SCRIPT_NATS = 300.0
"""A script decides against every n-gram: no message in Devanagari is German."""

# Script -> the languages written in it. A script of one language decides alone.
_SCRIPTS: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = (
    (re.compile(r"[A-Za-zÀ-ɏḀ-ỿ]"), frozenset(
        "en de fr es it pt nl tr pl sv da no fi cs sk hu ro hr sr id vi lt lv et ca".split())),
    (re.compile(r"[\u0400-\u052f]"), frozenset({"ru", "uk", "bg", "sr", "kk"})),
    (re.compile(r"[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff]"), frozenset({"ar", "fa", "ur"})),
    (re.compile(r"[\u0900-\u097f]"), frozenset({"hi"})),
    (re.compile(r"[\u3041-\u30ff\uff66-\uff9f]"), frozenset({"ja"})),
    (re.compile(r"[\u3400-\u9fff\U00020000-\U0002ffff]"), frozenset({"zh", "ja"})),
    (re.compile(r"[\uac00-\ud7af\u1100-\u11ff]"), frozenset({"ko"})),
    (re.compile(r"[\u0e00-\u0e7f]"), frozenset({"th"})),
    (re.compile(r"[\u0370-\u03ff]"), frozenset({"el"})),
    (re.compile(r"[\u0590-\u05ff]"), frozenset({"he"})),
    (re.compile(r"[\u0980-\u09ff]"), frozenset({"bn"})),
    (re.compile(r"[\u0b80-\u0bff]"), frozenset({"ta"})),
)  # fmt: skip

OTHER_SCRIPT = frozenset().union(*(codes for _, codes in _SCRIPTS[1:])) - {"sr"}
"""Languages that are not written in Latin letters."""

# Letters that one language of a script has and its neighbours lack.
_LETTERS = {
    "es": "ñ¿¡", "pt": "ãõ", "de": "ßẞ", "tr": "ışğİ", "fr": "œçêè", "hu": "őű", "pl": "łśźżąćń", "cs": "řěů",
    "sk": "ľĺŕ", "ro": "țșă", "lt": "ėįųū", "lv": "āēīņģķļ", "et": "õ", "da": "æ", "no": "æ",
    "vi": "đơưạảấầẩậắằặẹẻẽếềểễệ",
    "uk": "іїєґ", "ru": "ыэё", "sr": "ђјљњћџ", "kk": "әғқңөұүһ", "fa": "پچگژی", "ur": "ٹڈڑںھہے",
    "ar": "ةىأإ", "it": "òìù",
}  # fmt: skip
_LETTER_NATS = 4.0

HAN_MARKS = {
    **dict.fromkeys("吗么这哪们你您给买单订货车红绿蓝颜价钱欧几还没啥请谢", "zh"),
    **dict.fromkeys(["的", "了", "購物", "訂單", "嗎", "請", "這", "黑色", "多少", "可以", "有没有"], "zh"),
    **dict.fromkeys(
        ["注文", "在庫", "番号", "送料", "返品", "値段", "円", "税込", "黒", "検索", "合計", "価格", "届", "込"], "ja"
    ),
}
"""Characters and words that only one of Chinese and Japanese uses: what tells them apart where there is no kana."""


def script_votes(text: str, classes: Sequence[str]) -> npt.NDArray[np.float32]:
    """Nats for each language: those of the script most letters are in are ahead of all others."""
    counts = [len(pattern.findall(text)) for pattern, _ in _SCRIPTS]
    # Latin letters in a message of another script are names, however many: "播放 The Two Gladiators" is Chinese.
    weighted = [c * w for c, w in zip(counts, (0.02, 1, 1, 1, 3, 1.5, 1, 1, 1, 1, 1, 1), strict=True)]
    best = max(range(len(weighted)), key=weighted.__getitem__)
    if counts[4] and weighted[5] >= weighted[best]:  # kana among Han characters is Japanese
        best = 4
    votes = np.zeros(len(classes), np.float32)
    if not weighted[best]:
        return votes
    lowered = text.lower()
    letters = {code for code, own in _LETTERS.items() if any(letter in lowered for letter in own)}
    for i, code in enumerate(classes):
        votes[i] = SCRIPT_NATS * (code in _SCRIPTS[best][1]) + _LETTER_NATS * (code in letters)
    return votes
