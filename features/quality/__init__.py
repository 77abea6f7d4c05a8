"""Can the facts be trusted? Checks with owner, figure and threshold; some of them are gates."""
