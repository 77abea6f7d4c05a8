"""Which items: recommenders behind one protocol."""
