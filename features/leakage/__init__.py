"""Does a training set know the future: rebuilt without it, rebuilt with a forged one, and screened column by column."""
