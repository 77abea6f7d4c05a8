"""One file per feed format; each turns a raw feed into unchecked rows with line numbers, and rejects."""
