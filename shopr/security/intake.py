"""The guard at the doors for files: texts of imported catalogues and events are read before anybody shows them.

A catalogue comes from suppliers, a file of events from whoever visited another shop. A text in it that is an attack
waits for the page, the spreadsheet or the report that shows it. Nothing is lost in silence: each text that was found is
listed with its rule, and what becomes of its row is the policy's choice.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.dataset import Dataset
from shopr.data.events import Event
from shopr.errors import InputError
from shopr.security.canonical import canonical
from shopr.security.detectors.detector import Detection, Detector

__all__ = ["POLICIES", "SCREENED_COLUMNS", "Policy", "Screen", "Screened", "screen_dataset"]

Policy = Literal["quarantine", "neutralise", "keep"]
POLICIES: tuple[Policy, ...] = ("quarantine", "neutralise", "keep")
"""What becomes of a row with an attack in it: set apart whole, kept with the text made harmless, or only told of."""

SCREENED_COLUMNS = ("table", "row", "id", "column", "decision", "class", "rules", "action", "value")
REMOVED = "[removed]"
MAX_VALUE = 200
"""Characters of a text that are kept in the list: enough to find it."""

_SHOWN = ("product_id", "title", "description", "category", "brand", "colour", "attributes", "image")
_TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "catalog": ("product_id", _SHOWN),
    "texts": ("product_id", ("title", "description")),
    "events": ("event_id", ("query", "source", "properties")),
}  # fmt: skip
_NEEDED = frozenset({"title"})
_IDS = frozenset({"product_id"})
# Formatting as suppliers' descriptions have it: tags without attributes that do anything.
_FORMATTING = re.compile(
    r"</?(?:p|br|b|i|u|em|strong|ul|ol|li|h[1-6]|div|span|table|thead|tbody|tr|td|th|hr|su[bp]|small|dl|dt|dd)\s{0,2}/?>",
    re.IGNORECASE,
)
_NAME = re.compile(r"[\w.:-]{1,64}")
_HARMLESS = Detection(0.0, "allow")
_TAGS = re.compile(r"<[^<>]{0,400}>?")
_ODD = re.compile(r"[^\w\s.,:%€£°-]|(?<=-)-")
_BLANKS = re.compile(r"\s+")
_ORDER = {"allow": 0, "flag": 1, "block": 2}


@dataclass
class Screened:
    """What a screen has found.

    Attributes:
        texts: different texts read.
        flagged, blocked: places where a text is suspect, or surely an attack.
        quarantined, neutralised: rows set apart, texts made harmless.
        rows: the places, as `SCREENED_COLUMNS`.
    """

    texts: int = 0
    flagged: int = 0
    blocked: int = 0
    quarantined: int = 0
    neutralised: int = 0
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def frame(self) -> pd.DataFrame:
        """The places as a table."""
        kinds = dict.fromkeys(SCREENED_COLUMNS, "str") | {"row": "int64"}
        return pd.DataFrame(self.rows, columns=list(SCREENED_COLUMNS)).astype(kinds)

    def counts(self) -> dict[str, int]:
        """In words, for a manifest; nothing of what did not happen."""
        told = {
            "texts flagged": self.flagged,
            "texts with attacks": self.blocked,
            "rows quarantined": self.quarantined,
            "texts neutralised": self.neutralised,
        }
        return {name: count for name, count in told.items() if count}


class Screen:
    """Reads texts of files; each different one once.

    Args:
        policy: what becomes of attacks.
        detector: the shipped one unless given. Files have no caller, so neither limits nor locks apply.

    Raises:
        InputError: if there is no such policy.
    """

    def __init__(self, policy: Policy = "quarantine", detector: Detector | None = None) -> None:
        if policy not in POLICIES:
            raise InputError(f"policy {policy!r} is none", hint=f"Use one of {', '.join(POLICIES)}")
        self.policy, self._detector, self.found = policy, detector or Detector(), Screened()
        self._known: dict[str, Detection] = {}

    def judge(self, text: str) -> Detection:
        """The verdict on a cell; of one that holds JSON, the worst on what is in it. Formatting of text is let be."""
        known = self._known.get(text)
        if known is None:
            known = max(map(self._read, _parts(text)), key=_severity)
            self._known[text] = known
            self.found.texts += 1
        return known

    def _read(self, text: str) -> Detection:
        if _NAME.fullmatch(text) and ".." not in text:
            return _HARMLESS  # an id or a name in a program: nothing reads it as code
        found = self._detector.detect(_FORMATTING.sub(" ", text) if "<" in text else text)
        # Likeness alone says little of sizes, codes and file names: a list of those would bury what matters.
        return found if found.rules or found.decision == "allow" else _HARMLESS

    def neutral(self, text: str, *, needed: bool = False) -> str:
        """`text` as words without anything that an interpreter could take for its own; "" if nothing is left that is
        harmless (a needed one: "[removed]")."""
        words = _BLANKS.sub(" ", _ODD.sub(" ", _TAGS.sub(" ", html.unescape(canonical(text))))).strip()[:2000]
        harmless = bool(words) and self._detector.detect(words).decision == "allow"
        return words if harmless else REMOVED if needed else ""

    def table(self, name: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """A table as the policy leaves it, and the rows that were set apart.

        Args:
            name: "catalog", "texts" or "events": which columns hold texts.
        """
        apart = np.zeros(len(frame), dtype=np.bool_)
        changed: dict[str, pd.Series] = {}
        for column in _TABLES[name][1]:
            verdicts = self._suspect(frame[column]) if column in frame.columns else {}
            mended = self._column(name, frame, column, verdicts, apart) if verdicts else None
            if mended is not None:
                changed[column] = mended
        if not changed and not apart.any():
            return frame, frame.iloc[:0]
        self.found.quarantined += int(apart.sum())
        kept = frame.assign(**changed)[~apart].reset_index(drop=True)
        return kept, frame[apart].reset_index(drop=True)

    def _suspect(self, texts: pd.Series) -> dict[str, Detection]:
        told = ((text, self.judge(text)) for text in texts.dropna().unique().tolist() if text and text != "{}")
        return {text: verdict for text, verdict in told if verdict.decision != "allow"}

    def _column(
        self, name: str, frame: pd.DataFrame, column: str, verdicts: Mapping[str, Detection], apart: NDArray[np.bool_]
    ) -> pd.Series | None:
        """Judge one column: list what is suspect, mark rows to set apart; the column with what is harmless in place."""
        values, keys = frame[column], frame[_TABLES[name][0]]
        mended: dict[str, str] = {}
        for place in np.flatnonzero(values.isin(list(verdicts)).to_numpy()):
            text = str(values.iat[place])
            verdict = verdicts[text]
            action = self._action(verdict, column)
            if action == "quarantine":
                apart[place] = True
            elif action == "neutralise":
                mended[text] = self._mended(text, column)
                self.found.neutralised += 1
            self.told((name, int(place) + 1, str(keys.iat[place]), column), verdict, action, text)
        return values.where(~values.isin(list(mended)), values.map(mended)).astype(values.dtype) if mended else None

    def _action(self, verdict: Detection, column: str) -> Policy:
        if verdict.decision != "block":
            return "keep"
        # An id that is changed belongs to nothing any more.
        return "quarantine" if self.policy == "neutralise" and column in _IDS else self.policy

    def _mended(self, text: str, column: str) -> str:
        if column in ("attributes", "properties"):
            return json.dumps(self.clean(json.loads(text)), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return self.neutral(text, needed=column in _NEEDED)

    def clean(self, value: Any) -> Any:
        """A JSON value with the attacks in its texts made harmless; names that are attacks go with their values."""
        if isinstance(value, str):
            return self.neutral(value) if self.judge(value).decision == "block" else value
        if isinstance(value, list):
            return [self.clean(one) for one in value]
        if isinstance(value, dict):
            return {k: self.clean(v) for k, v in value.items() if self.judge(str(k)).decision != "block"}
        return value

    def event(self, event: Event, row: int) -> Event | None:
        """An event as the policy leaves it: as it came, with harmless texts in place of attacks, or None to set apart.

        Args:
            row: its line in the file.
        """
        given = event.properties
        suspect = {name: worst for name, value in given.items() if (worst := self._worst(value)).decision != "allow"}
        if not suspect:
            return event
        actions = {name: self._action(verdict, name) for name, verdict in suspect.items()}
        for name, verdict in suspect.items():
            shown = json.dumps(given[name], ensure_ascii=False) if not isinstance(given[name], str) else given[name]
            self.told(("events", row, event.event_id, name), verdict, actions[name], shown)
        if "quarantine" in actions.values():
            self.found.quarantined += 1
            return None
        mended = {name for name, action in actions.items() if action == "neutralise"}
        self.found.neutralised += len(mended)
        kept = {name: self.clean(value) if name in mended else value for name, value in given.items()}
        return event.model_copy(update={"properties": kept}) if mended else event

    def _worst(self, value: Any) -> Detection:
        return max((self.judge(text) for text in _texts(value)), key=_severity, default=self.judge(""))

    def told(self, place: tuple[str, int, str, str], verdict: Detection, action: Policy, text: str) -> None:
        """Put a place (table, row, id, column) on the list."""
        blocked = verdict.decision == "block"
        self.found.blocked += blocked
        self.found.flagged += not blocked
        shown = "".join(c if c.isprintable() else " " for c in text[:MAX_VALUE])
        rules = " ".join(verdict.rules[:5])
        threat = verdict.threat or "n-grams"
        self.found.rows.append((*place, verdict.decision, threat, rules, action, shown))


def screen_dataset(dataset: Dataset, screen: Screen) -> Dataset:
    """A data set as the policy leaves it. What was found is in its extra table "screened", rows set apart are in
    "quarantine_catalog", "quarantine_texts" and "quarantine_events" as they came; a clean one comes back as it is."""
    tables = {"catalog": dataset.catalog.frame, "texts": dataset.texts, "events": dataset.events}
    extras = dict(dataset.extras)
    kept: dict[str, pd.DataFrame] = {}
    for name, frame in tables.items():
        kept[name], apart = screen.table(name, frame)
        if len(apart):
            extras[f"quarantine_{name}"] = apart
    if not screen.found.rows:
        return dataset
    manifest = dataset.manifest
    own = {"products", "events", "users", "texts", "prices", "rejected", "images"}
    counts = {name: count for name, count in manifest.counts.items() if name not in own}
    return Dataset.build(
        dataset.name, manifest.source, type(dataset.catalog)(kept["catalog"]), kept["events"],
        texts=kept["texts"], prices=dataset.prices, rejects=dataset.rejects, images=dataset.images,
        extras={**extras, "screened": screen.found.frame}, counts={**counts, **screen.found.counts()},
        origin=manifest.origin, times=manifest.times, interaction_types=manifest.interaction_types,
        licence=manifest.licence, details=manifest.details,
    )  # fmt: skip


def _severity(verdict: Detection) -> tuple[int, float]:
    return _ORDER[verdict.decision], verdict.score


def _parts(text: str) -> list[str]:
    """The texts of a cell: those in its JSON, else itself."""
    if text[:1] in "{[" and text[-1:] in "}]":
        try:
            found = list(_texts(json.loads(text)))
        except (ValueError, RecursionError):
            return [text]
        return found or [""]
    return [text]


def _texts(value: Any) -> Iterator[str]:
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            yield from _names(one)
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _names(value: Mapping[Any, Any]) -> Iterable[str]:
    return (str(key) for key in value)
