"""Metrics as declarations: what is measured for a unit, from which columns, and what counts as good.

A declaration holds no data. It names the columns it needs (`columns`), so that one pass over a table can serve all
metrics of an experiment (`shopr.abtest.tables.sums`), and it says how an arm's sums become a value.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from shopr.strict import Strict

__all__ = ["Cap", "Mean", "Metric", "Proportion", "Quantile", "Ratio", "Window"]

Lift = Literal["delta", "fieller", "log"]


class Cap(Strict):
    """Winsorising: values beyond the bounds count as the bounds, alike in every arm.

    A bound is a value (`lower`, `upper`) or a quantile of all arms pooled (`lower_quantile`, `upper_quantile`); with
    `ignore_zeros` quantiles are taken of the values that are not zero.
    """

    lower: float | None = Field(None, description="Smallest value that counts", allow_inf_nan=False)
    upper: float | None = Field(None, description="Largest value that counts", allow_inf_nan=False)
    lower_quantile: float | None = Field(None, gt=0, lt=1, description="The same as a quantile of all arms")
    upper_quantile: float | None = Field(None, gt=0, lt=1, description="The same as a quantile of all arms")
    ignore_zeros: bool = Field(False, description="Take quantiles of values that are not zero")

    @model_validator(mode="after")
    def _sound(self) -> Cap:
        if self.lower is not None and self.lower_quantile is not None:
            raise ValueError("lower and lower_quantile exclude each other")
        if self.upper is not None and self.upper_quantile is not None:
            raise ValueError("upper and upper_quantile exclude each other")
        if all(b is None for b in (self.lower, self.upper, self.lower_quantile, self.upper_quantile)):
            raise ValueError("give at least one bound: lower, upper, lower_quantile or upper_quantile")
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise ValueError(f"lower {self.lower:g} is above upper {self.upper:g}")
        return self

    @property
    def quantiles(self) -> bool:
        """Whether a bound must be found in the data."""
        return self.lower_quantile is not None or self.upper_quantile is not None


class Window(Strict):
    """A conversion window: what happened in the `days` from exposure on counts, what happened elsewhere is zero.

    Units whose window has not ended when the test is read are left out, unless `mature_only` is false.
    """

    at: str = Field(min_length=1, description="Column with the time of the conversion")
    days: float = Field(gt=0, le=3650, description="Length of the window from exposure on, in days")
    mature_only: bool = Field(True, description="Leave out units whose window has not ended")


class _Metric(Strict):
    """What every metric declares."""

    name: str = Field(min_length=1, description="Name in the results")
    direction: Literal["increase", "decrease"] = Field("increase", description="Which change is good")
    missing: Literal["drop", "zero"] = Field("drop", description="Units without a value: left out, or counted as zero")
    lift: Lift = Field("delta", description="Interval of the relative lift")

    @property
    def terms(self) -> tuple[str | tuple[str, str], ...]:
        """What is estimated, then its covariates; a pair is a ratio of two columns."""
        raise NotImplementedError

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the terms, in their order."""
        found: list[str] = []
        for term in self.terms:
            found += [term] if isinstance(term, str) else list(term)
        return tuple(dict.fromkeys(found))


class Mean(_Metric):
    """The mean of a column over units. `covariates` are columns known before exposure (CUPED)."""

    type: Literal["mean"] = "mean"
    column: str = Field("", description="Column (default: the metric's name)")
    covariates: tuple[str, ...] = Field((), description="Columns known before exposure, for CUPED")
    cap: Cap | None = Field(None, description="Winsorising of the column")
    window: Window | None = Field(None, description="Conversion window of the column")

    @property
    def value(self) -> str:
        """The measured column."""
        return self.column or self.name

    @property
    def terms(self) -> tuple[str | tuple[str, str], ...]:
        return (self.value, *self.covariates)


class Proportion(_Metric):
    """The share of units with 1 in a column of 0 and 1: conversion, retention.

    `test` is the test of the difference: z with the pooled variance by default, or an exact one.
    """

    type: Literal["proportion"] = "proportion"
    column: str = Field("", description="Column of 0 and 1 (default: the metric's name)")
    covariates: tuple[str, ...] = Field((), description="Columns known before exposure, for CUPED")
    window: Window | None = Field(None, description="Conversion window of the column")
    test: Literal["z", "welch", "fisher", "barnard", "boschloo", "pearson", "g"] = Field(
        "z", description="Test of the difference"
    )

    @property
    def value(self) -> str:
        """The measured column."""
        return self.column or self.name

    @property
    def terms(self) -> tuple[str | tuple[str, str], ...]:
        return (self.value, *self.covariates)


class Ratio(_Metric):
    """Sum of a numerator over sum of a denominator, by the delta method: revenue a session, clicks a page view.

    Units are what was randomised (users), so sessions nested in users are clustered rightly. Covariates are columns
    or pairs "numerator/denominator" known before exposure.
    """

    type: Literal["ratio"] = "ratio"
    numerator: str = Field(min_length=1, description="Column summed above the line")
    denominator: str = Field(min_length=1, description="Column summed below the line")
    covariates: tuple[str, ...] = Field((), description='Columns, or "numerator/denominator" pairs, for CUPED')
    cap: Cap | None = Field(None, description="Winsorising of the numerator")

    @property
    def value(self) -> str:
        """The numerator's column."""
        return self.numerator

    @property
    def terms(self) -> tuple[str | tuple[str, str], ...]:
        pairs: list[str | tuple[str, str]] = []
        for name in self.covariates:
            above, line, below = name.partition("/")
            pairs.append((above.strip(), below.strip()) if line else name)
        return ((self.numerator, self.denominator), *pairs)


class Quantile(_Metric):
    """A quantile of a column over units; or, with `cluster`, over rows clustered in units.

    The interval is that of Deng, Knoblich & Lu (2018), which needs no density.
    """

    type: Literal["quantile"] = "quantile"
    column: str = Field("", description="Column (default: the metric's name)")
    q: float = Field(gt=0, lt=1, description="Which quantile, such as 0.9")
    cluster: str = Field("", description="Column whose rows belong together (default: rows are independent)")
    ignore_zeros: bool = Field(False, description="Leave out zeros")

    @property
    def value(self) -> str:
        """The measured column."""
        return self.column or self.name

    @property
    def terms(self) -> tuple[str | tuple[str, str], ...]:
        return (self.value,)

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.value, self.cluster) if self.cluster else (self.value,)


Metric = Annotated[Mean | Proportion | Ratio | Quantile, Field(discriminator="type")]
