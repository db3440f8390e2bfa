"""Answers that follow what shoppers did since the fit, and how far they drift from a refit."""
