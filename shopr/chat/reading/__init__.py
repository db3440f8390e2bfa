"""From text to what it says: tokens, phrases of the lexicon, amounts, references. Knows nothing of the conversation."""
