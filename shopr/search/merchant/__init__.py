"""Search at work in one shop, and what its merchandiser is told of searches that failed."""
