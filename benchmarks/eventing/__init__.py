"""The parts of `benchmarks/events.py`: data, ingest, readers, funnels, kills. Each engine runs in a process of its own."""
