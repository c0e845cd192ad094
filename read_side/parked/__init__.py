"""The streams that read models have parked, and how they are mended."""
