"""The catalogue as arrays: terms, facts, kinds of things, and which products pass filters."""
