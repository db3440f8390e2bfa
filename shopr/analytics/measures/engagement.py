"""Engagement: who comes how often, how long they stay, and which features they use.

Active persons are counted by how many each known one stands for (`estimates.lightest`), so that sampling does not bias
them; what happens within sessions is read off persons of whom everything was kept (`estimates.followed`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.analytics.health.quality import weighted_quantile
from shopr.analytics.measures.journey import sessions
from shopr.analytics.reading.estimates import Estimate, followed, lightest, ratio, total
from shopr.analytics.reading.log import EventLog
from shopr.analytics.reading.source import Source, about
from shopr.analytics.reading.span import Span
from shopr.data.events import EventType

__all__ = ["ACTS", "FEATURES", "SessionFigures", "active", "feature_use", "read_acts", "session_course", "visits"]

WINDOWS = {"daily": 1, "weekly": 7, "monthly": 30}
"""Days that an active person came in at least once."""
_MACHINERY = (
    EventType.ERROR_RAISED,
    EventType.VITAL_MEASURED,
    EventType.API_CALLED,
    EventType.PROCESS_MEASURED,
    EventType.THREAT_DETECTED,
    EventType.CONSENT_CHANGED,
    EventType.EXPERIMENT_EXPOSED,
    EventType.MODEL_PROMOTED,
    EventType.ORDER_RETURNED,
)
ACTS = tuple(kind.value for kind in EventType if kind not in _MACHINERY)
"""What a person does or sees in the shop: no message of the machinery, and no return, which comes by post."""
FEATURES: Mapping[str, tuple[EventType, ...]] = {
    "search": (EventType.SEARCH_PERFORMED,),
    "recommendations": (EventType.RECOMMENDATION_CLICKED,),
    "assistant": (EventType.MESSAGE_SENT,),
    "image search": (EventType.IMAGE_SEARCHED,),
    "voice": (EventType.VOICE_USED,),
    "cart": (EventType.CART_ITEM_ADDED,),
    "checkout": (EventType.CHECKOUT_STARTED,),
    "ratings and feedback": (EventType.FEEDBACK_GIVEN,),
}
"""What a person may use, and the events that show it."""


def read_acts(source: Source, span: Span, *, back: int = 0, columns: Sequence[str] = ()) -> EventLog:
    """The acts of a span, and of some days before it.

    Raises:
        StorageError: if the store cannot be read.
    """
    reach = span.reaching_back(back) if back else span
    part = about(source, span.start, span.end)
    return EventLog.read(part, start=reach.start, end=reach.end, types=ACTS, columns=columns)


def active(log: EventLog, span: Span, windows: Mapping[str, int] = WINDOWS) -> pd.DataFrame:
    """Persons who came in the last day, week and month, as of each day.

    Args:
        log: reaches back as far as the longest window, else its first days count too few.

    Returns:
        One row a day: `day`, each window with its 95 % interval (`daily daily_lo daily_hi …`), and `stickiness`, the
        first window's figure of the last one's.
    """
    back = max(windows.values())
    days = span.reaching_back(back - 1)
    at = days.day_of(log.times)
    inside = (at >= 0) & (at < len(days))
    keys = np.flatnonzero(inside)
    width = len(days)
    found, where = np.unique(log.persons[keys].astype(np.int64) * width + at[keys], return_inverse=True)
    weight = lightest(where, log.weights[keys], len(found))
    person, day = found // width, found % width
    table: dict[str, object] = {"day": pd.to_datetime(list(span))}
    for name, length in windows.items():
        value, variance = _window(person, day, weight, length, width)
        reach = 1.959964 * np.sqrt(variance)
        for part, figures in (("", value), ("_lo", value - reach), ("_hi", value + reach)):
            table[name + part] = figures[back - 1 :]
    first, last = (np.asarray(table[name], float) for name in (next(iter(windows)), list(windows)[-1]))
    table["stickiness"] = np.divide(first, last, out=np.full(len(first), np.nan), where=last > 0)
    return pd.DataFrame(table)


def _window(
    person: NDArray[np.int64], day: NDArray[np.int64], weight: NDArray[np.float64], length: int, days: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Persons, and their variance, in each window of `length` days.

    Who came on a day is in the windows that end from then on, until the window is over or they come again. Of a window
    the lightest weight counts: with each further weight allowed, those who appear weigh that much.
    """
    value, variance, known = np.zeros(days), np.zeros(days), np.zeros(days)
    for heavy in np.unique(weight):
        kept = weight <= heavy
        who, when = person[kept], day[kept]
        ends = np.minimum(when + length, days)
        again = np.flatnonzero(who[1:] == who[:-1])
        ends[again] = np.minimum(ends[again], when[again + 1])
        steps = np.bincount(when, minlength=days + 1) - np.bincount(ends, minlength=days + 1)
        here = np.cumsum(steps[:days]).astype(np.float64)
        value += heavy * (here - known)
        variance += heavy * (heavy - 1) * (here - known)
        known = here
    return value, variance


