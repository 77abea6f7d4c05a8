"""Reading files of unknown manners: bounded, line by line, every row kept or refused with a reason."""
