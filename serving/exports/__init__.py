"""One file per platform the decisions leave for."""