@dataclass(frozen=True)
class SessionFigures:
    """The sessions of a span.

    Attributes:
        persons, sessions: how many there were.
        per_person: sessions a person.
        events: events a session.
        pages: pages seen a session.
        seconds: from the first event of a session to the last, in the mean.
        median_seconds: the same in the median.
        bounced: share of sessions with one event only.
    """

    persons: Estimate
    sessions: Estimate
    per_person: Estimate
    events: Estimate
    pages: Estimate
    seconds: Estimate
    median_seconds: float
    bounced: Estimate


def visits(log: EventLog) -> SessionFigures:
    """How often persons come and what a session is like."""
    present = lightest(log.persons, log.weights, log.n_persons)
    whole, each = followed(log)
    table = _session_table(whole)
    per_person = np.bincount(table["person"], minlength=whole.n_persons).astype(float)
    came = per_person > 0
    counted = np.where(came, each, 0.0)[came]

    def mean(column: str, *, share: bool = False) -> Estimate:
        sums = np.bincount(table["person"], table[column].to_numpy(np.float64), whole.n_persons)[came]
        return ratio(sums, per_person[came], share=share)

    return SessionFigures(
        persons=total(present[present > 0]),
        sessions=total(counted, per_person[came]),
        per_person=ratio(per_person[came], np.ones(int(came.sum()))),
        events=mean("events"),
        pages=mean("pages"),
        seconds=mean("seconds"),
        median_seconds=weighted_quantile(table["seconds"], np.ones(len(table)), 0.5),
        bounced=mean("bounced", share=True),
    )


def session_course(log: EventLog, span: Span) -> pd.DataFrame:
    """`day sessions events seconds bounced` of each day: how many began, and what they were like in the mean."""
    whole, each = followed(log)
    table = _session_table(whole)
    day = span.day_of(table["start"].to_numpy(np.int64))
    table = table[(day >= 0) & (day < len(span))].assign(day=day[(day >= 0) & (day < len(span))])
    n = np.bincount(table["day"], minlength=len(span))
    with np.errstate(invalid="ignore"):
        means = {
            name: np.bincount(table["day"], table[name], len(span)) / n for name in ("events", "seconds", "bounced")
        }
    return pd.DataFrame({"day": pd.to_datetime(list(span)), "sessions": n * each, **means})


def feature_use(log: EventLog, features: Mapping[str, Sequence[EventType]] = FEATURES) -> pd.DataFrame:
    """Of the persons who were there, the share that used each feature.

    Returns:
        Rows `feature persons share lo hi events`, most used first.
    """
    there = lightest(log.persons, log.weights, log.n_persons)
    codes = {kind: log.types.code(kind.value) for kinds in features.values() for kind in kinds}
    rows = []
    for name, kinds in features.items():
        hit = np.isin(log.types.codes, [codes[kind] for kind in kinds])
        used = lightest(log.persons[hit], log.weights[hit], log.n_persons)
        share = ratio(used[there > 0], there[there > 0], share=True)
        rows.append((name, float(used.sum()), share.value, share.lo, share.hi, float(log.weights[hit].sum())))
    table = pd.DataFrame(rows, columns=["feature", "persons", "share", "lo", "hi", "events"])
    return table.sort_values(["persons", "feature"], ascending=[False, True], ignore_index=True)


def _session_table(log: EventLog) -> pd.DataFrame:
    """One row a session: `person start seconds events pages bounced`, `start` in microseconds.

    A rating that names no session came by post or e-mail, and is no visit.
    """
    apart = (log.types.codes == log.types.code(EventType.FEEDBACK_GIVEN.value)) & (log.sessions.codes < 0)
    log = log.take(np.flatnonzero(~apart))
    cut = sessions(log)
    first, last = cut.order[cut.starts], cut.order[cut.ends - 1]
    viewed = log.types.codes[cut.order] == log.types.code(EventType.PAGE_VIEWED.value)
    count = cut.ends - cut.starts
    return pd.DataFrame(
        {
            "person": log.persons[first],
            "start": log.times[first],
            "seconds": (log.times[last] - log.times[first]) / 1e6,
            "events": count,
            "pages": np.bincount(cut.numbers, viewed, len(cut)),
            "bounced": count == 1,
        }
    )
