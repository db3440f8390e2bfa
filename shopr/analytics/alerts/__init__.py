"""Alerts: rules as data, evaluated on the events of the store, told to people once, and tried out on history."""
