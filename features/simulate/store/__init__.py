"""A made-up store with known people, known dirt and nothing hidden: files as a client would deliver them, and the truth apart."""
