"""Which registered version is in force: a paired test against the one in force now."""
