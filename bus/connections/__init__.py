"""Connections to MongoDB and Redis: addresses checked at start, bounded waits, the primary only."""
