"""One file per source of raw data; each returns canonical tables and rejects."""
