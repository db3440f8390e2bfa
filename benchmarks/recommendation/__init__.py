"""What `benchmarks/recommend.py` is made of: splits, settings, peers, curves and the record of its rows."""
