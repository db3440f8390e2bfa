"""Texts as terms, before there is a catalogue: tokens, stems, the tables of shop words, synonyms."""
