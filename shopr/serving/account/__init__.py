"""Signing in and being asked, as plain pages and forms: they work without scripts, for only HTTP can set a cookie."""
