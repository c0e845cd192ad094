"""What came to nothing and waits for an operator: failed commands and dead letters."""
