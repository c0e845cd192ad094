"""The commands of ``python -m write_side``, as they run and print."""
