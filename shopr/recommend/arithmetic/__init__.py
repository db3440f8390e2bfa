"""Numbers that several models share: Gram matrices, neighbours, weights, least squares."""
