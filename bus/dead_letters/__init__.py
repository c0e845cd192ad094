"""Failed commands and dead letters: they came to nothing and wait for an operator."""
