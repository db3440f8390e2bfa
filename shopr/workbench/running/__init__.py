"""Notebooks, executed: by fresh processes, on record whatever happens, served again where nothing changed."""
