"""Words and messages of each language, as data."""
