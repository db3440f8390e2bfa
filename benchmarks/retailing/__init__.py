"""Scripted customers for the retail agent: goals drawn from the tau retail database, what ought to come of them, how
they talk. Nothing here asks Shopr what is right: `oracle` works on the raw files."""
