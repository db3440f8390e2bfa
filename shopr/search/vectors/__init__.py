"""Search by meaning: vectors of texts reorder what words have found."""
