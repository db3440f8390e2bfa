"""Which variant of a product somebody means: option values in free words, kept apart by the names of the options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shopr.chat.reading.tokens import Token, stemmed, tokenise

__all__ = ["OptionSense", "options_said"]

_BOOLEAN = frozenset({"yes", "no"})
_DENIALS = frozenset({"no", "not", "non", "without", "none"})
_STEMMER = "english"


@dataclass(frozen=True, slots=True)
class OptionSense:
    """An option value found.

    Attributes:
        options: the names of the options it may be a value of.
        value: as the catalogue writes it.
        start, end: where it stands.
    """

    options: tuple[str, ...]
    value: str
    start: int
    end: int


def options_said(tokens: Sequence[Token], variants: Sequence[Mapping[str, str]]) -> list[OptionSense]:
    """The values of any of a product's variants that are named in the tokens, the longest ones, in order."""
    plain = [(i, t) for i, t in enumerate(tokens) if t.kind != "pause" and t.key not in ("-", ":", "the")]
    keys = [stemmed(t.key, _STEMMER) for _, t in plain]
    found: list[tuple[int, OptionSense]] = []
    for option in dict.fromkeys(name for variant in variants for name in variant):
        for value in dict.fromkeys(variant[option] for variant in variants if option in variant):
            found += _places(plain, keys, option, value)
    return _longest(found, plain)


def _places(
    plain: Sequence[tuple[int, Token]], keys: Sequence[str], option: str, value: str
) -> list[tuple[int, OptionSense]]:
    name, wanted = _keys(option), _keys(value)
    values = [(True, [*wanted, *name]), (True, [*name, *wanted]), (True, [*name, "is", *wanted])]
    if value in ("no", "none"):
        values += [(True, [denial, *name]) for denial in _DENIALS]
        values += [(True, [denial, name[-1]]) for denial in _DENIALS]
    elif value == "yes":
        values.append((False, name))
    else:
        values.append((False, wanted))
        values += [(True, [*wanted, part]) for part in name] + [(True, [part, *wanted]) for part in name]
    found = []
    for named, form in values:
        for start in range(len(keys) - len(form) + 1):
            if list(keys[start : start + len(form)]) == form and (named or _alone(plain[start : start + len(form)])):
                sense = OptionSense((option,), value, start, start + len(form))
                found.append((len(form) + named, sense))
    return found


def _alone(tokens: Sequence[tuple[int, Token]]) -> bool:
    """Whether a value may stand without its option's name: a single small letter is no size."""
    token = tokens[0][1]
    return len(tokens) > 1 or len(token.text) > 1 or token.text.isupper() or token.text.isdigit()


def _longest(found: list[tuple[int, OptionSense]], plain: Sequence[tuple[int, Token]]) -> list[OptionSense]:
    taken: list[OptionSense] = []
    for weight, sense in sorted(found, key=lambda f: (-f[0], f[1].start)):
        rivals = [o for o in taken if sense.start < o.end and o.start < sense.end]
        same = [o for o in rivals if (o.start, o.end, o.value) == (sense.start, sense.end, sense.value)]
        if same and weight == sense.end - sense.start:
            taken.remove(same[0])
            taken.append(OptionSense((*same[0].options, *sense.options), sense.value, sense.start, sense.end))
        elif not rivals:
            taken.append(sense)
    ordered = sorted(taken, key=lambda o: o.start)
    sure = {o.options[0] for o in ordered if len(o.options) == 1}
    return [OptionSense(_left(o, sure), o.value, plain[o.start][0], plain[o.end - 1][0] + 1) for o in ordered]


def _left(sense: OptionSense, sure: set[str]) -> tuple[str, ...]:
    """The options that a value may be of, without those that got theirs elsewhere in the sentence."""
    left = tuple(name for name in sense.options if len(sense.options) == 1 or name not in sure)
    return left or sense.options


def _keys(text: str) -> list[str]:
    return [stemmed(t.key, _STEMMER) for t in tokenise(text) if t.kind != "pause" and t.key != "-"]
