"""Settings tried one after the other, and the spaces they come from; what a setting is worth is for the caller to say."""
