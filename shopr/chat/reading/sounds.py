"""What words sound like, in scripts where a slip keeps the sound: Hindi in Latin letters, kana, Chinese characters."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["han_sounds", "kana_sound", "latin_form", "latin_sound"]

_ALIKE = (("ph", "f"), ("sh", "s"), ("ck", "k"), ("w", "v"), ("z", "j"), ("q", "k"), ("x", "ks"))
_NOT_SOFT = re.compile(r"c(?!h)")
_BREATH = re.compile(r"(?<=[bdgjkpt])h")
_TWICE = re.compile(r"(?<!^)(.)\1+")
_VOWELS = re.compile(r"(?<!^)(?:[aeiou]|y(?![aeiou]))")

_SMALL = str.maketrans("ァィゥェォャュョヮヂヅヴ", "アイウエオヤユヨワジズブ", "ーッ")
_HIRAGANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}

_HAN = (
    "键件建健见间检减简监 盘判盼潘 色瑟涩 黑嘿 白百柏拜 红洪宏虹 蓝兰篮拦栏 绿率律 黄皇簧 灰辉徽恢 银音因阴引印 "
    "金今近进劲 紫子字自 粉分份 橙成程 鼠数书属输 标表镖 耳二儿而尔 机鸡几级记积极 马码吗 电店点典 脑闹 打大达 "
    "线限现显先险 示是式市视世试事十 器起气期汽 屏瓶平评 包保宝报 手收首 箱想像响相向象 充冲虫 墨莫模膜默 "
    "盒和合河核 纸只之支指直止 池吃持尺 网往王忘 路录炉露陆 有又友优油游 胶交脚叫较 第地弟底低 个各格隔 购够构狗 "
    "物五无务误午屋 车扯 加家价佳甲架 入如 便变边 宜以一已意易 下吓夏 欧偶 元圆园远员 闪山 存村 卡咖 茶查插差 "
    "新心信 单但蛋 款宽 三散伞 四思死 六流刘 本奔笨 头投 镜静净京 钱前千 相像"
)
"""Characters of the shop's talk and those that a phone offers for the same sound, a sound each."""
_SOUNDS = {c: group[0] for group in reversed(_HAN.split()) for c in group}


def latin_form(word: str) -> str:
    """A word of Hindi in Latin letters in one of its many spellings: "wala" and "vala" are one."""
    for written, plain in _ALIKE:
        word = word.replace(written, plain)
    return _TWICE.sub(r"\1", _BREATH.sub("", _NOT_SOFT.sub("k", word)))


def latin_sound(word: str) -> str:
    """What stays of a word where vowels are left out, as on a phone: "andr" and "andar" are one."""
    return _VOWELS.sub("", latin_form(word))


def kana_sound(word: str) -> str:
    """Kana without long marks and doubled consonants, small ones as large ones: キーボド is キーボード."""
    return unicodedata.normalize("NFKC", word).translate(_HIRAGANA).translate(_SMALL)


def han_sounds(word: str) -> str:
    """Chinese characters, each as the first one that sounds like it; others stay."""
    return "".join(_SOUNDS.get(c, c) for c in word)
