"""The generations of each read model: which there are, which is live, and what becomes of old ones."""
