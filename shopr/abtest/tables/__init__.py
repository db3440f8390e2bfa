"""One row a unit: read from files, frames or a log of events, checked and summed in one pass."""
