"""How good search is: on queries with ratings, and on probes that a catalogue answers."""
