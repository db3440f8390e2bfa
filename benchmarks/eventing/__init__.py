"""The parts of `benchmarks/events.py`: each engine runs in a process of its own."""
