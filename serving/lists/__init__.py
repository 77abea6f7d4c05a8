"""Which items leave a model, in which order, and why: fallback, merchandising, diversity, kinds, reasons."""
