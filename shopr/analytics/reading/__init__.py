"""How analyses read events: the source, arrays by person and time, spans of days, estimates from samples."""
