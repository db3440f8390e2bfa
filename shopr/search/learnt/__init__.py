"""What search learns from clicks: synonyms, and an order that must beat the default one first."""
