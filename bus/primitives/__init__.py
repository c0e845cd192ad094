"""Small parts that know nothing of orders: group commit, a cached value, a breaker, the database's clock."""
