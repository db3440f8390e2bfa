"""What a test reads out of an event log: how events become the columns of a table with one row a unit."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from shopr.strict import Strict

__all__ = ["EventColumn", "EventName", "Events"]

EventName = Literal[
    "page_viewed", "search_performed", "product_shown", "product_clicked", "product_viewed", "cart_item_added",
    "cart_item_removed", "checkout_started", "order_completed", "order_returned", "message_sent", "reply_shown",
    "recommendation_shown", "recommendation_clicked", "image_searched", "voice_used", "feedback_given", "error_raised",
    "vital_measured", "api_called", "threat_detected", "consent_changed", "experiment_exposed", "model_promoted",
    "process_measured", "custom_occurred",
]  # fmt: skip
"""`shopr.data.events.EventType`, written out: that module loads pandas, and a spec must not."""
_NUMBERS = ("amount", "quantity", "price", "rating", "position")
_IDS = ("order_id", "product_id", "session_id")


class EventColumn(Strict):
    """One column: events of a type, counted or summed for each unit, after its exposure or before it."""

    event: EventName = Field(description="Type of the events")
    how: Literal["count", "any", "sum", "distinct"] = Field(
        "count",
        description="count: rows (an order has one a line); any: 0 or 1; sum, distinct: of the column `of`",
    )
    of: Literal["", "amount", "quantity", "price", "rating", "position", "order_id", "product_id", "session_id"] = (
        Field("", description="Column of the log for sum (a number; amount is price x quantity) and distinct (an id)")
    )
    source: str = Field("", description="Only events whose `source` is this, such as recommendation")
    when: Literal["after", "before"] = Field(
        "after", description="after: from exposure on; before: known before exposure, for covariates and segments"
    )
    days: float | None = Field(
        None, gt=0, le=3650, description="So many days from (or before) exposure for this column"
    )

    @model_validator(mode="after")
    def _sound(self) -> EventColumn:
        wanted = {"sum": _NUMBERS, "distinct": _IDS}.get(self.how, ("",))
        if self.of not in wanted:
            given = repr(self.of) if self.of else "nothing"
            if wanted == ("",):
                raise ValueError(f"of: {given} is not used by {self.how}; leave it out, or say how: sum or distinct")
            raise ValueError(f"of: {given} cannot be used by {self.how}; give one of {', '.join(wanted)}")
        return self


class Events(Strict):
    """How a log of events becomes a table: `shopr abtest units` makes it. The first exposure of a unit counts."""

    unit: Literal["user_id", "session_id"] = Field("user_id", description="Column of the log with what was randomised")
    experiment: str = Field("", description="The test's name in experiment_exposed events (default: its name here)")
    days: float | None = Field(
        None, gt=0, le=3650, description="Conversion window from exposure on (default: until the log ends)"
    )
    before: float = Field(28.0, gt=0, le=3650, description="So many days before exposure count for columns of before")
    mature_only: bool = Field(True, description="Leave out units whose window has not ended when the log ends")
    crossed: Literal["keep", "drop"] = Field(
        "keep", description="Units exposed to several arms: kept in their first arm (and flagged), or left out"
    )
    columns: dict[str, EventColumn] = Field(min_length=1, description="Column of the table: which events make it")

    def window(self, column: EventColumn) -> float | None:
        """Days from (or before) exposure that count for a column; None for all."""
        if column.when == "before":
            return column.days or self.before
        return column.days or self.days

    @property
    def longest(self) -> float:
        """The longest window after exposure, in days; 0 if none is set."""
        spans = [self.window(c) for c in self.columns.values() if c.when == "after"]
        return max((span for span in spans if span is not None), default=0.0)
