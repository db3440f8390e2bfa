"""An experiment as data: its arms, metrics, events and how it will be read."""
