"""Audiences by exact rules, point in time: who is a member, since when and until when."""
