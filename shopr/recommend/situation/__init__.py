"""What the moment of a visit changes: time, season, weather, device."""
