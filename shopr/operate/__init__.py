"""Running the house: checks of the machine, uptime, backup and restore."""
