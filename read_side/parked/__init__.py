"""Streams that a read model has parked, and how they are mended."""
