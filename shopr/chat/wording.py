"""Puts facts into words: prices, dates, lists and needs as the language of the reply has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal

from shopr.chat.facts import Day, Line, Many, Money, Title, What, Word
from shopr.chat.lexicon import Lexicon, lexicon, spoken
from shopr.chat.messages import Messages, messages
from shopr.chat.need import Need
from shopr.chat.reading.tokens import fold, stemmed
from shopr.money import from_minor

__all__ = ["Wording"]

_KINDS = 3
"""Kinds that a reply names at most."""
_GROUPED_FROM = 10_000
"""Amounts below are written without a mark between thousands, which differs between countries of one language."""
_LOCALES = {"zh": "zh_Hans_CN", "pt": "pt_PT"}


@dataclass(frozen=True)
class Wording:
    """Words of one language and one form of address.

    Attributes:
        language: BCP 47 code.
        informal: whether shoppers are addressed informally.
        name: what the assistant is called.
    """

    language: str
    informal: bool = False
    name: str = "Shopr"

    @property
    def _messages(self) -> Messages:
        return messages(self.language)

    @property
    def _locale(self) -> Locale:
        try:
            return Locale.parse(_LOCALES.get(self.language, self.language).replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            return Locale.parse("en")

    @property
    def _lexicon(self) -> Lexicon:
        return lexicon(self.language if self.language in spoken() else "en")

    def line(self, line: Line) -> str:
        """One sentence."""
        if not line.key:
            return self._raw(line)
        return self.message(line.key, line.n, **line.values)

    def message(self, key: str, n: int | None = None, **values: Any) -> str:
        """A message with its values filled in; English where the language has none."""
        text = self._messages.text(key, n, informal=self.informal) or messages("en").text(key, n) or key
        filled = {"name": self.name, **{name: self.value(value) for name, value in values.items()}}
        for name, value in filled.items():
            text = text.replace("{" + name + "}", value)
        return text

    def _raw(self, line: Line) -> str:
        if "parts" in line.values:
            return " | ".join(self.value(v) for v in line.values["parts"])
        return str(line.values.get("text", ""))

    def value(self, value: Any) -> str:
        """A typed value in words."""
        if isinstance(value, Money):
            return self.money(value)
        if isinstance(value, Title):
            return value.text
        if isinstance(value, Day):
            return f"{format_date(value.day, 'long', locale=self._locale)} ({value.day.isoformat()})"
        if isinstance(value, Word):
            return self.message(value.key, value.n, **value.values)
        if isinstance(value, What):
            return self.need(value.need, value.currency)
        if isinstance(value, Many):
            return format_list([self.value(v) for v in value.values], locale=self._locale) if value.values else ""
        if isinstance(value, Line):
            return self.line(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value) if value < _GROUPED_FROM else str(format_decimal(value, locale=self._locale))
        return str(value)

    def money(self, value: Money) -> str:
        """An amount with its currency."""
        amount = from_minor(value.amount, value.currency)
        grouped = abs(amount) >= _GROUPED_FROM
        text = format_currency(amount, value.currency, locale=self._locale, group_separator=grouped)
        return str(text).replace("\u200f", "").replace("\u200e", "").replace("\u061c", "")

    def need(self, need: Need, currency: str) -> str:
        """A need in words: what, and in brackets how."""
        subject = self._subject(need)
        how = [self._capital(part) for part in self._constraints(need, currency)]
        if not subject:
            return ", ".join(how) or self.message("products")
        return f"{subject} ({', '.join(how)})" if how else subject

    def _subject(self, need: Need) -> str:
        named = self._kinds(need)
        named += [n for n in need.names if n not in named] if need.names else []
        return " ".join(named) or " ".join(need.words)

    def _kinds(self, need: Need) -> list[str]:
        """The kinds asked for: one for each phrase, since one phrase may name several kinds."""
        if len(need.called) < 2 or len(need.concepts) < 2:
            return [self._concept(c) for c in need.concepts[:1]]
        chosen: list[str] = []
        for phrase in need.called[:_KINDS]:
            left = [c for c in need.concepts if c not in chosen]
            chosen += [c for c in left if self._names(c, phrase)][:1]
        chosen = chosen or list(need.concepts[:1])
        return [str(format_list([self._concept(c) for c in chosen], style="or", locale=self._locale))]

    def _names(self, concept: str, phrase: str) -> bool:
        """Whether a phrase is one by which the language calls a concept."""
        stem = self._lexicon.stemmer
        forms = (*self._lexicon.concepts.get(concept, ()), *lexicon("en").concepts.get(concept, ()))
        wanted = [stemmed(w, stem) for w in fold(phrase).split()]
        return any([stemmed(w, stem) for w in fold(form).split()] == wanted for form in forms)

    def _concept(self, concept: str) -> str:
        words = self._lexicon.concepts.get(concept) or lexicon("en").concepts.get(concept) or [concept]
        return words[0]

    def _first(self, table: str, key: str) -> str:
        words = getattr(self._lexicon, table).get(key) or getattr(lexicon("en"), table).get(key) or [key]
        return str(words[0])

    def _capital(self, text: str) -> str:
        return text

    def _constraints(self, need: Need, currency: str) -> list[str]:
        out = [self._first("colours", c) for c in need.colours]
        out += [self._first("materials", m) for m in need.materials]
        out += [self._first("attributes", a) for a in need.attributes]
        out += need.measures
        for table, keys in (
            ("colours", need.not_colours),
            ("materials", need.not_materials),
            ("attributes", need.not_attributes),
            ("concepts", need.not_concepts),
        ):
            out += [self.message("not_word", word=self._first(table, key)) for key in keys]
        out += [self.message("from_brand", brand=b) for b in need.brands]
        out += [self.message("not_brand", brand=b) for b in need.not_brands]
        out += self._price(need, currency)
        if need.in_stock:
            out.append(self.message("in_stock_only"))
        return out

    def _price(self, need: Need, currency: str) -> list[str]:
        low = None if need.price_min is None else Money(need.price_min, currency)
        high = None if need.price_max is None else Money(need.price_max, currency)
        if low is not None and high is not None:
            return [self.message("between_prices", low=low, high=high)]
        if high is not None:
            return [self.message("under_price", price=high)]
        return [self.message("over_price", price=low)] if low is not None else []
