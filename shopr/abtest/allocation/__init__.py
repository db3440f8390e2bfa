"""Who sees which arm, and who saw it."""
