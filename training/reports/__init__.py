"""Reports: pages and plots; no statistics here."""
