"""Experiments: who sees what, what came of it, and what to do about it."""
