"""Hindi in Latin letters, as people type it on a phone: told by words that no other language of the shop has."""

from __future__ import annotations

import re

from shopr.chat.reading.sounds import latin_sound
from shopr.chat.reading.spelling import Speller

__all__ = ["romanised_hindi"]

_OWN = frozenset(
    "chaiye chahye chaie chaahiye chaiyeh dikhado dikaao bhaiyya mein kal hogi "
    "mujhe mujhko mera meri mere tera aapka aapke hai hain tha thi hoga chahiye chahie dikha dikhao dikhana "
    "dikhaiye dikhaye batao bata bataiye bataye wala wali wale bhi nahi nahin aur kitna kitne kitni karo kardo "
    "karna karke yaar bhai bhaiya accha acha achha achchha theek thik upar neeche niche andar koi kya kaunsa "
    "kaunse konsa kaun sirf keval pehla pehle pehli dusra doosra doosre doosri teesra teesre teesri rang kaala "
    "kaale kaali safed neela neele lal hara jana jao hua huye hue ruko rukiye kahan kahaan kab tak daal daalo "
    "dal dalo hata hatao nikalo nikal arre arey sasta saste sasti mehnga mehenga wapas vapas pahuncha "
    "pahunchega aayega milega chahta chahti lunga lungi lena dedo dijiye kijiye isko usko iska uska inme inmein "
    "wahi yahi kuch zyada jyada kam paise rupaye insaan haan ji abhi jaldi matlab badhiya bahut bohot ke liye "
    "lekin magar agar phir toh woh yeh ye wo ek teen chaar paanch".split()
)
"""Words of romanised Hindi; those that other languages have as well count only beside one that is Hindi alone."""
_SHARED = frozenset(
    "mein kal "
    "ye wo ek ji kab tak lal tha thi dal hara jana acha aur hue ke liye kam lena hata bata magar hai andar rang "
    "daal wale tera dedo karo mera mere meri koi bhai jao".split()
)
_SLIPS = Speller(dict.fromkeys(sorted(w for w in _OWN - _SHARED if len(w) > 4), 1))
_SOUNDS = frozenset(latin_sound(w) for w in _OWN - _SHARED if len(latin_sound(w)) > 1)
"""The same words as they are typed without their vowels."""
_LEAST, _SHARE = 2, 0.25
_WORD = re.compile(r"[a-z]+")


def romanised_hindi(text: str, *, spoken: bool) -> bool:
    """Whether a message is Hindi in Latin letters.

    Args:
        spoken: whether the conversation is in Hindi, where one word is enough.
    """
    if not text.isascii():
        return False
    words = _WORD.findall(text.lower())
    plain = [w for w in words if w in _OWN]
    sounds = [w for w in words if w not in _OWN and len(w) > 2 and (w in _SOUNDS or _SLIPS.mend(w) is not None)]
    found = [*plain, *(sounds if spoken or plain else ())]  # "chaiye", "vla" tell nothing alone
    own = sum(w not in _SHARED for w in plain) + (len(sounds) if spoken else len(sounds) * bool(plain))
    if spoken:
        return own >= 1 or (len(found) >= _LEAST and len(found) >= _SHARE * len(words))
    return own >= 1 and len(found) >= _LEAST and len(found) >= _SHARE * len(words)
