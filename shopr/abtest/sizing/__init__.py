"""How many units and days a test needs, from past data."""
