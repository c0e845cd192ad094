"""Streams that a read model has set aside, and how they are mended."""
