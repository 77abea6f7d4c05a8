"""Registered models: their folders, their aliases, the ones in force."""
