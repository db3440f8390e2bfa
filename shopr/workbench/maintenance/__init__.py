"""The shop's regular reports, section by section, and what is retrained with them."""

from shopr.workbench.maintenance.reports import CADENCES, SECTIONS, Context, Level, Part, Period, Plot, Report, report

__all__ = ["CADENCES", "SECTIONS", "Context", "Level", "Part", "Period", "Plot", "Report", "report"]
