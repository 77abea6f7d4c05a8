"""Feature builders; every one takes histories and (person, time) rows."""
