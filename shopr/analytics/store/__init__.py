"""Where events are kept: hot rows, cold parts, and whose they are."""
