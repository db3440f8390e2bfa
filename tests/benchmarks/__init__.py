"""Tests of what the benchmarks compute beside times."""
