"""The steps of the features floor, each from the runs it reads to the run it writes."""
