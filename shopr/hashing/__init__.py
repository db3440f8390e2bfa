"""One stable, vectorised hash for everything that must fall the same way every time: assignment, flags, sampling.

`hash64`, `uniform` and `bucket` are the house's own 64-bit hash; `growthbook` is the hash of GrowthBook's SDKs, for
tests that began there. `buckets` turns weights and coverage into ranges of [0, 1).
"""

from shopr.hashing.buckets import bucket_ranges, choose, equal_weights
from shopr.hashing.fnv import fnv1a32, growthbook, in_namespace
from shopr.hashing.mix import bucket, hash64, uniform

__all__ = [
    "bucket",
    "bucket_ranges",
    "choose",
    "equal_weights",
    "fnv1a32",
    "growthbook",
    "hash64",
    "in_namespace",
    "uniform",
]
