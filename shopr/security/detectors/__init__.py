"""What tells an attack from a message: rules, SQL tokens, n-grams, and the detector that weighs them."""
