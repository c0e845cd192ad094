"""The commands of ``python -m read_side``, as they run and print."""
