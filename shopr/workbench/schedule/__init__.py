"""Runs at their times: what is due, when, on which machine, and what became of it."""
