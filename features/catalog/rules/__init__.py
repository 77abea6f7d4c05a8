"""What a good feed looks like: small named rules, grouped by what they look at."""
