"""The proof that decisions earn: policies against each other and against the truth, in a store whose truth is known."""
