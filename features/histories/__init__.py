"""Every event sorted by person: how it is built, stored and grown, and the kernels that look back from a moment."""
