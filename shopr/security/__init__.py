"""What keeps the shop safe: the guard at every door, keys and encryption, limits, sessions, uploads, the audit log."""
