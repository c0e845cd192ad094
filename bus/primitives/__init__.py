"""Small parts that know nothing of orders: group commit, a circuit breaker, the database's clock."""
