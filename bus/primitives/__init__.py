"""Small parts that know nothing of orders.

They are group commit, a cached value, a breaker and the database's clock.
"""
