"""Generated dialogues: paraphrases of every capability over categories and values of a catalogue."""
