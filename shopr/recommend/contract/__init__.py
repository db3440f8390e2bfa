"""What every model is and gives: its base, its name, its reasons, its bound of memory, its file."""
