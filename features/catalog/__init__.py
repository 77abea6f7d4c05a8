"""The item side: feed snapshots, prices, availability."""
